// SPDX-License-Identifier: BSD-2-Clause
//! The fold and the exit status.

use orchestrator::event::{Body, Stage, VmOutcome};
use orchestrator::exit::ExitStatus;
use orchestrator::projection::state::{KEPT_LINES, KEPT_TESTS, Phase, RunState, Tally};

use crate::events::{
    Story, TARGET, bring_up, cause, failed, good_run, passed, skipped, troubled_run,
};

fn tally(passed: u32, failed: u32, skipped: u32) -> Tally {
    Tally {
        passed,
        failed,
        skipped,
    }
}

#[test]
fn a_run_is_folded_from_its_events() {
    let state = troubled_run().state();
    assert_eq!(state.vms.len(), 3);
    assert_eq!(state.tally(), tally(9 + 7 + 4, 1 + 2, 1));
    assert_eq!(state.duration_s, Some(13.0));

    let vm = state.vm("freebsd144").unwrap();
    assert_eq!(vm.tally(), tally(7, 2, 1));
    assert_eq!(vm.stages[&Stage::Connect].attempts, 2);
    assert_eq!(vm.stages[&Stage::Connect].succeeded, Some(true));
    assert!((vm.stages[&Stage::Connect].duration_s - 0.71).abs() < 1e-9);
    let target = vm.target(TARGET).unwrap();
    let ids: Vec<&str> = target.failed.iter().map(|test| test.id.as_str()).collect();
    assert_eq!(ids, ["D07", "D08"]);
    assert_eq!(target.failed[0], failed("D07", 14));
    assert_eq!(target.skipped, [skipped("G01")]);
    assert_eq!(target.tests[&Some("D".to_owned())], tally(0, 2, 0));

    let lost = state.vm("freebsd143").unwrap().end().unwrap();
    assert_eq!(lost.outcome, VmOutcome::Lost);
    assert_eq!(lost.broken_in, Some(Stage::Test));
    assert_eq!(lost.duration_s, 12.34);
}

#[test]
fn a_vm_goes_from_waiting_through_its_stages() {
    let mut story = Story::of(&["a", "b"]);
    assert_eq!(story.state().vms[0].phase, Phase::Waiting);
    story.begin("a", Stage::Connect, 2);
    let state = story.state();
    let phase = Phase::In {
        stage: Stage::Connect,
        attempt: 2,
    };
    assert_eq!(state.vms[0].phase, phase);
    assert_eq!(state.vms[0].started, Some(story.events[1].time));
    assert_eq!(state.vms[1].phase, Phase::Waiting);
}

/// The exit status of a run in which VMs `a`, `b`, … ended so.
fn status(outcomes: &[Option<VmOutcome>]) -> ExitStatus {
    let names = ["a", "b", "c"];
    let mut story = Story::of(&names[..outcomes.len()]);
    for (vm, outcome) in names.iter().zip(outcomes) {
        if let Some(outcome) = outcome {
            story.finish(vm, *outcome, None);
        }
    }
    story.close().state().exit_status()
}

#[test]
fn the_gravest_vm_decides_the_exit_status() {
    use VmOutcome::{Cancelled, Failed, Hung, Infrastructure, Lost, Passed, Skipped, TimedOut};
    assert_eq!(status(&[Some(Passed), Some(Passed)]), ExitStatus::Success);
    assert_eq!(
        status(&[Some(Passed), Some(Failed)]),
        ExitStatus::TestsFailed
    );
    for undriven in [TimedOut, Hung, Lost, Infrastructure] {
        assert_eq!(
            status(&[Some(Failed), Some(undriven), Some(Passed)]),
            ExitStatus::NotDriven,
            "{undriven}"
        );
    }
    assert_eq!(
        status(&[Some(Failed), Some(Cancelled)]),
        ExitStatus::TestsFailed
    );
    assert_eq!(
        status(&[Some(Passed), Some(Cancelled)]),
        ExitStatus::NotDriven
    );
    for (outcomes, decided) in [
        ([Passed, Skipped], ExitStatus::Success),
        ([Skipped, Failed], ExitStatus::TestsFailed),
        ([Skipped, Lost], ExitStatus::NotDriven),
        ([Skipped, Cancelled], ExitStatus::NotDriven),
        ([Skipped, Skipped], ExitStatus::NothingTested),
    ] {
        assert_eq!(status(&outcomes.map(Some)), decided, "{outcomes:?}");
    }
    assert_eq!(ExitStatus::NothingTested.code(), 3);
    assert_eq!(status(&[Some(Passed), None]), ExitStatus::NotDriven);
    assert_eq!(status(&[]), ExitStatus::NotDriven);
}

#[test]
fn a_signal_outweighs_everything() {
    let mut story = Story::of(&["a"]);
    story.finish("a", VmOutcome::Lost, None).interrupt(false);
    let state = story.close().state();
    assert_eq!(state.exit_status(), ExitStatus::Interrupted);
    assert!(!state.interrupted.unwrap().forced);
}

#[test]
fn a_log_that_stops_early_is_not_a_success() {
    let mut story = good_run();
    assert_eq!(story.state().exit_status(), ExitStatus::Success);
    story.events.pop();
    assert_eq!(story.state().exit_status(), ExitStatus::NotDriven);
    assert_eq!(RunState::default().exit_status(), ExitStatus::NotDriven);
}

#[test]
fn unknown_events_change_nothing() {
    let mut story = troubled_run();
    let before = format!("{:?}", story.state());
    story.tell(Body::Unknown);
    story.harness("freebsd150", protocol::Body::Unknown);
    // The handle on names is a hash map, whose order is not part of the state.
    let strip = |text: &str| text.split(" index: ").next().unwrap().to_owned();
    assert_eq!(strip(&format!("{:?}", story.state())), strip(&before));
}

#[test]
fn a_target_that_starts_again_counts_afresh() {
    let mut story = Story::of(&["a"]);
    story
        .target_started("a", Some(10))
        .test("a", failed("D07", 1))
        .target_started("a", Some(12))
        .test("a", passed("A01"));
    let state = story.state();
    assert_eq!(state.tally(), tally(1, 0, 0));
    let target = state.vms[0].target(TARGET).unwrap();
    assert_eq!((target.failed.len(), target.expected), (0, Some(12)));
}

#[test]
fn what_a_vm_says_is_kept_within_bounds() {
    let mut story = Story::of(&["a"]);
    bring_up(&mut story, "a");
    for number in 0..1000 {
        let mut test = failed(&format!("D{number}"), 3);
        test.category = Some(format!("{number}"));
        test.target = format!("target {}", number / 2);
        test.message = Some("é".repeat(100_000));
        story.test("a", test);
        story.output("a", &"x".repeat(5000));
    }
    let values: Vec<(String, u64)> = (0..1000).map(|n| (format!("c{n}"), n)).collect();
    let values: Vec<(&str, u64)> = values.iter().map(|(k, v)| (k.as_str(), *v)).collect();
    story.counters("a", &values);

    let state = story.state();
    let vm = &state.vms[0];
    assert_eq!(vm.tally().failed, 1000);
    let kept: usize = vm.targets.iter().map(|target| target.failed.len()).sum();
    assert_eq!(kept, KEPT_TESTS);
    let message = vm.targets[0].failed[0].message.as_ref().unwrap();
    assert_eq!(message.chars().count(), 1001);
    assert!(message.ends_with('…'));
    assert_eq!(vm.targets.len(), 65);
    assert_eq!(vm.targets[64].target, "other");
    assert_eq!(vm.targets[64].tests.len(), 65);
    assert_eq!(vm.counters.len(), 256);
    assert_eq!(vm.last_lines.len(), KEPT_LINES);
    assert_eq!(vm.last_lines[0].chars().count(), 1001);
}

#[test]
fn many_skipped_tests_do_not_hide_a_failed_one() {
    let mut story = Story::of(&["a"]);
    for _ in 0..2 * KEPT_TESTS {
        story.test("a", skipped("G01"));
    }
    story.test("a", failed("D07", 1));
    let state = story.state();
    assert_eq!(state.vms[0].targets[0].skipped.len(), KEPT_TESTS);
    assert_eq!(state.vms[0].targets[0].failed.len(), 1);
}

#[test]
fn a_vm_that_the_plan_does_not_name_is_not_hidden() {
    let mut story = Story::of(&["a"]);
    story.finish("a", VmOutcome::Passed, None);
    story
        .finish("b", VmOutcome::Lost, Some(cause("gone")))
        .close();
    let state = story.state();
    assert_eq!(state.vms[1].name(), "b");
    assert_eq!(state.exit_status(), ExitStatus::NotDriven);
}
