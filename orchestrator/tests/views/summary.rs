// SPDX-License-Identifier: BSD-2-Clause
//! The summary, as people see it.

use insta::assert_snapshot;
use orchestrator::event::{Stage, VmOutcome};
use orchestrator::projection::summary::{Look, render};
use orchestrator::projection::text::Paint;

use crate::events::{Story, bring_up, cause, failed, good_run, troubled_run};

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
fn failures_beyond_the_limit_are_counted() {
    let mut story = Story::of(&["a"]);
    for number in 0..130 {
        story.test("a", failed(&format!("I{number:03}"), 1));
    }
    let text = summary(&story, 100);
    assert!(text.contains("\n  and 30 more, in the event log\n"));
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
