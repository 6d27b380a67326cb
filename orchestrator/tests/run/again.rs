// SPDX-License-Identifier: BSD-2-Clause
//! What is done again, and failures that are expected.

use std::fs;
use std::process::Command;

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
    let noted = "\na: good/A01 is expected to fail and passed: take it from expected_failures\n";
    assert!(ran.stdout.contains(noted), "{}", ran.stdout);
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

#[test]
fn the_clock_here_may_step_during_a_run() {
    for step in ["+2h", "-2h"] {
        let mut lab = Lab::new(&[]);
        let until = lab.vm_dir("until");
        lab.vm(
            "a",
            &format!(
                "env = {{ EXPORTER = \"127.0.0.1:1\", UNTIL = {until:?} }}\n\
                 scrape_interval = \"1h\"\nidle_limit = \"1m\"\nlimits = {{ test = \"1m\" }}"
            ),
        );
        let clock = lab.scratch("clock").join("offset");
        fs::write(&clock, "+0").unwrap();
        let mut command = Command::new(env!("CARGO_BIN_EXE_orchestrator"));
        command
            // The dynamic loader fills $LIB in.
            .env("LD_PRELOAD", "/usr/$LIB/faketime/libfaketime.so.1")
            .env("FAKETIME_TIMESTAMP_FILE", &clock)
            .env("FAKETIME_NO_CACHE", "1")
            .env("FAKETIME_DONT_FAKE_MONOTONIC", "1");
        let run = lab.start_through(command, &["--target=exporting", "--timeout=10m"]);
        run.wait_for_harness("a");
        fs::write(&clock, step).unwrap();
        fs::write(&until, "").unwrap();
        let ran = run.wait();
        assert_eq!(ran.code(), 0, "{step}: {ran:#?}");
        assert_eq!(ran.end("a"), (VmOutcome::Passed, None));
        let times = || ran.events.iter().map(|event| event.time.as_second());
        let steps = times().zip(times().skip(1)).map(|(a, b)| b - a);
        let stepped = steps.filter(|step| step.abs() > 7000).count();
        assert_eq!(stepped, 1, "is libfaketime there? {ran:#?}");
        let durations = ran.events.iter().filter_map(|event| match event.body {
            Body::StageFinished { duration_s, .. } | Body::RunFinished { duration_s } => {
                Some(duration_s)
            }
            _ => None,
        });
        let odd: Vec<f64> = durations.filter(|d| !(0.0..600.0).contains(d)).collect();
        assert_eq!(odd, [0.0; 0]);
    }
}
