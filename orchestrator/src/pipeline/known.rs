// SPDX-License-Identifier: BSD-2-Clause
//! Failures that the inventory expects, against what the tests did.

use std::collections::{BTreeMap, BTreeSet};

use protocol::Outcome;
use protocol::event::TestFinished;

use super::test::Verdict;
use crate::event::{PlannedTarget, PlannedVm};
use crate::projection::state::Tally;

/// The expected failures of a VM, in one run of a target.
pub(super) struct Known<'a> {
    expected: &'a BTreeSet<String>,
    /// How those ended that were run.
    seen: BTreeMap<&'a str, Outcome>,
    /// Whether one failed that is not expected to.
    surprised: bool,
    /// All of them.
    tally: Tally,
}

impl<'a> Known<'a> {
    pub(super) fn new(expected: &'a BTreeSet<String>) -> Self {
        Self {
            expected,
            seen: BTreeMap::new(),
            surprised: false,
            tally: Tally::default(),
        }
    }

    pub(super) fn take(&mut self, test: &TestFinished) {
        self.tally.count(test.outcome);
        let name = PlannedVm::name_of(test);
        match self.expected.get(&name) {
            Some(name) => {
                self.seen.insert(name, test.outcome);
            }
            None => self.surprised |= test.outcome == Outcome::Failed,
        }
    }

    /// What it comes to, where the test binary says that all `passed` or not.
    pub(super) fn verdict(&self, passed: bool) -> Verdict {
        let as_expected = self.seen.values().any(|end| *end == Outcome::Failed);
        if passed && self.tally.has_only_skipped() {
            Verdict::Skipped
        } else if passed {
            Verdict::Passed
        } else if as_expected && !self.surprised {
            Verdict::ExpectedFailure
        } else {
            Verdict::Failed
        }
    }

    /// What is not as expected, so that the list stays true. A test of another
    /// category than was wanted is not missed.
    pub(super) fn to_be_told(&self, target: &PlannedTarget) -> Vec<String> {
        let is_whole = target.category == "all";
        let told = self.expected.iter().filter_map(|name| {
            let of_target = name.split('/').next() == Some(&target.target);
            match self.seen.get(name.as_str()) {
                Some(Outcome::Passed) => Some(format!(
                    "{name} is expected to fail and passed: take it from expected_failures"
                )),
                None if of_target && is_whole => Some(format!(
                    "{name} is expected to fail and was not run: correct expected_failures"
                )),
                _ => None,
            }
        });
        told.collect()
    }
}
