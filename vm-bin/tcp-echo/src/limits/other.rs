// SPDX-License-Identifier: BSD-2-Clause
//! Systems where connecting tells what is short.

use nix::sys::resource::{UsageWho, getrusage};

use crate::error::Shortage;

pub(crate) fn require_ports(_: u32, _: usize, _: usize) -> Result<(), Shortage> {
    Ok(())
}

pub(crate) fn require_files(_: u64) -> Result<(), Shortage> {
    Ok(())
}

pub(crate) fn require_memory(_: u64) -> Result<(), Shortage> {
    Ok(())
}

/// Not known without fdescfs(5).
pub(super) fn open_descriptors() -> u64 {
    0
}

/// The most memory that this process had resident at a time.
pub(crate) fn memory_peak_bytes() -> u64 {
    // The own process' usage can always be had; its unit is the kilobyte.
    let kilobytes = getrusage(UsageWho::RUSAGE_SELF).map_or(0, |usage| usage.max_rss());
    u64::try_from(kilobytes).unwrap_or(0) * 1024
}
