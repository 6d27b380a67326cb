// SPDX-License-Identifier: BSD-2-Clause
//! What the orchestrator costs.
//!
//! - [`events`]: a million events, decoded, logged and projected.
//! - [`metrics`]: an exposition of a hundred VMs.
//! - [`hosts`]: commands and event streams on many hosts at once, beside what
//!   others take for them, and the memory that a host costs.
//! - [`addresses`]: the hosts, and those others.
//! - [`memory`]: of this process and of its ssh processes.
//!
//! The machine's load changes from minute to minute, so what is compared is
//! measured in turns within one run, and the middle of the turns counts.

#![expect(clippy::unwrap_used, reason = "a benchmark that can't go on fails")]
#![expect(clippy::expect_used, reason = "as above, naming the missing program")]

mod addresses;
mod events;
mod hosts;
mod memory;
mod metrics;

use std::time::Duration;

/// Turns of each comparison.
const TURNS: usize = 5;

fn main() {
    println!("{:<58} {:>12} {:>12}", "", "measured", "goal");
    // First: what a later part leaves behind in the allocator would do for it.
    hosts::measure();
    metrics::measure();
    events::measure();
}

/// A line of the table.
fn line(what: &str, measured: &str, goal: &str) {
    println!("{what:<58} {measured:>12} {goal:>12}");
}

/// The middle one of several times.
fn middle(mut times: Vec<Duration>) -> Duration {
    times.sort_unstable();
    times[times.len() / 2]
}
