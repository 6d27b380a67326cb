// SPDX-License-Identifier: BSD-2-Clause
//! Runs in which nothing goes wrong, and what they must leave.

use std::fs;

use orchestrator::event::{Body, Stage, VmOutcome};
use protocol::event::Level;

use crate::fixture::Lab;

#[test]
fn three_vms_pass_at_once() {
    let lab = Lab::new(&["a", "b", "c"]);
    let ran = lab.run(&["--target", "good"]);
    assert_eq!(ran.code(), 0, "{ran:#?}");
    for vm in ["a", "b", "c"] {
        assert_eq!(ran.end(vm), (VmOutcome::Passed, None));
        assert_eq!(
            ran.stages(vm),
            [
                Stage::Connect,
                Stage::Lock,
                Stage::Facts,
                Stage::Health,
                Stage::Prepare,
                Stage::Deploy,
                Stage::Test,
                Stage::Collect,
                Stage::Unlock
            ]
        );
        assert_eq!(ran.harness(vm).len(), 5);
    }
    assert!(matches!(&ran.events[0].body, Body::RunStarted { plan, .. } if plan.vms.len() == 3));
    assert!(matches!(
        ran.events.last().unwrap().body,
        Body::RunFinished { .. }
    ));
    assert!(ran.stdout.contains("passed"), "{}", ran.stdout);
    let log = ran.folder().join("events.ndjson").display().to_string();
    assert!(ran.stderr.contains(&log), "{}", ran.stderr);
    assert_eq!(lab.processes(), []);
}

#[test]
fn facts_are_those_of_the_machine() {
    let lab = Lab::new(&["a"]);
    let ran = lab.run(&["--target", "good"]);
    let facts = ran.events.iter().find_map(|event| match &event.body {
        Body::Facts { facts, .. } => Some(facts),
        _ => None,
    });
    let facts = facts.unwrap();
    assert_eq!(facts.os, "Linux");
    let boot_id = fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap();
    assert_eq!(facts.boot_id, boot_id.trim());
    let release = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap();
    assert_eq!(facts.os_release, release.trim());
    let platform = facts.platform.as_ref().unwrap();
    let kernel = fs::read_to_string("/proc/sys/kernel/version").unwrap();
    assert_eq!(platform.kernel, kernel.trim());
    let memory = rustix::system::sysinfo();
    let memory = memory.totalram as u64 * u64::from(memory.mem_unit);
    assert_eq!(platform.memory_bytes, memory);
    let cpus = fs::read_to_string("/proc/cpuinfo").unwrap();
    let cpus = cpus.lines().filter(|line| line.starts_with("processor"));
    assert_eq!(platform.cpus as usize, cpus.count());
    assert_ne!(platform.cpu_model, "");
}

#[test]
fn output_is_fetched_and_variables_arrive_as_they_are() {
    let mut lab = Lab::new(&[]);
    lab.vm("a", r#"env = { Q = "it's \"two\" $HOME `id` \\ *" }"#);
    let ran = lab.run(&["--target", "good"]);
    assert_eq!(ran.code(), 0, "{ran:#?}");
    let fetched = ran.folder().join("vms/a/good");
    assert_eq!(
        fs::read_to_string(fetched.join("q")).unwrap(),
        r#"it's "two" $HOME `id` \ *"#
    );
    assert_eq!(
        fs::read_to_string(fetched.join("inner/log")).unwrap(),
        "kept\n"
    );
    assert!(!fetched.join("link").exists(), "a link was followed");
    assert!(ran.output("a").contains(&"a word on standard error"));
}

#[test]
fn a_failed_test_gives_status_1_and_the_next_target_runs() {
    let lab = Lab::new(&["a"]);
    let ran = lab.run(&["--target", "failing,good"]);
    assert_eq!(ran.code(), 1, "{ran:#?}");
    assert_eq!(ran.end("a"), (VmOutcome::Failed, None));
    assert_eq!(ran.harness("a").len(), 10);
}

#[test]
fn types_of_a_later_test_binary_are_told_once() {
    let lab = Lab::new(&["a"]);
    let ran = lab.run(&["--target", "unknown_type"]);
    assert_eq!(ran.code(), 0, "{ran:#?}");
    assert_eq!(
        ran.output_in("a", Stage::Test),
        ["events of type \"weather\" are unknown here and passed over"]
    );
}

#[test]
fn a_flood_of_complaints_is_bounded() {
    let lab = Lab::new(&["a"]);
    let ran = lab.run(&["--target", "complaining"]);
    assert_eq!(ran.code(), 0, "{ran:#?}");
    let lines = ran.output_in("a", Stage::Test);
    assert_eq!(lines.len(), 1001);
    assert_eq!(lines[999], "too much");
    assert_eq!(
        lines[1000],
        "more lines came on standard error; they are left out"
    );
}

#[test]
fn a_target_that_lacks_something_says_what() {
    let lab = Lab::new(&["a"]);
    let ran = lab.run(&["--target", "lacking"]);
    assert_eq!(ran.code(), 3, "{ran:#?}");
    assert_eq!(
        ran.failure("a"),
        (VmOutcome::Infrastructure, "there is no device".into())
    );
    let logged = ran.harness("a").iter().any(|event| {
        matches!(
            event.body,
            protocol::Body::Log {
                level: Level::Error,
                ..
            }
        )
    });
    assert!(logged);
}

#[test]
fn a_vm_that_skips_every_test_has_tested_nothing() {
    let mut lab = Lab::new(&["a"]);
    let junit = lab.scratch("report").join("junit.xml");
    let junit = junit.to_str().unwrap();
    let alone = lab.run(&["--target", "skipping", "--junit", junit]);
    assert_eq!(alone.end("a"), (VmOutcome::Skipped, None));
    assert_eq!(alone.code(), 3, "{}", alone.stdout);
    assert!(alone.stdout.contains("NOTHING TESTED"), "{}", alone.stdout);
    let report = fs::read_to_string(junit).unwrap();
    let skipped = "<skipped message=\"all its tests were skipped\"/>";
    assert!(report.contains(skipped), "{report}");

    lab.vm("b", "env = { ONE = \"passed\" }");
    let beside = lab.run(&["--target", "skipping"]);
    assert_eq!(beside.end("a"), (VmOutcome::Skipped, None));
    assert_eq!(beside.end("b"), (VmOutcome::Passed, None));
    assert_eq!(beside.code(), 0, "{}", beside.stdout);

    // One target that tested something is enough.
    let both = lab.run(&["--target", "good,skipping"]);
    assert_eq!(both.end("a"), (VmOutcome::Passed, None));
}

#[test]
fn metrics_are_served_during_the_run_and_stay_as_long_as_wanted() {
    let lab = Lab::new(&["a"]);
    let run = lab.start(&["--target", "good", "--linger", "1h"]);
    run.wait_for("the run is over", |body| {
        matches!(body, Body::RunFinished { .. })
    });
    let metrics = run.get_metrics();
    assert!(
        metrics.contains(
            "orchestrator_tests{category=\"A\",outcome=\"passed\",target=\"good\",vm=\"a\"} 1\n"
        ),
        "{metrics}"
    );
    run.wait_for_stderr("metrics stay at");
    run.signal("INT");
    assert_eq!(run.wait().code(), 0);

    let run = lab.start(&["--target", "hang"]);
    run.wait_for_harness("a");
    let metrics = run.get_metrics();
    assert!(
        metrics.contains("orchestrator_run_in_progress 1\n"),
        "{metrics}"
    );
    run.signal("INT");
    assert_eq!(run.wait().code(), 130);
}
