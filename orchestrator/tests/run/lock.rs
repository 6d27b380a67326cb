// SPDX-License-Identifier: BSD-2-Clause
//! Two orchestrators at one VM.

use std::fs::File;
use std::path::Path;
use std::time::SystemTime;

use orchestrator::event::{Stage, VmOutcome};

use crate::fixture::{Lab, kill_what_is_out_of_reach};

#[test]
fn the_second_is_told_who_holds_the_vm() {
    let lab = Lab::new(&["a"]);
    let first = lab.start(&["--target", "hang"]);
    first.wait_for_harness("a");

    let second = lab.run(&["--target", "good"]);
    assert_eq!(second.code(), 3, "{second:#?}");
    assert_eq!(second.stages("a"), [Stage::Connect, Stage::Lock]);
    let (outcome, what) = second.failure("a");
    assert_eq!(outcome, VmOutcome::Infrastructure);
    let pid = format!("(pid {})", first.pid());
    assert!(what.starts_with("the VM is locked by "), "{what}");
    assert!(what.contains(&pid), "{what}");

    first.signal("INT");
    assert_eq!(first.wait().code(), 130);
    let holder = lab.vm_dir("a").join("lock.holder");
    assert!(!holder.exists(), "it says that somebody has the VM");
    assert_eq!(lab.run(&["--target", "good"]).code(), 0);
}

/// Have the file look as if it was never written again after 1970.
fn age(file: &Path) {
    let file = File::options().append(true).open(file).unwrap();
    file.set_modified(SystemTime::UNIX_EPOCH).unwrap();
}

#[test]
fn a_holder_that_is_not_heard_of_any_more_is_taken_over() {
    let lab = Lab::new(&["a"]);
    let first = lab.start(&["--target", "hang"]);
    first.wait_for_harness("a");
    let holder = lab.vm_dir("a").join("lock.holder");

    // Where only the clock there was set, it is heard of again.
    age(&holder);
    let second = lab.run(&["--target", "good"]);
    assert_eq!(second.code(), 3, "{second:#?}");
    let (_, what) = second.failure("a");
    assert!(what.starts_with("the VM is locked by "), "{what}");

    first.signal("STOP");
    age(&holder);
    let third = lab.run(&["--target", "good"]);
    assert_eq!(third.code(), 0, "{third:#?}");
    let output = third.output("a");
    let told = "is not heard of any more: its lock is taken over";
    assert!(output.iter().any(|line| line.contains(told)), "{output:?}");

    first.signal("CONT");
    assert_eq!(first.wait().code(), 3);
    kill_what_is_out_of_reach(&lab);
}
