// SPDX-License-Identifier: BSD-2-Clause
//! FreeBSD: `struct tcpstat` of netinet/tcp_var.h, which `net.inet.tcp.stats` gives.
//!
//! It is a row of u64. Those that are read here stand at the same places in 14.0 to 15.0; later
//! members have moved.

#[cfg(target_os = "freebsd")]
use std::io;

use metric_table::Family;

use super::{Counters, SystemError};
use crate::metrics::table;

const NODE: &str = "net.inet.tcp.stats";

/// Members by their place in the row.
static MEMBERS: [(usize, Family); 12] = [
    (0, table::SYS_CONNECTION_ATTEMPTS),
    (1, table::SYS_ACCEPTS),
    (2, table::SYS_CONNECTS),
    (3, table::SYS_DROPS),
    (17, table::SYS_SENT_PACKETS),
    (19, table::SYS_SENT_BYTES),
    (20, table::SYS_RETRANSMIT_PACKETS),
    (21, table::SYS_RETRANSMIT_BYTES),
    (28, table::SYS_RECEIVED_PACKETS),
    (30, table::SYS_RECEIVED_BYTES),
    (31, table::SYS_BAD_CHECKSUM),
    (35, table::SYS_DUPLICATE_PACKETS),
];

/// # Errors
/// The node can't be read.
#[cfg(target_os = "freebsd")]
pub(super) fn read() -> Result<Counters, SystemError> {
    let bytes =
        tcpstats::sysctl::read_node(NODE).map_err(|reason: io::Error| SystemError::Read {
            place: NODE,
            reason,
        })?;
    counters(&bytes)
}

fn counters(bytes: &[u8]) -> Result<Counters, SystemError> {
    let (members, _) = bytes.as_chunks::<8>();
    MEMBERS
        .iter()
        .map(|(place, family)| {
            let member = members.get(*place).ok_or(SystemError::Unknown {
                place: NODE,
                what: family.name,
            })?;
            Ok((family, u64::from_ne_bytes(*member)))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn members_are_taken_from_their_places() {
        // 14.0 has 123 members, 15.0 has 125.
        let row: Vec<u8> = (0..123u64).flat_map(|n| (1000 + n).to_ne_bytes()).collect();
        let counters = counters(&row).expect("a whole row");
        let values: Vec<_> = counters.iter().map(|(_, value)| *value).collect();
        assert_eq!(
            values,
            [
                1000, 1001, 1002, 1003, 1017, 1019, 1020, 1021, 1028, 1030, 1031, 1035
            ]
        );
        assert_eq!(counters[10].0.name, "tcpstats_sys_bad_checksum_total");
    }

    #[test]
    fn a_short_row_is_refused() {
        let error = counters(&[0; 35 * 8 + 7]).expect_err("one is missing");
        assert!(
            error
                .to_string()
                .contains("tcpstats_sys_duplicate_packets_total is not there"),
            "{error}"
        );
    }
}
