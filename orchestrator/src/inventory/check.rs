// SPDX-License-Identifier: BSD-2-Clause
//! What names, hosts and paths may look like, wherever they come from.
//!
//! Each check gives the reason of its refusal as a fragment. A leading `-` is
//! refused throughout, since the values become arguments of programs.

use protocol::Target;
use protocol::target::UnknownTarget;

/// A VM's name: also a folder's name and a metric's label.
///
/// # Errors
/// Anything but letters, digits, `.`, `_` and `-`, and a leading `.`.
pub fn vm_name(name: &str) -> Result<(), String> {
    if name.starts_with('.') {
        return Err("the name begins with `.`".into());
    }
    made_of("the name", name, "._-")
}

/// A host's name or address.
///
/// # Errors
/// What can be neither.
pub fn host(host: &str) -> Result<(), String> {
    made_of("the host", host, "._-:%")?;
    if host.contains(':')
        && host
            .split('%')
            .next()
            .is_none_or(|address| address.parse::<std::net::Ipv6Addr>().is_err())
    {
        return Err("the host has a `:` in it but is no IPv6 address".into());
    }
    Ok(())
}

/// Host, in brackets where it has colons itself, and port.
///
/// # Errors
/// What nothing can listen at.
pub fn address(address: &str) -> Result<(), String> {
    split_address(address)
        .map(|_| ())
        .ok_or_else(|| "an address looks like host:port or [::1]:port".into())
}

/// The host, without brackets, and the port of an address.
#[must_use]
pub fn split_address(address: &str) -> Option<(&str, u16)> {
    let (name, port) = address.rsplit_once(':')?;
    let name = match name.strip_prefix('[') {
        Some(rest) => rest.strip_suffix(']')?,
        None => name,
    };
    host(name).ok()?;
    Some((name, port.parse().ok().filter(|port| *port != 0)?))
}

/// A login name.
///
/// # Errors
/// What no system would have.
pub fn user(user: &str) -> Result<(), String> {
    made_of("the user", user, "._-")
}

/// Hosts to go through, `[user@]host[:port]` with commas between.
///
/// # Errors
/// What ssh could take for something else.
pub fn jump(jump: &str) -> Result<(), String> {
    jump.split(',')
        .try_for_each(|hop| made_of("a jump host", hop, "._-:@[]"))
}

/// The orchestrator's folder on a VM.
///
/// # Errors
/// What is no absolute path, or could lead out of a folder of its own.
pub fn remote_dir(dir: &str) -> Result<(), String> {
    let Some(below_root) = dir.strip_prefix('/') else {
        return Err("the folder's path is not absolute".into());
    };
    if below_root.trim_matches('/').is_empty() {
        return Err("the folder is the root of the file system".into());
    }
    if below_root
        .split('/')
        .any(|part| part == ".." || part == ".")
    {
        return Err("the folder's path has `.` or `..` in it".into());
    }
    no_control_character("the folder's path", dir)
}

/// A file here that is named to ssh.
///
/// # Errors
/// What can't be quoted in ssh's configuration.
pub fn local_file(path: &str) -> Result<(), String> {
    if path.is_empty() {
        return Err("the path is empty".into());
    }
    if path.contains('"') {
        return Err("the path has a quotation mark in it".into());
    }
    no_control_character("the path", path)
}

/// Name of a variable for the test binary.
///
/// # Errors
/// What no shell would take for one.
pub fn variable(name: &str) -> Result<(), String> {
    if name.starts_with(|c: char| c.is_ascii_digit()) {
        return Err("the variable's name begins with a digit".into());
    }
    made_of("the variable's name", name, "_")
}

/// Value of a variable for the test binary.
///
/// # Errors
/// Control characters.
pub fn variable_value(value: &str) -> Result<(), String> {
    no_control_character("the variable's value", value)
}

/// A target that there is, or that is one of `others`: those that only the
/// programs of the VMs know.
///
/// # Errors
/// Any other.
pub fn known_target(target: &str, others: &[String]) -> Result<(), UnknownTarget> {
    let is_known = target.parse::<Target>().is_ok() || others.iter().any(|other| other == target);
    is_known
        .then_some(())
        .ok_or_else(|| UnknownTarget::beside(target, others))
}

/// Name of a target, whichever there are.
///
/// # Errors
/// What no target is called.
pub fn target(target: &str) -> Result<(), String> {
    made_of("the target", target, "_")
}

/// A test as `TARGET/ID`, of a target that there is, or of `others`.
///
/// # Errors
/// What names no test.
pub fn test(test: &str, others: &[String]) -> Result<(), String> {
    let Some((name, id)) = test.split_once('/') else {
        return Err("a test looks like TARGET/ID".into());
    };
    known_target(name, others).map_err(|error| error.to_string())?;
    made_of("the test's id", id, "._-:")
}

fn made_of(what: &str, value: &str, allowed: &str) -> Result<(), String> {
    if value.is_empty() {
        return Err(format!("{what} is empty"));
    }
    if value.starts_with('-') {
        return Err(format!("{what} begins with `-`"));
    }
    let odd = value
        .chars()
        .find(|c| !c.is_ascii_alphanumeric() && !allowed.contains(*c));
    match odd {
        None => Ok(()),
        Some(c) => Err(format!("{what} has {c:?} in it")),
    }
}

fn no_control_character(what: &str, value: &str) -> Result<(), String> {
    if value.chars().any(char::is_control) {
        return Err(format!("{what} has a control character in it"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts() {
        for good in ["vm1", "10.0.0.5", "a.b-c.example", "fd00::1", "fe80::1%em0"] {
            assert_eq!(host(good), Ok(()), "{good}");
        }
        for bad in [
            "",
            "-oProxyCommand=x",
            "a b",
            "root@vm",
            "vm:22",
            "vm;reboot",
        ] {
            assert!(host(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn remote_dirs() {
        assert_eq!(remote_dir("/root/with space/x"), Ok(()));
        for bad in ["", "x", "~/x", "/", "//", "/a/../b", "/a/./b", "/a\nb"] {
            assert!(remote_dir(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn names_of_vms_stay_in_their_folder() {
        assert_eq!(vm_name("freebsd15.0_a-1"), Ok(()));
        for bad in ["", ".", "..", ".x", "a/b", "-a", "ä"] {
            assert!(vm_name(bad).is_err(), "{bad}");
        }
    }
}
