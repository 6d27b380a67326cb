// SPDX-License-Identifier: BSD-2-Clause
//! The gauges: what the states of the runs say at the moment of asking.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet, HashSet};

use jiff::Timestamp;
use metric_table::{Computed, Sample, Text};

use super::device;
use super::table::{
    BENCHMARK, BENCHMARK_CHANGE, BENCHMARK_REGRESSION, BENCHMARK_SUSPECT, CONSOLE_REPORTS,
    LAST_RUN, LAST_SCRAPE, RUN_IN_PROGRESS, TARGET_DURATION, TARGET_PASSED, TEST_FAILED, TESTS,
    VM_DURATION, VM_INFO, VM_OUTCOME, VM_UP,
};
use crate::event::{Judged, SeriesState, Stage, VmOutcome};
use crate::projection::state::{Tally, TargetState, VmState};
use crate::projection::target_ends::{TargetEnd, target_ends};
use crate::projection::{Aspect, Fleet, Part};

/// What [`TESTS`] says of tests without a category.
const NO_CATEGORY: &str = "none";

/// VM, benchmark, workload and connections.
type Labels<'a> = [Cow<'a, str>; 4];

impl Computed for Fleet {
    fn families(&self) -> Vec<Text> {
        let mut in_progress = false;
        let mut all: Vec<Text> = Vec::new();
        let mut measured = Measured::default();
        self.each(|part| {
            in_progress |= part.in_progress;
            let mut families = of_vms(part);
            families.extend(of_targets(part, &mut measured));
            families.extend(device::of_vms(
                &part.latest_in(&Aspect::Device).collect::<Vec<_>>(),
            ));
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

/// What is said of VMs.
fn of_vms(part: &Part<'_>) -> Vec<Text> {
    vec![
        VM_INFO.with(part.latest_in(&Aspect::Info).map(info)),
        VM_UP.with(part.latest_in(&Aspect::Reach).filter_map(up)),
        VM_OUTCOME.with(part.latest_in(&Aspect::End).filter_map(outcome)),
        VM_DURATION.with(part.latest_in(&Aspect::End).filter_map(duration)),
        CONSOLE_REPORTS.with(part.latest_in(&Aspect::Console).flat_map(console_reports)),
        LAST_SCRAPE.with(part.latest_in(&Aspect::Device).filter_map(last_scrape)),
    ]
}

/// A VM, and those of its targets that a run has the last word on.
struct OfVm<'a> {
    vm: &'a VmState,
    ends: Vec<TargetEnd<'a>>,
    targets: Vec<&'a TargetState>,
    judged: Vec<&'a Judged>,
}

impl<'a> OfVm<'a> {
    fn new(part: &Part<'a>, vm: &'a VmState, latest: &HashSet<&Aspect>) -> Self {
        let has = |target: &str| {
            latest
                .iter()
                .any(|aspect| matches!(aspect, Aspect::Results(of) if of == target))
        };
        let is_judged = |judged: &Judged| {
            let of = &judged.quantity;
            let key = (&*of.benchmark, &*of.workload, of.connections, &*of.unit);
            let measures = |target: &&TargetState| {
                let mut all = target.benchmarks.iter();
                all.any(|benchmark| benchmark.key() == key)
            };
            // What no target is known to have measured goes with the VM.
            vm.targets
                .iter()
                .find(measures)
                .map_or(latest.contains(&Aspect::End), |target| {
                    latest.contains(&Aspect::Judged(target.target.clone()))
                })
        };
        let mut ends = target_ends(part.state, vm);
        ends.retain(|end| has(end.target));
        Self {
            vm,
            ends,
            targets: vm.targets.iter().filter(|t| has(&t.target)).collect(),
            judged: vm
                .findings
                .judged
                .iter()
                .filter(|judged| is_judged(judged))
                .collect(),
        }
    }

    fn of_ends(
        &self,
        value: impl Fn(&TargetEnd<'a>) -> Option<f64>,
    ) -> impl Iterator<Item = Sample<'a, 2>> {
        self.ends.iter().filter_map(move |end| {
            Some(Sample {
                labels: [self.vm.name().into(), end.target.into()],
                value: value(end)?,
            })
        })
    }
}

/// What is said of targets, and of what they measured that is not in `measured`.
fn of_targets(part: &Part<'_>, measured: &mut Measured) -> Vec<Text> {
    let vms = part.latest.iter();
    let vms: Vec<OfVm<'_>> = vms
        .map(|(vm, latest)| OfVm::new(part, vm, latest))
        .collect();
    let ends =
        |value: fn(&TargetEnd<'_>) -> Option<f64>| vms.iter().flat_map(move |vm| vm.of_ends(value));
    let judged: Vec<_> = vms.iter().flat_map(|vm| measured.judged(vm)).collect();
    let findings = |value: fn(&Judged) -> f64| {
        let findings = judged.iter();
        findings.map(move |(labels, judged)| Sample {
            labels: labels.clone(),
            value: value(judged),
        })
    };
    vec![
        LAST_RUN.with(ends(|end| Some(timestamp_s(end.time)))),
        TARGET_PASSED.with(ends(|end| Some(truth(end.passed)))),
        TARGET_DURATION.with(ends(|end| end.duration_s)),
        TESTS.with(vms.iter().flat_map(tests)),
        TEST_FAILED.with(vms.iter().flat_map(failed_tests)),
        BENCHMARK.with(vms.iter().flat_map(|vm| measured.benchmarks(vm))),
        BENCHMARK_CHANGE.with(findings(|judged| {
            judged.change.as_ref().map_or(0.0, |change| change.ratio)
        })),
        BENCHMARK_REGRESSION.with(findings(|judged| {
            truth(judged.state == SeriesState::Confirmed)
        })),
        BENCHMARK_SUSPECT.with(findings(|judged| truth(judged.suspicion.is_some()))),
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

fn tests<'a>(of: &OfVm<'a>) -> impl Iterator<Item = Sample<'a, 4>> {
    let vm = of.vm;
    of.targets.iter().flat_map(move |target| {
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

fn failed_tests<'a>(of: &OfVm<'a>) -> impl Iterator<Item = Sample<'a, 3>> {
    let vm = of.vm;
    let failed = of.targets.iter().flat_map(|target| &target.failed);
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

/// The series of benchmarks that were shown. Two targets that measure the same,
/// and the same in another unit, are one series; twice it would void the scrape.
#[derive(Default)]
struct Measured {
    benchmarks: HashSet<[String; 5]>,
    judged: HashSet<[String; 4]>,
}

impl Measured {
    fn benchmarks<'a>(&mut self, of: &OfVm<'a>) -> Vec<Sample<'a, 5>> {
        let vm = of.vm.name();
        // Of a run, the last that was measured.
        let measured = of
            .targets
            .iter()
            .rev()
            .flat_map(|t| t.benchmarks.iter().rev());
        let samples = measured.filter_map(|benchmark| {
            let (name, workload, connections, unit) = benchmark.key();
            let labels = [vm, name, workload, &connections.to_string(), unit].map(str::to_owned);
            self.benchmarks.insert(labels.clone()).then(|| Sample {
                labels: labels.map(Into::into),
                value: benchmark.median,
            })
        });
        let mut samples: Vec<_> = samples.collect();
        samples.sort_by(|a, b| a.labels.cmp(&b.labels));
        samples
    }

    fn judged<'a>(&mut self, of: &OfVm<'a>) -> Vec<(Labels<'a>, &'a Judged)> {
        let vm = of.vm.name();
        let findings = of.judged.iter().rev().filter_map(|judged| {
            let quantity = &judged.quantity;
            let connections = quantity.connections.to_string();
            let labels = [vm, &quantity.benchmark, &quantity.workload, &connections];
            let labels = labels.map(str::to_owned);
            let is_new = self.judged.insert(labels.clone());
            is_new.then(|| (labels.map(Into::into), *judged))
        });
        let mut findings: Vec<(Labels<'a>, _)> = findings.collect();
        findings.sort_by(|a, b| a.0.cmp(&b.0));
        findings
    }
}
