// SPDX-License-Identifier: BSD-2-Clause
//! The exposition of a service: of each VM what was said last, over its runs.

use orchestrator::event::{Body, Event, SeriesState, Stage, VmOutcome};
use orchestrator::projection::metrics::Metrics;
use orchestrator::projection::{Fleet, Fold, Projection, StateHandle};
use protocol::Outcome;

use crate::events::{ALL, Story, cause, failed, finished};
use crate::findings::judged;
use crate::metrics::samples;

/// A fleet and its exposition.
struct Service {
    fleet: Fleet,
    metrics: Metrics,
}

impl Service {
    fn new() -> Self {
        let fleet = Fleet::default();
        let metrics = Metrics::new(fleet.clone()).unwrap();
        Self { fleet, metrics }
    }

    fn begin(&self, events: &[Event]) -> Fold {
        let state = StateHandle::default();
        let mut fold = Fold::new(state.clone(), vec![self.metrics.view()]);
        self.fleet.add(state);
        for event in events {
            fold.apply(event);
        }
        fold
    }

    /// What is shown of the family, without its prefix.
    fn shown(&self, family: &str) -> Vec<String> {
        let text = self.metrics.render();
        let lines = samples(&text, &format!("orchestrator_{family}{{"));
        lines
            .into_iter()
            .map(|line| line.strip_prefix("orchestrator_").unwrap().to_owned())
            .collect()
    }

    fn runs(&self) -> usize {
        let mut runs = 0;
        self.fleet.each(|_| runs += 1);
        runs
    }
}

const REGRESSED: &str =
    "benchmark_regression{benchmark=\"parse\",connections=\"0\",vm=\"a\",workload=\"empty\"} 1";
const MEASURED: &str = "benchmark_value{benchmark=\"parse\",connections=\"0\",unit=\"ns\",vm=\"a\",workload=\"empty\"} 60";
const FAILED: &str = "test_failed{target=\"bench\",test=\"C12\",vm=\"a\"} 1";
const NOT_PASSED: &str = "target_passed{target=\"bench\",vm=\"a\"} 0";

/// The benchmark of `a` was measured.
fn measuring(median: f64) -> Story {
    let mut story = Story::of_target(&["a"], ALL);
    story.stage("a", Stage::Connect, 0.1);
    story.measure("a", "empty", "ns", median);
    story
}

/// It got slower, and a test of the target failed.
fn regressed() -> Story {
    let mut story = measuring(60.0);
    let test = protocol::event::TestFinished {
        target: "bench".into(),
        ..failed("C12", 7)
    };
    story.harness_of(ALL, "a", protocol::Body::TestFinished(test));
    story.finish("a", VmOutcome::Failed, None);
    story.tell(Body::Judged {
        vm: "a".into(),
        judged: judged("empty", SeriesState::Confirmed, Some(0.2)),
    });
    story.close();
    story
}

#[test]
fn a_run_that_has_only_begun_takes_nothing_away() {
    let service = Service::new();
    service.begin(&regressed().events);
    let before = service.metrics.render();
    // It waits, and then nothing has happened in it.
    let mut next = service.begin(&[]);
    assert_eq!(service.metrics.render(), before);
    let again = Story::of_target(&["a"], ALL);
    next.apply(&again.events[0]);
    assert_eq!(service.shown("vm_up"), ["vm_up{vm=\"a\"} 1"]);
    let outcome = ["vm_outcome{outcome=\"failed\",vm=\"a\"} 1"];
    assert_eq!(service.shown("vm_outcome"), outcome);
    assert_eq!(service.shown("target_passed")[0], NOT_PASSED);
    assert_eq!(service.shown("test_failed"), [FAILED]);
    assert_eq!(service.shown("benchmark_value"), [MEASURED]);
    assert_eq!(service.shown("benchmark_regression"), [REGRESSED]);
}

#[test]
fn a_target_says_the_last_word_where_it_has_ended_and_of_regressions_where_its_run_has() {
    let service = Service::new();
    service.begin(&regressed().events);
    let mut story = measuring(50.0);
    let mut next = service.begin(&story.events);
    assert_eq!(service.shown("benchmark_value"), [MEASURED]);
    assert_eq!(service.shown("test_failed"), [FAILED]);

    let told = story.events.len();
    story.harness_of(ALL, "a", finished("bench", Outcome::Passed, [1, 0, 0]));
    next.apply(&story.events[told]);
    assert_eq!(
        service.shown("benchmark_value"),
        [MEASURED.replace("60", "50")]
    );
    assert_eq!(
        service.shown("target_passed")[0],
        NOT_PASSED.replace("} 0", "} 1")
    );
    assert_eq!(service.shown("test_failed"), [""; 0]);
    assert_eq!(service.shown("benchmark_regression"), [REGRESSED]);

    let told = story.events.len();
    story.finish("a", VmOutcome::Passed, None);
    story.tell(Body::Judged {
        vm: "a".into(),
        judged: judged("empty", SeriesState::Recovered, None),
    });
    story.close();
    for event in &story.events[told..] {
        next.apply(event);
    }
    assert_eq!(
        service.shown("benchmark_regression"),
        [REGRESSED.replace("} 1", "} 0")]
    );
    service.begin(&[]);
    assert_eq!(
        service.runs(),
        2,
        "the first run has the last word on nothing"
    );
}

#[test]
fn a_run_of_another_target_leaves_what_this_one_said() {
    let service = Service::new();
    service.begin(&regressed().events);
    for _ in 0..3 {
        let mut other = Story::of_target(&["a"], "unit");
        other.fail("a", Stage::Connect, 1, false);
        other.finish("a", VmOutcome::Lost, Some(cause("refused")));
        other.close();
        service.begin(&other.events);
    }
    assert_eq!(service.shown("vm_up"), ["vm_up{vm=\"a\"} 0"]);
    let outcome = ["vm_outcome{outcome=\"lost\",vm=\"a\"} 1"];
    assert_eq!(service.shown("vm_outcome"), outcome);
    let passed = service.shown("target_passed");
    let unit = NOT_PASSED.replace("bench", "unit");
    assert!(passed.contains(&unit) && passed.contains(&NOT_PASSED.to_owned()));
    assert_eq!(service.shown("test_failed"), [FAILED]);
    assert_eq!(service.shown("benchmark_regression"), [REGRESSED]);
    service.begin(&[]);
    assert_eq!(
        service.runs(),
        3,
        "of the three that are alike, the last is left"
    );
}

#[test]
fn names_that_only_a_vm_knows_keep_no_run_and_planned_ones_do() {
    let service = Service::new();
    let mut planned = Story::of_target(&["a"], "ours");
    planned.finish("a", VmOutcome::Passed, None);
    planned.close();
    service.begin(&planned.events);
    for number in 0..10 {
        let target = format!("mine{number}");
        let mut story = Story::of_target(&["a"], ALL);
        story.harness_of(ALL, "a", finished(&target, Outcome::Passed, [1, 0, 0]));
        story.finish("a", VmOutcome::Passed, None);
        story.close();
        service.begin(&story.events);
    }
    let passed = service.shown("target_passed");
    let shown = |target| passed.iter().any(|line| line.contains(target));
    assert_eq!(
        ["\"ours\"", "\"mine7\"", "\"mine9\""].map(shown),
        [true, false, true]
    );
    service.begin(&[]);
    assert_eq!(service.runs(), 3);
}
