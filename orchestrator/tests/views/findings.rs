// SPDX-License-Identifier: BSD-2-Clause
//! Benchmarks beside their history and beside another run.

use orchestrator::event::{
    Body, Compared, Judged, Level, Quantity, Repetitions, SeriesChange, SeriesState, Suspicion,
    Verdict, VmOutcome,
};
use orchestrator::exit::ExitStatus;
use orchestrator::projection::github;
use orchestrator::projection::summary::{Look, render};
use orchestrator::projection::text::Paint;
use protocol::event::Better;

use crate::events::Story;
use crate::metrics::{exposition, samples};
use crate::outputs::junit;

fn quantity(workload: &str) -> Quantity {
    Quantity {
        benchmark: "parse".into(),
        workload: workload.into(),
        connections: 0,
        unit: "ns".into(),
        better: Better::Lower,
    }
}

pub(crate) fn judged(workload: &str, state: SeriesState, ratio: Option<f64>) -> Judged {
    let level = |runs, mean| Level {
        runs,
        mean,
        deviation: mean / 100.0,
    };
    Judged {
        quantity: quantity(workload),
        series: format!("5e{workload}"),
        runs: 35,
        state,
        change: ratio.map(|ratio| SeriesChange {
            run: "20261120T094900Z-aaaa".into(),
            ratio,
            p: 2.9e-23,
            before: level(30, 60.0),
            after: level(5, 60.0 * (1.0 + ratio)),
        }),
        suspicion: (state == SeriesState::Suspect).then_some(Suspicion {
            actual: 80.0,
            expected: 60.0,
            tolerance: 3.0,
        }),
        fails_run: false,
    }
}

fn failing(judged: Judged) -> Judged {
    Judged {
        fails_run: true,
        ..judged
    }
}

fn compared(workload: &str, ratio: f64, verdict: Verdict) -> Compared {
    let repetitions = |median| Repetitions { samples: 7, median };
    Compared {
        quantity: quantity(workload),
        baseline: "20261101T094900Z-bbbb".into(),
        before: repetitions(60.0),
        after: repetitions(60.0 * ratio),
        ratio,
        interval: [ratio - 0.02, ratio + 0.02],
        verdict,
        fails_run: false,
    }
}

/// A run on VMs `a` and `b` that passed but for its `findings`.
fn story(findings: Vec<Body>) -> Story {
    let mut story = Story::of(&["a", "b"]);
    story.finish("a", VmOutcome::Passed, None);
    story.finish("b", VmOutcome::Passed, None);
    for finding in findings {
        story.tell(finding);
    }
    story.close();
    story
}

fn on(vm: &str, judged: Judged) -> Body {
    let vm = vm.into();
    Body::Judged { vm, judged }
}

fn beside(vm: &str, compared: Compared) -> Body {
    let vm = vm.into();
    Body::Compared { vm, compared }
}

/// One of each kind.
fn every_kind() -> Story {
    use SeriesState::{Acknowledged, Confirmed, Improved, Recovered, Stable, Suspect};
    story(vec![
        on("a", judged("confirmed", Confirmed, Some(0.2))),
        on("a", judged("suspect", Suspect, Some(0.3))),
        on("a", judged("improved", Improved, Some(-0.2))),
        on("a", judged("acknowledged", Acknowledged, Some(0.4))),
        on("a", judged("recovered", Recovered, Some(-0.1))),
        on("b", judged("stable", Stable, None)),
        beside("b", compared("worse", 1.1, Verdict::Worse)),
        beside("b", compared("better", 0.8, Verdict::Better)),
        beside("b", compared("same", 1.01, Verdict::Same)),
    ])
}

#[test]
fn what_got_slower_is_suspect_or_got_faster_is_said_with_its_run_and_size() {
    let look = Look {
        width: 100,
        paint: Paint::PLAIN,
    };
    let text = render(&every_kind().state(), look);
    let (_, sections) = text.split_once("\n\n").unwrap();
    let (sections, _) = sections.split_once("\n\ntests:").unwrap();
    assert_eq!(
        sections,
        "Slower
  parse confirmed on a: +20.0 % since 20261120T094900Z-aaaa, 60.00 ns ± 1.0 % over 30 runs, \
then 72.00 ns ± 1.0 % over 5 (p 2.9e-23)
  parse worse on b: +10.0 % (99 %: +8.0 % to +12.0 %), 60.00 ns in 20261101T094900Z-bbbb, \
now 66.00 ns
  if the first is known: orchestrator ack 5econfirmed/20261120T094900Z-aaaa --note WHY

Suspect
  parse suspect on a: 80.00 ns, expected 60.00 ns ± 3.000 ns; further runs will tell

Faster
  parse improved on a: improved: -20.0 % since 20261120T094900Z-aaaa, 60.00 ns ± 1.0 % over \
30 runs, then 48.00 ns ± 1.0 % over 5 (p 2.9e-23)
  parse recovered on a: recovered: -10.0 % since 20261120T094900Z-aaaa, 60.00 ns ± 1.0 % over \
30 runs, then 54.00 ns ± 1.0 % over 5 (p 2.9e-23)
  parse better on b: -20.0 % (99 %: -22.0 % to -18.0 %), 60.00 ns in 20261101T094900Z-bbbb, \
now 48.00 ns"
    );
}

#[test]
fn an_old_improvement_is_no_news() {
    let mut improved = judged("old", SeriesState::Improved, Some(-0.2));
    improved.change.as_mut().unwrap().after.runs = 10;
    let look = Look {
        width: 100,
        paint: Paint::PLAIN,
    };
    let text = render(&story(vec![on("a", improved)]).state(), look);
    assert!(!text.contains("Faster"), "{text}");
}

#[test]
fn the_run_is_regressed_only_where_that_was_to_count_and_nothing_else_is_wrong() {
    let confirmed = judged("x", SeriesState::Confirmed, Some(0.2));
    let status = |story: &Story| story.state().exit_status();
    assert_eq!(
        status(&story(vec![on("a", confirmed.clone())])),
        ExitStatus::Success
    );
    let mut regressed = story(vec![on("a", failing(confirmed.clone()))]);
    assert_eq!(status(&regressed), ExitStatus::Regressed);
    assert_eq!(ExitStatus::Regressed.code(), 4);
    let worse = Compared {
        fails_run: true,
        ..compared("x", 1.1, Verdict::Worse)
    };
    assert_eq!(
        status(&story(vec![beside("a", worse)])),
        ExitStatus::Regressed
    );

    for (outcome, graver) in [
        (VmOutcome::Failed, ExitStatus::TestsFailed),
        (VmOutcome::Lost, ExitStatus::NotDriven),
    ] {
        let mut story = story(vec![on("a", failing(confirmed.clone()))]);
        story.finish("b", outcome, None);
        assert_eq!(status(&story), graver);
    }
    regressed.interrupt(false);
    assert_eq!(status(&regressed), ExitStatus::Interrupted);
}

#[test]
fn what_was_found_before_a_run_went_on_no_longer_counts() {
    let confirmed = failing(judged("x", SeriesState::Confirmed, Some(0.2)));
    let mut story = story(vec![on("a", confirmed)]);
    story.tell(Body::RunResumed {
        orchestrator: "0.1.0".into(),
    });
    story.close();
    assert_eq!(story.state().exit_status(), ExitStatus::Success);
    assert!(!junit(&story).contains("benchmarks"));
}

#[test]
fn what_is_found_again_of_a_quantity_takes_the_place_of_the_first() {
    let stable = judged("x", SeriesState::Stable, None);
    let confirmed = judged("x", SeriesState::Confirmed, Some(0.2));
    let state = story(vec![on("a", confirmed), on("a", stable.clone())]).state();
    assert_eq!(state.vm("a").unwrap().findings.judged, [stable]);
}

#[test]
fn metrics_tell_change_regression_and_suspicion_of_each_judged_series() {
    let text = exposition(&every_kind());
    let of = |family: &str| -> Vec<String> {
        let start = format!("orchestrator_benchmark_{family}{{");
        let lines = samples(&text, &start);
        let value = |line: &&str| {
            let workload = line.split("workload=\"").nth(1).unwrap();
            workload.replace("\"}", "")
        };
        lines.iter().map(value).collect()
    };
    let all = |values: [&str; 6]| {
        let names = [
            "acknowledged",
            "confirmed",
            "improved",
            "recovered",
            "suspect",
            "stable",
        ];
        let lines = names.iter().zip(values);
        lines.map(|(k, v)| format!("{k} {v}")).collect::<Vec<_>>()
    };
    assert_eq!(
        of("change_ratio"),
        all(["0.4", "0.2", "-0.2", "-0.1", "0.3", "0"])
    );
    assert_eq!(of("regression"), all(["0", "1", "0", "0", "0", "0"]));
    assert_eq!(of("suspect"), all(["0", "0", "0", "0", "1", "0"]));
}

#[test]
fn the_same_in_two_units_is_one_series_of_metrics() {
    let nanoseconds = judged("x", SeriesState::Stable, None);
    let mut instructions = nanoseconds.clone();
    instructions.quantity.unit = "instructions".into();
    let text = exposition(&story(vec![on("a", nanoseconds), on("a", instructions)]));
    assert_eq!(samples(&text, "orchestrator_benchmark_suspect{").len(), 1);
}

#[test]
fn a_job_of_github_is_told_what_got_slower() {
    let annotations = github::render(&every_kind().state());
    let lines: Vec<&str> = annotations.lines().collect();
    assert_eq!(lines.len(), 2, "{annotations}");
    assert!(lines[0].starts_with(
        "::warning title=parse confirmed on a slower::+20.0 %25 since 20261120T094900Z-aaaa, "
    ));
    assert!(lines[1].starts_with("::warning title=parse worse on b slower::+10.0 %25 "));
    let confirmed = failing(judged("x", SeriesState::Confirmed, Some(0.2)));
    let annotations = github::render(&story(vec![on("a", confirmed)]).state());
    assert!(annotations.starts_with("::error title=parse x on a slower::"));
}

#[test]
fn junit_has_a_case_for_each_that_fails_where_the_run_does() {
    let confirmed = failing(judged("x", SeriesState::Confirmed, Some(0.2)));
    let stable = judged("y", SeriesState::Stable, None);
    let text = junit(&story(vec![on("a", confirmed), on("b", stable)]));
    let (_, suite) = text.split_once("<testsuite name=\"benchmarks\"").unwrap();
    assert!(
        suite.starts_with(" tests=\"2\" skipped=\"0\" errors=\"0\" failures=\"1\">"),
        "{suite}"
    );
    assert!(suite.contains("<testcase name=\"parse x on a\" classname=\"benchmarks\">"));
    assert!(suite.contains("<failure message=\"+20.0 % since 20261120T094900Z-aaaa, "));
    assert!(suite.contains("<testcase name=\"parse y on b\" classname=\"benchmarks\"/>"));
}

#[test]
fn events_are_read_as_they_were_written() {
    for event in every_kind().events {
        let line = serde_json::to_string(&event).unwrap();
        let read: orchestrator::event::Event = serde_json::from_str(&line).unwrap();
        assert_eq!(read, event, "{line}");
    }
}
