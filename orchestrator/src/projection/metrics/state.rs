// SPDX-License-Identifier: BSD-2-Clause
//! The gauges: what the state of the run says at the moment of asking.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use metric_table::{Computed, Sample, Text};

use super::device;
use super::table::{
    BENCHMARK, BENCHMARK_CHANGE, BENCHMARK_REGRESSION, BENCHMARK_SUSPECT, CONSOLE_REPORTS,
    LAST_RUN, LAST_SCRAPE, RUN_IN_PROGRESS, TARGET_DURATION, TARGET_PASSED, TEST_FAILED, TESTS,
    VM_DURATION, VM_INFO, VM_OUTCOME, VM_UP,
};
use crate::event::{Judged, SeriesState, Stage, VmOutcome};
use crate::projection::Fleet;
use crate::projection::state::{RunState, Tally, VmState};

/// What [`TESTS`] says of tests without a category.
const NO_CATEGORY: &str = "none";

impl Computed for Fleet {
    fn families(&self) -> Vec<Text> {
        let mut in_progress = false;
        let mut all: Vec<Text> = Vec::new();
        self.each(|part| {
            in_progress |= part.in_progress;
            let mut families = of_vms(part.state, &part.vms);
            families.extend(device::of_vms(&part.vms));
            merge(&mut all, families);
        });
        all.push(RUN_IN_PROGRESS.with([Sample {
            labels: [],
            value: truth(in_progress),
        }]));
        all
    }
}

/// Add the samples of `more`, which has the same families or is the first.
fn merge(all: &mut Vec<Text>, more: Vec<Text>) {
    if all.is_empty() {
        *all = more;
        return;
    }
    for (family, more) in all.iter_mut().zip(&more) {
        family.append(more);
    }
}

/// All but whether a run goes on, of `vms` in the run that `state` is of.
fn of_vms(state: &RunState, vms: &[&VmState]) -> Vec<Text> {
    let judged_ones = vms;
    let vms = || vms.iter().copied();
    let ends: Vec<TargetEnd<'_>> = vms().flat_map(|vm| target_ends(state, vm)).collect();
    vec![
        VM_INFO.with(vms().map(info)),
        VM_UP.with(vms().filter_map(up)),
        VM_OUTCOME.with(vms().filter_map(outcome)),
        VM_DURATION.with(vms().filter_map(duration)),
        CONSOLE_REPORTS.with(vms().flat_map(console_reports)),
        LAST_RUN.with(ends.iter().map(|end| end.sample(end.timestamp_s))),
        TARGET_PASSED.with(ends.iter().map(|end| end.sample(truth(end.passed)))),
        TARGET_DURATION.with(
            ends.iter()
                .filter_map(|end| Some(end.sample(end.duration_s?))),
        ),
        TESTS.with(vms().flat_map(tests)),
        TEST_FAILED.with(vms().flat_map(failed_tests)),
        BENCHMARK.with(vms().flat_map(benchmarks)),
        BENCHMARK_CHANGE.with(judged(judged_ones, |judged| {
            judged.change.as_ref().map_or(0.0, |change| change.ratio)
        })),
        BENCHMARK_REGRESSION.with(judged(judged_ones, |judged| {
            truth(judged.state == SeriesState::Confirmed)
        })),
        BENCHMARK_SUSPECT.with(judged(judged_ones, |judged| {
            truth(judged.suspicion.is_some())
        })),
        LAST_SCRAPE.with(vms().filter_map(last_scrape)),
    ]
}

fn truth(value: bool) -> f64 {
    if value { 1.0 } else { 0.0 }
}

fn info(vm: &VmState) -> Sample<'_, 3> {
    let (os, arch) = match &vm.facts {
        Some(facts) => (
            format!("{} {}", facts.os, facts.os_release).into(),
            facts.arch.as_str().into(),
        ),
        None => (
            vm.planned.os.as_str().into(),
            vm.planned.arch.as_str().into(),
        ),
    };
    Sample {
        labels: [vm.name().into(), os, arch],
        value: 1.0,
    }
}

/// `None` before the first attempt to connect has ended.
fn up(vm: &VmState) -> Option<Sample<'_, 1>> {
    let connected = vm.stages.get(&Stage::Connect)?.succeeded?;
    let lost = vm
        .end()
        .is_some_and(|end| matches!(end.outcome, VmOutcome::Lost | VmOutcome::Crashed));
    Some(Sample {
        labels: [vm.name().into()],
        value: truth(connected && !lost),
    })
}

fn outcome(vm: &VmState) -> Option<Sample<'_, 2>> {
    Some(Sample {
        labels: [vm.name().into(), vm.end()?.outcome.as_str().into()],
        value: 1.0,
    })
}

fn duration(vm: &VmState) -> Option<Sample<'_, 1>> {
    Some(Sample {
        labels: [vm.name().into()],
        value: vm.end()?.duration_s,
    })
}

fn console_reports(vm: &VmState) -> impl Iterator<Item = Sample<'_, 2>> {
    vm.console.iter().map(|(kind, number)| Sample {
        labels: [vm.name().into(), kind.label().into()],
        value: f64::from(*number),
    })
}

/// How a target ended on a VM, also where the VM did not bring it to its end.
struct TargetEnd<'a> {
    vm: &'a str,
    target: &'a str,
    passed: bool,
    timestamp_s: f64,
    /// Absent where the target was cut off or never begun.
    duration_s: Option<f64>,
}

impl<'a> TargetEnd<'a> {
    fn sample(&self, value: f64) -> Sample<'a, 2> {
        Sample {
            labels: [self.vm.into(), self.target.into()],
            value,
        }
    }
}

/// Each target that was begun, and each planned one: a planned target with
/// members ended as its session did.
fn target_ends<'a>(state: &'a RunState, vm: &'a VmState) -> Vec<TargetEnd<'a>> {
    let begun = vm.targets.iter().map(|target| {
        let end = target.end.as_ref();
        let end = end.map(|end| (end.outcome, end.time, end.duration_s));
        (target.target.as_str(), end)
    });
    let planned = state.head.iter().flat_map(|head| &head.targets);
    let others = planned
        .map(|planned| planned.target.as_str())
        .filter(|name| vm.target(name).is_none())
        .map(|name| (name, session_end(vm, name)));
    begun
        .chain(others)
        .filter_map(|(name, end)| target_end(vm, name, end))
        .collect()
}

type End = (protocol::Outcome, Timestamp, f64);

fn session_end(vm: &VmState, planned: &str) -> Option<End> {
    let session = vm.sessions.get(planned)?;
    let (outcome, time) = session.end?;
    let duration = time.duration_since(session.started);
    Some((outcome, time, duration.as_secs_f64()))
}

/// `None` where the target may still come to its end, and where it was not
/// given the chance to: a cancelled run says nothing of it.
fn target_end<'a>(vm: &'a VmState, name: &'a str, end: Option<End>) -> Option<TargetEnd<'a>> {
    let (passed, time, duration_s) = match end {
        Some((outcome, time, duration_s)) => {
            (outcome != protocol::Outcome::Failed, time, Some(duration_s))
        }
        None => {
            let end = vm.end()?;
            if end.outcome == VmOutcome::Cancelled {
                return None;
            }
            (false, end.time, None)
        }
    };
    Some(TargetEnd {
        vm: vm.name(),
        target: name,
        passed,
        timestamp_s: timestamp_s(time),
        duration_s,
    })
}

fn tests(vm: &VmState) -> impl Iterator<Item = Sample<'_, 4>> {
    vm.targets.iter().flat_map(move |target| {
        // A category that is called what stands for none must not give the
        // same series twice, which would void the scrape.
        let mut by_label: BTreeMap<&str, Vec<Tally>> = BTreeMap::new();
        for (category, tally) in &target.tests {
            let label = category.as_deref().unwrap_or(NO_CATEGORY);
            by_label.entry(label).or_default().push(*tally);
        }
        by_label.into_iter().flat_map(move |(category, tallies)| {
            let tally: Tally = tallies.into_iter().sum();
            let outcomes = [
                (protocol::Outcome::Passed, tally.passed),
                (protocol::Outcome::Failed, tally.failed),
                (protocol::Outcome::Skipped, tally.skipped),
            ];
            outcomes.map(|(outcome, number)| Sample {
                labels: [
                    vm.name().into(),
                    target.target.as_str().into(),
                    category.into(),
                    outcome.as_str().into(),
                ],
                value: f64::from(number),
            })
        })
    })
}

fn failed_tests(vm: &VmState) -> impl Iterator<Item = Sample<'_, 3>> {
    let failed = vm.targets.iter().flat_map(|target| &target.failed);
    // As above: a test that reports twice is one series.
    let distinct: BTreeSet<_> = failed.map(|test| (&test.target, &test.id)).collect();
    distinct.into_iter().map(|(target, test)| Sample {
        labels: [vm.name().into(), target.into(), test.into()],
        value: 1.0,
    })
}

fn last_scrape(vm: &VmState) -> Option<Sample<'_, 1>> {
    Some(Sample {
        labels: [vm.name().into()],
        value: timestamp_s(vm.scrapes.last?),
    })
}

fn timestamp_s(time: Timestamp) -> f64 {
    time.as_microsecond() as f64 / 1e6
}

fn benchmarks(vm: &VmState) -> impl Iterator<Item = Sample<'_, 5>> {
    // As above: two targets that measure the same are one series, the last.
    let measured = vm.targets.iter().flat_map(|target| &target.benchmarks);
    let distinct: BTreeMap<_, f64> = measured.map(|b| (b.key(), b.median)).collect();
    distinct
        .into_iter()
        .map(|((name, workload, connections, unit), value)| Sample {
            labels: [
                vm.name().into(),
                name.into(),
                workload.into(),
                connections.to_string().into(),
                unit.into(),
            ],
            value,
        })
}

/// The `value` of each series that was judged.
fn judged<'a>(vms: &[&'a VmState], value: impl Fn(&Judged) -> f64) -> Vec<Sample<'a, 4>> {
    let mut samples = Vec::new();
    for vm in vms {
        // As above: the same in another unit is no series of its own here.
        let distinct: BTreeMap<_, f64> = vm
            .findings
            .judged
            .iter()
            .map(|judged| {
                let of = &judged.quantity;
                let key = (&of.benchmark, &of.workload, of.connections);
                (key, value(judged))
            })
            .collect();
        samples.extend(
            distinct
                .into_iter()
                .map(|((benchmark, workload, connections), value)| Sample {
                    labels: [
                        vm.name().into(),
                        benchmark.into(),
                        workload.into(),
                        connections.to_string().into(),
                    ],
                    value,
                }),
        );
    }
    samples
}
