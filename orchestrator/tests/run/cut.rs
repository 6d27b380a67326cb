// SPDX-License-Identifier: BSD-2-Clause
//! A connection that is cut in each stage, on one of two VMs. What the stage
//! runs there waits until it is.

use std::fs;
use std::path::Path;
use std::thread;

use orchestrator::event::{Body, Stage, VmOutcome};

use crate::build::source_tree;
use crate::fixture::{Lab, Ran, kill_what_is_out_of_reach, wait_until};

/// Where a stage is held.
struct Held {
    stage: Stage,
    /// The program that waits.
    program: Program,
    /// A condition of sh(1) for those runs of it that do.
    when: &'static str,
}

/// What a VM runs in a stage.
#[derive(Clone, Copy)]
enum Program {
    /// A command of its system.
    Tool(&'static str),
    /// What stands for cargo.
    Cargo,
    /// `tcpstats`, which was brought there.
    Tcpstats,
}
use Program::{Cargo, Tcpstats, Tool};

const fn held(stage: Stage, program: Program, when: &'static str) -> Held {
    Held {
        stage,
        program,
        when,
    }
}

const BEFORE_THE_TESTS: [Held; 9] = [
    held(Stage::Connect, Tool("uname"), "[ $1 = -s ]"),
    held(Stage::Lock, Tool("flock"), "true"),
    held(Stage::Facts, Tool("uname"), "[ $1 = -snrm ]"),
    held(Stage::Health, Tool("df"), "true"),
    held(Stage::Prepare, Tool("find"), "expr $1 : '.*/runs$'"),
    held(Stage::Deploy, Tool("rm"), "expr $3 : '.*[.]partial$'"),
    held(Stage::Build, Cargo, "true"),
    held(Stage::Setup, Tool("rm"), "expr $3 : '.*[.]partial$'"),
    held(Stage::Load, Tcpstats, "expr $0 : $VM/"),
];
const AFTER_THE_TESTS: [Held; 3] = [
    held(
        Stage::Collect,
        Tool("sftp-server"),
        "ls -d $VM/runs/*/output/live_good",
    ),
    held(Stage::Unload, Tool("pkill"), "expr $3 : '.*tcpstatsd$'"),
    held(Stage::Unlock, Tool("rm"), "expr $3 : '.*/lock.holder$'"),
];

/// A VM `a` whose connection can be cut, and `b` at another sshd.
struct Scene {
    lab: Lab,
    /// What stands for cargo on both.
    cargo: String,
    _other: Lab,
}

impl Scene {
    fn new() -> Self {
        let mut lab = Lab::new(&["a"]);
        lab.program("tcpstats", NOT_SERVED);
        source_tree(&lab, "");
        let cargo = lab.cargo_script();
        let other = Lab::new(&[]);
        lab.vm_like("b", &other);
        other.tool("cargo", &cargo);
        lab.tool("cargo", &cargo);
        Self {
            lab,
            cargo,
            _other: other,
        }
    }

    /// Run `live_good`, with `a` cut off where it is held for the first time.
    fn cut(&self, held: &Held, arguments: &[&str]) -> Ran {
        let lab = &self.lab;
        let marks = lab.scratch("marks");
        let (reached, hold) = (marks.join("reached"), marks.join("hold"));
        fs::write(&hold, "").unwrap();
        self.hold(held, &reached, &hold);
        let deploy = match held.stage {
            Stage::Build | Stage::Setup => "build",
            _ => "cross",
        };
        let source = lab.scratch("source").display().to_string();
        let all = [
            "--target=live_good",
            "--deploy",
            deploy,
            "--source",
            &source,
        ];
        let run = lab.start(&[&all, arguments].concat());
        wait_until(held.stage.as_str(), || reached.exists());
        lab.sshd.signal_sessions("KILL");
        fs::remove_file(hold).unwrap();
        let ran = run.wait();
        let stage = held.stage;
        assert_eq!(ran.end("b"), (VmOutcome::Passed, None), "{stage}: {ran:#?}");
        assert!(is_kept("b", &ran), "{stage}: {ran:#?}");
        ran
    }

    fn hold(&self, held: &Held, reached: &Path, hold: &Path) {
        let (vm, when) = (self.lab.vm_dir("a"), held.when);
        let then = match held.program {
            Tool(tool) => format!("PATH=${{PATH#*:}} exec {tool} \"$@\""),
            Cargo => self.cargo.clone(),
            Tcpstats => "exit 3".to_owned(),
        };
        let script = format!(
            "VM={vm:?}\nif ! [ -e {reached:?} ] && {when} >/dev/null 2>&1; then\n\
             : >{reached:?}\nwhile [ -e {hold:?} ]; do sleep 0.05; done\nexit 1\nfi\n{then}"
        );
        match held.program {
            Tool(tool) => self.lab.tool(tool, &script),
            Cargo => self.lab.tool("cargo", &script),
            Tcpstats => self
                .lab
                .program("tcpstats", &format!("#!/bin/sh\n{script}\n")),
        }
    }

    fn nothing_is_left(&self, stage: Stage) {
        let what = format!("nothing is left, {stage}");
        wait_until(&what, || self.lab.processes().is_empty());
    }
}

/// `tcpstats info` where no device is served.
const NOT_SERVED: &str = "#!/bin/sh\nexit 3\n";

/// Whether what the test left on `vm` was fetched.
fn is_kept(vm: &str, ran: &Ran) -> bool {
    let log = format!("vms/{vm}/live_good/inner/log");
    ran.folder().join(log).is_file()
}

/// Cut `a` off in each of these stages, all at once.
fn in_each(of: &[Held], arguments: &[&str], check: impl Fn(Stage, &Ran) + Sync) {
    thread::scope(|scope| {
        for held in of {
            let check = &check;
            scope.spawn(move || {
                let scene = Scene::new();
                check(held.stage, &scene.cut(held, arguments));
                scene.nothing_is_left(held.stage);
            });
        }
    });
}

#[test]
fn before_the_tests_all_is_begun_again_and_passes() {
    in_each(&BEFORE_THE_TESTS, &["--retries=1"], |stage, ran| {
        assert_eq!(ran.code(), 0, "{stage}: {ran:#?}");
        let attempts: Vec<(u32, bool)> = ran
            .events
            .iter()
            .filter_map(|event| match &event.body {
                Body::StageFinished {
                    vm,
                    stage: found,
                    attempt,
                    will_retry,
                    ..
                } if vm == "a" && *found == stage => Some((*attempt, *will_retry)),
                _ => None,
            })
            .collect();
        assert_eq!(attempts, [(1, true), (2, false)], "{stage}");
        assert!(ran.stdout.contains("took 2 attempts"), "{}", ran.stdout);
        assert!(is_kept("a", ran), "{stage}: {ran:#?}");
    });
}

#[test]
fn without_retries_the_vm_is_lost_in_that_stage() {
    in_each(&BEFORE_THE_TESTS, &["--retries=0"], |stage, ran| {
        assert_eq!(ran.code(), 3, "{stage}: {ran:#?}");
        let (outcome, what) = ran.failure("a");
        assert_eq!(outcome, VmOutcome::Lost, "{stage}: {what}");
        assert!(what.starts_with("the connection was lost: "), "{what}");
        let stages = ran.stages("a");
        let last = stages.iter().rfind(|stage| **stage != Stage::Recover);
        assert_eq!(last, Some(&stage), "{stages:?}");
    });
}

#[test]
fn after_the_tests_the_vm_is_lost_too() {
    in_each(&AFTER_THE_TESTS, &[], |stage, ran| {
        assert_eq!(ran.code(), 3, "{stage}: {ran:#?}");
        let (outcome, what) = ran.failure("a");
        assert_eq!(outcome, VmOutcome::Lost, "{stage}: {what}");
        assert!(what.starts_with("the connection was lost: "), "{what}");
        assert_eq!(
            ran.harness("a").len(),
            5,
            "{stage}: what was learned is kept"
        );
        assert_eq!(is_kept("a", ran), stage != Stage::Collect, "{stage}");
        // It was reached again, and what ran there was ended.
        assert_eq!(ran.stages("a")[..].last(), Some(&Stage::Recover), "{stage}");
    });
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
