// SPDX-License-Identifier: BSD-2-Clause
//! `orchestrator replay` as a person runs it.

use std::path::{Path, PathBuf};

use assert_cmd::Command;
use orchestrator::projection::summary::{Look, render};
use orchestrator::projection::text::Paint;

use crate::events::{Story, good_run, troubled_run};
use crate::metrics::{feed, metrics};

/// What the program printed, what it said beside, and its exit status.
struct Replayed {
    out: String,
    notes: String,
    status: i32,
}

fn replay(args: &[&str]) -> Replayed {
    let output = Command::new(env!("CARGO_BIN_EXE_orchestrator"))
        .arg("replay")
        .args(args)
        .env_remove("GITHUB_ACTIONS")
        .output()
        .unwrap();
    Replayed {
        out: String::from_utf8(output.stdout).unwrap(),
        notes: String::from_utf8(output.stderr).unwrap(),
        status: output.status.code().unwrap(),
    }
}

/// A folder of runs with one run of that log in it, and the log's path.
pub(crate) fn kept(log: &str) -> (tempfile::TempDir, PathBuf) {
    let runs = tempfile::tempdir().unwrap();
    let path = runs.path().join("20261123T094900Z-k3f9/events.ndjson");
    std::fs::create_dir(path.parent().unwrap()).unwrap();
    std::fs::write(&path, log).unwrap();
    (runs, path)
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

/// What the run itself printed at its end, into a pipe.
fn summary(story: &Story) -> String {
    let look = Look {
        width: 100,
        paint: Paint::PLAIN,
    };
    render(&story.state(), look)
}

#[test]
fn a_replayed_run_shows_and_returns_what_the_run_did() {
    for (story, status) in [(troubled_run(), 3), (good_run(), 0)] {
        let (_runs, path) = kept(&story.lines());
        let replayed = replay(&[text(&path)]);
        assert_eq!(replayed.out, summary(&story));
        assert_eq!((replayed.notes.as_str(), replayed.status), ("", status));
    }
}

#[test]
fn a_run_is_found_by_its_name_its_folder_and_its_log() {
    let story = good_run();
    let (runs, path) = kept(&story.lines());
    let by_name = replay(&["20261123T094900Z-k3f9", "--runs-dir", text(runs.path())]);
    let by_folder = replay(&[text(path.parent().unwrap())]);
    let by_log = replay(&[text(&path)]);
    for replayed in [by_name, by_folder, by_log] {
        assert_eq!(replayed.out, summary(&story));
    }
}

#[test]
fn the_metrics_are_those_that_the_run_left() {
    let story = troubled_run();
    let (_runs, path) = kept(&story.lines());
    let (metrics, mut fold) = metrics();
    feed(&mut fold, &story.events);
    let replayed = replay(&["--metrics", text(&path)]);
    assert_eq!(replayed.out, metrics.render());
    assert_eq!(replayed.status, 3);
}

#[test]
fn a_cut_last_line_is_said_and_costs_nothing_before_it() {
    let mut story = troubled_run();
    let whole = story.lines();
    let (_runs, path) = kept(&whole[..whole.len() - 10]);
    let last = story.events.len();
    story.events.pop();
    let replayed = replay(&[text(&path)]);
    assert_eq!(replayed.out, summary(&story));
    let path = path.display();
    assert_eq!(
        replayed.notes,
        format!(
            "note: line {last} of {path} was cut off, as when the orchestrator is killed; all before it is shown\n"
        )
    );
    assert_eq!(replayed.status, 3);
}

#[test]
fn garbage_is_named_by_its_line_and_costs_nothing_before_it() {
    let mut story = troubled_run();
    story.events.truncate(20);
    let (_runs, path) = kept(&format!("{}no event\n", story.lines()));
    let replayed = replay(&[text(&path)]);
    assert_eq!(replayed.out, summary(&story));
    let path = path.display();
    let expected = format!(
        "error: failed to read {path} to its end, what stands before is shown: line 21 is no event"
    );
    assert!(replayed.notes.starts_with(&expected), "{}", replayed.notes);
    assert_eq!(replayed.status, 2);
}

#[test]
fn what_is_no_run_is_refused() {
    let (runs, path) = kept("");
    let empty = replay(&[text(&path)]);
    let expected = format!("error: {} holds no event of a run\n", path.display());
    assert_eq!((empty.notes, empty.status), (expected, 2));
    assert_eq!(empty.out, "");

    let dir = runs.path();
    let absent = replay(&["nobody", "--runs-dir", text(dir)]);
    let expected = format!(
        "error: {} has no run nobody; `orchestrator runs` lists what there is\n",
        dir.display()
    );
    assert_eq!((absent.notes, absent.status), (expected, 2));
}
