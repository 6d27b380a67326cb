// SPDX-License-Identifier: BSD-2-Clause
//! `tcpstats info`: protocol, limits and counters of the device.

use std::collections::BTreeMap;
use std::io::Write;

use clap::Args;
use serde::Serialize;
use tcpstats::device::{Device, DeviceError};
use tcpstats::sysctl::Sysctl;

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
        let version = device.version()?;
        let sysctl = Sysctl::of(device);
        Ok(Self {
            device: device.path().display().to_string(),
            protocol_version: version.protocol_version,
            record_size_bytes: version.record_size,
            record_count_hint: version.record_count_hint,
            limits: sysctl.limits()?,
            counters: sysctl.counters()?,
            profiles: sysctl
                .profile_list()?
                .into_iter()
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
            writeln!(out, "{title}")?;
            for (name, value) in values {
                writeln!(out, "  {name:<24} {value}")?;
            }
        }
        writeln!(out, "profiles")?;
        for (name, filter) in &self.profiles {
            writeln!(out, "  {name:<24} {filter}")?;
        }
        Ok(())
    }
}
