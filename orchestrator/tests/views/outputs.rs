// SPDX-License-Identifier: BSD-2-Clause
//! What a run leaves for programs: JSON, JUnit, annotations.

use std::path::Path;

use assert_cmd::Command;
use insta::assert_snapshot;
use orchestrator::event::{Stage, VmOutcome};
use orchestrator::projection::junit::Junit;
use orchestrator::projection::{github, result};
use protocol::Body;

use crate::events::{
    Story, TARGET, bring_up, failed, good_run, hello, run_of_members, troubled_run,
};
use crate::replay::kept;

pub(crate) fn junit(story: &Story) -> String {
    let mut junit = Junit::default();
    for event in &story.events {
        junit.apply(event);
    }
    junit.render().unwrap()
}

/// Runs a target twice; the test that failed first passes then.
pub(crate) fn flaky_run() -> Story {
    let mut story = Story::of(&["a"]);
    bring_up(&mut story, "a")
        .harness("a", Body::Hello(hello()))
        .target_started("a", Some(2))
        .pass("a", 1, 1)
        .test("a", failed("A02", 7))
        .harness("a", Body::Hello(hello()))
        .target_started("a", Some(2))
        .pass("a", 1, 2)
        .target_finished("a", [2, 0, 0])
        .end("a", Stage::Test, 9.5)
        .finish("a", VmOutcome::Passed, None)
        .close();
    story
}

#[test]
fn junit_of_a_troubled_run() {
    assert_snapshot!(junit(&troubled_run()));
}

#[test]
fn junit_of_members() {
    assert_snapshot!(junit(&run_of_members()));
}

#[test]
fn junit_has_every_attempt() {
    let text = junit(&flaky_run());
    assert!(
        text.contains("<testsuite name=\"a live_integration\" tests=\"2\""),
        "{text}"
    );
    assert_eq!(text.matches("<flakyFailure ").count(), 1, "{text}");
    assert_eq!(text.matches("<testcase ").count(), 3, "{text}");
    assert!(text.contains("failures=\"0\" errors=\"0\""), "{text}");
}

#[test]
fn only_the_last_attempt_counts() {
    let state = flaky_run().state();
    let target = state.vm("a").unwrap().target(TARGET).unwrap();
    assert_eq!((target.tally().passed, target.tally().failed), (2, 0));
}

#[test]
fn a_log_that_breaks_off_gives_a_report_that_says_so() {
    let mut story = troubled_run();
    story.events.truncate(20);
    let text = junit(&story);
    assert!(text.contains("the target was cut off"), "{text}");
    assert!(text.contains("its end is not in the event log"), "{text}");
}

#[test]
fn json_of_members() {
    assert_snapshot!(result::render(&run_of_members().state()).unwrap());
}

#[test]
fn annotations_name_a_failure_once_with_its_vms() {
    assert_eq!(
        github::render(&troubled_run().state()),
        "::error title=live_integration D07 local address%2C prefix of 16 on freebsd150%2C freebsd144::    \
         filter    local_addr=127.0.0.0/16%0A    expected  12 records%0A    actual    14 records%0A    \
         message   unexpected 127.1.0.1:40000 > 127.1.0.1:8080%0A              none missing\n\
         ::error title=live_integration D08 local address%2C prefix of 16 on freebsd144::    \
         filter    local_addr=127.0.0.0/16%0A    expected  12 records%0A    actual    0 records%0A    \
         message   unexpected 127.1.0.1:40000 > 127.1.0.1:8080%0A              none missing\n\
         ::error title=freebsd143 lost::connection closed by the other side \
         (tried: ssh root@freebsd143); see whether sshd runs there\n"
    );
    assert_eq!(github::render(&good_run().state()), "");
}

#[test]
fn what_a_vm_says_begins_no_workflow_command() {
    let mut story = Story::of(&["a"]);
    let mut test = failed("D01", 1);
    test.id = "D01\n::error::x".into();
    test.message = Some("50%\r\n::set-output name=a::b".into());
    story.test("a", test).close();
    for line in github::render(&story.state()).lines() {
        assert!(line.starts_with("::error title="), "{line}");
    }
    assert_eq!(github::render(&story.state()).lines().count(), 2);
}

#[test]
fn a_flood_of_failures_is_a_few_annotations() {
    let mut story = Story::of(&["a"]);
    for number in 0..130 {
        story.test("a", failed(&format!("I{number:03}"), 1));
    }
    story.finish("a", VmOutcome::Failed, None).close();
    let text = github::render(&story.state());
    assert_eq!(text.lines().count(), 51);
    // A hundred failing tests of a VM are kept.
    assert!(text.ends_with("::notice title=tcpstats::50 more failures, in the event log\n"));
}

/// `orchestrator replay` of that log.
fn replay(log: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_orchestrator"));
    command.arg("replay").arg(log).env_remove("GITHUB_ACTIONS");
    command
}

#[test]
fn a_replay_gives_the_same_outputs() {
    let story = troubled_run();
    let (runs, log) = kept(&story.lines());
    let file = runs.path().join("junit.xml");
    let output = replay(&log)
        .arg("--json")
        .arg("--junit")
        .arg(&file)
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(3));
    let json = String::from_utf8(output.stdout).unwrap();
    assert_eq!(json, result::render(&story.state()).unwrap());
    assert_eq!(std::fs::read_to_string(file).unwrap(), junit(&story));
}

#[test]
fn annotations_come_where_github_runs_the_job_and_never_into_the_json() {
    let story = troubled_run();
    let (_runs, log) = kept(&story.lines());
    let annotations = github::render(&story.state());
    let stdout = |command: &mut Command| {
        let output = command.output().unwrap();
        (
            String::from_utf8(output.stdout).unwrap(),
            String::from_utf8(output.stderr).unwrap(),
        )
    };
    let (plain, _) = stdout(&mut replay(&log));
    assert!(!plain.contains("::error"));
    let (on_github, _) = stdout(replay(&log).env("GITHUB_ACTIONS", "true"));
    assert_eq!(on_github, format!("{annotations}{plain}"));
    let (asked, _) = stdout(replay(&log).arg("--github"));
    assert_eq!(asked, on_github);
    let (json, beside) = stdout(replay(&log).args(["--github", "--json"]));
    assert_eq!((beside, json.contains("::error")), (annotations, false));
}

#[test]
fn a_junit_file_that_cannot_be_written_is_named() {
    let (runs, log) = kept(&good_run().lines());
    let file = runs.path().join("absent/junit.xml");
    let output = replay(&log).arg("--junit").arg(&file).output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    let stderr = String::from_utf8(output.stderr).unwrap();
    let expected = format!(
        "failed to write {}; name another file with --junit: No such file",
        file.display()
    );
    assert!(stderr.contains(&expected), "{stderr}");
}
