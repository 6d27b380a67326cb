// SPDX-License-Identifier: BSD-2-Clause
//! One VM of the state: its stages, and what its programs said.

use std::collections::{BTreeMap, VecDeque};

use jiff::Timestamp;
use protocol::event::{Level, TestFinished};

use super::benchmark::BenchmarkState;
use super::clip::{clip, clip_test, shown};
use super::counters;
use super::findings::Findings;
use super::target::{Tally, TargetEnd, TargetState};
use super::{KEPT_NAMES, OTHER};
use crate::event::{Cause, ConsoleKind, Facts, PlannedVm, Reading, ScrapeReason, Stage, VmOutcome};
use crate::scrape::series;

/// Failing and skipped tests of one VM that are kept whole; the rest is counted.
pub const KEPT_TESTS: usize = 100;
/// Last lines that a VM's programs wrote.
pub const KEPT_LINES: usize = 5;

/// How many notes of a VM are kept.
const KEPT_NOTES: usize = 20;
/// Lines of a kernel's that are kept of its crash: with the trap's registers,
/// where in the stack it was.
const QUOTED_LINES: usize = 24;

/// One VM of a run.
#[derive(Debug, Clone)]
pub struct VmState {
    /// What the plan says of it.
    pub planned: PlannedVm,
    /// What it said of itself.
    pub facts: Option<Facts>,
    /// How far it is.
    pub phase: Phase,
    /// When its first stage began.
    pub started: Option<Timestamp>,
    /// Every stage that was begun.
    pub stages: BTreeMap<Stage, StageState>,
    /// Every target that was begun, in order; of a planned target that has
    /// members, such as `all`, its members.
    pub targets: Vec<TargetState>,
    /// What became of each planned target that was begun, by its name.
    pub sessions: BTreeMap<String, Session>,
    /// Why the first stage failed that was not tried again.
    pub failure: Option<Cause>,
    /// What was found of its benchmarks.
    pub findings: Findings,
    /// The device's counters when they were last read, by name.
    pub counters: BTreeMap<String, u64>,
    /// What its exporter said last, by the exporter's names; nothing since a
    /// scrape failed, unless that was because the exporter had ended.
    pub scraped: BTreeMap<String, Reading>,
    /// How its scrapes went.
    pub scrapes: Scrapes,
    /// How often its console showed what, in the whole run.
    pub console: BTreeMap<ConsoleKind, u32>,
    /// The last lines that its programs wrote in the stage that it is in, or
    /// since the stage that failed; [`KEPT_LINES`] of them.
    pub last_lines: VecDeque<String>,
    /// What else is to be known of it, each once; [`KEPT_NOTES`] of it.
    pub notes: Vec<String>,
    /// What its kernel printed of its last crash; [`QUOTED_LINES`] of it.
    pub crash: Vec<String>,
}

/// The scrapes of one VM's exporter.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Scrapes {
    /// Those that gave something.
    pub succeeded: u32,
    /// Those that gave nothing, by reason.
    pub failed: BTreeMap<ScrapeReason, u32>,
    /// When the last one succeeded.
    pub last: Option<Timestamp>,
}

/// How far a VM is.
#[derive(Debug, Clone, PartialEq)]
pub enum Phase {
    /// No stage has begun.
    Waiting,
    /// In a stage, or between it and the next.
    In {
        /// The stage.
        stage: Stage,
        /// Counted from 1.
        attempt: u32,
    },
    /// Nothing more will happen on it.
    Finished(VmEnd),
}

/// The end of a VM.
#[derive(Debug, Clone, PartialEq)]
pub struct VmEnd {
    /// How it ended.
    pub outcome: VmOutcome,
    /// Why, where it is not what was hoped for.
    pub cause: Option<Cause>,
    /// The stage that broke it; absent where none had begun, and where the
    /// tests were run to their end.
    pub broken_in: Option<Stage>,
    /// From its first stage to its last, seconds.
    pub duration_s: f64,
    /// When that was.
    pub time: Timestamp,
}

/// One stage of one VM.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct StageState {
    /// Attempts that were begun.
    pub attempts: u32,
    /// Wall time of those that ended, seconds.
    pub duration_s: f64,
    /// Whether the last attempt that ended succeeded; absent before one did.
    pub succeeded: Option<bool>,
}

/// One process of the test binary: what a planned target came to.
#[derive(Debug, Clone, PartialEq)]
pub struct Session {
    /// When its first event came.
    pub started: Timestamp,
    /// Of all its members together, and when; absent before its bye.
    pub end: Option<(protocol::Outcome, Timestamp)>,
    /// Whether the run was resumed since and relies on it.
    pub kept: bool,
}

impl VmState {
    pub(super) fn new(planned: PlannedVm) -> Self {
        Self {
            planned,
            facts: None,
            phase: Phase::Waiting,
            started: None,
            stages: BTreeMap::new(),
            targets: Vec::new(),
            sessions: BTreeMap::new(),
            failure: None,
            findings: Findings::default(),
            counters: BTreeMap::new(),
            scraped: BTreeMap::new(),
            scrapes: Scrapes::default(),
            console: BTreeMap::new(),
            last_lines: VecDeque::new(),
            notes: Vec::new(),
            crash: Vec::new(),
        }
    }

    /// Its name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.planned.name
    }

    /// Whether the inventory expects `test` to fail on it.
    #[must_use]
    pub fn expects(&self, test: &TestFinished) -> bool {
        let name = PlannedVm::name_of(test);
        self.planned.expected_failures.contains(&name)
    }

    /// Its tests over all targets.
    #[must_use]
    pub fn tally(&self) -> Tally {
        self.targets.iter().map(TargetState::tally).sum()
    }

    /// Its end, where it has come to it.
    #[must_use]
    pub fn end(&self) -> Option<&VmEnd> {
        match &self.phase {
            Phase::Finished(end) => Some(end),
            Phase::Waiting | Phase::In { .. } => None,
        }
    }

    /// The target that it runs, or ran last.
    #[must_use]
    pub fn current_target(&self) -> Option<&TargetState> {
        let running = self.targets.iter().rev().find(|t| t.end.is_none());
        running.or_else(|| self.targets.last())
    }

    /// The target of that name.
    #[must_use]
    pub fn target(&self, name: &str) -> Option<&TargetState> {
        self.targets.iter().find(|target| target.target == name)
    }

    /// What a planned target came to, where its bye was heard: a bye tells the
    /// worst of all members, so that it says nothing of what they have in common.
    #[must_use]
    pub fn came_to(&self, planned: &str) -> Option<protocol::Outcome> {
        let (outcome, _) = self.sessions.get(planned)?.end?;
        let members = self.targets.iter().filter(|t| t.planned == planned);
        let tally: Tally = members.map(TargetState::tally).sum();
        Some(match outcome {
            protocol::Outcome::Failed => outcome,
            _ if tally.has_only_skipped() => protocol::Outcome::Skipped,
            _ => protocol::Outcome::Passed,
        })
    }

    /// Whether a planned target came to its end and was believed to: what
    /// contradicts its bye comes after it, and before anything else begins.
    #[must_use]
    pub fn is_done(&self, planned: &str) -> bool {
        let Some(session) = self.sessions.get(planned) else {
            return false;
        };
        let tested = self
            .stages
            .get(&Stage::Test)
            .and_then(|stage| stage.succeeded);
        let next_begun = self
            .sessions
            .values()
            .any(|other| other.started > session.started);
        session.end.is_some() && (session.kept || tested == Some(true) || next_begun)
    }

    /// Begin anew, but for the targets that are done.
    pub(super) fn resume(&mut self) {
        let planned: Vec<String> = self.sessions.keys().cloned().collect();
        let done: Vec<String> = planned.into_iter().filter(|p| self.is_done(p)).collect();
        self.targets.retain(|target| done.contains(&target.planned));
        self.sessions.retain(|planned, _| done.contains(planned));
        for session in self.sessions.values_mut() {
            session.kept = true;
        }
        self.phase = Phase::Waiting;
        self.started = None;
        self.stages.clear();
        self.failure = None;
        self.last_lines.clear();
        self.crash.clear();
    }

    pub(super) fn stage_started(&mut self, time: Timestamp, stage: Stage, attempt: u32) {
        self.started.get_or_insert(time);
        if self.failure.is_none() {
            self.last_lines.clear();
        }
        self.phase = Phase::In { stage, attempt };
        self.stages.entry(stage).or_default().attempts = attempt;
    }

    pub(super) fn stage_finished(
        &mut self,
        stage: Stage,
        duration_s: f64,
        cause: Option<&Cause>,
        will_retry: bool,
    ) {
        let entry = self.stages.entry(stage).or_default();
        entry.duration_s += duration_s;
        entry.succeeded = Some(cause.is_none());
        if self.failure.is_none() && !will_retry {
            self.failure = cause.cloned();
        }
    }

    pub(super) fn finish(&mut self, end: VmEnd) {
        let mut stages = self.stages.iter();
        let first_failed = stages.find(|(_, state)| state.succeeded == Some(false));
        let broken_in = match (end.outcome, &self.phase) {
            (outcome, _) if outcome.is_of_tests() => None,
            (_, Phase::In { stage, .. }) => {
                Some(first_failed.map_or(*stage, |(failed, _)| *failed))
            }
            (_, Phase::Waiting | Phase::Finished(_)) => None,
        };
        self.phase = Phase::Finished(VmEnd { broken_in, ..end });
    }

    /// Take in what the test binary said in its run of the planned target
    /// `planned`.
    pub(super) fn harness(&mut self, time: Timestamp, planned: &str, body: &protocol::Body) {
        match body {
            protocol::Body::Hello(_) => self.session_started(time, planned),
            protocol::Body::TargetStarted { target, tests } => {
                // What an earlier attempt reported no longer counts.
                let state = self.target_mut(target);
                *state = TargetState {
                    target: std::mem::take(&mut state.target),
                    planned: clip(planned),
                    expected: *tests,
                    ..TargetState::default()
                };
            }
            protocol::Body::TargetFinished(finished) => {
                self.target_mut(&finished.target).end = Some(TargetEnd {
                    outcome: finished.outcome,
                    duration_s: finished.duration_s,
                    time,
                });
            }
            protocol::Body::TestFinished(test) => self.test_finished(test),
            protocol::Body::Benchmark(benchmark) => {
                if let Some(new) = BenchmarkState::of(benchmark) {
                    self.target_mut(&benchmark.target).measured(new);
                }
            }
            protocol::Body::Counters { target, values, .. } => {
                self.target_mut(target).counters.read(values);
                for (name, value) in counters::clipped(values) {
                    if self.counters.len() < counters::KEPT_COUNTERS
                        || self.counters.contains_key(&name)
                    {
                        self.counters.insert(name, value);
                    }
                }
                self.scraped
                    .retain(|name, _| !series::KMOD.iter().any(|kmod| kmod.source == name));
            }
            protocol::Body::Bye { outcome } => {
                if let Some(session) = self.sessions.get_mut(planned) {
                    session.end = Some((*outcome, time));
                }
            }
            protocol::Body::Log {
                level: Level::Warn | Level::Error,
                message,
            } => self.keep_line(message),
            protocol::Body::Log { .. }
            | protocol::Body::Exporter { .. }
            | protocol::Body::Unknown => {}
        }
    }

    /// What an earlier attempt at the same planned target reported no longer
    /// counts.
    fn session_started(&mut self, time: Timestamp, planned: &str) {
        self.targets.retain(|target| target.planned != planned);
        let session = Session {
            started: time,
            end: None,
            kept: false,
        };
        self.sessions.insert(planned.to_owned(), session);
    }

    fn test_finished(&mut self, test: &TestFinished) {
        let kept_failed: usize = self.targets.iter().map(|t| t.failed.len()).sum();
        let kept_skipped: usize = self.targets.iter().map(|t| t.skipped.len()).sum();
        let target = self.target_mut(&test.target);
        target.count(test.category.as_deref(), test.outcome);
        let (list, kept) = match test.outcome {
            protocol::Outcome::Passed => return,
            protocol::Outcome::Failed => (&mut target.failed, kept_failed),
            protocol::Outcome::Skipped => (&mut target.skipped, kept_skipped),
        };
        if kept < KEPT_TESTS {
            list.push(clip_test(test));
        }
    }

    fn target_mut(&mut self, name: &str) -> &mut TargetState {
        let mut name = shown(name);
        if self.targets.len() >= KEPT_NAMES && self.target(&name).is_none() {
            name = OTHER.into();
        }
        let known = self.targets.iter().position(|t| t.target == name);
        let at = known.unwrap_or_else(|| {
            self.targets.push(TargetState {
                target: name.into_owned(),
                ..TargetState::default()
            });
            self.targets.len() - 1
        });
        &mut self.targets[at]
    }

    pub(super) fn scraped(&mut self, time: Timestamp, samples: &BTreeMap<String, Reading>) {
        self.scrapes.succeeded = self.scrapes.succeeded.saturating_add(1);
        self.scrapes.last = Some(time);
        let known = samples.iter();
        let known = known.filter(|(name, _)| series::find(name).is_some());
        self.scraped = known.map(|(k, v)| (k.clone(), v.clone())).collect();
    }

    /// What was said before must not be taken for what is.
    pub(super) fn scrape_failed(&mut self, reason: ScrapeReason) {
        let number = self.scrapes.failed.entry(reason).or_default();
        *number = number.saturating_add(1);
        if reason != ScrapeReason::Gone {
            self.scraped.clear();
        }
    }

    pub(super) fn console(&mut self, kind: ConsoleKind, lines: &[String]) {
        let number = self.console.entry(kind).or_default();
        *number = number.saturating_add(1);
        for line in lines.iter().take(KEPT_LINES) {
            self.keep_line(line);
        }
        if kind.is_crash() {
            self.crash = lines.iter().take(QUOTED_LINES).map(|l| clip(l)).collect();
        }
    }

    pub(super) fn note(&mut self, line: &str) {
        let line = clip(line);
        if self.notes.len() < KEPT_NOTES && !self.notes.contains(&line) {
            self.notes.push(line);
        }
    }

    pub(super) fn keep_line(&mut self, line: &str) {
        if self.last_lines.len() == KEPT_LINES {
            self.last_lines.pop_front();
        }
        self.last_lines.push_back(clip(line));
    }
}
