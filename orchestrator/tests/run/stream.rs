// SPDX-License-Identifier: BSD-2-Clause
//! Event streams that can't be trusted: the VM is lost, whatever came after.

use orchestrator::event::{Stage, VmOutcome};

use crate::fixture::Lab;

/// A run of `target` ends the VM as lost, and leaves nothing there.
fn lost(target: &str) -> String {
    let lab = Lab::new(&["a"]);
    let ran = lab.run(&["--target", target]);
    assert_eq!(ran.code(), 3, "{ran:#?}");
    let (outcome, what) = ran.failure("a");
    assert_eq!(outcome, VmOutcome::Lost, "{what}");
    assert!(ran.stages("a").ends_with(&[Stage::Collect, Stage::Unlock]));
    assert_eq!(lab.processes(), []);
    what
}

#[test]
fn cut_in_a_line() {
    assert_eq!(
        lost("cut"),
        "the event stream broke: line 3 is no event (EOF while parsing a string at line 1 \
         column 37): {\\\"v\\\":1,\\\"seq\\\":2,\\\"time\\\":\\\"2026-01-01T00:"
    );
}

#[test]
fn without_a_bye() {
    assert_eq!(
        lost("no_bye"),
        "the test binary ended after 2 events without a bye: exit status 0"
    );
}

#[test]
fn garbage_from_a_binary_that_goes_on() {
    assert_eq!(
        lost("garbage"),
        "the event stream broke: line 2 is no event (expected value at line 1 column 1): \
         Segmentation fault"
    );
}

#[test]
fn with_a_gap() {
    assert_eq!(
        lost("gap"),
        "the event stream broke: line 3 has seq 3 where 2 was due"
    );
}

#[test]
fn with_an_endless_line() {
    assert_eq!(
        lost("endless"),
        "the test binary said more than 1048576 bytes in a line"
    );
}

#[test]
fn of_endless_broken_lines() {
    assert!(lost("flood").starts_with("the event stream broke: line 3 is no event"));
}

#[test]
fn of_a_killed_binary() {
    assert_eq!(
        lost("killed"),
        "the test binary ended after 2 events without a bye: killed by a signal"
    );
}

#[test]
fn against_the_exit_status() {
    assert_eq!(
        lost("lying"),
        "the test binary said passed but ended otherwise (exit status 1)"
    );
}
