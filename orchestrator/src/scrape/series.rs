// SPDX-License-Identifier: BSD-2-Clause
//! What is taken from an exporter, and what it is republished as: a fixed set,
//! so that a VM cannot add names. `kmod_…` are the device's counters, `tcp_…`
//! its sockets and the system's TCP.

use metric_table::{Family, Kind};

const VM: &[&str] = &["vm"];

/// A family whose source is what the exporter calls it.
const fn counter(exporter: &'static str, name: &'static str, help: &'static str) -> Family {
    Family::new(name, Kind::Counter, VM, help, exporter)
}

const fn gauge(exporter: &'static str, name: &'static str, help: &'static str) -> Family {
    Family::new(name, Kind::Gauge, VM, help, exporter)
}

const fn by(labels: &'static [&'static str], family: Family) -> Family {
    Family { labels, ..family }
}

/// The device's own counters.
pub const KMOD: [Family; 12] = [
    gauge(
        "tcpstats_kmod_active_fds",
        "kmod_active_fds",
        "Descriptors of the device that are open.",
    ),
    counter(
        "tcpstats_kmod_opens_total",
        "kmod_opens_total",
        "Opens of the device.",
    ),
    counter(
        "tcpstats_kmod_reads_total",
        "kmod_reads_total",
        "Calls of read on the device.",
    ),
    counter(
        "tcpstats_kmod_records_emitted_total",
        "kmod_records_emitted_total",
        "Records that readers were given.",
    ),
    counter(
        "tcpstats_kmod_sockets_visited_total",
        "kmod_sockets_visited_total",
        "Sockets that reads looked at.",
    ),
    counter(
        "tcpstats_kmod_read_duration_seconds_total",
        "kmod_read_duration_seconds_total",
        "Time spent in read.",
    ),
    gauge(
        "tcpstats_kmod_read_duration_seconds_max",
        "kmod_read_duration_seconds_max",
        "The longest read.",
    ),
    counter(
        "tcpstats_kmod_uiomove_errors_total",
        "kmod_uiomove_errors_total",
        "Reads into memory that could not be written.",
    ),
    counter(
        "tcpstats_kmod_reads_timed_out_total",
        "kmod_reads_timed_out_total",
        "Reads that reached their time limit.",
    ),
    counter(
        "tcpstats_kmod_reads_interrupted_total",
        "kmod_reads_interrupted_total",
        "Reads that a signal ended.",
    ),
    by(
        &["vm", "reason"],
        counter(
            "tcpstats_kmod_sockets_skipped_total",
            "kmod_sockets_skipped_total",
            "Sockets that reads passed over, by reason.",
        ),
    ),
    by(
        &["vm", "name"],
        gauge(
            "tcpstats_kmod_limit",
            "kmod_limit",
            "The device's limits, by the name of their sysctl.",
        ),
    ),
];

/// Sockets, and the TCP counters of the VM's system.
pub const TCP: [Family; 14] = [
    gauge(
        "tcpstats_sockets_total",
        "tcp_sockets",
        "TCP sockets, listening and half-open ones included.",
    ),
    by(
        &["vm", "state"],
        gauge(
            "tcpstats_sockets_by_state",
            "tcp_sockets_by_state",
            "TCP sockets by state.",
        ),
    ),
    counter(
        "tcpstats_sys_connection_attempts_total",
        "tcp_connection_attempts_total",
        "Connections that were begun from the VM.",
    ),
    counter(
        "tcpstats_sys_accepts_total",
        "tcp_accepts_total",
        "Connections that were accepted.",
    ),
    counter(
        "tcpstats_sys_connects_total",
        "tcp_connects_total",
        "Connections that were established, from either side.",
    ),
    counter(
        "tcpstats_sys_drops_total",
        "tcp_drops_total",
        "Connections that ended without a closing handshake.",
    ),
    counter(
        "tcpstats_sys_sent_packets_total",
        "tcp_sent_packets_total",
        "Segments sent, retransmitted ones included.",
    ),
    counter(
        "tcpstats_sys_sent_bytes_total",
        "tcp_sent_bytes_total",
        "Bytes of data sent, without retransmitted ones.",
    ),
    counter(
        "tcpstats_sys_retransmit_packets_total",
        "tcp_retransmit_packets_total",
        "Segments retransmitted.",
    ),
    counter(
        "tcpstats_sys_retransmit_bytes_total",
        "tcp_retransmit_bytes_total",
        "Bytes of data retransmitted.",
    ),
    counter(
        "tcpstats_sys_received_packets_total",
        "tcp_received_packets_total",
        "Segments received.",
    ),
    counter(
        "tcpstats_sys_received_bytes_total",
        "tcp_received_bytes_total",
        "Bytes of data received in sequence.",
    ),
    counter(
        "tcpstats_sys_duplicate_packets_total",
        "tcp_duplicate_packets_total",
        "Segments received of which all was there already.",
    ),
    counter(
        "tcpstats_sys_bad_checksum_total",
        "tcp_bad_checksum_total",
        "Segments received with a wrong checksum.",
    ),
];

/// The family of which the exporter says `name`, if it is one that is taken.
#[must_use]
pub fn find(name: &str) -> Option<&'static Family> {
    const ALL: [&[Family]; 2] = [&KMOD, &TCP];
    ALL.into_iter()
        .flatten()
        .find(|family| family.source == name)
}

/// The exporter's only label of a family that is taken, where it has one.
#[must_use]
pub fn label(family: &Family) -> Option<&'static str> {
    family.labels.get(1).copied()
}
