// SPDX-License-Identifier: BSD-2-Clause
//! What a run's log says, in full: the state at its end, and every attempt that
//! led there.
//!
//! Invariant: memory is bounded whatever a VM said, far above what tests do say.
//! What exceeds a limit is counted; the log has it in full.

use std::collections::{BTreeMap, HashMap};
use std::io;
use std::path::Path;

use jiff::Timestamp;
use protocol::event::{Benchmark, Hello, TestFinished};
use serde::Serialize;

use super::fingerprint::Fingerprint;
use crate::event::{Body, Cause, Event, Stage};
use crate::event_log::Reader;
use crate::projection::state::{
    BenchmarkState, KEPT_BENCHMARKS, RunState, Tally, VmState, clip, clip_test, clipped,
};

/// Attempts at targets of one VM.
const KEPT_ATTEMPTS: usize = 1000;
/// Tests of one VM, every attempt counted.
const KEPT_TESTS: usize = 5000;
/// Samples of one VM, with what the reference took.
const KEPT_SAMPLES: usize = 100_000;

/// One run.
#[derive(Debug, Default)]
pub struct RunRecord {
    /// What is known at the log's end.
    pub state: RunState,
    /// Length of the log when it was opened, bytes.
    pub bytes: u64,
    /// Why the log could not be read to its end.
    pub unread: Option<String>,
    attempts: HashMap<String, Attempts>,
}

/// Every attempt of one VM.
#[derive(Debug, Default)]
pub struct Attempts {
    /// At its stages, in order.
    pub stages: Vec<StageAttempt>,
    /// At its targets, in order.
    pub targets: Vec<TargetAttempt>,
    hello: Option<Hello>,
    tests: usize,
    samples: usize,
    left_out: usize,
}

/// One attempt at a stage.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct StageAttempt {
    /// The stage.
    pub stage: Stage,
    /// Counted from 1; anew where the run was resumed.
    pub attempt: u32,
    /// When it began.
    pub started: Timestamp,
    /// Wall time, seconds; absent where its end is not in the log.
    pub duration_s: Option<f64>,
    /// Why it failed; absent where it did not.
    pub cause: Option<Cause>,
    /// Whether it was tried again for that.
    pub will_retry: bool,
}

/// One attempt at a target.
#[derive(Debug, Clone)]
pub struct TargetAttempt {
    /// Its name.
    pub target: String,
    /// The planned target that it is, or is a member of.
    pub planned: String,
    /// Counted from 1, over all of the run.
    pub attempt: u32,
    /// How it ended, and its wall time in seconds; absent where that is not in
    /// the log.
    pub end: Option<(protocol::Outcome, f64)>,
    /// Every test, in order, texts cut to a bounded length.
    pub tests: Vec<TestFinished>,
    /// What it measured, with every sample.
    pub benchmarks: Vec<Measurement>,
    /// The device's counters when they were read first, and last.
    pub counters: BTreeMap<String, (u64, u64)>,
}

/// One measured quantity, with every sample.
#[derive(Debug, Clone)]
pub struct Measurement {
    /// What was measured, and the middle of the samples.
    pub of: BenchmarkState,
    /// Every repetition, in order.
    pub samples: Vec<f64>,
    /// What the reference took beside each, nanoseconds; none where that was
    /// not measured.
    pub reference: Vec<f64>,
}

impl RunRecord {
    /// Read the log at `log`, as far as it can be read.
    ///
    /// # Errors
    /// What opening the file gives.
    pub fn read(log: &Path) -> io::Result<Self> {
        let bytes = std::fs::metadata(log)?.len();
        let mut record = Self {
            bytes,
            ..Self::default()
        };
        for event in Reader::open(log)? {
            match event {
                Ok(event) => record.apply(&event),
                // What stands before is good.
                Err(error) => record.unread = Some(error.to_string()),
            }
        }
        Ok(record)
    }

    /// Take in the next event.
    pub fn apply(&mut self, event: &Event) {
        self.state.apply(event);
        match &event.body {
            Body::RunStarted { .. } => self.attempts.clear(),
            Body::StageStarted { vm, stage, attempt } => {
                self.of(vm).stages.push(StageAttempt {
                    stage: *stage,
                    attempt: *attempt,
                    started: event.time,
                    duration_s: None,
                    cause: None,
                    will_retry: false,
                });
            }
            Body::StageFinished {
                vm,
                stage,
                attempt,
                duration_s,
                cause,
                will_retry,
            } => {
                let mut stages = self.of(vm).stages.iter_mut().rev();
                let begun = stages.find(|begun| begun.stage == *stage);
                if let Some(begun) = begun.filter(|begun| begun.attempt == *attempt) {
                    begun.duration_s = Some(*duration_s);
                    begun.cause.clone_from(cause);
                    begun.will_retry = *will_retry;
                }
            }
            Body::Harness {
                vm,
                target,
                event: said,
            } => self.of(vm).harness(target, &said.body),
            _ => {}
        }
    }

    /// The attempts of the VM of that name; `None` where there was none.
    #[must_use]
    pub fn attempts(&self, vm: &str) -> Option<&Attempts> {
        self.attempts.get(vm)
    }

    /// What of the log is not in this record, and why.
    #[must_use]
    pub fn trouble(&self) -> Option<String> {
        let left_out: usize = self.attempts.values().map(|of| of.left_out).sum();
        let beyond = (left_out > 0).then(|| format!("{left_out} events exceed the limits of a VM"));
        let both: Vec<String> = self.unread.iter().cloned().chain(beyond).collect();
        (!both.is_empty()).then(|| both.join("; "))
    }

    /// What measurements of `vm` can be compared by; `None` for one that was not
    /// reached.
    #[must_use]
    pub fn fingerprint(&self, vm: &VmState) -> Option<Fingerprint> {
        let hello = self.attempts(vm.name()).and_then(|of| of.hello.as_ref());
        Some(Fingerprint::of(vm.facts.as_ref()?, hello))
    }

    fn of(&mut self, vm: &str) -> &mut Attempts {
        self.attempts.entry(vm.to_owned()).or_default()
    }
}

impl Attempts {
    /// What its test binary said of itself and the machine, the last time.
    #[must_use]
    pub fn hello(&self) -> Option<&Hello> {
        self.hello.as_ref()
    }

    /// Whether the `at`th attempt at a target is the one that stands: no later
    /// one took its place, and the run was not resumed without it.
    #[must_use]
    pub fn counts(&self, vm: &VmState, at: usize) -> bool {
        let Some((attempt, later)) = self.targets.get(at..).and_then(<[_]>::split_first) else {
            return false;
        };
        let is_same = |other: &TargetAttempt| other.target == attempt.target;
        !later.iter().any(is_same) && vm.target(&attempt.target).is_some()
    }

    fn harness(&mut self, planned: &str, body: &protocol::Body) {
        match body {
            protocol::Body::Hello(hello) => self.hello = Some(hello.clone()),
            protocol::Body::TargetStarted { target, .. } => self.begin(target, planned),
            protocol::Body::TargetFinished(finished) => {
                if let Some(attempt) = self.current(&finished.target) {
                    attempt.end = Some((finished.outcome, finished.duration_s));
                }
            }
            protocol::Body::TestFinished(test) => {
                let is_room = self.take(1, KEPT_TESTS, |of| &mut of.tests);
                if let Some(attempt) = self.current(&test.target).filter(|_| is_room) {
                    attempt.tests.push(clip_test(test));
                }
            }
            protocol::Body::Benchmark(benchmark) => {
                let number = benchmark.samples.len() + benchmark.reference.len();
                let is_room = self.take(number, KEPT_SAMPLES, |of| &mut of.samples);
                if let Some(attempt) = self.current(&benchmark.target).filter(|_| is_room) {
                    attempt.measured(benchmark);
                }
            }
            protocol::Body::Counters { target, values, .. } => {
                if let Some(attempt) = self.current(target) {
                    attempt.read(values);
                }
            }
            protocol::Body::Exporter { .. }
            | protocol::Body::Log { .. }
            | protocol::Body::Bye { .. }
            | protocol::Body::Unknown => {}
        }
    }

    /// Whether there is room for `number` more of what `kept` counts.
    fn take(&mut self, number: usize, most: usize, kept: fn(&mut Self) -> &mut usize) -> bool {
        let sum = kept(self).saturating_add(number);
        if sum > most {
            self.left_out += 1;
            return false;
        }
        *kept(self) = sum;
        true
    }

    fn begin(&mut self, target: &str, planned: &str) {
        if self.targets.len() == KEPT_ATTEMPTS {
            self.left_out += 1;
            return;
        }
        let target = clip(target);
        let before = self.targets.iter().filter(|other| other.target == target);
        self.targets.push(TargetAttempt {
            attempt: before.count() as u32 + 1,
            target,
            planned: clip(planned),
            end: None,
            tests: Vec::new(),
            benchmarks: Vec::new(),
            counters: BTreeMap::new(),
        });
    }

    fn current(&mut self, target: &str) -> Option<&mut TargetAttempt> {
        let mut attempts = self.targets.iter_mut().rev();
        attempts.find(|attempt| attempt.target == target)
    }
}

impl TargetAttempt {
    /// Its tests by outcome.
    #[must_use]
    pub fn tally(&self) -> Tally {
        let mut tally = Tally::default();
        self.tests.iter().for_each(|test| tally.count(test.outcome));
        tally
    }

    fn measured(&mut self, benchmark: &Benchmark) {
        let Some(of) = BenchmarkState::of(benchmark) else {
            return;
        };
        let new = Measurement {
            of,
            samples: benchmark.samples.clone(),
            reference: benchmark.reference.clone(),
        };
        let mut known = self.benchmarks.iter_mut();
        if let Some(old) = known.find(|old| old.of.is_same_series(&new.of)) {
            *old = new;
        } else if self.benchmarks.len() < KEPT_BENCHMARKS {
            self.benchmarks.push(new);
        }
    }

    fn read(&mut self, values: &BTreeMap<String, u64>) {
        for (name, value) in clipped(values) {
            self.counters.entry(name).or_insert((value, value)).1 = value;
        }
    }
}
