// SPDX-License-Identifier: BSD-2-Clause
//! The summary, as people see it.

use insta::assert_snapshot;
use orchestrator::event::{Body, ConsoleKind, ScrapeReason, Stage, VmOutcome};
use orchestrator::projection::summary::{Look, render};
use orchestrator::projection::text::Paint;
use protocol::event::Level;

use crate::events::{
    Story, bring_up, cause, failed, good_run, run_of_members, skipped, troubled_run,
};
use crate::outputs::junit;

fn summary(story: &Story, width: u16) -> String {
    render(
        &story.state(),
        Look {
            width,
            paint: Paint::PLAIN,
        },
    )
}

#[test]
fn all_passed() {
    assert_snapshot!(summary(&good_run(), 80));
}

#[test]
fn trouble_at_80_columns() {
    let text = summary(&troubled_run(), 80);
    assert_snapshot!(text);
}

#[test]
fn trouble_at_200_columns() {
    assert_snapshot!(summary(&troubled_run(), 200));
}

#[test]
fn members_and_benchmarks_at_80_columns() {
    assert_snapshot!(summary(&run_of_members(), 80));
}

#[test]
fn members_and_benchmarks_at_200_columns() {
    assert_snapshot!(summary(&run_of_members(), 200));
}

#[test]
fn what_was_noted_is_said_once_with_all_it_is_of() {
    let mut story = good_run();
    for vm in ["freebsd150", "freebsd144", "freebsd150"] {
        story.note(vm, "clock: 7200 s behind this machine's");
    }
    story.note("freebsd144", "red\u{1b}[31m");
    let text = summary(&story, 80);
    let notes = "freebsd150, freebsd144: clock: 7200 s behind this machine's\n\
                 freebsd144: red\\u{1b}[31m\n";
    assert!(text.contains(notes), "{text}");
    assert_eq!(text.matches("7200").count(), 1, "{text}");
}

#[test]
fn interrupted_before_the_end() {
    let mut story = Story::of(&["freebsd150", "freebsd144", "freebsd143"]);
    bring_up(&mut story, "freebsd150").target_started("freebsd150", None);
    story.begin("freebsd144", Stage::Deploy, 1).interrupt(false);
    story.finish(
        "freebsd150",
        VmOutcome::Cancelled,
        Some(cause("interrupted by SIGINT")),
    );
    assert_snapshot!(summary(&story, 80));
}

#[test]
fn the_same_failure_on_many_vms_is_said_once() {
    let names: Vec<String> = (1..=12).map(|number| format!("vm{number:02}")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let mut story = Story::of(&names);
    for vm in &names {
        story.test(vm, failed("D07", 14));
        story.finish(vm, VmOutcome::Failed, None);
    }
    let text = summary(story.close(), 100);
    assert_eq!(text.matches("D07").count(), 1);
    assert!(text.contains(
        "  live_integration D07 local address, prefix of 16  on vm01, vm02, vm03, vm04, vm05, vm06, vm07, vm08 and 4 more\n"
    ));
}

#[test]
fn tests_that_fail_alike_are_named_together() {
    let mut story = Story::of(&["a", "b"]);
    for vm in ["a", "b"] {
        for id in ["D01", "D02", "D03"] {
            story.test(vm, failed(id, 0));
        }
    }
    story.test("b", failed("D04", 0));
    let text = summary(&story, 100);
    let title = "  live_integration, 3 tests: D01, D02, D03  on a, b\n";
    assert!(text.contains(title), "{text}");
    let single = "  live_integration D04 local address, prefix of 16  on b\n";
    assert!(text.contains(single), "{text}");
    assert_eq!(text.matches("unexpected").count(), 2);
}

#[test]
fn what_a_test_did_elsewhere_stands_beside_it() {
    let mut story = Story::of(&["a", "b"]);
    for (vm, actual) in [("a", 1), ("b", 2)] {
        story.test(vm, failed("D01", 10 + actual));
        story.test(vm, failed("D02", 20 + actual));
    }
    let text = summary(&story, 100);
    let heads: Vec<&str> = text.lines().filter(|line| line.contains("  on ")).collect();
    assert_eq!(
        heads,
        [
            "  live_integration D01 local address, prefix of 16  on a",
            "  live_integration D01 local address, prefix of 16  on b",
            "  live_integration D02 local address, prefix of 16  on a",
            "  live_integration D02 local address, prefix of 16  on b",
        ]
    );
}

#[test]
fn the_same_trouble_on_many_vms_is_said_once() {
    let names: Vec<String> = (1..=12).map(|number| format!("vm{number:02}")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let mut story = Story::of(&names);
    for vm in &names {
        story.fail(vm, Stage::Connect, 1, false);
        let reason = cause("connection refused");
        story.finish(vm, VmOutcome::Infrastructure, Some(reason));
    }
    let text = summary(story.close(), 100);
    assert_eq!(text.matches("connection refused").count(), 1, "{text}");
    let head =
        "  vm01, vm02, vm03, vm04, vm05, vm06, vm07, vm08 and 4 more infrastructure in connect\n";
    assert!(text.contains(head), "{text}");
}

#[test]
fn only_the_stage_that_failed_is_quoted_and_nothing_twice() {
    let mut story = Story::of(&["a", "b"]);
    for vm in ["a", "b"] {
        story
            .begin(vm, Stage::Load, 1)
            .output(vm, "served already")
            .end(vm, Stage::Load, 0.1)
            .fail(vm, Stage::Test, 1, false)
            .output(vm, "connection refused")
            .output(vm, &format!("{vm} is tired"))
            .stage(vm, Stage::Unlock, 0.1)
            .finish(
                vm,
                VmOutcome::Infrastructure,
                Some(cause("connection refused")),
            );
    }
    let text = summary(&story, 100);
    let trouble = "\n  a, b infrastructure in test\n    cause     connection refused\n    \
                   tried     ssh root@freebsd143\n    advice    see whether sshd runs there\n    \
                   a         a is tired\n    b         b is tired\n\n";
    assert!(text.contains(trouble), "{text}");
}

#[test]
fn a_vm_that_failed_without_a_failed_test_says_why() {
    let mut story = Story::of(&["a"]);
    bring_up(&mut story, "a")
        .pass("a", 1, 3)
        .log("a", Level::Error, "an address could not be removed")
        .end("a", Stage::Test, 1.0)
        .finish("a", VmOutcome::Failed, None);
    let text = summary(story.close(), 100);
    let why = "\nFailed without a failed test\n  a failed\n    \
               it said   an address could not be removed\n";
    assert!(text.contains(why), "{text}");
    assert!(!text.contains("Not driven"), "{text}");
}

#[test]
fn failures_beyond_the_limit_are_counted() {
    let mut story = Story::of(&["a"]);
    for number in 0..130 {
        story.test("a", failed(&format!("I{number:03}"), 1));
    }
    let text = summary(&story, 100);
    assert!(text.contains("\n  and 30 more, in the event log\n"));
}

#[test]
fn what_failed_as_expected_stands_apart() {
    let mut story = Story::of(&["a", "b"]);
    let Body::RunStarted { plan, .. } = &mut story.events[0].body else {
        panic!("no plan");
    };
    let expected = plan.vms[0]
        .expected_failures
        .insert("live_integration/D07".into());
    assert!(expected);
    for vm in ["a", "b"] {
        bring_up(&mut story, vm).test(vm, failed("D07", 1));
    }
    story.finish("a", VmOutcome::ExpectedFailure, None);
    story.finish("b", VmOutcome::Failed, None);
    let text = summary(&story, 80);
    let title = |vm: &str| format!("  live_integration D07 local address, prefix of 16  on {vm}\n");
    assert!(
        text.contains(&format!("Failed tests\n{}", title("b"))),
        "{text}"
    );
    assert!(
        text.contains(&format!("Failed as expected\n{}", title("a"))),
        "{text}"
    );
    assert!(
        text.contains(": 0 of 2 VMs passed, 1 failed as expected"),
        "{text}"
    );
    // Programs that read the report are not to fail for it.
    let report = junit(&story);
    let case =
        "<testcase name=\"D07 local address, prefix of 16\" classname=\"a.live_integration\"";
    let (_, case) = report.split_once(case).expect(&report);
    let (case, _) = case.split_once("</testcase>").unwrap();
    assert!(
        case.contains("<skipped message=\"failed as expected: "),
        "{case}"
    );
    assert_eq!(report.matches("<failure").count(), 1, "{report}");
}

#[test]
fn flaky_vms_are_counted_beside_those_that_passed() {
    let mut story = Story::of(&["a", "b", "c"]);
    for (vm, outcome) in [
        ("a", VmOutcome::Flaky),
        ("b", VmOutcome::Passed),
        ("c", VmOutcome::Flaky),
    ] {
        bring_up(&mut story, vm).pass(vm, 1, 2);
        story.finish(vm, outcome, None);
    }
    let text = summary(&story, 80);
    assert!(text.contains(": 1 of 3 VMs passed, 2 flaky"), "{text}");
}

#[test]
fn a_vm_that_skipped_all_its_tests_has_not_passed() {
    let mut story = Story::of(&["a", "b"]);
    bring_up(&mut story, "a").test("a", skipped("G01"));
    bring_up(&mut story, "b")
        .pass("b", 1, 3)
        .test("b", skipped("G01"));
    story.finish("a", VmOutcome::Skipped, None);
    story.finish("b", VmOutcome::Passed, None);
    story.close();
    let text = summary(&story, 80);
    assert!(
        text.contains(" a    nothing tested        0        0         1 "),
        "{text}"
    );
    assert!(
        text.contains("PASSED: 1 of 2 VMs passed, 1 tested nothing"),
        "{text}"
    );

    let mut story = Story::of(&["a"]);
    bring_up(&mut story, "a").test("a", skipped("G01"));
    story.finish("a", VmOutcome::Skipped, None).close();
    let text = summary(&story, 80);
    assert!(
        text.contains("NOTHING TESTED: 0 of 1 VM passed, 1 tested nothing"),
        "{text}"
    );
}

#[test]
fn a_crash_is_quoted_with_where_it_was() {
    let mut story = Story::of(&["a"]);
    let panic = include_str!("../run/fixture/panic.txt");
    story
        .begin("a", Stage::Test, 1)
        .output("a", "a word before")
        .tell(Body::Console {
            vm: "a".into(),
            kind: ConsoleKind::Trap,
            lines: panic.lines().map(str::to_owned).collect(),
        })
        .finish("a", VmOutcome::Crashed, Some(cause("the kernel panicked")));
    let text = summary(&story, 100);
    assert!(
        text.contains("    console   Fatal trap 12: page fault"),
        "{text}"
    );
    assert!(text.contains("fault virtual address = 0x28\n"), "{text}");
    assert!(
        text.contains("#3 0xffffffff82f0164b at tcpstats_read+0x8b\n"),
        "{text}"
    );
    assert!(!text.contains("a word before"), "{text}");
}

#[test]
fn colours_do_not_change_the_words() {
    let story = troubled_run();
    let colored = render(
        &story.state(),
        Look {
            width: 80,
            paint: Paint::COLORED,
        },
    );
    assert!(colored.contains("\u{1b}["));
    let words = |text: &str| {
        let text = console::strip_ansi_codes(text);
        let lines: Vec<String> = text
            .lines()
            .map(|line| line.trim_end().to_owned())
            .collect();
        lines.join("\n")
    };
    assert_eq!(words(&colored), words(&summary(&story, 80)));
}

#[test]
fn scrapes_that_failed_are_counted_by_reason() {
    let mut story = Story::of(&["a", "b"]);
    story
        .scraped("a", &[])
        .scrape_failed("a", ScrapeReason::Busy)
        .scrape_failed("a", ScrapeReason::Timeout)
        .scrape_failed("a", ScrapeReason::Busy)
        .scraped("b", &[])
        .scrape_failed("b", ScrapeReason::Gone);
    let text = summary(&story, 100);
    assert!(
        text.contains("\na: 3 of 4 scrapes failed: timeout 1, busy 2\n"),
        "{text}"
    );
    assert!(!text.contains("b: "), "{text}");
}
