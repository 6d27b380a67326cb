// SPDX-License-Identifier: BSD-2-Clause
//! What a page tells of a run beyond its state: every attempt that led there,
//! and what was written meanwhile.
//!
//! It is made from the whole log, since the state of a run holds none of it.
//! Of what was written, only the last lines are kept.

use std::collections::{HashMap, VecDeque};

use indexmap::IndexSet;
use jiff::Timestamp;
use protocol::Outcome;
use protocol::event::{Hello, Level, TestFinished};

use super::Projection;
use super::state::{BenchmarkState, KEPT_TESTS, RunState, clip_to};
use crate::event::{Body, ConsoleKind, Event};
use crate::history::RunRecord;
use crate::history::record::{Attempts, StageAttempt};

/// Last lines of a VM, and of those the ones that came during a test.
const KEPT_LINES: usize = 40;
/// What a VM's console reported, and lines of each.
const KEPT_REPORTS: usize = 10;
/// Characters of a line.
const KEPT_CHARS: usize = 300;

/// Gathered event by event.
#[derive(Debug, Default)]
pub struct Details {
    record: RunRecord,
    written: HashMap<String, Written>,
}

/// What was written on one VM.
#[derive(Debug, Default)]
struct Written {
    reports: Vec<Report>,
    lines: VecDeque<Line>,
    /// Lines since the last test ended.
    meanwhile: VecDeque<String>,
    /// Lines during tests that did not pass, by target, attempt and id.
    of_tests: HashMap<(String, u32, String), Vec<String>>,
}

/// What a console reported.
#[derive(Debug)]
pub(super) struct Report {
    pub(super) kind: ConsoleKind,
    pub(super) time: Timestamp,
    pub(super) lines: Vec<String>,
}

/// What a program wrote.
#[derive(Debug)]
pub(super) struct Line {
    pub(super) time: Timestamp,
    pub(super) text: String,
}

/// Of one VM.
#[derive(Debug, Clone, Copy)]
pub(super) struct VmDetails<'a> {
    attempts: &'a Attempts,
    written: Option<&'a Written>,
}

/// One attempt at a test.
#[derive(Debug, Clone, Copy)]
pub(super) struct Attempt<'a> {
    /// Which attempt at its target, counted from 1.
    pub(super) number: u32,
    pub(super) test: &'a TestFinished,
    /// What the VM's programs wrote since the test before ended.
    pub(super) meanwhile: &'a [String],
}

impl Projection for Details {
    fn apply(&mut self, event: &Event) {
        self.record.apply(event);
        let time = event.time;
        match &event.body {
            Body::Harness { vm, event, .. } => match &event.body {
                protocol::Body::TargetStarted { .. } => self.written(vm).meanwhile.clear(),
                protocol::Body::TestFinished(test) => self.test(vm, test),
                protocol::Body::Log {
                    level: Level::Warn | Level::Error,
                    message,
                } => self.written(vm).line(time, message),
                _ => {}
            },
            Body::Output { vm, line, .. } | Body::Note { vm, line, .. } => {
                self.written(vm).line(time, line);
            }
            Body::Console { vm, kind, lines } => {
                let reports = &mut self.written(vm).reports;
                if reports.len() < KEPT_REPORTS {
                    let kept = lines.iter().take(KEPT_LINES);
                    reports.push(Report {
                        kind: *kind,
                        time,
                        lines: kept.map(|line| clip_to(line, KEPT_CHARS)).collect(),
                    });
                }
            }
            _ => {}
        }
    }
}

impl Details {
    /// What is known of the run after the last event.
    #[must_use]
    pub fn state(&self) -> &RunState {
        &self.record.state
    }

    /// Of the VM of that name; absent where nothing was done on it.
    pub(super) fn vm(&self, name: &str) -> Option<VmDetails<'_>> {
        Some(VmDetails {
            attempts: self.record.attempts(name)?,
            written: self.written.get(name),
        })
    }

    fn written(&mut self, vm: &str) -> &mut Written {
        self.written.entry(vm.to_owned()).or_default()
    }

    /// What was written during a test that passes is of no interest, and nearly
    /// all do.
    fn test(&mut self, vm: &str, test: &TestFinished) {
        let number = self.record.attempts(vm).and_then(|attempts| {
            let mut targets = attempts.targets.iter().rev();
            let target = targets.find(|attempt| attempt.target == test.target)?;
            Some(target.attempt)
        });
        let written = self.written(vm);
        let lines = std::mem::take(&mut written.meanwhile);
        let has_room = written.of_tests.len() < 2 * KEPT_TESTS;
        let is_told = has_room && test.outcome != Outcome::Passed && !lines.is_empty();
        if let Some(number) = number.filter(|_| is_told) {
            let key = (test.target.clone(), number, test.id.clone());
            written.of_tests.insert(key, lines.into());
        }
    }
}

impl Written {
    fn line(&mut self, time: Timestamp, text: &str) {
        let text = clip_to(text, KEPT_CHARS);
        keep_last(&mut self.meanwhile, text.clone());
        keep_last(&mut self.lines, Line { time, text });
    }

    fn of_test(&self, number: u32, test: &TestFinished) -> &[String] {
        let key = (test.target.clone(), number, test.id.clone());
        self.of_tests.get(&key).map_or(&[], Vec::as_slice)
    }
}

fn keep_last<T>(kept: &mut VecDeque<T>, new: T) {
    if kept.len() == KEPT_LINES {
        kept.pop_front();
    }
    kept.push_back(new);
}

impl<'a> VmDetails<'a> {
    /// What its test binary said of itself and the machine, the last time.
    pub(super) fn hello(self) -> Option<&'a Hello> {
        self.attempts.hello()
    }

    /// Every attempt at a stage.
    pub(super) fn stages(self) -> &'a [StageAttempt] {
        &self.attempts.stages
    }

    /// What its console reported.
    pub(super) fn reports(self) -> impl Iterator<Item = &'a Report> {
        self.written
            .into_iter()
            .flat_map(|written| &written.reports)
    }

    /// The last lines that its programs wrote.
    pub(super) fn lines(self) -> impl Iterator<Item = &'a Line> {
        self.written.into_iter().flat_map(|written| &written.lines)
    }

    /// All attempts at a test, from the first that did not pass.
    pub(super) fn attempts(self, target: &str, id: &str) -> Vec<Attempt<'a>> {
        let targets = self.attempts.targets.iter();
        targets
            .filter(|attempt| attempt.target == target)
            .flat_map(|attempt| {
                let tests = attempt.tests.iter().filter(|test| test.id == id);
                tests.map(|test| (attempt.attempt, test))
            })
            .skip_while(|(_, test)| test.outcome == Outcome::Passed)
            .map(|(number, test)| Attempt {
                number,
                test,
                meanwhile: self
                    .written
                    .map_or(&[], |written| written.of_test(number, test)),
            })
            .collect()
    }

    /// Tests that failed, and passed in their last attempt.
    pub(super) fn flaky(self) -> impl Iterator<Item = Vec<Attempt<'a>>> {
        let tests = self
            .attempts
            .targets
            .iter()
            .flat_map(|target| &target.tests);
        let failed: IndexSet<(&str, &str)> = tests
            .filter(|test| test.outcome == Outcome::Failed)
            .map(|test| (test.target.as_str(), test.id.as_str()))
            .take(2 * KEPT_TESTS)
            .collect();
        let all = failed
            .into_iter()
            .map(move |(target, id)| self.attempts(target, id));
        all.filter(|attempts| {
            let last = attempts.last();
            last.is_some_and(|at| at.test.outcome == Outcome::Passed)
        })
    }

    /// The samples of a benchmark in the last attempt at its target, in their
    /// order.
    pub(super) fn samples(self, target: &str, benchmark: &BenchmarkState) -> &'a [f64] {
        let mut targets = self.attempts.targets.iter().rev();
        let last = targets.find(|attempt| attempt.target == target);
        let mut measured = last.into_iter().flat_map(|last| &last.benchmarks);
        let found = measured.find(|known| known.of.is_same_series(benchmark));
        found.map_or(&[], |found| &found.samples)
    }
}
