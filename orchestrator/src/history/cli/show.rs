// SPDX-License-Identifier: BSD-2-Clause
//! `orchestrator show`: one run in full, from its log alone.

use std::path::PathBuf;
use std::process::ExitCode;

use serde::Serialize;

use super::{Error, How, status};
use crate::event::Stage;
use crate::history::Fingerprint;
use crate::history::record::{RunRecord, StageAttempt, TargetAttempt};
use crate::projection::result;
use crate::projection::state::{RunState, StageState, VmState};
use crate::projection::summary::{self, Look, table};
use crate::projection::text::{Tone, cause_line, printable, seconds, tally};
use crate::runs;

/// Which run is shown, and how.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// A run's name or an end of it, `latest`, its folder, or its events.ndjson
    run: PathBuf,
    #[command(flatten)]
    how: How,
}

/// Show it.
#[must_use]
pub fn main(args: &Args) -> ExitCode {
    status(show(args))
}

fn show(args: &Args) -> Result<(), Error> {
    let log = runs::find(&args.run, &args.how.runs_dir.path()?)?;
    let record = super::read(&log)?;
    args.how
        .print(&Shown::of(&record), |look| render(&record, look))
}

/// The machines, the stages, what was tried again, and the run's summary, which
/// has the last word here too.
fn render(record: &RunRecord, look: Look) -> String {
    let title = |text| look.paint.text(Tone::Strong, text);
    let sections = [
        Some(head(&record.state)),
        machines(record).map(|lines| title("Machines") + "\n" + &lines),
        stages(record, look),
        retried(record).map(|lines| title("Tried again") + "\n" + &lines),
        Some(summary::render(&record.state, look)),
    ];
    sections
        .into_iter()
        .flatten()
        .collect::<Vec<_>>()
        .join("\n\n")
}

fn head(state: &RunState) -> String {
    let Some(head) = &state.head else {
        return String::new();
    };
    let targets: Vec<&str> = head.targets.iter().map(|t| t.target.as_str()).collect();
    format!(
        "run {} of {:.0}, {} by orchestrator {}",
        printable(&head.run),
        head.started,
        printable(&targets.join(", ")),
        printable(&head.orchestrator)
    )
}

/// A line a fingerprint, with the VMs that have it.
fn machines(record: &RunRecord) -> Option<String> {
    let mut machines: Vec<(Fingerprint, Vec<&str>)> = Vec::new();
    for vm in &record.state.vms {
        let Some(fingerprint) = record.fingerprint(vm) else {
            continue;
        };
        match machines.iter_mut().find(|(known, _)| *known == fingerprint) {
            Some((_, vms)) => vms.push(vm.name()),
            None => machines.push((fingerprint, vec![vm.name()])),
        }
    }
    let lines: Vec<String> = machines
        .iter()
        .map(|(fingerprint, vms)| {
            let said = fingerprint.to_string();
            format!("    {}: {}", printable(&vms.join(", ")), printable(&said))
        })
        .collect();
    (!lines.is_empty()).then(|| lines.join("\n"))
}

/// A line a stage: on how many VMs it was begun, and how long it took there.
fn stages(record: &RunRecord, look: Look) -> Option<String> {
    let rows: Vec<Vec<String>> = Stage::ALL
        .into_iter()
        .filter_map(|stage| stage_row(&record.state, stage))
        .collect();
    let header = [
        "stage",
        "slowest VM",
        "at most",
        "at least",
        "VMs",
        "attempts",
        "failed",
    ];
    (!rows.is_empty()).then(|| table(look, header, rows, 2))
}

fn stage_row(state: &RunState, stage: Stage) -> Option<Vec<String>> {
    let of_vms = state.vms.iter();
    let begun = of_vms.filter_map(|vm| Some((vm.name(), vm.stages.get(&stage)?)));
    let mut begun: Vec<(&str, &StageState)> = begun.collect();
    begun.sort_by(|(_, a), (_, b)| a.duration_s.total_cmp(&b.duration_s));
    let (_, fastest) = begun.first()?;
    let (vm, slowest) = begun.last()?;
    let attempts: u32 = begun.iter().map(|(_, of_vm)| of_vm.attempts).sum();
    let failed = begun
        .iter()
        .filter(|(_, of_vm)| of_vm.succeeded == Some(false));
    Some(vec![
        stage.to_string(),
        printable(vm).into_owned(),
        seconds(slowest.duration_s),
        seconds(fastest.duration_s),
        begun.len().to_string(),
        attempts.to_string(),
        failed.count().to_string(),
    ])
}

/// Attempts that were followed by another, a line each.
fn retried(record: &RunRecord) -> Option<String> {
    let mut lines = Vec::new();
    for vm in &record.state.vms {
        let Some(attempts) = record.attempts(vm.name()) else {
            continue;
        };
        let name = printable(vm.name());
        let stages = attempts.stages.iter().filter(|stage| stage.will_retry);
        lines.extend(stages.map(|stage| {
            let why = stage.cause.as_ref().map_or(String::new(), cause_line);
            format!(
                "    {name} {}, attempt {}: {why}",
                stage.stage, stage.attempt
            )
        }));
        let superseded = attempts.targets.iter().enumerate();
        let superseded = superseded.filter(|(at, _)| !attempts.counts(vm, *at));
        lines.extend(superseded.map(|(_, attempt)| {
            let target = printable(&attempt.target);
            let number = attempt.attempt;
            format!("    {name} {target}, attempt {number}: {}", end(attempt))
        }));
    }
    (!lines.is_empty()).then(|| lines.join("\n"))
}

fn end(attempt: &TargetAttempt) -> String {
    let tests = tally(attempt.tally());
    match attempt.end {
        Some((outcome, duration_s)) => {
            format!("{outcome} after {}, {tests}", seconds(duration_s))
        }
        None => format!("cut off, {tests}"),
    }
}

/// What `--json` gives: the run's result, and every attempt that led to it.
/// Fields are added in later versions, never given another meaning.
#[derive(Serialize)]
struct Shown<'a> {
    result: result::RunResult<'a>,
    attempts: Vec<OfVm<'a>>,
    /// What of the log is not in it, and why.
    trouble: Option<String>,
}

#[derive(Serialize)]
struct OfVm<'a> {
    vm: &'a str,
    fingerprint: Option<FingerprintShown>,
    stages: &'a [StageAttempt],
    targets: Vec<TargetShown<'a>>,
}

#[derive(Serialize)]
struct FingerprintShown {
    id: String,
    #[serde(flatten)]
    of: Fingerprint,
}

#[derive(Serialize)]
struct TargetShown<'a> {
    target: &'a str,
    planned: &'a str,
    attempt: u32,
    /// Whether no later attempt took its place.
    counts: bool,
    outcome: Option<protocol::Outcome>,
    duration_s: Option<f64>,
    tests: &'a [protocol::event::TestFinished],
}

impl<'a> Shown<'a> {
    fn of(record: &'a RunRecord) -> Self {
        Self {
            result: result::of(&record.state),
            attempts: record
                .state
                .vms
                .iter()
                .map(|vm| OfVm::of(record, vm))
                .collect(),
            trouble: record.trouble(),
        }
    }
}

impl<'a> OfVm<'a> {
    fn of(record: &'a RunRecord, vm: &'a VmState) -> Self {
        let fingerprint = record
            .fingerprint(vm)
            .map(|of| FingerprintShown { id: of.id(), of });
        let attempts = record.attempts(vm.name());
        let targets = attempts.iter().flat_map(|of| {
            let numbered = of.targets.iter().enumerate();
            numbered.map(|(at, target)| TargetShown::of(target, of.counts(vm, at)))
        });
        Self {
            vm: vm.name(),
            fingerprint,
            stages: attempts.map_or(&[], |of| &of.stages),
            targets: targets.collect(),
        }
    }
}

impl<'a> TargetShown<'a> {
    fn of(attempt: &'a TargetAttempt, counts: bool) -> Self {
        Self {
            target: &attempt.target,
            planned: &attempt.planned,
            attempt: attempt.attempt,
            counts,
            outcome: attempt.end.map(|(outcome, _)| outcome),
            duration_s: attempt.end.map(|(_, duration_s)| duration_s),
            tests: &attempt.tests,
        }
    }
}
