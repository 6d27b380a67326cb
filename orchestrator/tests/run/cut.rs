// SPDX-License-Identifier: BSD-2-Clause
//! A connection that breaks in each stage. What holds the stage until then is
//! a tool of the VM that waits.

use std::fs;

use orchestrator::event::{Body, Stage, VmOutcome};

use crate::fixture::{Lab, Ran, kill_what_is_out_of_reach, wait_until};

/// Run with a connection that is cut the first time that `held` runs, a case
/// pattern of the words with which `tool` is called.
fn cut(lab: &Lab, tool: &str, held: &str, arguments: &[&str]) -> Ran {
    let marks = lab.scratch("marks");
    let (reached, hold) = (marks.join("reached"), marks.join("hold"));
    let _ = fs::remove_file(&reached);
    fs::write(&hold, "").unwrap();
    let script = format!(
        "case \"$*\" in {held})\n[ -e {reached:?} ] || {{ : >{reached:?}; \
         while [ -e {hold:?} ]; do sleep 0.05; done; exit 1; }} ;;\nesac\n\
         exec /usr/bin/{tool} \"$@\""
    );
    lab.tool(tool, &script);
    let run = lab.start(arguments);
    wait_until("the stage is reached", || reached.exists());
    lab.sshd.signal_sessions("KILL");
    fs::remove_file(hold).unwrap();
    run.wait()
}

/// The tool that each stage before the tests runs.
const HELD: [(Stage, &str, &str); 5] = [
    (Stage::Lock, "flock", "*"),
    (Stage::Facts, "uname", "-snrm"),
    (Stage::Health, "df", "*"),
    (Stage::Prepare, "find", "*/runs\\ *"),
    (Stage::Deploy, "rm", "*.partial"),
];

#[test]
fn before_the_tests_all_is_begun_again_and_passes() {
    let lab = Lab::new(&["a"]);
    for (stage, tool, held) in HELD {
        let ran = cut(&lab, tool, held, &["--target", "good", "--retries", "1"]);
        assert_eq!(ran.code(), 0, "{stage}: {ran:#?}");
        let attempts: Vec<(u32, bool)> = ran
            .events
            .iter()
            .filter_map(|event| match &event.body {
                Body::StageFinished {
                    stage: found,
                    attempt,
                    will_retry,
                    ..
                } if *found == stage => Some((*attempt, *will_retry)),
                _ => None,
            })
            .collect();
        assert_eq!(attempts, [(1, true), (2, false)], "{stage}");
        assert!(ran.stdout.contains("took 2 attempts"), "{}", ran.stdout);
        fs::remove_file(lab.sshd.tools().join(tool)).unwrap();
    }
    assert_eq!(lab.processes(), []);
}

#[test]
fn without_retries_the_vm_is_lost_in_that_stage() {
    let lab = Lab::new(&["a"]);
    for (stage, tool, held) in [HELD[0], HELD[4]] {
        let ran = cut(&lab, tool, held, &["--target", "good", "--retries", "0"]);
        assert_eq!(ran.code(), 3, "{stage}: {ran:#?}");
        let (outcome, what) = ran.failure("a");
        assert_eq!(outcome, VmOutcome::Lost, "{what}");
        assert!(what.starts_with("the connection was lost: "), "{what}");
        assert!(ran.stages("a").contains(&stage));
        assert!(!ran.stages("a").contains(&Stage::Test));
        fs::remove_file(lab.sshd.tools().join(tool)).unwrap();
    }
}

#[test]
fn after_the_tests_the_vm_is_lost_too() {
    let lab = Lab::new(&["a"]);
    lab.program("tcpstats", "#!/bin/sh\nexit 3\n");
    let ran = cut(&lab, "pkill", "*tcpstatsd*", &["--target", "live_good"]);
    assert_eq!(ran.code(), 3, "{ran:#?}");
    let (outcome, what) = ran.failure("a");
    assert_eq!(outcome, VmOutcome::Lost, "{what}");
    assert_eq!(ran.harness("a").len(), 5, "what was learned before is kept");
    // It was reached again, and what ran there was ended.
    assert!(ran.stages("a").contains(&Stage::Recover));
    wait_until("nothing is left", || lab.processes().is_empty());
}

#[test]
fn in_the_tests_what_ran_there_is_ended_over_another_connection() {
    let lab = Lab::new(&["a"]);
    let run = lab.start(&["--target", "hang"]);
    run.wait_for_harness("a");
    lab.sshd.signal_sessions("KILL");
    let ran = run.wait();
    assert_eq!(ran.code(), 3, "{ran:#?}");
    let (outcome, cause) = ran.end("a");
    assert_eq!(outcome, VmOutcome::Lost);
    assert_eq!(
        cause.unwrap().advice,
        "the VM itself has not rebooted: see the network and its sshd"
    );
    wait_until("nothing is left", || lab.processes().is_empty());
    kill_what_is_out_of_reach(&lab);
}
