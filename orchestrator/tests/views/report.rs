// SPDX-License-Identifier: BSD-2-Clause
//! `orchestrator report` as a person runs it.

use std::path::Path;
use std::process::Command;

use crate::events::{good_run, troubled_run};
use crate::html::text;
use crate::replay::kept;

fn orchestrator(args: &[&str], log: &Path) -> std::process::Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_orchestrator"));
    command.args(args).arg(log).env_remove("GITHUB_ACTIONS");
    command.output().unwrap()
}

#[test]
fn report_writes_what_replay_does_and_returns_0() {
    let story = troubled_run();
    let (runs, log) = kept(&story.lines());
    let path = |name: &str| runs.path().join(name).to_str().unwrap().to_owned();
    let [html, junit, json] = ["a.html", "a.xml", "a.json"].map(path);
    let output = orchestrator(
        &[
            "report", "--html", &html, "--junit", &junit, "--json", &json,
        ],
        &log,
    );
    assert_eq!(output.status.code(), Some(0));
    assert_eq!((output.stdout, output.stderr), (vec![], vec![]));
    let read = |path: &str| std::fs::read_to_string(path).unwrap();
    assert_eq!(read(&html), text(&story));

    let [html2, junit2] = ["b.html", "b.xml"].map(path);
    let output = orchestrator(
        &["replay", "--json", "--html", &html2, "--junit", &junit2],
        &log,
    );
    assert_eq!(output.status.code(), Some(3));
    assert_eq!(read(&json), String::from_utf8(output.stdout).unwrap());
    assert_eq!(read(&junit), read(&junit2));
    assert_eq!(read(&html), read(&html2));
    let output = orchestrator(&["report", "--json", "-"], &log);
    assert_eq!(read(&json), String::from_utf8(output.stdout).unwrap());
}

#[test]
fn no_file_is_called_like_standard_output() {
    let (_runs, log) = kept(&troubled_run().lines());
    for option in ["--html", "--junit"] {
        let output = orchestrator(&["report", option, "-"], &log);
        let said = String::from_utf8(output.stderr).unwrap();
        assert!(
            said.contains("/dev/stdout is the standard output"),
            "{said}"
        );
        assert_eq!(output.status.code(), Some(2));
    }
}

#[test]
fn a_log_that_was_cut_is_reported_as_far_as_it_goes() {
    let mut story = troubled_run();
    let whole = story.lines();
    let (runs, log) = kept(&whole[..whole.len() - 10]);
    story.events.pop();
    let html = runs.path().join("a.html");
    let output = orchestrator(&["report", "--html", html.to_str().unwrap()], &log);
    assert_eq!(output.status.code(), Some(0));
    let notes = String::from_utf8(output.stderr).unwrap();
    assert!(notes.contains("was cut off"), "{notes}");
    assert_eq!(std::fs::read_to_string(html).unwrap(), text(&story));
}

#[test]
fn a_report_without_a_file_is_refused() {
    let (_runs, log) = kept(&good_run().lines());
    let output = orchestrator(&["report"], &log);
    assert_eq!(output.status.code(), Some(2));
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert!(stderr.contains("--html <FILE>"), "{stderr}");
}

#[test]
fn a_page_that_cannot_be_written_is_named() {
    let (runs, log) = kept(&good_run().lines());
    let html = runs.path().join("absent/a.html");
    let output = orchestrator(&["report", "--html", html.to_str().unwrap()], &log);
    assert_eq!(output.status.code(), Some(2));
    let expected = format!(
        "failed to write {}; name another file with --html: No such file",
        html.display()
    );
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert!(stderr.contains(&expected), "{stderr}");
}
