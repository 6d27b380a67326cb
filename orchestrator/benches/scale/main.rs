// SPDX-License-Identifier: BSD-2-Clause
//! What the orchestrator costs.
//!
//! - [`events`]: a million events, decoded, logged and projected.
//! - [`metrics`]: an exposition of a hundred VMs.

#![expect(clippy::unwrap_used, reason = "a benchmark that can't go on fails")]

mod events;
mod metrics;

fn main() {
    println!("{:<58} {:>12} {:>12}", "", "measured", "goal");
    metrics::measure();
    events::measure();
}

/// A line of the table.
fn line(what: &str, measured: &str, goal: &str) {
    println!("{what:<58} {measured:>12} {goal:>12}");
}
