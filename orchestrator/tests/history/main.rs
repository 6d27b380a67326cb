// SPDX-License-Identifier: BSD-2-Clause
//! The history of runs, in real SQLite files.

#![expect(
    clippy::unwrap_used,
    reason = "a helper of a test fails the test, as the test's own unwrap does"
)]

mod cli;
#[path = "../views/events.rs"]
#[expect(dead_code, reason = "the views' tests need more of it")]
mod events;
mod folder;
mod record;
mod trouble;
