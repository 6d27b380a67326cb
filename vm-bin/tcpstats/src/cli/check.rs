// SPDX-License-Identifier: BSD-2-Clause
//! `tcpstats check`: what a filter means.

use std::io::Write;
use std::net::{Ipv4Addr, Ipv6Addr};

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

pub(super) fn run(filter: &FilterText, out: &mut impl Write) -> Result<(), CommandError> {
    let meaning = Meaning::new(&filter.parse()?);
    serde_json::to_writer(&mut *out, &meaning)?;
    writeln!(out)?;
    Ok(())
}

impl Meaning {
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
