// SPDX-License-Identifier: BSD-2-Clause
//! What a machine must have to hold a lab. Looking touches nothing.

use std::fmt;
use std::path::{Path, PathBuf};

use super::error::LabError;
use super::{command, namespaces, network};

/// One thing that is not there.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Missing {
    what: String,
    /// What to do about it, where installing a package is not enough.
    advice: Option<String>,
    /// The Debian package that has it.
    package: Option<&'static str>,
}

impl Missing {
    fn program(name: &str, package: &'static str) -> Self {
        Self {
            what: format!("the program {name}"),
            advice: None,
            package: Some(package),
        }
    }

    fn other(what: impl Into<String>, advice: impl Into<String>) -> Self {
        Self {
            what: what.into(),
            advice: Some(advice.into()),
            package: None,
        }
    }

    /// All of them, one a line, and one command for all that are packages.
    pub(super) fn list(missing: &[Self]) -> String {
        let mut lines: Vec<_> = missing.iter().map(|one| format!("  - {one}")).collect();
        let mut packages: Vec<_> = missing.iter().filter_map(|one| one.package).collect();
        packages.dedup();
        if !packages.is_empty() {
            lines.push(format!(
                "install with: apt-get install -y {}",
                packages.join(" ")
            ));
        }
        lines.join("\n")
    }
}

impl fmt::Display for Missing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.what)?;
        if let Some(advice) = &self.advice {
            write!(f, ": {advice}")?;
        }
        if let Some(package) = self.package {
            write!(f, " (package {package})")?;
        }
        Ok(())
    }
}

/// The programs that hosts run.
#[derive(Debug)]
pub(super) struct Programs {
    /// OpenSSH's server.
    pub(super) sshd: PathBuf,
    /// The daemon that serves the device.
    pub(super) tcpstatsd: PathBuf,
}

/// Find everything that bringing up a lab needs.
///
/// # Errors
/// [`LabError::Lacking`] with all that is missing, not the first alone.
pub(super) fn check(bin_dir: &Path) -> Result<Programs, LabError> {
    let mut missing = Vec::new();
    missing.extend(no_root());
    let mut program = |name, package| {
        let found = command::find(name);
        if found.is_none() {
            missing.push(Missing::program(name, package));
        }
        found
    };
    let ip = program("ip", "iproute2");
    let sshd = program("sshd", "openssh-server");
    program("ssh-keygen", "openssh-client");

    let tcpstatsd = bin_dir.join("tcpstatsd");
    if !command::is_executable(&tcpstatsd) {
        missing.push(Missing::other(
            format!("the program {}", tcpstatsd.display()),
            "build it (`cargo build --release -p tcpstatsd`) or name its folder with --bin-dir",
        ));
    }
    missing.extend(lacking_kernel(ip.is_some()));
    match sshd {
        Some(sshd) if missing.is_empty() => Ok(Programs { sshd, tcpstatsd }),
        _ => Err(LabError::Lacking(missing)),
    }
}

/// Only root may see and change what a lab is made of.
///
/// # Errors
/// [`LabError::Lacking`] for anybody else.
pub(super) fn check_root() -> Result<(), LabError> {
    match no_root() {
        Some(missing) => Err(LabError::Lacking(vec![missing])),
        None => Ok(()),
    }
}

fn no_root() -> Option<Missing> {
    let user = rustix::process::geteuid();
    (!user.is_root()).then(|| {
        Missing::other(
            format!("the rights of root (this is user {user})"),
            "run it as root or with sudo",
        )
    })
}

fn lacking_kernel(have_ip: bool) -> Vec<Missing> {
    let mut missing = Vec::new();
    if !Path::new("/dev/fuse").exists() {
        missing.push(Missing::other(
            "/dev/fuse",
            "load the kernel module (`modprobe fuse`); a container must be given the device",
        ));
    }
    if !Path::new("/proc/sys/net/ipv6").exists() {
        missing.push(Missing::other(
            "IPv6",
            "boot the kernel without ipv6.disable=1",
        ));
    }
    if !rustix::process::geteuid().is_root() || !have_ip {
        return missing;
    }
    for kind in ["bridge", "veth"] {
        match namespaces::in_new(|| network::probe(kind)) {
            Err(error) => {
                missing.push(Missing::other(
                    format!("new namespaces ({error})"),
                    "a container must be privileged for a lab",
                ));
                break;
            }
            Ok(Err(error)) => missing.push(Missing::other(
                format!("network links of type {kind} ({error})"),
                format!("load the kernel module (`modprobe {kind}`)"),
            )),
            Ok(Ok(())) => (),
        }
    }
    missing
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_list_names_each_thing_and_one_command_for_all_packages() {
        let missing = [
            Missing::other("the rights of root (this is user 1000)", "use sudo"),
            Missing::program("ip", "iproute2"),
            Missing::program("sshd", "openssh-server"),
        ];
        assert_eq!(
            LabError::Lacking(missing.into()).to_string(),
            "this machine lacks what a lab needs:
  - the rights of root (this is user 1000): use sudo
  - the program ip (package iproute2)
  - the program sshd (package openssh-server)
install with: apt-get install -y iproute2 openssh-server"
        );
    }
}
