// SPDX-License-Identifier: BSD-2-Clause
//! Runs that are ended early, by limits or by people.

use std::fs;
use std::process::Command;

use orchestrator::event::{Body, Stage, VmOutcome};

use crate::fixture::{Lab, Ran, kill_what_is_out_of_reach, processes_with, wait_until};

/// Clean-up followed on `vm`, and nothing of the run is left there.
fn cleaned_up(lab: &Lab, ran: &Ran, vm: &str) {
    assert!(
        ran.stages(vm).ends_with(&[Stage::Collect, Stage::Unlock]),
        "{:?}",
        ran.stages(vm)
    );
    assert_eq!(lab.processes(), []);
}

/// The test binary on `vm` was asked to end, and had the time to.
fn was_asked(ran: &Ran, vm: &str) {
    let term = ran.folder().join("vms").join(vm).join("hang/term");
    assert_eq!(fs::read_to_string(term).unwrap(), "ended\n");
}

#[test]
fn a_silent_test_binary_is_hung() {
    let mut lab = Lab::new(&[]);
    lab.vm("a", "idle_limit = \"1s\"");
    let ran = lab.run(&["--target", "hang"]);
    assert_eq!(ran.code(), 3, "{ran:#?}");
    assert_eq!(
        ran.failure("a"),
        (
            VmOutcome::Hung,
            "the test binary said nothing for 1s".into()
        )
    );
    was_asked(&ran, "a");
    cleaned_up(&lab, &ran, "a");
}

#[test]
fn a_target_that_takes_too_long_is_timed_out_though_it_talks() {
    let mut lab = Lab::new(&[]);
    lab.vm("a", "limits = { test = \"1s\" }");
    let ran = lab.run(&["--target", "chatty"]);
    assert_eq!(ran.code(), 3, "{ran:#?}");
    assert_eq!(
        ran.failure("a"),
        (VmOutcome::TimedOut, "it took longer than 1s".into())
    );
    cleaned_up(&lab, &ran, "a");
}

#[test]
fn a_binary_that_ignores_the_request_is_killed() {
    let mut lab = Lab::new(&[]);
    lab.vm("a", "idle_limit = \"1s\"");
    let ran = lab.run(&["--target", "stubborn"]);
    assert_eq!(ran.end("a").0, VmOutcome::Hung);
    cleaned_up(&lab, &ran, "a");
}

#[test]
fn one_signal_cleans_up() {
    for signal in ["INT", "TERM", "HUP"] {
        let lab = Lab::new(&["a", "b"]);
        let run = lab.start(&["--target", "hang,good"]);
        run.wait_for_harness("a");
        run.wait_for_harness("b");
        run.signal(signal);
        let ran = run.wait();
        assert_eq!(ran.code(), 130, "{ran:#?}");
        for vm in ["a", "b"] {
            assert_eq!(
                ran.failure(vm),
                (VmOutcome::Cancelled, "the run was interrupted".into())
            );
            was_asked(&ran, vm);
            cleaned_up(&lab, &ran, vm);
        }
        let name = format!("SIG{signal}");
        let told = ran.events.iter().any(|event| {
            matches!(&event.body, Body::Interrupted { signal, forced: false } if *signal == name)
        });
        assert!(told, "{:#?}", ran.events);
    }
}

#[test]
fn a_second_signal_ends_it_at_once() {
    let lab = Lab::new(&["a"]);
    let run = lab.start(&["--target", "stubborn"]);
    run.wait_for_harness("a");
    run.signal("INT");
    run.wait_for("the first is taken", |body| {
        matches!(body, Body::Interrupted { forced: false, .. })
    });
    run.signal("INT");
    let ran = run.wait();
    assert_eq!(ran.code(), 130, "{ran:#?}");
    assert_eq!(ran.end("a").0, VmOutcome::Cancelled);
    assert!(!ran.stages("a").contains(&Stage::Unlock));
    let forced = |body: &Body| matches!(body, Body::Interrupted { forced: true, .. });
    assert!(ran.events.iter().any(|event| forced(&event.body)));
    let known_hosts = lab.sshd.known_hosts().display().to_string();
    assert_eq!(processes_with(&known_hosts), []);
    kill_what_is_out_of_reach(&lab);
}

#[test]
fn the_whole_run_has_a_limit() {
    let lab = Lab::new(&["a"]);
    let ran = lab.run(&["--target", "hang", "--timeout", "3s"]);
    assert_eq!(ran.code(), 3, "{ran:#?}");
    assert_eq!(
        ran.failure("a"),
        (
            VmOutcome::TimedOut,
            "the whole run took longer than --timeout".into()
        )
    );
    cleaned_up(&lab, &ran, "a");
}

#[test]
fn fail_fast_ends_the_others() {
    let mut lab = Lab::new(&["a"]);
    lab.vm_at("b", "127.0.0.1", 1, "");
    let run = lab.start(&["--target", "hang", "--fail-fast", "--retries", "0"]);
    let ran = run.wait();
    assert_eq!(ran.code(), 3, "{ran:#?}");
    assert_eq!(ran.end("b").0, VmOutcome::Infrastructure);
    assert_eq!(
        ran.failure("a"),
        (
            VmOutcome::Cancelled,
            "another VM failed and --fail-fast was given".into()
        )
    );
    assert_eq!(lab.processes(), []);
}

#[test]
fn a_log_that_can_not_be_written_ends_the_run() {
    let lab = Lab::new(&["a"]);
    // The limit stands for a full disk: both make write(2) fail.
    let mut command = Command::new("bash");
    command.args(["-c", "trap '' XFSZ; ulimit -f 8; exec \"$0\" \"$@\""]);
    command.arg(env!("CARGO_BIN_EXE_orchestrator"));
    let ran = lab.start_through(command, &["--target", "chatty"]).wait();
    assert_eq!(ran.code(), 3, "{ran:#?}");
    assert!(
        ran.stderr.contains("could not be written"),
        "{}",
        ran.stderr
    );
    assert!(!ran.events.is_empty());
    assert_eq!(lab.processes(), []);
}

#[test]
fn the_next_run_ends_what_a_killed_orchestrator_left() {
    let lab = Lab::new(&["a"]);
    let run = lab.start(&["--target", "stubborn"]);
    run.wait_for_harness("a");
    run.signal("KILL");
    drop(run);
    assert_ne!(lab.processes(), []);

    let ran = lab.run(&["--target", "good"]);
    assert_eq!(ran.code(), 0, "{ran:#?}");
    assert!(
        ran.output("a")
            .contains(&"ended programs that an earlier run left behind")
    );
    wait_until("the old connection ends too", || lab.processes().is_empty());
}
