// SPDX-License-Identifier: BSD-2-Clause
//! Runs are in the history when they have ended, and nothing that is wrong with
//! it changes them.

use std::fs;
use std::path::Path;

use orchestrator::event::Body;
use orchestrator::history::{FILE_NAME, History, RunFilter, RunLine};
use tokio::runtime::Runtime;

use crate::fixture::{Lab, wait_until};

/// The runs that stand in the database of `runs_dir`, as they do.
fn recorded(runs_dir: &Path) -> Vec<RunLine> {
    Runtime::new().unwrap().block_on(async {
        let history = History::open(runs_dir).await.unwrap();
        let runs = history.runs(&RunFilter::default()).await.unwrap();
        history.close().await;
        runs
    })
}

/// The runs that a person is shown.
fn shown(runs_dir: &Path) -> Vec<RunLine> {
    Runtime::new().unwrap().block_on(async {
        let history = History::look(runs_dir).await.unwrap();
        let runs = history.runs(&RunFilter::default()).await.unwrap();
        history.close().await;
        runs
    })
}

/// A VM's name, outcome and number of tests.
type Vm<'a> = (&'a str, Option<&'a str>, u32);

/// Name, result, and the VMs.
fn said(run: &RunLine) -> (&str, &str, Vec<Vm<'_>>) {
    let vms = run.vms.iter().map(|vm| {
        let outcome = vm.outcome.as_deref();
        (vm.name.as_str(), outcome, vm.tests.done())
    });
    (&run.run, &run.result, vms.collect())
}

#[test]
fn a_run_is_recorded_when_it_ends() {
    let lab = Lab::new(&["a", "b"]);
    let ran = lab.run(&["--target", "good"]);
    let name = ran.folder().file_name().unwrap().to_str().unwrap();
    let runs = recorded(ran.folder().parent().unwrap());
    assert_eq!(runs.len(), 1);
    let vms = vec![("a", Some("passed"), 1), ("b", Some("passed"), 1)];
    assert_eq!(said(&runs[0]), (name, "passed", vms), "{ran:#?}");
    assert!(!ran.stderr.contains("history"), "{}", ran.stderr);
}

#[test]
fn a_killed_run_is_shown_as_it_stood_and_recorded_when_it_goes_on() {
    let lab = Lab::new(&["a"]);
    let run = lab.start(&["--target", "good,hang"]);
    run.wait_for(
        "a test runs",
        |body| matches!(body, Body::Harness { target, .. } if target == "hang"),
    );
    let folder = run.kill();
    let runs_dir = folder.parent().unwrap();
    assert_eq!(recorded(runs_dir), []);
    let runs = shown(runs_dir);
    let name = folder.file_name().unwrap().to_str().unwrap();
    assert_eq!(said(&runs[0]), (name, "not_driven", vec![("a", None, 1)]));
    assert_eq!(runs[0].duration_s, None);

    let going_on = lab.start_resuming(&folder, &[]);
    going_on.wait_for("it runs again", |body| {
        matches!(body, Body::RunResumed { .. })
    });
    going_on.wait_for_harness("a");
    going_on.signal("INT");
    let ran = going_on.wait();
    assert_eq!(ran.code(), 130, "{ran:#?}");
    let runs = recorded(runs_dir);
    let vms = vec![("a", Some("cancelled"), 1)];
    assert_eq!(said(&runs[0]), (name, "interrupted", vms));
}

#[test]
fn trouble_with_the_history_is_told_and_changes_nothing() {
    let lab = Lab::new(&["a"]);
    let run = lab.start(&["--target", "hang"]);
    run.wait_for_harness("a");
    let folder = run.kill();
    let database = folder.with_file_name(FILE_NAME);
    fs::write(&database, "nonsense".repeat(1000)).unwrap();
    lab.have_hang_pass();
    let ran = lab.resume(&folder, &[]);
    assert_eq!(ran.code(), 0, "{ran:#?}");
    let note = "note: the run is not in the history yet: failed to open ";
    let advice = "make it anew: orchestrator history rebuild\n";
    let line = ran.stderr.lines().find(|line| line.starts_with(note));
    let line = line.unwrap_or_else(|| panic!("{}", ran.stderr));
    assert!(line.ends_with(advice.trim_end()), "{line}");
    assert_eq!(fs::read(&database).unwrap().len(), 8000);
}

#[test]
fn a_service_counts_its_trouble_with_the_history() {
    let lab = Lab::new(&["a"]);
    let service = lab.serve("serve", "");
    let family = "orchestrator_history_failures_total";
    let counted = |reason: &str, count| {
        let sample = format!("{family}{{reason=\"{reason}\"}} {count}\n");
        service.metrics().contains(&sample)
    };
    assert!(counted("damaged", 0) && counted("full", 0));
    fs::create_dir_all(service.runs()).unwrap();
    fs::write(service.runs().join(FILE_NAME), "nonsense".repeat(1000)).unwrap();
    let (run, _) = service.run("good", "a");
    assert_eq!(service.wait_for_end(&run)["result"], "passed");
    wait_until("it is counted", || counted("damaged", 1));
    assert!(counted("full", 0));
    // Neither does the page that lists runs do without an answer.
    let page = service.ask_with("GET", "/", "", "");
    assert_eq!(page.status, 200);
    assert!(page.text.contains(&run), "{}", page.text);
    assert!(counted("damaged", 2), "{}", service.metrics());
}

#[test]
fn a_service_records_its_runs() {
    let lab = Lab::new(&["a"]);
    let service = lab.serve("serve", "");
    let (run, _) = service.run("failing", "a");
    service.wait_for_end(&run);
    let runs_dir = service.runs();
    wait_until("it is recorded", || {
        runs_dir.join(FILE_NAME).is_file() && !recorded(&runs_dir).is_empty()
    });
    let runs = recorded(&runs_dir);
    assert_eq!(
        (runs[0].run.as_str(), runs[0].result.as_str()),
        (&*run, "failed")
    );
}
