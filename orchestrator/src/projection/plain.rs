// SPDX-License-Identifier: BSD-2-Clause
//! Progress line by line, each prefixed by its VM: for pipes, files and CI.

use std::io::Write;

use protocol::event::{Level, TargetFinished, TestFinished};

use super::View;
use super::benchmarks;
use super::state::{RunState, Tally, VmState};
use super::text::{self, FULL, Paint, Room, Tone, printable, seconds};
use crate::event::{Body, ConsoleKind, Event, Plan, ScrapeReason};

/// Prints a line for each event that says something new of a run.
#[derive(Debug)]
pub struct Plain<W> {
    out: W,
    paint: Paint,
}

impl<W: Write + Send> Plain<W> {
    /// Lines go to `out`.
    pub fn new(out: W, paint: Paint) -> Self {
        Self { out, paint }
    }
}

impl<W: Write + Send> View for Plain<W> {
    fn show(&mut self, state: &RunState, event: &Event) {
        if let Some(line) = line(self.paint, state, &event.body) {
            // Whoever read the lines is gone: no reason to end the run.
            let _ = writeln!(self.out, "{line}");
        }
    }
}

/// What there is to say of an event.
fn line(paint: Paint, state: &RunState, body: &Body) -> Option<String> {
    let (vm, said) = match body {
        Body::RunStarted { run, plan, .. } => return Some(format!("run {run}: {}", planned(plan))),
        Body::RunResumed { .. } => return Some(resumed(state)),
        Body::Interrupted { forced, signal } => return Some(interrupted(signal, *forced)),
        Body::StageStarted { vm, stage, attempt } => (vm, stage_started(stage.as_str(), *attempt)),
        Body::StageFinished {
            vm,
            stage,
            duration_s,
            cause: Some(cause),
            will_retry,
            ..
        } => {
            let head = paint.text(Tone::Warn, format_args!("{stage} failed"));
            let after = seconds(*duration_s);
            let cause = if *will_retry {
                text::retry_line(cause)
            } else {
                text::cause_line(cause)
            };
            (vm, format!("{head} after {after}: {cause}"))
        }
        Body::Facts { vm, facts } => {
            let said = format!("{} {} {}", facts.os, facts.os_release, facts.arch);
            (vm, printable(&said).into_owned())
        }
        Body::Harness { vm, event, .. } => (vm, harness(paint, state, vm, &event.body)?),
        Body::Note { vm, line, .. } => (vm, paint.text(Tone::Warn, printable(line))),
        Body::Console { vm, kind, lines } => (vm, console(paint, *kind, lines)),
        Body::TargetRetried {
            vm,
            target,
            attempt,
            suspects,
        } => (vm, target_retried(target, *attempt, suspects)),
        Body::VmFinished { vm, outcome, .. } => {
            let vm_state = state.vm(vm)?;
            let end = vm_state.end()?;
            // The stage that failed has said why, where that is the reason.
            let said = end.cause.is_some() && end.cause == vm_state.failure;
            let line = if said {
                text::short_end_line(end)
            } else {
                text::end_line(end)
            };
            (vm, paint.text(Tone::of(*outcome), line))
        }
        Body::ScrapeFailed {
            vm,
            reason,
            message,
            ..
        } => (vm, scrape_failed(paint, state.vm(vm)?, *reason, message)?),
        Body::StageFinished { .. }
        | Body::Scraped { .. }
        | Body::Output { .. }
        | Body::Judged { .. }
        | Body::Compared { .. }
        | Body::RunFinished { .. }
        | Body::Unknown => return None,
    };
    Some(format!("{vm}: {said}"))
}

fn resumed(state: &RunState) -> String {
    let missing = state.vms.iter().filter(|vm| vm.end().is_none()).count();
    format!("resumed: {} to go", text::count(missing, "VM"))
}

/// The first failure of a kind; the others are counted. An exporter that has
/// ended is what is to be expected at the end of its target.
pub(super) fn scrape_failed(
    paint: Paint,
    vm: &VmState,
    reason: ScrapeReason,
    message: &str,
) -> Option<String> {
    let first = vm.scrapes.failed.get(&reason) == Some(&1);
    (first && reason != ScrapeReason::Gone).then(|| {
        let head = paint.text(Tone::Warn, "scraping failed");
        format!("{head}: {}; the run goes on", printable(message))
    })
}

/// What a signal does, for whoever sent it.
pub(super) fn interrupted(signal: &str, forced: bool) -> String {
    if forced {
        format!("{signal} again: ending without cleaning up")
    } else {
        format!("{signal}: cleaning up; once more ends at once")
    }
}

/// What stands before a test that failed.
pub(super) fn failed_head(paint: Paint, vm: &VmState, test: &TestFinished) -> String {
    if vm.expects(test) {
        paint.text(Tone::Quiet, "failed as expected")
    } else {
        paint.text(Tone::Bad, "FAILED")
    }
}

/// What a kernel in trouble said: its first line.
pub(super) fn console(paint: Paint, kind: ConsoleKind, lines: &[String]) -> String {
    let tone = if kind.is_crash() {
        Tone::Bad
    } else {
        Tone::Warn
    };
    let head = paint.text(tone, format_args!("console, {}", kind.as_str()));
    let first = lines.first().map_or("", String::as_str);
    format!("{head}: {}", printable(first))
}

/// That a target is run once more.
pub(super) fn target_retried(target: &str, attempt: u32, suspects: &[String]) -> String {
    let target = printable(target);
    let Some((first, others)) = suspects.split_first() else {
        return format!("{target} failed and is run again, attempt {attempt}");
    };
    let more = match others.len() {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    let first = printable(first);
    format!("{target} is measured again: {first}{more} not as its history lets expect")
}

/// What a VM's log line looks like; `None` below a warning.
pub(super) fn log(paint: Paint, level: Level, message: &str) -> Option<String> {
    let level = match level {
        Level::Warn => "warning",
        Level::Error => "error",
        Level::Debug | Level::Info => return None,
    };
    let head = paint.text(Tone::Warn, level);
    Some(format!("{head}: {}", printable(message)))
}

fn planned(plan: &Plan) -> String {
    let targets: Vec<String> = plan
        .targets
        .iter()
        .map(|planned| match planned.category.as_str() {
            "all" => planned.target.clone(),
            category => format!("{} (category {category})", planned.target),
        })
        .collect();
    let vms = text::count(plan.vms.len(), "VM");
    format!("{vms}, {}", targets.join(", "))
}

fn stage_started(stage: &str, attempt: u32) -> String {
    match attempt {
        0 | 1 => stage.to_owned(),
        _ => format!("{stage}, attempt {attempt}"),
    }
}

fn harness(paint: Paint, state: &RunState, vm: &str, body: &protocol::Body) -> Option<String> {
    match body {
        protocol::Body::TargetStarted { target, tests } => {
            let target = printable(target);
            Some(match tests {
                Some(tests) => format!("{target} started, {tests} tests"),
                None => format!("{target} started"),
            })
        }
        protocol::Body::TargetFinished(finished) => Some(target_finished(paint, finished)),
        protocol::Body::TestFinished(test) => {
            let vm = state.vm(vm)?;
            let tally = vm.tally();
            let (number, head) = match test.outcome {
                protocol::Outcome::Passed => return None,
                protocol::Outcome::Skipped => (tally.skipped, "skipped".to_owned()),
                protocol::Outcome::Failed => (tally.failed, failed_head(paint, vm, test)),
            };
            match Room::for_test(number) {
                Room::Show => Some(format!("{head} {}", test_line(test))),
                Room::SayFull => Some(FULL.to_owned()),
                Room::CountOnly => None,
            }
        }
        protocol::Body::Log { level, message } => log(paint, *level, message),
        protocol::Body::Benchmark(told) => {
            let target = state.vm(vm)?.target(&told.target)?;
            let mut kept = target.benchmarks.iter().rev();
            let series = (
                told.name.as_str(),
                told.workload.as_str(),
                told.connections,
                told.unit.as_str(),
            );
            let measured = kept.find(|kept| kept.key() == series)?;
            Some(benchmarks::line(measured))
        }
        protocol::Body::Hello(_)
        | protocol::Body::Counters { .. }
        | protocol::Body::Exporter { .. }
        | protocol::Body::Bye { .. }
        | protocol::Body::Unknown => None,
    }
}

fn test_line(test: &TestFinished) -> String {
    format!("{}: {}", text::test_title(test), text::failure_line(test))
}

fn target_finished(paint: Paint, finished: &TargetFinished) -> String {
    let tone = match finished.outcome {
        protocol::Outcome::Passed => Tone::Good,
        protocol::Outcome::Skipped => Tone::Warn,
        protocol::Outcome::Failed => Tone::Bad,
    };
    let tally = Tally {
        passed: finished.passed,
        failed: finished.failed,
        skipped: finished.skipped,
    };
    // No test of it failed: it was interrupted, or could not go on.
    let cut_off = finished.outcome == protocol::Outcome::Failed && finished.failed == 0;
    let how = if cut_off {
        paint.text(Tone::Warn, "did not end well")
    } else {
        paint.text(tone, finished.outcome)
    };
    format!(
        "{} {how} in {}: {}",
        printable(&finished.target),
        seconds(finished.duration_s),
        text::tally(tally)
    )
}
