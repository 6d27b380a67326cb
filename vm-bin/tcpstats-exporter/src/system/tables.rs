// SPDX-License-Identifier: BSD-2-Clause
//! Linux: the tables `/proc/net/snmp` and `/proc/net/netstat`, of the network namespace that the
//! program was started in.

use std::fs;

use super::{Counters, SystemError};
use crate::metrics::table;

const SNMP: &str = "/proc/net/snmp";
const NETSTAT: &str = "/proc/net/netstat";

/// # Errors
/// A file that is not there, or that lacks a counter.
pub(super) fn read() -> Result<Counters, SystemError> {
    counters(&file(SNMP)?, &file(NETSTAT)?)
}

fn file(place: &'static str) -> Result<String, SystemError> {
    fs::read_to_string(place).map_err(|reason| SystemError::Read { place, reason })
}

fn counters(snmp: &str, netstat: &str) -> Result<Counters, SystemError> {
    let tcp = |what| number(snmp, "Tcp:", what).ok_or(SystemError::Unknown { place: SNMP, what });
    let (active, passive) = (tcp("ActiveOpens")?, tcp("PassiveOpens")?);
    // The kernel has retransmissions in a count of their own.
    let retransmitted = tcp("RetransSegs")?;
    let duplicates = "DelayedACKLost";
    let duplicates = number(netstat, "TcpExt:", duplicates).ok_or(SystemError::Unknown {
        place: NETSTAT,
        what: duplicates,
    })?;
    Ok(vec![
        (&table::SYS_CONNECTION_ATTEMPTS, active),
        (&table::SYS_ACCEPTS, passive),
        (&table::SYS_CONNECTS, active + passive),
        (&table::SYS_DROPS, tcp("EstabResets")?),
        (&table::SYS_SENT_PACKETS, tcp("OutSegs")? + retransmitted),
        (&table::SYS_RETRANSMIT_PACKETS, retransmitted),
        (&table::SYS_RECEIVED_PACKETS, tcp("InSegs")?),
        (&table::SYS_DUPLICATE_PACKETS, duplicates),
        (&table::SYS_BAD_CHECKSUM, tcp("InCsumErrors")?),
    ])
}

/// The number below the word `name` in the table whose two lines begin with `table`.
fn number(text: &str, table: &str, name: &str) -> Option<u64> {
    let mut lines = text.lines().filter_map(|line| line.strip_prefix(table));
    let (names, numbers) = (lines.next()?, lines.next()?);
    let column = names.split_whitespace().position(|word| word == name)?;
    numbers.split_whitespace().nth(column)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    const SNMP_TEXT: &str = "\
Ip: Forwarding DefaultTTL InReceives
Ip: 1 64 999
Tcp: RtoAlgorithm RtoMin RtoMax MaxConn ActiveOpens PassiveOpens AttemptFails EstabResets CurrEstab InSegs OutSegs RetransSegs InErrs OutRsts InCsumErrors
Tcp: 1 200 120000 -1 10 20 3 4 5 600 700 80 9 11 12
Udp: InDatagrams NoPorts
Udp: 1 2
";
    const NETSTAT_TEXT: &str = "\
TcpExt: SyncookiesSent DelayedACKLocked DelayedACKLost ListenOverflows
TcpExt: 0 1 42 3
IpExt: InNoRoutes InTruncatedPkts
IpExt: 0 0
";

    #[test]
    fn each_counter_has_its_column() {
        let counters = counters(SNMP_TEXT, NETSTAT_TEXT).expect("all are there");
        let counters: Vec<_> = counters
            .iter()
            .map(|(family, value)| (family.name, *value))
            .collect();
        assert_eq!(
            counters,
            [
                ("tcpstats_sys_connection_attempts_total", 10),
                ("tcpstats_sys_accepts_total", 20),
                ("tcpstats_sys_connects_total", 30),
                ("tcpstats_sys_drops_total", 4),
                ("tcpstats_sys_sent_packets_total", 780),
                ("tcpstats_sys_retransmit_packets_total", 80),
                ("tcpstats_sys_received_packets_total", 600),
                ("tcpstats_sys_duplicate_packets_total", 42),
                ("tcpstats_sys_bad_checksum_total", 12),
            ]
        );
    }

    #[test]
    fn a_missing_counter_is_named() {
        let error = counters(SNMP_TEXT, "TcpExt: A\nTcpExt: 1\n").expect_err("no DelayedACKLost");
        let text = error.to_string();
        assert!(
            text.starts_with("failed to read /proc/net/netstat: DelayedACKLost is not there"),
            "{text}"
        );
    }

    #[test]
    fn this_machine_has_them() {
        assert_eq!(read().expect("the kernel's tables").len(), 9);
    }
}
