// SPDX-License-Identifier: BSD-2-Clause
//! The tests that failed, failed as expected or were skipped, as the summary
//! tells of them: what is the same for several tests or VMs is said once.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::hash::Hash;

use protocol::event::TestFinished;

use super::state::{RunState, TargetState, VmState};
use super::summary::names;
use super::text::{self, Paint, Tone, printable};

/// Tests of one target that ended in the very same way on the same VMs.
struct SameEnd<'a> {
    /// Where the first of the tests stands among all that are told.
    rank: usize,
    tests: Vec<&'a TestFinished>,
    vms: Vec<&'a str>,
}

/// Tests that are told together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Which {
    Failed,
    /// They failed, as the inventory expects.
    Expected,
    Skipped,
}

impl Which {
    fn heading(self, paint: Paint) -> String {
        match self {
            Self::Failed => paint.text(Tone::Bad, "Failed tests"),
            Self::Expected => paint.text(Tone::Quiet, "Failed as expected"),
            Self::Skipped => paint.text(Tone::Warn, "Skipped tests"),
        }
    }

    /// Those of a target on `vm` that are kept, and how many more there were.
    fn of<'a>(self, vm: &VmState, target: &'a TargetState) -> (Vec<&'a TestFinished>, usize) {
        let (kept, number) = match self {
            Self::Failed | Self::Expected => (&target.failed, target.tally().failed),
            Self::Skipped => (&target.skipped, target.tally().skipped),
        };
        let wanted = |test: &&TestFinished| match self {
            Self::Failed => !vm.expects(test),
            Self::Expected => vm.expects(test),
            Self::Skipped => true,
        };
        let more = match self {
            // Those that are not kept are taken for unexpected.
            Self::Expected => 0,
            Self::Failed | Self::Skipped => (number as usize).saturating_sub(kept.len()),
        };
        (kept.iter().filter(wanted).collect(), more)
    }
}

/// Tests of one outcome: the same one is said once with the VMs' names, and
/// those with the same to say are said together.
pub(super) fn section(state: &RunState, paint: Paint, which: Which) -> Option<String> {
    let mut ends: Vec<SameEnd<'_>> = Vec::new();
    let mut index = HashMap::new();
    let mut ranks = HashMap::new();
    let mut more = 0;
    for vm in &state.vms {
        for (tests, left_out) in vm.targets.iter().map(|target| which.of(vm, target)) {
            more += left_out;
            for test in tests {
                let next = ranks.len();
                let rank = *ranks.entry((&test.target, &test.id)).or_insert(next);
                let at = *index.entry((&test.id, said(test))).or_insert_with(|| {
                    ends.push(SameEnd {
                        rank,
                        tests: vec![test],
                        vms: Vec::new(),
                    });
                    ends.len() - 1
                });
                ends[at].vms.push(vm.name());
            }
        }
    }
    if ends.is_empty() && more == 0 {
        return None;
    }
    // What one test did elsewhere stands beside it.
    ends.sort_by_key(|end| end.rank);
    let mut lines = vec![which.heading(paint)];
    lines.extend(together(ends).iter().flat_map(end_lines));
    if more > 0 {
        lines.push(format!("  and {more} more, in the event log"));
    }
    Some(lines.join("\n"))
}

/// All that makes the end of one test another than that of the next.
pub(super) fn said(test: &TestFinished) -> impl Eq + Hash + use<'_> {
    (
        &test.target,
        &test.filter,
        test.expected,
        test.actual,
        &test.message,
    )
}

fn together(ends: Vec<SameEnd<'_>>) -> Vec<SameEnd<'_>> {
    let mut merged: Vec<SameEnd<'_>> = Vec::new();
    let mut index: HashMap<_, usize> = HashMap::new();
    for end in ends {
        match index.entry((said(end.tests[0]), end.vms.clone())) {
            Entry::Occupied(at) => merged[*at.get()].tests.extend(end.tests),
            Entry::Vacant(at) => {
                at.insert(merged.len());
                merged.push(end);
            }
        }
    }
    merged
}

fn end_lines(end: &SameEnd<'_>) -> Vec<String> {
    let vms = names(&end.vms);
    let title = match &end.tests[..] {
        [test] => text::test_title(test),
        tests => {
            let ids: Vec<&str> = tests.iter().map(|test| test.id.as_str()).collect();
            let target = printable(&tests[0].target);
            let number = text::count(tests.len(), "test");
            format!("{target}, {number}: {}", printable(&names(&ids)))
        }
    };
    let head = format!("  {title}  on {vms}");
    std::iter::once(head)
        .chain(text::failure_lines(end.tests[0]))
        .collect()
}
