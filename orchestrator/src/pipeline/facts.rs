// SPDX-License-Identifier: BSD-2-Clause
//! Stage `facts`: what the machine is.

use super::connect::{Machine, System};
use super::{Failure, Pipeline};
use crate::event::{Body, Facts};

impl Pipeline {
    pub(super) async fn facts(&self, machine: &Machine) -> Result<Facts, Failure> {
        let facts = learn(machine).await?;
        self.progress().boot_id = Some(facts.boot_id.clone());
        self.record(Body::Facts {
            vm: self.vm.name.clone(),
            facts: facts.clone(),
        })
        .await;
        Ok(facts)
    }
}

/// Ask the machine what it is.
pub(crate) async fn learn(machine: &Machine) -> Result<Facts, Failure> {
    let uname = machine.connection.succeed(&["uname", "-snrm"]).await?;
    let boot_id: &[&str] = match machine.system {
        System::Linux => &["cat", "/proc/sys/kernel/random/boot_id"],
        System::FreeBsd => &["sysctl", "-n", "kern.boot_id"],
    };
    let boot_id = machine.connection.succeed(boot_id).await?;
    parse(&uname, boot_id.trim()).ok_or_else(|| {
        Failure::infrastructure(
            format!("this is no uname: {:?}", uname.trim()),
            "uname -snrm",
            "remove what the shell's start-up files print there",
        )
    })
}

/// uname(1) prints what `-snrm` asks for in this order on every system: name,
/// host, release, machine.
fn parse(uname: &str, boot_id: &str) -> Option<Facts> {
    let words: Vec<&str> = uname.split_whitespace().collect();
    let [os, hostname, os_release, machine] = words[..] else {
        return None;
    };
    let arch = match machine {
        "x86_64" | "amd64" => "amd64",
        "aarch64" | "arm64" => "arm64",
        other => other,
    };
    Some(Facts {
        os: os.to_owned(),
        os_release: os_release.to_owned(),
        arch: arch.to_owned(),
        hostname: hostname.to_owned(),
        boot_id: boot_id.to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_systems_are_read() {
        let linux = parse("Linux lab1 6.1.0-18-amd64 x86_64\n", "b").unwrap();
        assert_eq!((linux.os.as_str(), linux.arch.as_str()), ("Linux", "amd64"));
        assert_eq!(linux.os_release, "6.1.0-18-amd64");
        assert_eq!(linux.hostname, "lab1");
        let freebsd = parse("FreeBSD vm 14.3-RELEASE arm64\n", "b").unwrap();
        assert_eq!(freebsd.os_release, "14.3-RELEASE");
        assert_eq!(freebsd.arch, "arm64");
    }

    #[test]
    fn anything_else_is_refused() {
        assert_eq!(parse("", "b"), None);
        assert_eq!(parse("Welcome!\nLinux lab1 6.1 x86_64\n", "b"), None);
    }
}
