// SPDX-License-Identifier: BSD-2-Clause
//! What got slower, found by the real program in the logs of many runs.

#![expect(
    clippy::unwrap_used,
    reason = "a helper of a test fails the test, as the test's own unwrap does"
)]

mod ack;
mod compare;
#[path = "../views/events.rs"]
#[expect(dead_code, unused_imports, reason = "the views' tests need more of it")]
mod events;
mod page;
mod runs;
mod trend;
