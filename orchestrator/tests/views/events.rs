// SPDX-License-Identifier: BSD-2-Clause
//! Runs that did not happen, told event by event.

#[path = "stories.rs"]
mod stories;

use std::collections::{BTreeMap, BTreeSet};

use jiff::{SignedDuration, Timestamp};
use orchestrator::event::{
    Body, Cause, Event, Facts, Live, Plan, PlannedTarget, PlannedVm, Reading, ScrapeReason, Stage,
    VERSION, VmOutcome,
};
use orchestrator::projection::state::RunState;
use protocol::Outcome;
use protocol::event::{Benchmark, Better, Hello, Level, TargetFinished, TestFinished};

pub(crate) use stories::{bring_up, good_run, run_of_members, troubled_run};

/// A target's name; the one that all these runs run.
pub(crate) const TARGET: &str = "live_integration";

/// A run as it is told: each event a tenth of a second after the last.
pub(crate) struct Story {
    pub(crate) events: Vec<Event>,
}

impl Story {
    /// A run of [`TARGET`] on `vms`.
    pub(crate) fn of(vms: &[&str]) -> Self {
        Self::of_target(vms, TARGET)
    }

    /// A run of one target on `vms`.
    pub(crate) fn of_target(vms: &[&str], target: &str) -> Self {
        let plan = Plan {
            vms: vms.iter().map(|vm| planned(vm)).collect(),
            targets: vec![PlannedTarget {
                target: target.into(),
                category: "all".into(),
            }],
        };
        let mut story = Self { events: Vec::new() };
        story.tell(Body::RunStarted {
            run: "20261123T094900Z-k3f9".into(),
            orchestrator: "0.1.0".into(),
            plan,
            live: Live::default(),
        });
        story
    }

    pub(crate) fn tell(&mut self, body: Body) -> &mut Self {
        let seq = self.events.len() as u64;
        self.events.push(Event {
            v: VERSION,
            seq,
            time: time(seq),
            body,
        });
        self
    }

    /// When the next event will happen.
    pub(crate) fn now(&self) -> Timestamp {
        time(self.events.len() as u64)
    }

    pub(crate) fn begin(&mut self, vm: &str, stage: Stage, attempt: u32) -> &mut Self {
        self.tell(Body::StageStarted {
            vm: vm.into(),
            stage,
            attempt,
        })
    }

    pub(crate) fn end(&mut self, vm: &str, stage: Stage, duration_s: f64) -> &mut Self {
        self.tell(Body::StageFinished {
            vm: vm.into(),
            stage,
            attempt: 1,
            duration_s,
            cause: None,
            will_retry: false,
        })
    }

    pub(crate) fn stage(&mut self, vm: &str, stage: Stage, duration_s: f64) -> &mut Self {
        self.begin(vm, stage, 1).end(vm, stage, duration_s)
    }

    /// An attempt at a stage that fails.
    pub(crate) fn fail(
        &mut self,
        vm: &str,
        stage: Stage,
        attempt: u32,
        will_retry: bool,
    ) -> &mut Self {
        self.begin(vm, stage, attempt).tell(Body::StageFinished {
            vm: vm.into(),
            stage,
            attempt,
            duration_s: 0.5,
            cause: Some(cause("connection refused")),
            will_retry,
        })
    }

    pub(crate) fn facts(&mut self, vm: &str) -> &mut Self {
        self.tell(Body::Facts {
            vm: vm.into(),
            facts: Facts {
                os: "Linux".into(),
                os_release: "6.1.0-18-amd64".into(),
                arch: "amd64".into(),
                hostname: vm.into(),
                boot_id: "5b1b".into(),
                platform: None,
            },
        })
    }

    pub(crate) fn harness(&mut self, vm: &str, body: protocol::Body) -> &mut Self {
        self.harness_of(TARGET, vm, body)
    }

    /// The test binary speaks in its run of a planned target.
    pub(crate) fn harness_of(
        &mut self,
        planned: &str,
        vm: &str,
        body: protocol::Body,
    ) -> &mut Self {
        let seq = self.events.len() as u64;
        self.tell(Body::Harness {
            vm: vm.into(),
            target: planned.into(),
            event: protocol::Event {
                v: protocol::VERSION,
                seq,
                time: time(seq),
                body,
            },
        })
    }

    pub(crate) fn target_started(&mut self, vm: &str, tests: Option<u32>) -> &mut Self {
        let target = TARGET.into();
        self.harness(vm, protocol::Body::TargetStarted { target, tests })
    }

    pub(crate) fn test(&mut self, vm: &str, test: TestFinished) -> &mut Self {
        self.harness(vm, protocol::Body::TestFinished(test))
    }

    /// Tests of category A that pass, from number `first` to `last`.
    pub(crate) fn pass(&mut self, vm: &str, first: u32, last: u32) -> &mut Self {
        for number in first..=last {
            self.test(vm, passed(&format!("A{number:02}")));
        }
        self
    }

    pub(crate) fn target_finished(&mut self, vm: &str, counts: [u32; 3]) -> &mut Self {
        let [passed, failed, skipped] = counts;
        let outcome = if failed == 0 {
            Outcome::Passed
        } else {
            Outcome::Failed
        };
        self.harness(
            vm,
            protocol::Body::TargetFinished(TargetFinished {
                target: TARGET.into(),
                outcome,
                duration_s: 9.25,
                passed,
                failed,
                skipped,
            }),
        )
    }

    pub(crate) fn counters(&mut self, vm: &str, values: &[(&str, u64)]) -> &mut Self {
        let values: BTreeMap<String, u64> =
            values.iter().map(|&(k, v)| (k.to_owned(), v)).collect();
        self.harness(
            vm,
            protocol::Body::Counters {
                target: TARGET.into(),
                phase: "after".into(),
                values,
            },
        )
    }

    pub(crate) fn scraped(&mut self, vm: &str, samples: &[(&str, Reading)]) -> &mut Self {
        let samples = samples.iter().map(|(k, v)| ((*k).to_owned(), v.clone()));
        self.tell(Body::Scraped {
            vm: vm.into(),
            duration_s: 0.02,
            samples: samples.collect(),
        })
    }

    pub(crate) fn scrape_failed(&mut self, vm: &str, reason: ScrapeReason) -> &mut Self {
        self.tell(Body::ScrapeFailed {
            vm: vm.into(),
            duration_s: 0.02,
            reason,
            message: "no answer: \u{7}refused".into(),
        })
    }

    pub(crate) fn log(&mut self, vm: &str, level: Level, message: &str) -> &mut Self {
        let message = message.into();
        self.harness(vm, protocol::Body::Log { level, message })
    }

    pub(crate) fn output(&mut self, vm: &str, line: &str) -> &mut Self {
        self.tell(Body::Output {
            vm: vm.into(),
            stage: Stage::Test,
            line: line.into(),
        })
    }

    pub(crate) fn note(&mut self, vm: &str, line: &str) -> &mut Self {
        self.tell(Body::Note {
            vm: vm.into(),
            stage: Stage::Health,
            line: line.into(),
        })
    }

    pub(crate) fn finish(
        &mut self,
        vm: &str,
        outcome: VmOutcome,
        cause: Option<Cause>,
    ) -> &mut Self {
        self.tell(Body::VmFinished {
            vm: vm.into(),
            outcome,
            cause,
            duration_s: 12.34,
        })
    }

    pub(crate) fn interrupt(&mut self, forced: bool) -> &mut Self {
        self.tell(Body::Interrupted {
            signal: "SIGINT".into(),
            forced,
        })
    }

    pub(crate) fn close(&mut self) -> &mut Self {
        self.tell(Body::RunFinished { duration_s: 13.0 })
    }

    /// As it stands in its file.
    pub(crate) fn lines(&self) -> String {
        let line = |event| serde_json::to_string(event).unwrap() + "\n";
        self.events.iter().map(line).collect()
    }

    /// What is known at the end.
    pub(crate) fn state(&self) -> RunState {
        let mut state = RunState::default();
        for event in &self.events {
            state.apply(event);
        }
        state
    }
}

fn time(seq: u64) -> Timestamp {
    // 2026-11-23T09:49:00Z
    let start = Timestamp::from_second(1_795_427_340).unwrap();
    let tenths = i64::try_from(seq).unwrap();
    start + SignedDuration::from_millis(100 * tenths)
}

pub(crate) fn planned(vm: &str) -> PlannedVm {
    PlannedVm {
        name: vm.into(),
        address: format!("root@{vm}:22"),
        os: "FreeBSD".into(),
        arch: "amd64".into(),
        expected_failures: BTreeSet::new(),
    }
}

pub(crate) fn cause(what: &str) -> Cause {
    Cause {
        what: what.into(),
        tried: "ssh root@freebsd143".into(),
        advice: "see whether sshd runs there".into(),
    }
}

pub(crate) fn passed(id: &str) -> TestFinished {
    TestFinished {
        target: TARGET.into(),
        category: Some(id[..1].into()),
        id: id.into(),
        name: "one local port".into(),
        outcome: Outcome::Passed,
        duration_s: 0.05,
        filter: Some("local_port=443".into()),
        expected: Some(2),
        actual: Some(2),
        message: None,
    }
}

pub(crate) fn failed(id: &str, actual: u64) -> TestFinished {
    TestFinished {
        name: "local address, prefix of 16".into(),
        outcome: Outcome::Failed,
        filter: Some("local_addr=127.0.0.0/16".into()),
        expected: Some(12),
        actual: Some(actual),
        message: Some("unexpected 127.1.0.1:40000 > 127.1.0.1:8080\nnone missing".into()),
        ..passed(id)
    }
}

pub(crate) fn skipped(id: &str) -> TestFinished {
    TestFinished {
        name: "profile beside ioctl".into(),
        outcome: Outcome::Skipped,
        filter: None,
        expected: None,
        actual: None,
        message: Some("this module has no profiles".into()),
        ..passed(id)
    }
}

/// A planned target that has members.
pub(crate) const ALL: &str = "all";

impl Story {
    /// A member of [`ALL`] with one test, from its beginning to its end.
    fn member(&mut self, vm: &str, target: &str, outcome: Outcome) -> &mut Self {
        let counts = match outcome {
            Outcome::Failed => [0, 1, 0],
            _ => [1, 0, 0],
        };
        let test = TestFinished {
            target: target.into(),
            category: None,
            id: "build".into(),
            name: "it compiles".into(),
            outcome,
            filter: None,
            expected: None,
            actual: None,
            message: (outcome == Outcome::Failed).then(|| "cc1: error".into()),
            ..passed("A01")
        };
        let started = protocol::Body::TargetStarted {
            target: target.into(),
            tests: Some(1),
        };
        self.harness_of(ALL, vm, started)
            .harness_of(ALL, vm, protocol::Body::TestFinished(test))
            .harness_of(ALL, vm, finished(target, outcome, counts))
    }

    /// Five samples around a median.
    pub(crate) fn measure(
        &mut self,
        vm: &str,
        workload: &str,
        unit: &str,
        median: f64,
    ) -> &mut Self {
        let measured = Benchmark {
            target: "bench".into(),
            name: "parse".into(),
            workload: workload.into(),
            connections: 0,
            unit: unit.into(),
            better: Better::Lower,
            samples: [0.98, 1.0, 1.01, 0.99, 1.5]
                .map(|part| part * median)
                .into(),
            reference: Vec::new(),
        };
        self.harness_of(ALL, vm, protocol::Body::Benchmark(measured))
    }
}

pub(crate) fn finished(
    target: &str,
    outcome: Outcome,
    [passed, failed, skipped]: [u32; 3],
) -> protocol::Body {
    protocol::Body::TargetFinished(TargetFinished {
        target: target.into(),
        outcome,
        duration_s: 2.5,
        passed,
        failed,
        skipped,
    })
}

pub(crate) fn hello() -> Hello {
    Hello {
        harness: "0.1.0".into(),
        protocol: 1,
        os: "FreeBSD".into(),
        os_release: "14.3-RELEASE".into(),
        osreldate: 1_403_000,
        arch: "amd64".into(),
        cpus: 2,
        memory_bytes: 4 << 30,
        hostname: "vm".into(),
        device: None,
    }
}
