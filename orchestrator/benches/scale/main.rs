// SPDX-License-Identifier: BSD-2-Clause
//! What the orchestrator costs.
//!
//! - [`memory`]: what a host takes here while it is driven.
//! - [`hosts`]: commands and event streams on many hosts at once, beside others.
//! - [`events`]: a million events, read, logged and projected.
//! - [`metrics`]: an exposition of a hundred VMs.
//! - [`addresses`], [`fleet`]: the hosts, those others, and how ours drives them.
//!
//! The machine's load changes from minute to minute, so what is compared is
//! measured in turns within one run, and the middle of the turns counts.
//!
//! `cargo bench -p orchestrator --bench scale -- events` measures one part only;
//! the parts are `memory`, `hosts` and `events`.

#![expect(clippy::unwrap_used, reason = "a benchmark that can't go on fails")]
#![expect(clippy::expect_used, reason = "as above, naming the missing program")]

mod addresses;
mod events;
mod fleet;
mod hosts;
mod memory;
mod metrics;

use std::env;
use std::time::Duration;

/// Turns of each comparison.
const TURNS: usize = 5;

/// Memory is the first: what another part leaves behind in the allocator would
/// do for it.
const PARTS: [(&str, fn()); 4] = [
    ("memory", memory::measure),
    ("hosts", hosts::measure),
    ("events", events::measure),
    ("metrics", metrics::measure),
];

fn main() {
    println!("{:<58} {:>12} {:>12}", "", "measured", "goal");
    // Cargo adds a flag of its own.
    let wanted: Vec<String> = env::args()
        .skip(1)
        .filter(|argument| !argument.starts_with("--"))
        .collect();
    for (name, measure) in PARTS {
        if wanted.is_empty() || wanted.iter().any(|part| part == name) {
            measure();
        }
    }
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

fn seconds(time: Duration) -> String {
    format!("{:.3} s", time.as_secs_f64())
}

/// The first divided by the second.
fn ratio(a: Duration, b: Duration) -> String {
    format!("{:.2}", a.as_secs_f64() / b.as_secs_f64())
}
