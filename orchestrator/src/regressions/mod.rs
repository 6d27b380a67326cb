// SPDX-License-Identifier: BSD-2-Clause
//! What got slower: benchmarks beside their history and beside another run.
//!
//! - [`judge`]: one series by its points, a pure function.
//! - [`compare`]: two runs, a pure function.
//! - `reference`: samples freed of how slow the machine was, a pure function.
//! - `at_end`: both at the end of a run, as events of its log.
//! - `expected`: what a run is likely to measure, while it goes on.

mod at_end;
pub mod compare;
mod expected;
pub mod judge;
mod reference;

pub(crate) use at_end::{Judging, NoBaseline};
pub use expected::Expected;

/// A difference between two runs is at least this large, relative.
const MIN_MAGNITUDE: f64 = regression::MIN_MAGNITUDE;

/// Whether values of `unit` are the same each time: a program's instructions as
/// an emulator counts them.
fn is_exact(unit: &str) -> bool {
    unit == "instructions"
}
