// SPDX-License-Identifier: BSD-2-Clause
//! A run whose orchestrator was killed goes on and ends as it would have.

use std::fs;
use std::io::Write;
use std::path::Path;
use std::thread;

use orchestrator::event::{Body, Stage, VmOutcome};
use orchestrator::event_log::Reader;
use orchestrator::projection::result;
use orchestrator::projection::state::RunState;
use serde_json::Value;

use crate::build::source_tree;
use crate::fixture::{Lab, Ran, Started, kill_what_is_out_of_reach, wait_until};

const TARGETS: &[&str] = &["--target", "good,live_good,failing"];

/// A run's result without what is another every time.
fn lasting(ran: &Ran) -> Value {
    let mut state = RunState::default();
    ran.events.iter().for_each(|event| state.apply(event));
    let mut value = serde_json::from_str(&result::render(&state).unwrap()).unwrap();
    forget(&mut value);
    value
}

fn forget(value: &mut Value) {
    match value {
        Value::Object(fields) => {
            fields.retain(|name, _| {
                !["run", "started", "duration_s", "address"].contains(&name.as_str())
            });
            fields.values_mut().for_each(forget);
        }
        Value::Array(items) => items.iter_mut().for_each(forget),
        _ => {}
    }
}

/// The run came to its end as an undisturbed one does, and left as much.
fn ended_well(lab: &Lab, ran: &Ran, undisturbed: &Value, context: &str) {
    assert_eq!(ran.code(), 1, "{context}: {ran:#?}");
    assert_eq!(&lasting(ran), undisturbed, "{context}: {ran:#?}");
    for file in ["good/q", "good/inner/log", "live_good/inner/log"] {
        let path = ran.folder().join("vms/a").join(file);
        assert!(path.is_file(), "{context}: no {}", path.display());
    }
    // What the killed orchestrator had open is closed by its end.
    wait_until("nothing is left", || lab.processes().is_empty());
}

fn log(folder: &Path) -> Vec<u8> {
    fs::read(folder.join("events.ndjson")).unwrap()
}

#[test]
fn a_run_that_was_killed_in_any_stage_goes_on_and_ends_as_it_would_have() {
    let begun = |stage: Stage| {
        move |run: &Started| {
            let began = move |body: &Body| matches!(body, Body::StageStarted { stage: s, .. } if *s == stage);
            run.wait_for(stage.as_str(), began);
        }
    };
    let stages = [
        Stage::Connect,
        Stage::Lock,
        Stage::Facts,
        Stage::Health,
        Stage::Prepare,
        Stage::Deploy,
        Stage::Build,
        Stage::Setup,
        Stage::Load,
        Stage::Test,
        Stage::Collect,
        Stage::Unload,
        Stage::Unlock,
    ];
    let lab_with_source = || {
        let lab = Lab::new(&["a"]);
        lab.tool("cargo", &lab.cargo_script());
        let source = source_tree(&lab, "").display().to_string();
        (
            lab,
            ["--deploy=build".to_owned(), format!("--source={source}")],
        )
    };
    let undisturbed = |build: bool| {
        let (lab, how) = lab_with_source();
        lasting(&lab.run(&arguments(TARGETS, build, &how)))
    };
    let undisturbed = [false, true].map(undisturbed);
    thread::scope(|scope| {
        for stage in stages {
            let undisturbed = &undisturbed;
            scope.spawn(move || {
                let (lab, how) = lab_with_source();
                let build = matches!(stage, Stage::Build | Stage::Setup);
                let run = lab.start(&arguments(TARGETS, build, &how));
                begun(stage)(&run);
                let folder = run.kill();
                let ran = lab.resume(&folder, &arguments(&[], build, &how));
                let undisturbed = &undisturbed[usize::from(build)];
                ended_well(&lab, &ran, undisturbed, stage.as_str());
            });
        }
    });
}

/// `arguments`, with `how` where the VM is to build.
fn arguments<'a>(arguments: &[&'a str], build: bool, how: &'a [String]) -> Vec<&'a str> {
    let how = how.iter().filter(|_| build).map(String::as_str);
    arguments.iter().copied().chain(how).collect()
}

#[test]
fn only_what_is_missing_is_done_and_twice_changes_nothing() {
    let lab = Lab::new(&["a", "b"]);
    let run = lab.start(&["--target", "good,polite"]);
    run.wait_for_harness("a");
    let polite = |body: &Body| matches!(body, Body::Harness { vm, target, .. } if vm == "a" && target == "polite");
    run.wait_for("the second target runs", polite);
    let folder = run.kill();
    // The second time it ends by itself.
    lab.program(
        "kmod-integration",
        &include_str!("fixture/kmod-integration.sh")
            .replace("hang | polite)", "hang)")
            .replace("good | live_good)", "good | live_good | polite)"),
    );
    let ran = lab.resume(&folder, &[]);
    assert_eq!(ran.code(), 0, "{ran:#?}");
    let of_good = ran.events.iter().filter(|event| match &event.body {
        Body::Harness { vm, target, event } => {
            vm == "a" && target == "good" && matches!(event.body, protocol::Body::Hello(_))
        }
        _ => false,
    });
    assert_eq!(of_good.count(), 1);
    assert!(ran.stdout.contains("2 of 2 VMs passed"), "{}", ran.stdout);

    let before = log(&folder);
    let again = lab.resume(&folder, &[]);
    assert_eq!((again.code(), again.stdout), (0, ran.stdout));
    assert!(
        again.stderr.contains("nothing is missing"),
        "{}",
        again.stderr
    );
    assert_eq!(log(&folder), before);
}

#[test]
fn what_the_run_was_begun_with_is_what_it_goes_on_with() {
    let lab = Lab::new(&["a"]);
    let run = lab.start(&["--target=polite", "--connections=7,9", "--duration=3s"]);
    run.wait_for_harness("a");
    let folder = run.kill();
    lab.program(
        "kmod-integration",
        &include_str!("fixture/kmod-integration.sh")
            .replace("target=$1\n", "target=$1 arguments=$*\n")
            .replace("hang | polite)", "hang)")
            .replace("good | live_good)", "good | live_good | polite)")
            .replace("\"kept\"", "\"$arguments\""),
    );
    let ran = lab.resume(&folder, &[]);
    assert_eq!(ran.code(), 0, "{ran:#?}");
    let arguments = fs::read_to_string(folder.join("vms/a/polite/inner/log")).unwrap();
    assert!(
        arguments.ends_with(" --connections 7,9 --duration 3s\n"),
        "{arguments}"
    );
}

#[test]
fn a_vm_that_came_to_its_end_is_left_alone() {
    let mut lab = Lab::new(&["a"]);
    lab.vm_at("b", "127.0.0.1", 1, "");
    let run = lab.start(&["--target", "hang", "--retries", "0"]);
    run.wait_for_harness("a");
    run.wait_for("b has failed", |body| {
        matches!(body, Body::VmFinished { .. })
    });
    let folder = run.kill();
    lab.have_hang_pass();
    let ran = lab.resume(&folder, &[]);
    assert_eq!(ran.code(), 3, "{ran:#?}");
    assert_eq!(ran.end("a").0, VmOutcome::Passed);
    assert_eq!(ran.end("b").0, VmOutcome::Infrastructure);
    assert_eq!(ran.stages("b"), [Stage::Connect]);
}

#[test]
fn an_interrupted_run_goes_on_too() {
    let lab = Lab::new(&["a"]);
    let run = lab.start(&["--target", "hang"]);
    run.wait_for_harness("a");
    run.signal("INT");
    let ran = run.wait();
    assert_eq!(ran.code(), 130);
    lab.have_hang_pass();
    let resumed = lab.start_resuming(ran.folder(), &[]).wait();
    assert_eq!(resumed.code(), 0, "{resumed:#?}");
}

#[test]
fn a_cut_last_line_is_written_anew() {
    let lab = Lab::new(&["a"]);
    let run = lab.start(&["--target", "hang"]);
    run.wait_for_harness("a");
    let folder = run.kill();
    let path = folder.join("events.ndjson");
    let mut file = fs::OpenOptions::new().append(true).open(&path).unwrap();
    file.write_all(b"{\"v\":1,\"seq\":").unwrap();
    drop(file);
    lab.have_hang_pass();
    let ran = lab.resume(&folder, &[]);
    assert_eq!(ran.code(), 0, "{ran:#?}");
    let mut reader = Reader::open(&path).unwrap();
    assert!(reader.by_ref().all(|event| event.is_ok()));
    assert_eq!(reader.cut(), None);
}

#[test]
fn a_run_that_still_goes_on_is_left_to_its_orchestrator() {
    let lab = Lab::new(&["a"]);
    let run = lab.start(&["--target", "hang"]);
    run.wait_for_harness("a");
    let second = lab.start_resuming(&run.folder().unwrap(), &[]).wait();
    assert_eq!(second.code(), 3, "{second:#?}");
    assert!(
        second.stderr.contains("its run is still going on"),
        "{}",
        second.stderr
    );
    run.signal("INT");
    assert_eq!(run.wait().code(), 130);
}

#[test]
fn a_vm_that_is_elsewhere_now_is_not_taken_for_the_old_one() {
    let lab = Lab::new(&["a"]);
    let run = lab.start(&["--target", "hang"]);
    run.wait_for_harness("a");
    let folder = run.kill();
    let mut other = Lab::new(&[]);
    other.vm_at("a", "127.0.0.1", 1, "");
    let before = log(&folder);
    let refused = other.start_resuming(&folder, &[]).wait();
    assert_eq!(refused.code(), 2, "{refused:#?}");
    assert!(
        refused.stderr.contains("the run had a at"),
        "{}",
        refused.stderr
    );
    assert!(refused.stderr.contains("--inventory"), "{}", refused.stderr);
    assert_eq!(log(&folder), before);
    kill_what_is_out_of_reach(&lab);
}
