// SPDX-License-Identifier: BSD-2-Clause
//! What the process itself costs, by the names that programs have in common for
//! that.

use metric_table::{Computed, Family, Kind, Sample, Text};
use procfs::process::{LimitValue, Process};
use procfs::{ProcResult, WithCurrentSystemInfo};

const fn of_process(name: &'static str, kind: Kind, help: &'static str) -> Family {
    Family::new(name, kind, &[], help, "/proc")
}

/// Every family of this module.
pub(super) const FAMILIES: [Family; 7] = [
    of_process(
        "process_cpu_seconds_total",
        Kind::Counter,
        "Time on a processor, of its own and the kernel's for it.",
    ),
    of_process(
        "process_resident_memory_bytes",
        Kind::Gauge,
        "Memory that it has.",
    ),
    of_process(
        "process_virtual_memory_bytes",
        Kind::Gauge,
        "Size of its address space.",
    ),
    of_process("process_threads", Kind::Gauge, "Its threads."),
    of_process(
        "process_open_fds",
        Kind::Gauge,
        "Descriptors that it has open.",
    ),
    of_process(
        "process_max_fds",
        Kind::Gauge,
        "Descriptors that it may have open.",
    ),
    of_process(
        "process_start_time_seconds",
        Kind::Gauge,
        "When it began, since the epoch.",
    ),
];

/// Their values, in their order.
fn values() -> ProcResult<[f64; FAMILIES.len()]> {
    let process = Process::myself()?;
    let stat = process.stat()?;
    let a_second = procfs::ticks_per_second() as f64;
    let fds_max = match process.limits()?.max_open_files.soft_limit {
        LimitValue::Value(limit) => limit as f64,
        LimitValue::Unlimited => f64::INFINITY,
    };
    Ok([
        (stat.utime + stat.stime) as f64 / a_second,
        stat.rss_bytes().get() as f64,
        stat.vsize as f64,
        stat.num_threads as f64,
        process.fd_count()? as f64,
        fds_max,
        procfs::boot_time_secs()? as f64 + stat.starttime as f64 / a_second,
    ])
}

/// The process, looked at when somebody asks.
#[derive(Debug)]
pub(super) struct OfProcess;

impl Computed for OfProcess {
    /// Nothing where /proc can't be read.
    fn families(&self) -> Vec<Text> {
        let Ok(values) = values() else {
            return Vec::new();
        };
        let families = FAMILIES.iter().zip(values);
        families
            .map(|(family, value)| family.with([Sample { labels: [], value }]))
            .collect()
    }
}
