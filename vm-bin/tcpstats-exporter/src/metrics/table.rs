// SPDX-License-Identifier: BSD-2-Clause
//! Every family that is served: the page is made from this table, and so is the reference.

use metric_table::{Family, Kind, Reference, Section};

const EXPORTER: &str = "the exporter";
const RECORDS: &str = "the device's records";

pub(crate) const UP: Family = Family::new(
    "tcpstats_exporter_up",
    Kind::Gauge,
    &[],
    "Whether the collection that this page shows could read the device (0 or 1).",
    EXPORTER,
);
pub(crate) const BUILD_INFO: Family = Family::new(
    "tcpstats_exporter_build_info",
    Kind::Gauge,
    &["version"],
    "This program; always 1.",
    EXPORTER,
);
pub(crate) const HTTP_REQUESTS: Family = Family::new(
    "tcpstats_exporter_http_requests_total",
    Kind::Counter,
    &[],
    "Requests of any path, this one included.",
    EXPORTER,
);
pub(crate) const SCRAPES: Family = Family::new(
    "tcpstats_exporter_scrapes_total",
    Kind::Counter,
    &["result"],
    "Scrapes: collected were given a collection that they waited for, repeated the last one again \
     because the rate allows no other yet, late waited longer than they may for one, refused came \
     too early and found none to repeat.",
    EXPORTER,
);
pub(crate) const AGE: Family = Family::new(
    "tcpstats_exporter_collection_age_seconds",
    Kind::Gauge,
    &[],
    "Time since the collection that this page shows began.",
    EXPORTER,
);
pub(crate) const LATENCY: Family = Family::new(
    "tcpstats_exporter_collection_latency_seconds",
    Kind::Histogram(&[
        0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0,
    ]),
    &[],
    "Duration of the collections.",
    EXPORTER,
);
pub(crate) const FAILURES: Family = Family::new(
    "tcpstats_exporter_collection_failures_total",
    Kind::Counter,
    &["reason"],
    "Collections that could not read the device, by reason: absent (no device), descriptors (its \
     max_open_fds or this process' limit), busy (its max_concurrent_readers), permission, protocol \
     (it gave other records than of version 1), other.",
    EXPORTER,
);

pub(crate) const SOCKETS: Family = Family::new(
    "tcpstats_sockets_total",
    Kind::Gauge,
    &[],
    "TCP sockets, listening and half-open ones included.",
    RECORDS,
);
pub(crate) const SOCKETS_BY_STATE: Family = Family::new(
    "tcpstats_sockets_by_state",
    Kind::Gauge,
    &["state"],
    "TCP sockets by state.",
    RECORDS,
);
pub(crate) const RTT: Family = Family::new(
    "tcpstats_socket_rtt_seconds",
    Kind::Histogram(&[
        0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5,
    ]),
    &[],
    "Smoothed round-trip time of the connections that have measured one. A distribution of the \
     moment, made anew by each collection: its counts fall when connections end, so use it without \
     rate().",
    "tsr_rtt",
);
pub(crate) const CWND: Family = Family::new(
    "tcpstats_socket_cwnd_bytes",
    Kind::Histogram(&[
        2048.0,
        4096.0,
        8192.0,
        16384.0,
        32768.0,
        65536.0,
        131_072.0,
        262_144.0,
        524_288.0,
        1_048_576.0,
        4_194_304.0,
        16_777_216.0,
        67_108_864.0,
    ]),
    &[],
    "Congestion window of the connections. A distribution of the moment, made anew by each \
     collection: its counts fall when connections end, so use it without rate().",
    "tsr_snd_cwnd",
);
pub(crate) const RETRANSMITS: Family = Family::new(
    "tcpstats_socket_retransmits",
    Kind::Histogram(&[0.0, 1.0, 2.0, 5.0, 10.0, 25.0, 50.0, 100.0, 250.0, 1000.0]),
    &[],
    "Packets that the connections have retransmitted in their life. A distribution of the moment, \
     made anew by each collection: its counts fall when connections end, so use it without rate().",
    "tsr_snd_rexmitpack",
);
pub(crate) const BUFFER_USE: Family = Family::new(
    "tcpstats_socket_buffer_used_ratio",
    Kind::Histogram(&[0.0, 0.01, 0.05, 0.1, 0.25, 0.5, 0.75, 0.9, 1.0]),
    &["buffer"],
    "Bytes that wait in the connections' send and receive buffers, over what these may hold. A \
     distribution of the moment, made anew by each collection: its counts fall when connections \
     end, so use it without rate().",
    "tsr_snd_buf_cc / tsr_snd_buf_hiwat, tsr_rcv_buf_cc / tsr_rcv_buf_hiwat",
);

/// A family without labels whose value is one number that the system keeps.
const fn plain(name: &'static str, kind: Kind, help: &'static str, source: &'static str) -> Family {
    Family::new(name, kind, &[], help, source)
}

pub(crate) const SYS_CONNECTION_ATTEMPTS: Family = plain(
    "tcpstats_sys_connection_attempts_total",
    Kind::Counter,
    "Connections that were begun from here.",
    "tcps_connattempt; Linux: ActiveOpens",
);
pub(crate) const SYS_ACCEPTS: Family = plain(
    "tcpstats_sys_accepts_total",
    Kind::Counter,
    "Connections that were accepted.",
    "tcps_accepts; Linux: PassiveOpens",
);
pub(crate) const SYS_CONNECTS: Family = plain(
    "tcpstats_sys_connects_total",
    Kind::Counter,
    "Connections that were established, from either side; on Linux with those that were begun from \
     here and failed, which it does not count apart.",
    "tcps_connects; Linux: ActiveOpens + PassiveOpens",
);
pub(crate) const SYS_DROPS: Family = plain(
    "tcpstats_sys_drops_total",
    Kind::Counter,
    "Connections that ended without a closing handshake.",
    "tcps_drops; Linux: EstabResets",
);
pub(crate) const SYS_SENT_PACKETS: Family = plain(
    "tcpstats_sys_sent_packets_total",
    Kind::Counter,
    "Segments sent, retransmitted ones included.",
    "tcps_sndtotal; Linux: OutSegs + RetransSegs",
);
pub(crate) const SYS_SENT_BYTES: Family = plain(
    "tcpstats_sys_sent_bytes_total",
    Kind::Counter,
    "Bytes of data sent, without retransmitted ones; not on Linux, which does not count them.",
    "tcps_sndbyte",
);
pub(crate) const SYS_RETRANSMIT_PACKETS: Family = plain(
    "tcpstats_sys_retransmit_packets_total",
    Kind::Counter,
    "Segments retransmitted.",
    "tcps_sndrexmitpack; Linux: RetransSegs",
);
pub(crate) const SYS_RETRANSMIT_BYTES: Family = plain(
    "tcpstats_sys_retransmit_bytes_total",
    Kind::Counter,
    "Bytes of data retransmitted; not on Linux, which does not count them.",
    "tcps_sndrexmitbyte",
);
pub(crate) const SYS_RECEIVED_PACKETS: Family = plain(
    "tcpstats_sys_received_packets_total",
    Kind::Counter,
    "Segments received.",
    "tcps_rcvtotal; Linux: InSegs",
);
pub(crate) const SYS_RECEIVED_BYTES: Family = plain(
    "tcpstats_sys_received_bytes_total",
    Kind::Counter,
    "Bytes of data received in sequence; not on Linux, which does not count them.",
    "tcps_rcvbyte",
);
pub(crate) const SYS_DUPLICATE_PACKETS: Family = plain(
    "tcpstats_sys_duplicate_packets_total",
    Kind::Counter,
    "Segments received of which all was there already.",
    "tcps_rcvduppack; Linux: DelayedACKLost",
);
pub(crate) const SYS_BAD_CHECKSUM: Family = plain(
    "tcpstats_sys_bad_checksum_total",
    Kind::Counter,
    "Segments received with a wrong checksum.",
    "tcps_rcvbadsum; Linux: InCsumErrors",
);

pub(crate) const KMOD_OPENS: Family = plain(
    "tcpstats_kmod_opens_total",
    Kind::Counter,
    "Opens of the device; each collection is one.",
    "opens_total",
);
pub(crate) const KMOD_READS: Family = plain(
    "tcpstats_kmod_reads_total",
    Kind::Counter,
    "Calls of read on the device.",
    "reads_total",
);
pub(crate) const KMOD_RECORDS: Family = plain(
    "tcpstats_kmod_records_emitted_total",
    Kind::Counter,
    "Records that readers were given.",
    "records_emitted",
);
pub(crate) const KMOD_VISITED: Family = plain(
    "tcpstats_kmod_sockets_visited_total",
    Kind::Counter,
    "Sockets that reads looked at: those emitted and those skipped.",
    "sockets_visited",
);
pub(crate) const KMOD_UIOMOVE_ERRORS: Family = plain(
    "tcpstats_kmod_uiomove_errors_total",
    Kind::Counter,
    "Reads into memory that could not be written.",
    "uiomove_errors",
);
pub(crate) const KMOD_TIMED_OUT: Family = plain(
    "tcpstats_kmod_reads_timed_out_total",
    Kind::Counter,
    "Reads that max_read_duration_ms ended.",
    "reads_timed_out",
);
pub(crate) const KMOD_INTERRUPTED: Family = plain(
    "tcpstats_kmod_reads_interrupted_total",
    Kind::Counter,
    "Reads that a signal ended.",
    "reads_interrupted",
);
pub(crate) const KMOD_SKIPPED: Family = Family::new(
    "tcpstats_kmod_sockets_skipped_total",
    Kind::Counter,
    &["reason"],
    "Sockets that reads passed over, by reason: gencnt (newer than the snapshot), cred (not for the \
     opener to see), ipver, state, port, addr (excluded by the filter).",
    "sockets_skipped_REASON",
);
pub(crate) const KMOD_DURATION: Family = plain(
    "tcpstats_kmod_read_duration_seconds_total",
    Kind::Counter,
    "Time spent in read.",
    "read_duration_ns_total",
);
pub(crate) const KMOD_DURATION_MAX: Family = plain(
    "tcpstats_kmod_read_duration_seconds_max",
    Kind::Gauge,
    "The longest read.",
    "read_duration_ns_max",
);
pub(crate) const KMOD_ACTIVE_FDS: Family = plain(
    "tcpstats_kmod_active_fds",
    Kind::Gauge,
    "Descriptors of the device that are open; the exporter's own is closed before this is read.",
    "active_fds",
);
pub(crate) const KMOD_LIMIT: Family = Family::new(
    "tcpstats_kmod_limit",
    Kind::Gauge,
    &["name"],
    "The device's limits, by the name of their sysctl, which says the unit.",
    "NAME",
);

/// Every family, in the order of the reference.
const SECTIONS: [Section; 4] = [
    Section {
        title: "The exporter",
        intro: "Always served.",
        families: &[
            UP,
            BUILD_INFO,
            HTTP_REQUESTS,
            SCRAPES,
            AGE,
            LATENCY,
            FAILURES,
        ],
    },
    Section {
        title: "Sockets",
        intro: "From one read of the whole device; left out when it could not be read. A connection \
                is a socket in one of the states from established to fin_wait_2.",
        families: &[
            SOCKETS,
            SOCKETS_BY_STATE,
            RTT,
            CWND,
            RETRANSMITS,
            BUFFER_USE,
        ],
    },
    Section {
        title: "The system's TCP",
        intro: "FreeBSD: net.inet.tcp.stats. Linux: /proc/net/snmp and /proc/net/netstat of the \
                exporter's network namespace. Served with or without the device.",
        families: &[
            SYS_CONNECTION_ATTEMPTS,
            SYS_ACCEPTS,
            SYS_CONNECTS,
            SYS_DROPS,
            SYS_SENT_PACKETS,
            SYS_SENT_BYTES,
            SYS_RETRANSMIT_PACKETS,
            SYS_RETRANSMIT_BYTES,
            SYS_RECEIVED_PACKETS,
            SYS_RECEIVED_BYTES,
            SYS_DUPLICATE_PACKETS,
            SYS_BAD_CHECKSUM,
        ],
    },
    Section {
        title: "The device",
        intro: "The sysctls below dev.tcpstats (Linux: the files below the mount of tcpstatsd), of \
                all readers together; left out while there are none.",
        families: &[
            KMOD_OPENS,
            KMOD_READS,
            KMOD_RECORDS,
            KMOD_VISITED,
            KMOD_SKIPPED,
            KMOD_UIOMOVE_ERRORS,
            KMOD_TIMED_OUT,
            KMOD_INTERRUPTED,
            KMOD_DURATION,
            KMOD_DURATION_MAX,
            KMOD_ACTIVE_FDS,
            KMOD_LIMIT,
        ],
    },
];

/// Every family, as Markdown.
pub(crate) const REFERENCE: Reference<'_> = Reference {
    title: "What tcpstats-exporter serves",
    command: "tcpstats-exporter --print-metrics",
    sections: &SECTIONS,
};
