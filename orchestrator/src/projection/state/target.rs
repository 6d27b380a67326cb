// SPDX-License-Identifier: BSD-2-Clause
//! One target of a VM of the state: its tests and what it measured.

use std::collections::BTreeMap;

use jiff::Timestamp;
use protocol::event::TestFinished;
use serde::Serialize;

use super::benchmark::BenchmarkState;
use super::clip::clip;
use super::counters::Counters;
use super::{KEPT_NAMES, OTHER};

/// Benchmarks of one target.
pub(crate) const KEPT_BENCHMARKS: usize = 512;

/// One target on one VM.
#[derive(Debug, Clone, Default)]
pub struct TargetState {
    /// Its name.
    pub target: String,
    /// The planned target that it is, or is a member of.
    pub planned: String,
    /// Tests that it is going to report, where it said so.
    pub expected: Option<u32>,
    /// Tests that it reported, by category; `None` for those without one.
    pub tests: BTreeMap<Option<String>, Tally>,
    /// Failing tests, in order, texts cut to a bounded length.
    pub failed: Vec<TestFinished>,
    /// Skipped tests, likewise.
    pub skipped: Vec<TestFinished>,
    /// What it measured, in order.
    pub benchmarks: Vec<BenchmarkState>,
    /// The device's counters over the target.
    pub counters: Counters,
    /// Its end; absent while it runs, and for good where it was cut off.
    pub end: Option<TargetEnd>,
}

/// The end of a target.
#[derive(Debug, Clone, PartialEq)]
pub struct TargetEnd {
    /// Of all its tests together.
    pub outcome: protocol::Outcome,
    /// Wall time, seconds.
    pub duration_s: f64,
    /// When that was, by the orchestrator's clock.
    pub time: Timestamp,
}

impl TargetState {
    /// Its tests over all categories.
    #[must_use]
    pub fn tally(&self) -> Tally {
        self.tests.values().copied().sum()
    }

    pub(super) fn measured(&mut self, new: BenchmarkState) {
        let known = self.benchmarks.iter_mut();
        if let Some(old) = known.into_iter().find(|old| old.is_same_series(&new)) {
            *old = new;
        } else if self.benchmarks.len() < KEPT_BENCHMARKS {
            self.benchmarks.push(new);
        }
    }

    pub(super) fn count(&mut self, category: Option<&str>, outcome: protocol::Outcome) {
        let mut known = self.tests.iter_mut();
        match known.find(|(name, _)| name.as_deref() == category) {
            Some((_, tally)) => tally.count(outcome),
            None => self.new_category(category).count(outcome),
        }
    }

    /// Of a category that was not met under this name before.
    fn new_category(&mut self, name: Option<&str>) -> &mut Tally {
        let mut key = name.map(clip);
        if self.tests.len() >= KEPT_NAMES && !self.tests.contains_key(&key) {
            key = Some(OTHER.to_owned());
        }
        self.tests.entry(key).or_default()
    }
}

/// Tests by outcome.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Tally {
    /// Tests that passed.
    pub passed: u32,
    /// Tests that failed.
    pub failed: u32,
    /// Tests that were skipped.
    pub skipped: u32,
}

impl Tally {
    /// Tests that ended, however they did.
    #[must_use]
    pub fn done(self) -> u32 {
        self.passed
            .saturating_add(self.failed)
            .saturating_add(self.skipped)
    }

    /// Whether there were tests, and all of them were skipped.
    #[must_use]
    pub fn has_only_skipped(self) -> bool {
        self.skipped > 0 && self.done() == self.skipped
    }

    pub(crate) fn count(&mut self, outcome: protocol::Outcome) {
        let counter = match outcome {
            protocol::Outcome::Passed => &mut self.passed,
            protocol::Outcome::Failed => &mut self.failed,
            protocol::Outcome::Skipped => &mut self.skipped,
        };
        *counter = counter.saturating_add(1);
    }
}

impl std::iter::Sum for Tally {
    fn sum<I: Iterator<Item = Self>>(tallies: I) -> Self {
        tallies.fold(Self::default(), |sum, tally| Self {
            passed: sum.passed.saturating_add(tally.passed),
            failed: sum.failed.saturating_add(tally.failed),
            skipped: sum.skipped.saturating_add(tally.skipped),
        })
    }
}
