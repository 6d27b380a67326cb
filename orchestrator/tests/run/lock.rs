// SPDX-License-Identifier: BSD-2-Clause
//! Two orchestrators at one VM.

use orchestrator::event::{Stage, VmOutcome};

use crate::fixture::Lab;

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
