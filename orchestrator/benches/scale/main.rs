// SPDX-License-Identifier: BSD-2-Clause
//! What the orchestrator costs.
//!
//! - [`events`]: a million events, decoded, logged and projected.

#![expect(clippy::unwrap_used, reason = "a benchmark that can't go on fails")]

mod events;

fn main() {
    println!("{:<58} {:>12} {:>12}", "", "measured", "goal");
    events::measure();
}

/// A line of the table.
fn line(what: &str, measured: &str, goal: &str) {
    println!("{what:<58} {measured:>12} {goal:>12}");
}
