// SPDX-License-Identifier: BSD-2-Clause
//! The device's own counters and limits, the sysctls below `dev.tcpstats`.

use metric_table::Family;
use prometheus::Registry;
use tcpstats::sysctl::{Sysctl, SysctlError};

use crate::metrics::table;

/// A node, the family that shows it, and how many of the node's units make one of the family's.
const NODES: [(&str, Family, f64); 10] = [
    ("opens_total", table::KMOD_OPENS, 1.0),
    ("reads_total", table::KMOD_READS, 1.0),
    ("records_emitted", table::KMOD_RECORDS, 1.0),
    ("sockets_visited", table::KMOD_VISITED, 1.0),
    ("uiomove_errors", table::KMOD_UIOMOVE_ERRORS, 1.0),
    ("reads_timed_out", table::KMOD_TIMED_OUT, 1.0),
    ("reads_interrupted", table::KMOD_INTERRUPTED, 1.0),
    ("read_duration_ns_total", table::KMOD_DURATION, 1e9),
    ("read_duration_ns_max", table::KMOD_DURATION_MAX, 1e9),
    ("active_fds", table::KMOD_ACTIVE_FDS, 1.0),
];
const SKIPPED_PREFIX: &str = "sockets_skipped_";

/// Why the device's numbers are not shown.
#[derive(Debug, thiserror::Error)]
pub(crate) enum KmodError {
    #[error(transparent)]
    Sysctl(#[from] SysctlError),
    #[error(transparent)]
    Metrics(#[from] prometheus::Error),
}

/// Put what `sysctl` says into `registry`; an older module may lack some.
///
/// # Errors
/// There is no device, or its numbers can't be read.
pub(crate) fn put(sysctl: &Sysctl, registry: &Registry) -> Result<(), KmodError> {
    let counters = sysctl.counters()?;
    let limits = sysctl.limits()?;
    for (node, family, scale) in &NODES {
        if let Some(&value) = counters.get(*node) {
            family.put_one(registry, value as f64 / scale)?;
        }
    }
    let skipped: Vec<_> = counters
        .iter()
        .filter_map(|(node, &value)| Some(([node.strip_prefix(SKIPPED_PREFIX)?], value as f64)))
        .collect();
    let skipped = skipped.iter().map(|(reason, value)| (&reason[..], *value));
    table::KMOD_SKIPPED.put(registry, skipped)?;
    let limits: Vec<_> = limits
        .iter()
        .map(|(name, &value)| ([name.as_str()], value as f64))
        .collect();
    let limits = limits.iter().map(|(name, value)| (&name[..], *value));
    table::KMOD_LIMIT.put(registry, limits)?;
    Ok(())
}
