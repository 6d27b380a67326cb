// SPDX-License-Identifier: BSD-2-Clause
//! What is done again, and failures that are expected.

use orchestrator::event::{Body, Stage, VmOutcome};

use crate::fixture::Lab;

/// The test that every target of the script has.
const EXPECTED: &str = "expected_failures = [\"failing/A01\", \"good/A01\", \"good/Z99\"]";

#[test]
fn a_target_that_passes_when_run_again_is_flaky() {
    let lab = Lab::new(&["a"]);
    let ran = lab.run(&["--target", "flaky", "--retry-tests", "2"]);
    assert_eq!(ran.code(), 0, "{ran:#?}");
    assert_eq!(ran.end("a"), (VmOutcome::Flaky, None));
    let again: Vec<u32> = ran
        .events
        .iter()
        .filter_map(|event| match &event.body {
            Body::TargetRetried { attempt, .. } => Some(*attempt),
            _ => None,
        })
        .collect();
    assert_eq!(again, [2]);
    assert_eq!(ran.harness("a").len(), 10, "both attempts are recorded");
    assert!(ran.stdout.contains("flaky"), "{}", ran.stdout);

    let ran = lab.run(&["--target", "flaky"]);
    assert_eq!(
        ran.end("a"),
        (VmOutcome::Failed, None),
        "without being asked"
    );
    let ran = lab.run(&["--target", "failing", "--retry-tests", "1"]);
    assert_eq!(ran.end("a"), (VmOutcome::Failed, None));
    assert_eq!(ran.harness("a").len(), 10);
}

#[test]
fn an_expected_failure_fails_nothing_and_a_wrong_list_is_told() {
    let mut lab = Lab::new(&[]);
    lab.vm("a", EXPECTED);
    let ran = lab.run(&["--target", "failing,good"]);
    assert_eq!(ran.code(), 0, "{ran:#?}");
    assert_eq!(ran.end("a"), (VmOutcome::ExpectedFailure, None));
    let told = ran.output_in("a", Stage::Test);
    assert!(
        told.contains(&"good/A01 is expected to fail and passed: take it from expected_failures"),
        "{told:?}"
    );
    assert!(
        told.contains(&"good/Z99 is expected to fail and was not run: correct expected_failures"),
        "{told:?}"
    );

    let mut lab = Lab::new(&[]);
    lab.vm("a", "expected_failures = [\"failing/A02\"]");
    assert_eq!(lab.run(&["--target", "failing"]).code(), 1);
}

#[test]
fn clocks_that_jump_change_nothing() {
    let lab = Lab::new(&["a"]);
    let ran = lab.run(&["--target", "jumping"]);
    assert_eq!(ran.code(), 0, "{ran:#?}");
    assert_eq!(ran.end("a"), (VmOutcome::Passed, None));
}
