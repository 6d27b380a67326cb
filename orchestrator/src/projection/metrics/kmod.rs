// SPDX-License-Identifier: BSD-2-Clause
//! The device's own counters, the sysctls below `dev.tcpstats`, as a VM's
//! test binary last read them. A fixed set: a VM cannot add names.

use prometheus::proto::MetricFamily;

use super::family::{Family, Kind, Sample};
use crate::projection::state::RunState;

/// A family of one series a VM.
struct Plain {
    sysctl: &'static str,
    /// What one unit of the sysctl is in the family's unit.
    scale: f64,
    family: Family,
}

const fn plain(
    sysctl: &'static str,
    kind: Kind,
    scale: f64,
    name: &'static str,
    help: &'static str,
) -> Plain {
    Plain {
        sysctl,
        scale,
        family: Family {
            name,
            help,
            kind,
            labels: &["vm"],
        },
    }
}

const PLAIN: [Plain; 10] = [
    plain(
        "active_fds",
        Kind::Gauge,
        1.0,
        "kmod_active_fds",
        "Descriptors of the device that are open.",
    ),
    plain(
        "opens_total",
        Kind::Counter,
        1.0,
        "kmod_opens_total",
        "Opens of the device.",
    ),
    plain(
        "reads_total",
        Kind::Counter,
        1.0,
        "kmod_reads_total",
        "Calls of read on the device.",
    ),
    plain(
        "records_emitted",
        Kind::Counter,
        1.0,
        "kmod_records_emitted_total",
        "Records that readers were given.",
    ),
    plain(
        "sockets_visited",
        Kind::Counter,
        1.0,
        "kmod_sockets_visited_total",
        "Sockets that reads looked at.",
    ),
    plain(
        "read_duration_ns_total",
        Kind::Counter,
        1e-9,
        "kmod_read_duration_seconds_total",
        "Time spent in read.",
    ),
    plain(
        "read_duration_ns_max",
        Kind::Gauge,
        1e-9,
        "kmod_read_duration_seconds_max",
        "The longest read.",
    ),
    plain(
        "uiomove_errors",
        Kind::Counter,
        1.0,
        "kmod_uiomove_errors_total",
        "Reads into memory that could not be written.",
    ),
    plain(
        "reads_timed_out",
        Kind::Counter,
        1.0,
        "kmod_reads_timed_out_total",
        "Reads that reached their time limit.",
    ),
    plain(
        "reads_interrupted",
        Kind::Counter,
        1.0,
        "kmod_reads_interrupted_total",
        "Reads that a signal ended.",
    ),
];

const SKIPPED: Family = Family {
    name: "kmod_sockets_skipped_total",
    help: "Sockets that reads passed over, by reason.",
    kind: Kind::Counter,
    labels: &["vm", "reason"],
};
const SKIP_REASONS: [&str; 6] = ["gencnt", "cred", "ipver", "state", "port", "addr"];

const LIMIT: Family = Family::gauge(
    "kmod_limit",
    "The device's limits, by the name of their sysctl.",
    &["vm", "name"],
);
const LIMITS: [&str; 4] = [
    "max_open_fds",
    "max_concurrent_readers",
    "max_read_duration_ms",
    "min_read_interval_ms",
];

/// Every family of this module.
pub(super) fn families() -> impl Iterator<Item = Family> {
    let plain = PLAIN.into_iter().map(|plain| plain.family);
    plain.chain([SKIPPED, LIMIT])
}

/// The families with their samples.
pub(super) fn collect(state: &RunState) -> Vec<MetricFamily> {
    let read = |sysctl: &str| {
        let values = state.vms.iter().map(move |vm| {
            let value = *vm.counters.get(sysctl)?;
            Some((vm.name().to_owned(), value as f64))
        });
        values.flatten().collect::<Vec<_>>()
    };
    let plain = PLAIN.iter().map(|plain| {
        let samples = read(plain.sysctl).into_iter().map(|(vm, value)| Sample {
            labels: [vm],
            value: value * plain.scale,
        });
        plain.family.with(samples)
    });
    let by_name = |names: &'static [&'static str], prefix: &'static str| {
        names.iter().flat_map(move |name| {
            let samples = read(&format!("{prefix}{name}")).into_iter();
            samples.map(|(vm, value)| Sample {
                labels: [vm, (*name).to_owned()],
                value,
            })
        })
    };
    let skipped = SKIPPED.with(by_name(&SKIP_REASONS, "sockets_skipped_"));
    let limits = LIMIT.with(by_name(&LIMITS, ""));
    plain.chain([skipped, limits]).collect()
}
