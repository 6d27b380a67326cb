// SPDX-License-Identifier: BSD-2-Clause
//! What is known of a run after some of its events: the one fold that the
//! terminal, the summary, the metrics and the exit status are read from.
//!
//! Invariant: memory is bounded whatever the events hold. What exceeds a limit
//! is counted; the event log has it in full.

mod benchmark;
mod clip;
mod counters;
mod findings;
mod target;
mod vm;

use std::collections::{BTreeSet, HashMap};

use jiff::Timestamp;

use crate::event::{Body, Event, Live, Plan, PlannedTarget, PlannedVm, VmOutcome};
use crate::exit::ExitStatus;

pub use benchmark::BenchmarkState;
pub(crate) use benchmark::{median, quartiles, relative};
pub(super) use clip::clip_to;
pub(crate) use clip::{clip, clip_test};
pub use counters::Counters;
pub(crate) use counters::clipped;
pub use findings::Findings;
pub(crate) use target::KEPT_BENCHMARKS;
pub use target::{Tally, TargetEnd, TargetState};
pub use vm::{KEPT_LINES, KEPT_TESTS, Phase, Scrapes, Session, StageState, VmEnd, VmState};

/// Targets of one VM, and categories of one target.
const KEPT_NAMES: usize = 64;
/// What the names beyond [`KEPT_NAMES`] are counted under.
const OTHER: &str = "other";

/// A run after some of its events.
#[derive(Debug, Clone, Default)]
pub struct RunState {
    /// Its beginning; absent before the first event.
    pub head: Option<RunHead>,
    /// In the plan's order.
    pub vms: Vec<VmState>,
    /// The graver of the signals that came, if any did.
    pub interrupted: Option<Interruption>,
    /// Wall time of the whole run, seconds; absent while it goes on, and for
    /// good where the orchestrator was killed.
    pub duration_s: Option<f64>,
    index: HashMap<String, usize>,
}

/// What the first event of a run says.
#[derive(Debug, Clone)]
pub struct RunHead {
    /// Name of the run.
    pub run: String,
    /// Version of the orchestrator.
    pub orchestrator: String,
    /// When it began.
    pub started: Timestamp,
    /// What each VM is to run, in order.
    pub targets: Vec<PlannedTarget>,
    /// What the live targets are told.
    pub live: Live,
}

/// A signal that ended a run early.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Interruption {
    /// Name of the signal.
    pub signal: String,
    /// Whether clean-up was given up too.
    pub forced: bool,
}

impl RunState {
    /// Take in the next event. A type of a later version changes nothing.
    pub fn apply(&mut self, event: &Event) {
        match &event.body {
            Body::RunStarted {
                run,
                orchestrator,
                plan,
                live,
            } => self.start(event.time, run, orchestrator, plan, live),
            Body::RunResumed { .. } => self.resume(),
            Body::StageStarted { vm, stage, attempt } => {
                self.vm_mut(vm).stage_started(event.time, *stage, *attempt);
            }
            Body::StageFinished {
                vm,
                stage,
                duration_s,
                cause,
                will_retry,
                ..
            } => {
                let cause = cause.as_ref();
                self.vm_mut(vm)
                    .stage_finished(*stage, *duration_s, cause, *will_retry);
            }
            Body::Facts { vm, facts } => self.vm_mut(vm).facts = Some(facts.clone()),
            Body::Harness {
                vm,
                target,
                event: said,
            } => {
                self.vm_mut(vm).harness(event.time, target, &said.body);
            }
            Body::Scraped { vm, samples, .. } => self.vm_mut(vm).scraped(event.time, samples),
            Body::ScrapeFailed { vm, reason, .. } => self.vm_mut(vm).scrape_failed(*reason),
            Body::Output { vm, line, .. } => self.vm_mut(vm).keep_line(line),
            Body::Note { vm, line, .. } => self.vm_mut(vm).note(line),
            Body::Console { vm, kind, lines } => self.vm_mut(vm).console(*kind, lines),
            Body::VmFinished {
                vm,
                outcome,
                cause,
                duration_s,
            } => self.vm_mut(vm).finish(VmEnd {
                outcome: *outcome,
                cause: cause.clone(),
                broken_in: None,
                duration_s: *duration_s,
                time: event.time,
            }),
            Body::Judged { vm, judged } => self.vm_mut(vm).findings.judge(judged),
            Body::Compared { vm, compared } => self.vm_mut(vm).findings.compare(compared),
            Body::Interrupted { signal, forced } => self.interrupt(signal, *forced),
            Body::RunFinished { duration_s } => self.duration_s = Some(*duration_s),
            Body::TargetRetried { .. } | Body::Unknown => {}
        }
    }

    /// The VM of that name.
    #[must_use]
    pub fn vm(&self, name: &str) -> Option<&VmState> {
        self.index.get(name).map(|at| &self.vms[*at])
    }

    /// Tests of all VMs.
    #[must_use]
    pub fn tally(&self) -> Tally {
        self.vms.iter().map(VmState::tally).sum()
    }

    /// What the program returns for this run.
    ///
    /// Interrupted outweighs everything. Then a VM that was not driven to its
    /// end outweighs failed tests, since tests that did not run say nothing. A
    /// cancelled VM counts for nothing beside the one that it was cancelled
    /// for, and as not driven where there is none; so does a VM, or a run,
    /// whose end is not in the log. A VM that skipped all its tests counts for
    /// nothing beside one that passed. A regression that is to count does so where
    /// nothing else is wrong.
    #[must_use]
    pub fn exit_status(&self) -> ExitStatus {
        let mut passed = 0;
        let mut skipped = 0;
        let mut failed = 0;
        for vm in &self.vms {
            match vm.end().map(|end| end.outcome) {
                Some(VmOutcome::Passed | VmOutcome::ExpectedFailure | VmOutcome::Flaky) => {
                    passed += 1;
                }
                Some(VmOutcome::Skipped) => skipped += 1,
                Some(VmOutcome::Failed) => failed += 1,
                Some(VmOutcome::Cancelled) => {}
                Some(
                    VmOutcome::TimedOut
                    | VmOutcome::Hung
                    | VmOutcome::Crashed
                    | VmOutcome::Lost
                    | VmOutcome::Infrastructure,
                )
                | None => return self.unless_interrupted(ExitStatus::NotDriven),
            }
        }
        self.unless_interrupted(if self.duration_s.is_none() {
            ExitStatus::NotDriven
        } else if failed > 0 {
            ExitStatus::TestsFailed
        } else if skipped > 0 && skipped == self.vms.len() {
            ExitStatus::NothingTested
        } else if passed > 0 && passed + skipped == self.vms.len() {
            if self.vms.iter().any(|vm| vm.findings.fail_run()) {
                ExitStatus::Regressed
            } else {
                ExitStatus::Success
            }
        } else {
            ExitStatus::NotDriven
        })
    }

    fn unless_interrupted(&self, status: ExitStatus) -> ExitStatus {
        if self.interrupted.is_some() {
            ExitStatus::Interrupted
        } else {
            status
        }
    }

    fn start(&mut self, time: Timestamp, run: &str, orchestrator: &str, plan: &Plan, live: &Live) {
        *self = Self {
            head: Some(RunHead {
                run: run.to_owned(),
                orchestrator: orchestrator.to_owned(),
                started: time,
                targets: plan.targets.clone(),
                live: live.clone(),
            }),
            ..Self::default()
        };
        for vm in &plan.vms {
            self.vm_mut(&vm.name).planned = vm.clone();
        }
    }

    /// What is to be done again is as it was before it was begun.
    fn resume(&mut self) {
        self.interrupted = None;
        self.duration_s = None;
        for vm in &mut self.vms {
            vm.findings = Findings::default();
            if vm
                .end()
                .is_none_or(|end| end.outcome == VmOutcome::Cancelled)
            {
                vm.resume();
            }
        }
    }

    /// The VM of that name. One that the plan does not name is shown too
    /// rather than hidden; names come from the inventory, not from a VM.
    fn vm_mut(&mut self, name: &str) -> &mut VmState {
        let at = *self.index.entry(name.to_owned()).or_insert_with(|| {
            self.vms.push(VmState::new(PlannedVm {
                name: name.to_owned(),
                address: String::new(),
                os: String::new(),
                arch: String::new(),
                expected_failures: BTreeSet::new(),
            }));
            self.vms.len() - 1
        });
        &mut self.vms[at]
    }

    fn interrupt(&mut self, signal: &str, forced: bool) {
        let before = self.interrupted.as_ref().is_some_and(|was| was.forced);
        self.interrupted = Some(Interruption {
            signal: signal.to_owned(),
            forced: forced || before,
        });
    }
}
