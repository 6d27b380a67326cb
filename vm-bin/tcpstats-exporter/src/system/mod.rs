// SPDX-License-Identifier: BSD-2-Clause
//! What the system counts of all TCP together.

#[cfg(not(target_os = "freebsd"))]
mod tables;
#[cfg(any(test, target_os = "freebsd"))]
mod tcpstat;

use std::io;

use metric_table::Family;
use prometheus::Registry;

/// Why the system's counters are not shown.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SystemError {
    #[error("failed to read {place}: {reason}")]
    Read {
        place: &'static str,
        reason: io::Error,
    },
    #[error(
        "failed to read {place}: {what} is not there: is this a release that is not known yet?"
    )]
    Unknown {
        place: &'static str,
        what: &'static str,
    },
    #[error(transparent)]
    Metrics(#[from] prometheus::Error),
}

/// The counters, each with its family. What a system does not count is not among them.
type Counters = Vec<(&'static Family, u64)>;

/// Put this system's counters into `registry`.
///
/// # Errors
/// They can't be read.
pub(crate) fn put(registry: &Registry) -> Result<(), SystemError> {
    #[cfg(target_os = "freebsd")]
    let counters = tcpstat::read()?;
    #[cfg(not(target_os = "freebsd"))]
    let counters = tables::read()?;
    for (family, value) in counters {
        family.put_one(registry, value as f64)?;
    }
    Ok(())
}
