// SPDX-License-Identifier: BSD-2-Clause
//! The gauges: what the state of the run says at the moment of asking.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use prometheus::core::{Collector, Desc};
use prometheus::proto::MetricFamily;

use super::device;
use super::family::{Family, Sample};
use crate::event::{Judged, SeriesState, Stage, VmOutcome};
use crate::projection::Fleet;
use crate::projection::state::{RunState, Tally, VmState};

const RUN_IN_PROGRESS: Family = Family::gauge(
    "orchestrator_run_in_progress",
    "Whether a run goes on (0 or 1).",
    &[],
);
const VM_INFO: Family = Family::gauge(
    "orchestrator_vm_info",
    "What a VM is; always 1.",
    &["vm", "os", "arch"],
);
const VM_UP: Family = Family::gauge(
    "orchestrator_vm_up",
    "Whether the VM could be reached and was not lost since (0 or 1).",
    &["vm"],
);
const LAST_RUN: Family = Family::gauge(
    "orchestrator_last_run_timestamp_seconds",
    "When the target last came to an end on the VM, whatever end that was.",
    &["vm", "target"],
);
const TARGET_PASSED: Family = Family::gauge(
    "orchestrator_target_passed",
    "Whether the target came to its end without a failed test (0 or 1).",
    &["vm", "target"],
);
const TARGET_DURATION: Family = Family::gauge(
    "orchestrator_target_duration_seconds",
    "Wall time of the target.",
    &["vm", "target"],
);
const TESTS: Family = Family::gauge(
    "orchestrator_tests",
    "Tests of the target's last run by outcome.",
    &["vm", "target", "category", "outcome"],
);
const TEST_FAILED: Family = Family::gauge(
    "orchestrator_test_failed",
    "A test that failed in the target's last run; always 1.",
    &["vm", "target", "test"],
);

const BENCHMARK: Family = Family::gauge(
    "orchestrator_benchmark_value",
    "Median of a benchmark's repetitions in its target's last run, in the unit of its label.",
    &["vm", "benchmark", "workload", "connections", "unit"],
);

const BENCHMARK_CHANGE: Family = Family::gauge(
    "orchestrator_benchmark_change_ratio",
    "New mean through old mean, less 1, of the change of the benchmark's history that counts most: \
     the last one that is for the worse and stands, else the last one; 0 where there was none.",
    &["vm", "benchmark", "workload", "connections"],
);
const BENCHMARK_REGRESSION: Family = Family::gauge(
    "orchestrator_benchmark_regression",
    "Whether the benchmark got worse, which is confirmed, not recovered and not acknowledged (0 or 1).",
    &["vm", "benchmark", "workload", "connections"],
);
const BENCHMARK_SUSPECT: Family = Family::gauge(
    "orchestrator_benchmark_suspect",
    "Whether the benchmark's last run is not what its history lets expect (0 or 1).",
    &["vm", "benchmark", "workload", "connections"],
);

const LAST_SCRAPE: Family = Family::gauge(
    "orchestrator_last_scrape_timestamp_seconds",
    "When the VM's exporter was last scraped with success.",
    &["vm"],
);

/// What [`TESTS`] says of tests without a category.
const NO_CATEGORY: &str = "none";

/// Computes every gauge from the states of the runs.
pub(super) struct StateCollector {
    fleet: Fleet,
    descs: Vec<Desc>,
}

impl StateCollector {
    /// # Errors
    /// A family whose name is malformed.
    pub(super) fn new(fleet: Fleet) -> prometheus::Result<Self> {
        let own = [
            RUN_IN_PROGRESS,
            VM_INFO,
            VM_UP,
            LAST_RUN,
            TARGET_PASSED,
            TARGET_DURATION,
            TESTS,
            TEST_FAILED,
            BENCHMARK,
            BENCHMARK_CHANGE,
            BENCHMARK_REGRESSION,
            BENCHMARK_SUSPECT,
            LAST_SCRAPE,
        ];
        let families = own.into_iter().chain(device::families());
        let descs = families
            .map(|family| family.desc())
            .collect::<Result<_, _>>()?;
        Ok(Self { fleet, descs })
    }
}

impl Collector for StateCollector {
    fn desc(&self) -> Vec<&Desc> {
        self.descs.iter().collect()
    }

    fn collect(&self) -> Vec<MetricFamily> {
        let mut in_progress = false;
        let mut all: Vec<MetricFamily> = Vec::new();
        self.fleet.each(|part| {
            in_progress |= part.in_progress;
            let mut families = collect(part.state, &part.vms);
            families.extend(device::collect(&part.vms));
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
fn merge(all: &mut Vec<MetricFamily>, more: Vec<MetricFamily>) {
    if all.is_empty() {
        *all = more;
        return;
    }
    for (family, mut more) in all.iter_mut().zip(more) {
        family.mut_metric().extend(more.take_metric());
    }
}

/// All but whether a run goes on, of `vms` in the run that `state` is of.
fn collect(state: &RunState, vms: &[&VmState]) -> Vec<MetricFamily> {
    let judged_ones = vms;
    let vms = || vms.iter().copied();
    let ends: Vec<TargetEnd> = vms().flat_map(|vm| target_ends(state, vm)).collect();
    vec![
        VM_INFO.with(vms().map(info)),
        VM_UP.with(vms().filter_map(up)),
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

fn info(vm: &VmState) -> Sample<3> {
    let (os, arch) = match &vm.facts {
        Some(facts) => (
            format!("{} {}", facts.os, facts.os_release),
            facts.arch.clone(),
        ),
        None => (vm.planned.os.clone(), vm.planned.arch.clone()),
    };
    Sample {
        labels: [vm.name().to_owned(), os, arch],
        value: 1.0,
    }
}

/// `None` before the first attempt to connect has ended.
fn up(vm: &VmState) -> Option<Sample<1>> {
    let connected = vm.stages.get(&Stage::Connect)?.succeeded?;
    let lost = vm
        .end()
        .is_some_and(|end| matches!(end.outcome, VmOutcome::Lost | VmOutcome::Crashed));
    Some(Sample {
        labels: [vm.name().to_owned()],
        value: truth(connected && !lost),
    })
}

/// How a target ended on a VM, also where the VM did not bring it to its end.
struct TargetEnd {
    vm: String,
    target: String,
    passed: bool,
    timestamp_s: f64,
    /// Absent where the target was cut off or never begun.
    duration_s: Option<f64>,
}

impl TargetEnd {
    fn sample(&self, value: f64) -> Sample<2> {
        Sample {
            labels: [self.vm.clone(), self.target.clone()],
            value,
        }
    }
}

/// Each target that was begun, and each planned one: a planned target with
/// members ended as its session did.
fn target_ends(state: &RunState, vm: &VmState) -> Vec<TargetEnd> {
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
fn target_end(vm: &VmState, name: &str, end: Option<End>) -> Option<TargetEnd> {
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
        vm: vm.name().to_owned(),
        target: name.to_owned(),
        passed,
        timestamp_s: timestamp_s(time),
        duration_s,
    })
}

fn tests(vm: &VmState) -> impl Iterator<Item = Sample<4>> {
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
                    vm.name().to_owned(),
                    target.target.clone(),
                    category.to_owned(),
                    outcome.to_string(),
                ],
                value: f64::from(number),
            })
        })
    })
}

fn failed_tests(vm: &VmState) -> impl Iterator<Item = Sample<3>> {
    let failed = vm.targets.iter().flat_map(|target| &target.failed);
    // As above: a test that reports twice is one series.
    let distinct: BTreeSet<_> = failed.map(|test| (&test.target, &test.id)).collect();
    distinct.into_iter().map(|(target, test)| Sample {
        labels: [vm.name().to_owned(), target.clone(), test.clone()],
        value: 1.0,
    })
}

fn last_scrape(vm: &VmState) -> Option<Sample<1>> {
    Some(Sample {
        labels: [vm.name().to_owned()],
        value: timestamp_s(vm.scrapes.last?),
    })
}

fn timestamp_s(time: Timestamp) -> f64 {
    time.as_microsecond() as f64 / 1e6
}

fn benchmarks(vm: &VmState) -> impl Iterator<Item = Sample<5>> {
    // As above: two targets that measure the same are one series, the last.
    let measured = vm.targets.iter().flat_map(|target| &target.benchmarks);
    let distinct: BTreeMap<_, f64> = measured.map(|b| (b.key(), b.median)).collect();
    distinct
        .into_iter()
        .map(|((name, workload, connections, unit), value)| Sample {
            labels: [
                vm.name().to_owned(),
                name.to_owned(),
                workload.to_owned(),
                connections.to_string(),
                unit.to_owned(),
            ],
            value,
        })
}

/// The `value` of each series that was judged.
fn judged(vms: &[&VmState], value: impl Fn(&Judged) -> f64) -> Vec<Sample<4>> {
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
                        vm.name().to_owned(),
                        benchmark.clone(),
                        workload.clone(),
                        connections.to_string(),
                    ],
                    value,
                }),
        );
    }
    samples
}
