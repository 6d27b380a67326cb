// SPDX-License-Identifier: BSD-2-Clause
//! A run's end as one JSON object, for programs: what the summary says, and
//! what it leaves out for people. Fields are added in later versions, never
//! given another meaning.

use std::collections::BTreeMap;

use jiff::Timestamp;
use protocol::event::{Better, TestFinished};
use serde::Serialize;

use super::state::{BenchmarkState, RunState, Tally, TargetState, VmState};
use crate::event::{Cause, Compared, Facts, Judged, Reading, ScrapeReason, Stage, VmOutcome};

/// Version of the object; `v` in the JSON.
const VERSION: u32 = 1;

/// A whole run.
#[derive(Serialize)]
pub(crate) struct RunResult<'a> {
    v: u32,
    run: Option<&'a str>,
    orchestrator: Option<&'a str>,
    started: Option<Timestamp>,
    /// Absent for a run whose end is not in the log.
    duration_s: Option<f64>,
    result: &'static str,
    exit_status: u8,
    /// Name of the signal that ended it early.
    interrupted: Option<&'a str>,
    tests: Tests,
    vms: Vec<Vm<'a>>,
}

#[derive(Serialize)]
struct Tests {
    passed: u32,
    failed: u32,
    skipped: u32,
}

#[derive(Serialize)]
struct Vm<'a> {
    name: &'a str,
    address: &'a str,
    facts: Option<&'a Facts>,
    /// Absent for a VM whose end is not in the log.
    outcome: Option<VmOutcome>,
    cause: Option<&'a Cause>,
    broken_in: Option<Stage>,
    duration_s: Option<f64>,
    tests: Tests,
    stages: Vec<StageResult>,
    targets: Vec<Target<'a>>,
    /// The benchmarks beside their history.
    judged: &'a [Judged],
    /// The benchmarks beside the run that was named for that.
    compared: &'a [Compared],
    scrapes: Scrapes<'a>,
    /// What else is to be known of it.
    notes: &'a [String],
}

#[derive(Serialize)]
struct Scrapes<'a> {
    succeeded: u32,
    /// By reason.
    failed: &'a BTreeMap<ScrapeReason, u32>,
    /// What the exporter said last, by its own names.
    last: &'a BTreeMap<String, Reading>,
}

#[derive(Serialize)]
struct StageResult {
    stage: Stage,
    attempts: u32,
    duration_s: f64,
    succeeded: Option<bool>,
}

#[derive(Serialize)]
struct Target<'a> {
    target: &'a str,
    /// The planned target that it is, or is a member of.
    planned: &'a str,
    /// Absent where it was cut off.
    outcome: Option<protocol::Outcome>,
    duration_s: Option<f64>,
    tests: Tests,
    failed: &'a [TestFinished],
    skipped: &'a [TestFinished],
    benchmarks: Vec<Benchmark<'a>>,
    /// By how much the device's counters grew.
    counters: BTreeMap<&'a str, u64>,
}

#[derive(Serialize)]
struct Benchmark<'a> {
    name: &'a str,
    workload: &'a str,
    connections: u64,
    unit: &'a str,
    better: Better,
    samples: usize,
    median: f64,
    quartiles: [f64; 2],
}

impl From<Tally> for Tests {
    fn from(tally: Tally) -> Self {
        Self {
            passed: tally.passed,
            failed: tally.failed,
            skipped: tally.skipped,
        }
    }
}

/// The run as JSON with a newline at its end.
///
/// # Errors
/// None that this type can give; they are the serializer's.
pub fn render(state: &RunState) -> serde_json::Result<String> {
    Ok(serde_json::to_string_pretty(&of(state))? + "\n")
}

/// The run as it stands in the JSON.
pub(crate) fn of(state: &RunState) -> RunResult<'_> {
    let head = state.head.as_ref();
    let status = state.exit_status();
    RunResult {
        v: VERSION,
        run: head.map(|head| head.run.as_str()),
        orchestrator: head.map(|head| head.orchestrator.as_str()),
        started: head.map(|head| head.started),
        duration_s: state.duration_s,
        result: status.as_str(),
        exit_status: status.code(),
        interrupted: state.interrupted.as_ref().map(|by| by.signal.as_str()),
        tests: state.tally().into(),
        vms: state.vms.iter().map(vm).collect(),
    }
}

fn vm(vm: &VmState) -> Vm<'_> {
    let end = vm.end();
    let stages = vm.stages.iter().map(|(stage, state)| StageResult {
        stage: *stage,
        attempts: state.attempts,
        duration_s: state.duration_s,
        succeeded: state.succeeded,
    });
    Vm {
        name: vm.name(),
        address: &vm.planned.address,
        facts: vm.facts.as_ref(),
        outcome: end.map(|end| end.outcome),
        cause: end.and_then(|end| end.cause.as_ref()),
        broken_in: end.and_then(|end| end.broken_in),
        duration_s: end.map(|end| end.duration_s),
        tests: vm.tally().into(),
        stages: stages.collect(),
        targets: vm.targets.iter().map(target).collect(),
        judged: &vm.findings.judged,
        compared: &vm.findings.compared,
        scrapes: Scrapes {
            succeeded: vm.scrapes.succeeded,
            failed: &vm.scrapes.failed,
            last: &vm.scraped,
        },
        notes: &vm.notes,
    }
}

fn target(target: &TargetState) -> Target<'_> {
    let end = target.end.as_ref();
    Target {
        target: &target.target,
        planned: &target.planned,
        outcome: end.map(|end| end.outcome),
        duration_s: end.map(|end| end.duration_s),
        tests: target.tally().into(),
        failed: &target.failed,
        skipped: &target.skipped,
        benchmarks: target.benchmarks.iter().map(benchmark).collect(),
        counters: target.counters.growth().collect(),
    }
}

fn benchmark(benchmark: &BenchmarkState) -> Benchmark<'_> {
    Benchmark {
        name: &benchmark.name,
        workload: &benchmark.workload,
        connections: benchmark.connections,
        unit: &benchmark.unit,
        better: benchmark.better,
        samples: benchmark.samples,
        median: benchmark.median,
        quartiles: benchmark.quartiles,
    }
}
