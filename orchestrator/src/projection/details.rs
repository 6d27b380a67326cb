// SPDX-License-Identifier: BSD-2-Clause
//! What a report tells of a run beyond its state: every attempt at its stages
//! and at the tests that did not pass at once, samples, consoles, last words.
//!
//! It is made from the whole log, since the state of a run holds none of it.
//! What exceeds a limit is left to the log.

use std::collections::{HashMap, VecDeque};

use indexmap::IndexMap;
use jiff::Timestamp;
use protocol::event::{Benchmark, Hello, Level, TestFinished};

use super::Projection;
use super::state::{BenchmarkState, KEPT_TESTS, clip_to};
use crate::event::{Body, Cause, ConsoleKind, Event, Stage};

/// Attempts at stages of one VM.
const KEPT_SPANS: usize = 200;
/// Attempts at one test.
const KEPT_ATTEMPTS: usize = 20;
/// Samples of one benchmark.
const KEPT_SAMPLES: usize = 200;
/// Benchmarks of one VM.
const KEPT_BENCHMARKS: usize = 512;
/// Last lines of a VM, and of those the ones that came during a test.
const KEPT_LINES: usize = 40;
/// What a VM's console reported, and lines of each.
const KEPT_REPORTS: usize = 10;
/// Characters of a line.
const KEPT_CHARS: usize = 300;
/// Characters of what a test says of its failure.
const KEPT_MESSAGE_CHARS: usize = 4000;

/// Gathered event by event.
#[derive(Debug, Default)]
pub struct Details {
    vms: HashMap<String, VmDetails>,
}

/// Of one VM.
#[derive(Debug, Default)]
pub(super) struct VmDetails {
    /// What its test binary said of itself and the machine, the last time.
    pub(super) hello: Option<Hello>,
    /// Every attempt at a stage that ended.
    pub(super) spans: Vec<Span>,
    /// Every attempt at tests that did not pass at once, by target and id.
    tests: IndexMap<(String, String), Vec<Attempt>>,
    measured: Vec<Measured>,
    /// What its console reported.
    pub(super) reports: Vec<Report>,
    /// The last lines that its programs wrote.
    pub(super) lines: VecDeque<Line>,
    /// Those since the last test ended.
    meanwhile: VecDeque<String>,
    /// How often each target was begun.
    begun: HashMap<String, u32>,
    under_way: Option<Timestamp>,
}

/// One attempt at a stage.
#[derive(Debug)]
pub(super) struct Span {
    pub(super) stage: Stage,
    pub(super) attempt: u32,
    /// When it began.
    pub(super) started: Timestamp,
    /// Wall time, seconds.
    pub(super) duration_s: f64,
    /// Why it failed, where it did.
    pub(super) cause: Option<Cause>,
}

/// One attempt at a test.
#[derive(Debug)]
pub(super) struct Attempt {
    /// Which attempt at its target, counted from 1.
    pub(super) number: u32,
    pub(super) test: TestFinished,
    /// What the VM's programs wrote since the test before ended.
    pub(super) meanwhile: Vec<String>,
}

#[derive(Debug)]
struct Measured {
    target: String,
    benchmark: BenchmarkState,
    samples: Vec<f64>,
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

impl Projection for Details {
    fn apply(&mut self, event: &Event) {
        let time = event.time;
        match &event.body {
            Body::StageStarted { vm, .. } => self.vm_mut(vm).under_way = Some(time),
            Body::StageFinished {
                vm,
                stage,
                attempt,
                duration_s,
                cause,
                ..
            } => {
                let vm = self.vm_mut(vm);
                let started = vm.under_way.take().unwrap_or(time);
                if vm.spans.len() < KEPT_SPANS {
                    vm.spans.push(Span {
                        stage: *stage,
                        attempt: *attempt,
                        started,
                        duration_s: *duration_s,
                        cause: cause.clone(),
                    });
                }
            }
            Body::Harness { vm, event, .. } => self.vm_mut(vm).harness(time, &event.body),
            Body::Output { vm, line, .. } => self.vm_mut(vm).line(time, line),
            Body::Console { vm, kind, lines } => {
                let reports = &mut self.vm_mut(vm).reports;
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
    /// Of the VM of that name; absent where nothing was done on it.
    pub(super) fn vm(&self, name: &str) -> Option<&VmDetails> {
        self.vms.get(name)
    }

    fn vm_mut(&mut self, name: &str) -> &mut VmDetails {
        self.vms.entry(name.to_owned()).or_default()
    }
}

impl VmDetails {
    /// All attempts at a test, from the first that did not pass.
    pub(super) fn attempts(&self, target: &str, id: &str) -> &[Attempt] {
        let key = (target.to_owned(), id.to_owned());
        self.tests.get(&key).map_or(&[], Vec::as_slice)
    }

    /// Tests that failed, and passed in their last attempt.
    pub(super) fn flaky(&self) -> impl Iterator<Item = &[Attempt]> {
        let is_flaky = |attempts: &&Vec<Attempt>| {
            let failed = |at: &Attempt| at.test.outcome == protocol::Outcome::Failed;
            let last = attempts.last();
            attempts.iter().any(failed)
                && last.is_some_and(|at| at.test.outcome == protocol::Outcome::Passed)
        };
        self.tests.values().filter(is_flaky).map(Vec::as_slice)
    }

    /// The samples of a benchmark of a target, in their order.
    pub(super) fn samples(&self, target: &str, benchmark: &BenchmarkState) -> &[f64] {
        let found = self.find(target, benchmark);
        found.map_or(&[], |at| &self.measured[at].samples)
    }

    fn find(&self, target: &str, benchmark: &BenchmarkState) -> Option<usize> {
        self.measured.iter().position(|measured| {
            measured.target == target && measured.benchmark.is_same_series(benchmark)
        })
    }

    fn harness(&mut self, time: Timestamp, body: &protocol::Body) {
        match body {
            protocol::Body::Hello(hello) => self.hello = Some(hello.clone()),
            protocol::Body::TargetStarted { target, .. } => {
                *self.begun.entry(clip_to(target, KEPT_CHARS)).or_default() += 1;
                self.meanwhile.clear();
            }
            protocol::Body::TestFinished(test) => self.test(test),
            protocol::Body::Benchmark(benchmark) => self.measured(benchmark),
            protocol::Body::Log {
                level: Level::Warn | Level::Error,
                message,
            } => self.line(time, message),
            _ => {}
        }
    }

    /// A test that passes at once is of no interest here, and nearly all do.
    fn test(&mut self, test: &TestFinished) {
        let meanwhile = std::mem::take(&mut self.meanwhile).into();
        let passed = test.outcome == protocol::Outcome::Passed;
        if passed && self.tests.is_empty() {
            return;
        }
        let number = self.begun.get(&test.target).copied().unwrap_or(1);
        let key = (test.target.clone(), test.id.clone());
        let is_new = !self.tests.contains_key(&key);
        if is_new && (passed || self.tests.len() >= 2 * KEPT_TESTS) {
            return;
        }
        let attempts = self.tests.entry(key).or_default();
        if attempts.len() < KEPT_ATTEMPTS {
            let message = test.message.as_deref();
            attempts.push(Attempt {
                number,
                test: TestFinished {
                    message: message.map(|text| clip_to(text, KEPT_MESSAGE_CHARS)),
                    ..test.clone()
                },
                meanwhile,
            });
        }
    }

    fn measured(&mut self, said: &Benchmark) {
        let Some(benchmark) = BenchmarkState::of(said) else {
            return;
        };
        let samples = said.samples.iter().take(KEPT_SAMPLES).copied().collect();
        match self.find(&said.target, &benchmark) {
            Some(at) => self.measured[at].samples = samples,
            None if self.measured.len() < KEPT_BENCHMARKS => self.measured.push(Measured {
                target: said.target.clone(),
                benchmark,
                samples,
            }),
            None => {}
        }
    }

    fn line(&mut self, time: Timestamp, text: &str) {
        let text = clip_to(text, KEPT_CHARS);
        keep_last(&mut self.meanwhile, text.clone());
        keep_last(&mut self.lines, Line { time, text });
    }
}

fn keep_last<T>(kept: &mut VecDeque<T>, new: T) {
    if kept.len() == KEPT_LINES {
        kept.pop_front();
    }
    kept.push_back(new);
}
