// SPDX-License-Identifier: BSD-2-Clause
//! Two runs beside each other: their benchmarks and their tests.

use std::collections::BTreeMap;

use protocol::Outcome;
use regression::Ratio;
use serde::Serialize;

use super::{MIN_MAGNITUDE, is_exact, reference};
use crate::event::{Compared, Repetitions, Verdict};
use crate::history::record::{Measurement, TargetAttempt};
use crate::history::{Fingerprint, RunRecord};
use crate::projection::findings::is_better;
use crate::projection::state::{BenchmarkState, VmState, median};

/// What differs between two runs on a VM that is part of both.
#[derive(Debug, Serialize)]
pub struct VmComparison {
    /// The VM's name.
    pub vm: String,
    /// How its machine was another, where it was: no difference of a benchmark
    /// says anything of the code then.
    pub machines: Option<Machines>,
    /// The benchmarks that both measured.
    pub benchmarks: Vec<Compared>,
    /// Benchmarks that both measured, with too few repetitions to compare.
    pub too_few: usize,
    /// The tests that ended differently, or in one of the runs only.
    pub tests: Vec<TestDifference>,
}

/// A machine that became another.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub struct Machines {
    /// In the first run.
    pub before: String,
    /// In the second run.
    pub after: String,
}

/// A test of a VM that did not end as it had before.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct TestDifference {
    /// Its target.
    pub target: String,
    /// Its id.
    pub id: String,
    /// Its name.
    pub name: String,
    /// In the first run, where it was part of that.
    pub before: Option<Outcome>,
    /// In the second run, where it was part of that.
    pub after: Option<Outcome>,
}

/// Each VM that is part of both runs, in the second one's order.
#[must_use]
pub fn compare(before: &RunRecord, after: &RunRecord) -> Vec<VmComparison> {
    let name = before.state.head.as_ref().map_or("", |head| &head.run);
    let pairs = after
        .state
        .vms
        .iter()
        .filter_map(|now| Some((before.state.vm(now.name())?, now)));
    pairs
        .map(|(then, now)| {
            let (then, now) = (Side::of(before, then), Side::of(after, now));
            let (benchmarks, too_few) = benchmarks(name, &then, &now);
            VmComparison {
                vm: now.vm.name().to_owned(),
                machines: machines(&then, &now),
                benchmarks,
                too_few,
                tests: tests(&then, &now),
            }
        })
        .collect()
}

/// A VM in one of the runs.
struct Side<'a> {
    record: &'a RunRecord,
    vm: &'a VmState,
}

impl<'a> Side<'a> {
    fn of(record: &'a RunRecord, vm: &'a VmState) -> Self {
        Self { record, vm }
    }

    fn fingerprint(&self) -> Option<Fingerprint> {
        self.record.fingerprint(self.vm)
    }

    /// Of each attempt at a target that counts.
    fn attempts(&self) -> impl Iterator<Item = &'a TargetAttempt> {
        let vm = self.vm;
        let attempts = self.record.attempts(vm.name());
        attempts.into_iter().flat_map(move |attempts| {
            let targets = attempts.targets.iter().enumerate();
            targets
                .filter(move |(at, _)| attempts.counts(vm, *at))
                .map(|(_, target)| target)
        })
    }

    fn benchmarks(&self) -> impl Iterator<Item = &'a Measurement> {
        self.attempts().flat_map(|target| &target.benchmarks)
    }

    /// The last attempt at each test.
    fn tests(&self) -> BTreeMap<(&'a str, &'a str), (&'a str, Outcome)> {
        let tests = self.attempts().flat_map(|target| {
            let of = target.target.as_str();
            target.tests.iter().map(move |test| (of, test))
        });
        tests
            .map(|(target, test)| {
                let key = (target, test.id.as_str());
                (key, (test.name.as_str(), test.outcome))
            })
            .collect()
    }
}

fn machines(then: &Side<'_>, now: &Side<'_>) -> Option<Machines> {
    let (then, now) = (then.fingerprint()?, now.fingerprint()?);
    (then != now).then(|| Machines {
        before: then.to_string(),
        after: now.to_string(),
    })
}

/// What both measured, and how much of it can't be compared.
fn benchmarks(baseline: &str, then: &Side<'_>, now: &Side<'_>) -> (Vec<Compared>, usize) {
    let mut compared = Vec::new();
    let mut too_few = 0;
    for after in now.benchmarks() {
        let mut earlier = then.benchmarks();
        let Some(before) = earlier.find(|before| before.of.is_same_series(&after.of)) else {
            continue;
        };
        let samples = at_one_pace(before, after);
        match ratio(&after.of.unit, &samples) {
            Some(ratio) => compared.push(beside(baseline, &after.of, &samples, ratio)),
            None => too_few += 1,
        }
    }
    (compared, too_few)
}

/// The samples of both; where both have the reference, what they would have been
/// had it taken as long in the second as it did in the first.
fn at_one_pace(before: &Measurement, after: &Measurement) -> [Vec<f64>; 2] {
    let typical = |of: &Measurement| {
        reference::typical(std::iter::once((&of.samples[..], &of.reference[..])))
    };
    let pace = typical(after).and(typical(before));
    [before, after].map(|of| reference::adjusted(&of.samples, &of.reference, pace))
}

fn ratio(unit: &str, [base, samples]: &[Vec<f64>; 2]) -> Option<Ratio> {
    match (&base[..], &samples[..]) {
        ([base], [sample]) if is_exact(unit) && *base > 0.0 && *sample > 0.0 => {
            let ratio = sample / base;
            Some(Ratio {
                ratio,
                low: ratio,
                high: ratio,
            })
        }
        _ => Ratio::of_medians(base, samples),
    }
    .filter(|ratio| {
        [ratio.ratio, ratio.low, ratio.high]
            .iter()
            .all(|r| r.is_finite())
    })
}

fn beside(baseline: &str, of: &BenchmarkState, samples: &[Vec<f64>; 2], ratio: Ratio) -> Compared {
    let quantity = of.quantity();
    let verdict = match ratio.difference(MIN_MAGNITUDE) {
        None => Verdict::Same,
        Some(difference) if is_better(&quantity, difference) => Verdict::Better,
        Some(_) => Verdict::Worse,
    };
    let [before, after] = samples.each_ref().map(|samples| Repetitions {
        samples: samples.len(),
        median: median(samples).unwrap_or_default(),
    });
    Compared {
        quantity,
        baseline: baseline.to_owned(),
        before,
        after,
        ratio: ratio.ratio,
        interval: [ratio.low, ratio.high],
        verdict,
        fails_run: false,
    }
}

fn tests(then: &Side<'_>, now: &Side<'_>) -> Vec<TestDifference> {
    let (before, after) = (then.tests(), now.tests());
    let mut keys: Vec<_> = before.keys().chain(after.keys()).copied().collect();
    keys.sort_unstable();
    keys.dedup();
    keys.into_iter()
        .filter_map(|key| {
            let [before, after] = [before.get(&key), after.get(&key)];
            let outcome = |of: Option<&(&str, Outcome)>| of.map(|(_, outcome)| *outcome);
            (outcome(before) != outcome(after)).then(|| TestDifference {
                target: key.0.to_owned(),
                id: key.1.to_owned(),
                name: before.or(after).map_or("", |(name, _)| name).to_owned(),
                before: outcome(before),
                after: outcome(after),
            })
        })
        .collect()
}
