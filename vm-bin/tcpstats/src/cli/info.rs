// SPDX-License-Identifier: BSD-2-Clause
//! `tcpstats info`: protocol, limits and counters of the device.

use std::collections::BTreeMap;
use std::fmt::Display;
use std::io::Write;

use clap::Args;
use serde::Serialize;
use tcpstats::device::{Device, DeviceError, Version};
use tcpstats::sysctl::{Access, NAMES, Name, Sysctl, SysctlError};

use super::CommandError;

#[derive(Args, Debug)]
pub(super) struct Arguments {
    /// As one JSON object
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Serialize)]
struct Info {
    device: String,
    protocol_version: u32,
    record_size_bytes: u32,
    record_count_hint: u32,
    limits: BTreeMap<String, u64>,
    counters: BTreeMap<String, u64>,
    profiles: BTreeMap<String, String>,
    /// Names that this device does not have, as an older module.
    absent: Vec<&'static str>,
}

pub(super) fn run(
    arguments: &Arguments,
    device: impl FnOnce() -> Result<Device, DeviceError>,
    out: &mut impl Write,
) -> Result<(), CommandError> {
    let info = Info::gather(&device()?)?;
    if arguments.json {
        serde_json::to_writer(&mut *out, &info)?;
        writeln!(out)?;
    } else {
        info.print(out)?;
    }
    Ok(())
}

impl Info {
    fn gather(device: &Device) -> Result<Self, CommandError> {
        let path = device.path().display().to_string();
        Self::of(path, device.version()?, &Sysctl::of(device))
    }

    /// What is not there is told as absent: the older module has no profiles and, but in a special
    /// build, no counters.
    fn of(device: String, version: Version, sysctl: &Sysctl) -> Result<Self, CommandError> {
        let limits = present(sysctl.limits())?;
        let counters = present(sysctl.counters())?;
        let profiles = present(sysctl.profile_list().map(Some))?;
        let has = |name: &Name| match name.access {
            Access::Limit { .. } => limits.contains_key(name.name),
            Access::Number => counters.contains_key(name.name),
            Access::Command => profiles.is_some(),
            Access::Text => true,
        };
        let absent = NAMES.iter().filter(|name| !has(name));
        Ok(Self {
            device,
            protocol_version: version.protocol_version,
            record_size_bytes: version.record_size,
            record_count_hint: version.record_count_hint,
            absent: absent.map(|name| name.name).collect(),
            limits,
            counters,
            profiles: profiles
                .into_iter()
                .flatten()
                .map(|p| (p.name, p.filter))
                .collect(),
        })
    }

    fn print(&self, out: &mut impl Write) -> std::io::Result<()> {
        writeln!(out, "{}", self.device)?;
        writeln!(out, "  protocol version         {}", self.protocol_version)?;
        writeln!(
            out,
            "  record size              {} bytes",
            self.record_size_bytes
        )?;
        writeln!(out, "  connections, about       {}", self.record_count_hint)?;
        for (title, values) in [("limits", &self.limits), ("counters", &self.counters)] {
            section(out, title, values)?;
        }
        section(out, "profiles", &self.profiles)?;
        if !self.absent.is_empty() {
            writeln!(out, "not in this device")?;
            for name in &self.absent {
                writeln!(out, "  {name}")?;
            }
        }
        Ok(())
    }
}

/// A title with what stands under it, nothing for nothing.
fn section(
    out: &mut impl Write,
    title: &str,
    values: &BTreeMap<String, impl Display>,
) -> std::io::Result<()> {
    if values.is_empty() {
        return Ok(());
    }
    writeln!(out, "{title}")?;
    for (name, value) in values {
        writeln!(out, "  {name:<24} {value}")?;
    }
    Ok(())
}

/// Nothing where there is no such name.
fn present<T: Default>(found: Result<T, SysctlError>) -> Result<T, SysctlError> {
    match found {
        Err(error) if error.is_not_found() => Ok(T::default()),
        found => found,
    }
}

#[cfg(not(target_os = "freebsd"))]
#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn info(files: &[(&str, &str)]) -> Info {
        let mount = tempfile::tempdir().expect("a folder");
        fs::create_dir(mount.path().join("sysctl")).expect("a folder");
        for (name, value) in files {
            fs::write(mount.path().join("sysctl").join(name), value).expect("written");
        }
        let version = Version {
            protocol_version: 1,
            record_size: 320,
            record_count_hint: 7,
            flags: 0,
        };
        Info::of(
            "/dev/tcpstats".to_owned(),
            version,
            &Sysctl::at(mount.path()),
        )
        .expect("info")
    }

    fn printed(info: &Info) -> String {
        let mut out = Vec::new();
        info.print(&mut out).expect("printed");
        String::from_utf8(out).expect("text")
    }

    #[test]
    fn what_an_older_module_lacks_is_told() {
        let info = info(&[("max_open_fds", "16\n"), ("active_fds", "1\n")]);
        assert_eq!(
            info.absent.len(),
            NAMES.len() - 3,
            "last_error is no part of it"
        );
        let text = printed(&info);
        assert!(
            text.contains("limits\n  max_open_fds             16\n"),
            "{text}"
        );
        assert!(!text.contains("profiles\n"), "no empty heading: {text}");
        assert!(text.contains("not in this device\n"), "{text}");
        assert!(text.contains("\n  profile_set\n"), "{text}");
    }

    #[test]
    fn with_no_name_at_all_the_protocol_is_told() {
        let info = info(&[]);
        assert!(info.limits.is_empty() && info.counters.is_empty());
        let text = printed(&info);
        assert!(text.contains("protocol version         1\n"), "{text}");
        assert!(!text.contains("counters\n"), "{text}");
    }

    #[test]
    fn profiles_are_listed_where_there_are_some() {
        let text = printed(&info(&[("profile_set", "web local_port=80,443\n")]));
        assert!(
            text.contains("profiles\n  web                      local_port=80,443\n"),
            "{text}"
        );
        assert!(!printed(&info(&[("profile_set", "")])).contains("profiles\n"));
    }
}
