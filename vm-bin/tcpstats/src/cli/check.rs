// SPDX-License-Identifier: BSD-2-Clause
//! `tcpstats check`: what a filter means.

use std::io::{self, Write};
use std::net::{Ipv4Addr, Ipv6Addr};

use clap::Args;
use serde::Serialize;
use tcpstats::filter::{
    FLAG_IPV4_ONLY, FLAG_IPV6_ONLY, FLAG_LOCAL_ADDR, FLAG_LOCAL_IS_V6, FLAG_REMOTE_ADDR,
    FLAG_REMOTE_IS_V6, Filter,
};
use tcpstats::record::{FieldGroup, State};

use super::{CommandError, FilterText};

/// A filter as JSON; a `null` or an empty list restricts nothing.
#[derive(Debug, Serialize)]
struct Meaning {
    /// The canonical text.
    filter: String,
    local_ports: Vec<u16>,
    remote_ports: Vec<u16>,
    local_addr: Option<String>,
    remote_addr: Option<String>,
    ip_version: Option<u8>,
    states: Vec<&'static str>,
    fields: Vec<&'static str>,
    format: &'static str,
}

#[derive(Args, Debug)]
pub(super) struct Arguments {
    #[command(flatten)]
    filter: FilterText,
    /// For reading, instead of one JSON object
    #[arg(long)]
    text: bool,
}

pub(super) fn run(arguments: &Arguments, out: &mut impl Write) -> Result<(), CommandError> {
    let meaning = Meaning::new(&arguments.filter.parse()?);
    if arguments.text {
        meaning.print(out)?;
    } else {
        serde_json::to_writer(&mut *out, &meaning)?;
        writeln!(out)?;
    }
    Ok(())
}

impl Meaning {
    fn print(&self, out: &mut impl Write) -> io::Result<()> {
        let any = || "any".to_owned();
        let ports = |list: &[u16]| {
            if list.is_empty() {
                return any();
            }
            let ports: Vec<String> = list.iter().map(u16::to_string).collect();
            ports.join(", ")
        };
        let address = |address: &Option<String>| address.clone().unwrap_or_else(any);
        let version = |version: u8| format!("IPv{version}");
        let states = if self.states.len() == State::ALL.len() {
            any()
        } else {
            self.states.join(", ")
        };
        for (name, value) in [
            ("filter", self.filter.clone()),
            ("local port", ports(&self.local_ports)),
            ("remote port", ports(&self.remote_ports)),
            ("local address", address(&self.local_addr)),
            ("remote address", address(&self.remote_addr)),
            ("IP version", self.ip_version.map_or_else(any, version)),
            ("states", states),
            ("fields", self.fields.join(", ")),
        ] {
            writeln!(out, "{}", format!("{name:<16}{value}").trim_end())?;
        }
        Ok(())
    }

    fn new(filter: &Filter) -> Self {
        let has = |flag| filter.flags & flag != 0;
        let address = |flag, v6_flag, v4, mask, v6: [u8; 16], prefix| {
            has(flag).then(|| {
                if has(v6_flag) {
                    format!("{}/{prefix}", Ipv6Addr::from(v6))
                } else {
                    let bits = u32::from_be(mask).leading_ones();
                    format!("{}/{bits}", Ipv4Addr::from(u32::from_be(v4)))
                }
            })
        };
        Self {
            filter: filter.to_string(),
            local_ports: ports(&filter.local_ports),
            remote_ports: ports(&filter.remote_ports),
            local_addr: address(
                FLAG_LOCAL_ADDR,
                FLAG_LOCAL_IS_V6,
                filter.local_addr_v4,
                filter.local_mask_v4,
                filter.local_addr_v6,
                filter.local_prefix_v6,
            ),
            remote_addr: address(
                FLAG_REMOTE_ADDR,
                FLAG_REMOTE_IS_V6,
                filter.remote_addr_v4,
                filter.remote_mask_v4,
                filter.remote_addr_v6,
                filter.remote_prefix_v6,
            ),
            ip_version: if has(FLAG_IPV4_ONLY) {
                Some(4)
            } else if has(FLAG_IPV6_ONLY) {
                Some(6)
            } else {
                None
            },
            states: filter.states().map(State::name).collect(),
            fields: filter.field_groups().map(FieldGroup::name).collect(),
            format: if filter.format == 0 {
                "compact"
            } else {
                "full"
            },
        }
    }
}

fn ports(list: &[u16; 8]) -> Vec<u16> {
    list.iter()
        .map(|port| u16::from_be(*port))
        .take_while(|port| *port != 0)
        .collect()
}
