// SPDX-License-Identifier: BSD-2-Clause
//! Whole runs, as more than one test looks at them.

use orchestrator::event::{Body, Stage, VmOutcome};
use protocol::Outcome;

use super::{ALL, Story, cause, failed, finished, hello, skipped};

/// Brings `vm` to where its target runs.
pub(crate) fn bring_up<'a>(story: &'a mut Story, vm: &str) -> &'a mut Story {
    connect_and_bring_up(story, vm, 1)
}

/// Likewise, connected at that attempt.
fn connect_and_bring_up<'a>(story: &'a mut Story, vm: &str, attempt: u32) -> &'a mut Story {
    story
        .begin(vm, Stage::Connect, attempt)
        .end(vm, Stage::Connect, 0.21)
        .stage(vm, Stage::Lock, 0.02)
        .facts(vm)
        .stage(vm, Stage::Deploy, 1.5)
        .begin(vm, Stage::Test, 1)
}

/// Three VMs of ten tests each: one passes, one fails two tests and skips one,
/// one is lost after four.
pub(crate) fn troubled_run() -> Story {
    let mut story = Story::of(&["freebsd150", "freebsd144", "freebsd143"]);

    bring_up(&mut story, "freebsd150")
        .target_started("freebsd150", Some(10))
        .pass("freebsd150", 1, 8)
        .test("freebsd150", failed("D07", 14))
        .pass("freebsd150", 9, 9)
        .counters(
            "freebsd150",
            &[
                ("opens_total", 31),
                ("read_duration_ns_total", 2_500_000_000),
                ("sockets_skipped_port", 420),
                ("max_read_duration_ms", 5000),
                ("of_a_later_version", 1),
            ],
        )
        .target_finished("freebsd150", [9, 1, 0])
        .end("freebsd150", Stage::Test, 9.5)
        .finish("freebsd150", VmOutcome::Failed, None);

    story.fail("freebsd144", Stage::Connect, 1, true);
    connect_and_bring_up(&mut story, "freebsd144", 2)
        .target_started("freebsd144", Some(10))
        .pass("freebsd144", 1, 7)
        .test("freebsd144", failed("D07", 14))
        .test("freebsd144", failed("D08", 0))
        .test("freebsd144", skipped("G01"))
        .target_finished("freebsd144", [7, 2, 1])
        .end("freebsd144", Stage::Test, 9.5)
        .finish("freebsd144", VmOutcome::Failed, None);

    bring_up(&mut story, "freebsd143")
        .target_started("freebsd143", Some(10))
        .pass("freebsd143", 1, 4)
        .output("freebsd143", "kmod-integration: \u{1b}[31mbus error\u{7}")
        .tell(Body::StageFinished {
            vm: "freebsd143".into(),
            stage: Stage::Test,
            attempt: 1,
            duration_s: 3.0,
            cause: Some(cause("connection closed by the other side")),
            will_retry: false,
        })
        .finish(
            "freebsd143",
            VmOutcome::Lost,
            Some(cause("connection closed by the other side")),
        )
        .close();
    story
}

/// A run in which everything passed.
pub(crate) fn good_run() -> Story {
    let mut story = Story::of(&["freebsd150", "freebsd144"]);
    for vm in ["freebsd150", "freebsd144"] {
        bring_up(&mut story, vm)
            .target_started(vm, Some(10))
            .pass(vm, 1, 10)
            .target_finished(vm, [10, 0, 0])
            .end(vm, Stage::Test, 9.5)
            .finish(vm, VmOutcome::Passed, None);
    }
    story.close();
    story
}

/// `all` on three VMs, whose test binaries report each member on their own: one
/// passes, one fails a member, one is cut off in a member.
pub(crate) fn run_of_members() -> Story {
    let mut story = Story::of_target(&["freebsd150", "freebsd144", "freebsd143"], ALL);
    for (vm, slower) in [
        ("freebsd150", 1.0),
        ("freebsd144", 1.5),
        ("freebsd143", 2.0),
    ] {
        bring_up(&mut story, vm)
            .harness_of(ALL, vm, protocol::Body::Hello(hello()))
            .member(vm, "unit", Outcome::Passed);
        let target = "bench".to_owned();
        story.harness_of(
            ALL,
            vm,
            protocol::Body::TargetStarted {
                target,
                tests: None,
            },
        );
        for (workload, unit, ns) in [("empty", "ns", 40.0), ("worst_case", "ns", 1650.0)] {
            story.measure(vm, workload, unit, ns * slower);
        }
        if vm == "freebsd143" {
            let why = cause("connection closed by the other side");
            story
                .tell(Body::StageFinished {
                    vm: vm.into(),
                    stage: Stage::Test,
                    attempt: 1,
                    duration_s: 3.0,
                    cause: Some(why.clone()),
                    will_retry: false,
                })
                .finish(vm, VmOutcome::Lost, Some(why));
            continue;
        }
        story.harness_of(ALL, vm, finished("bench", Outcome::Passed, [0, 0, 0]));
        let failing = vm == "freebsd144";
        let last = if failing {
            Outcome::Failed
        } else {
            Outcome::Passed
        };
        story
            .member(vm, "kmod", last)
            .harness_of(ALL, vm, protocol::Body::Bye { outcome: last })
            .end(vm, Stage::Test, 9.5);
        let outcome = if failing {
            VmOutcome::Failed
        } else {
            VmOutcome::Passed
        };
        story.finish(vm, outcome, None);
    }
    story.close();
    story
}
