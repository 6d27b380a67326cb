// SPDX-License-Identifier: BSD-2-Clause
//! Programs on the VM: uploaded, found, missing, started and ended.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::process::Command;

use orchestrator::event::{Stage, VmOutcome};

use crate::fixture::{Lab, Ran};

#[test]
fn a_deployment_is_complete_current_and_alone() {
    let lab = Lab::new(&["a"]);
    for _ in 0..2 {
        let ran = lab.run(&["--target", "good"]);
        assert_eq!(ran.code(), 0, "{ran:#?}");
        let run = ran.folder().file_name().unwrap().to_owned();
        let dir = lab.vm_dir("a");
        assert_eq!(
            fs::read_link(dir.join("current")).unwrap(),
            dir.join("deploy").join(&run)
        );
        for parent in ["deploy", "runs"] {
            let folders = fs::read_dir(dir.join(parent)).unwrap();
            let names: Vec<_> = folders.map(|entry| entry.unwrap().file_name()).collect();
            assert_eq!(names, [run.as_os_str()]);
        }
        let current = dir.join("current");
        assert_eq!(
            fs::read_to_string(current.join("kmod/tcpstats/core/core.c")).unwrap(),
            "int x;\n"
        );
        let mode = fs::metadata(current.join("bin/tcp-echo"))
            .unwrap()
            .permissions();
        assert_eq!(mode.mode() & 0o777, 0o755);
    }
}

#[test]
fn large_programs_arrive_whole() {
    let lab = Lab::new(&["a"]);
    let script: String = (0..1_000_000).map(|n| format!("# {n}\n")).collect();
    lab.program("tcp-echo", &script);
    assert_eq!(lab.run(&["--target", "good"]).code(), 0);
    let uploaded = lab.vm_dir("a").join("current/bin/tcp-echo");
    assert!(fs::read_to_string(uploaded).unwrap() == script);
}

/// How many files of how many were sent.
fn sent(ran: &Ran) -> String {
    let lines = ran.output("a");
    let line = lines.iter().find(|line| line.contains("were sent"));
    line.unwrap()
        .split(" files were")
        .next()
        .unwrap()
        .to_owned()
}

#[test]
fn only_what_changed_is_sent() {
    let lab = Lab::new(&["a"]);
    assert_eq!(sent(&lab.run(&["--target", "good"])), "5 of 5");
    assert_eq!(sent(&lab.run(&["--target", "good"])), "0 of 5");
    lab.program("tcp-echo", "#!/bin/sh\nexit 7\n");
    assert_eq!(sent(&lab.run(&["--target", "good"])), "1 of 5");
    let uploaded = lab.vm_dir("a").join("current/bin/tcp-echo");
    assert_eq!(fs::read_to_string(uploaded).unwrap(), "#!/bin/sh\nexit 7\n");
}

#[test]
fn a_file_that_was_damaged_on_the_vm_is_sent_again() {
    let lab = Lab::new(&["a"]);
    lab.run(&["--target", "good"]);
    let harness = lab.vm_dir("a").join("current/bin/kmod-integration");
    let good = fs::read_to_string(&harness).unwrap();
    // The same length, and the same time.
    let time = fs::metadata(&harness).unwrap().modified().unwrap();
    fs::write(&harness, good.replace("exit 1", "exit 0")).unwrap();
    let file = fs::File::options().append(true).open(&harness).unwrap();
    file.set_modified(time).unwrap();

    let ran = lab.run(&["--target", "failing"]);
    assert_eq!(ran.code(), 1, "{ran:#?}");
    assert_eq!(sent(&ran), "1 of 5");
    assert_eq!(fs::read_to_string(&harness).unwrap(), good);
}

#[test]
fn what_is_built_anew_during_a_run_is_not_run() {
    let lab = Lab::new(&["a"]);
    // The first command after the folder was read changes what is in it.
    let program = lab.program_path("tcp-echo");
    lab.tool(
        "rm",
        &format!(
            "case \"$*\" in *.partial) echo '# new' >>{program:?} ;; esac; exec /bin/rm \"$@\""
        ),
    );
    let ran = lab.run(&["--target", "good"]);
    assert_eq!(ran.code(), 3, "{ran:#?}");
    let what = "bin/tcp-echo is not there as it was here";
    assert_eq!(
        ran.failure("a"),
        (VmOutcome::Infrastructure, what.into()),
        "{ran:#?}"
    );
    assert!(!lab.vm_dir("a").join("current").exists());
}

#[test]
fn an_old_module_makes_way_or_is_named() {
    let lab = Lab::new(&["a"]);
    lab.freebsd();
    lab.programs_of("freebsd-14-amd64");
    let log = lab.scratch("log").join("kld");
    lab.tool("kldstat", "exit 0");
    lab.tool("kldunload", &format!("echo unload >>{log:?}"));
    lab.tool("kldload", &format!("echo load >>{log:?}"));
    let ran = lab.run(&["--target", "live_good"]);
    assert_eq!(ran.code(), 0, "{ran:#?}");
    assert_eq!(fs::read_to_string(&log).unwrap(), "unload\nload\nunload\n");
    assert!(
        ran.output("a")
            .contains(&"device: a module of unknown version is loaded; a run unloads it first")
    );

    lab.tool(
        "kldunload",
        "echo 'kldunload: cannot unload: Device busy' >&2; exit 1",
    );
    let ran = lab.run(&["--target", "live_good"]);
    assert_eq!(ran.code(), 3, "{ran:#?}");
    let (outcome, what) = ran.failure("a");
    assert_eq!(outcome, VmOutcome::Infrastructure);
    assert_eq!(
        what,
        "an old module is loaded and can't be unloaded: kldunload: cannot unload: Device busy \
         (exit status 1)"
    );
    assert!(!ran.stages("a").contains(&Stage::Test));
}

#[test]
fn a_device_of_another_protocol_is_named() {
    let lab = Lab::new(&["a"]);
    lab.program("tcpstats", "#!/bin/sh\nexit 1\n");
    let words = "/dev/tcpstats is served already, by another tcpstatsd: end that one";
    lab.program(
        "tcpstatsd",
        &format!("#!/bin/sh\necho '{words}' >&2\nexit 1\n"),
    );
    let ran = lab.run(&["--target", "live_good"]);
    assert_eq!(ran.code(), 3, "{ran:#?}");
    let (outcome, what) = ran.failure("a");
    assert_eq!(outcome, VmOutcome::Infrastructure);
    assert_eq!(what, format!("tcpstatsd ended: {words}"));
}

#[test]
fn without_deployment_the_last_one_is_used() {
    let lab = Lab::new(&["a"]);
    let ran = lab.run(&["--target", "good", "--deploy", "none"]);
    assert_eq!(
        ran.failure("a"),
        (VmOutcome::Infrastructure, "there is no test binary".into())
    );
    assert_eq!(lab.run(&["--target", "good"]).code(), 0);
    lab.program("kmod-integration", "#!/bin/sh\nexit 1\n");
    let ran = lab.run(&["--target", "good", "--deploy", "none"]);
    assert_eq!(ran.code(), 0, "{ran:#?}");
}

#[test]
fn a_missing_build_is_named_with_the_way_to_make_it() {
    let lab = Lab::new(&["a"]);
    fs::remove_dir_all(lab.dist()).unwrap();
    let ran = lab.run(&["--target", "good"]);
    assert_eq!(ran.code(), 3, "{ran:#?}");
    let (outcome, cause) = ran.end("a");
    let cause = cause.unwrap();
    assert_eq!(outcome, VmOutcome::Infrastructure);
    assert!(
        cause
            .what
            .starts_with("there is no kmod-integration for linux-"),
        "{cause}"
    );
    assert!(cause.advice.contains("make dist"), "{cause}");
    assert_eq!(ran.stages("a").last(), Some(&Stage::Unlock));
}

#[test]
fn a_served_device_is_used_as_it_is_and_another_tcpstatsd_told() {
    let lab = Lab::new(&["a"]);
    let mut daemon = Command::new("sleep").arg("600").spawn().unwrap();
    let found = format!(
        "case $* in '-x tcpstatsd') echo {} ;; *) exec /usr/bin/pgrep \"$@\" ;; esac",
        daemon.id()
    );
    lab.tool("pgrep", &found);
    let told = |ran: &Ran| ran.output_in("a", Stage::Load).join("\n");
    let ran = lab.run(&["--target", "live_good"]);
    assert_eq!(ran.code(), 0, "{ran:#?}");
    assert_eq!(
        told(&ran),
        "the device is served by another tcpstatsd than this run's; the tests are of that one"
    );
    let copied = Command::new("cp")
        .arg("/usr/bin/sleep")
        .arg(lab.program_path("tcpstatsd"))
        .status();
    assert!(copied.unwrap().success());
    let ran = lab.run(&["--target", "live_good"]);
    assert_eq!(
        told(&ran),
        "the device is served already; it is used as it is"
    );
    assert!(ran.stages("a").contains(&Stage::Unload));
    daemon.kill().unwrap();
    daemon.wait().unwrap();
}

#[test]
fn a_device_that_nobody_serves_is_served_and_taken_away() {
    let lab = Lab::new(&["a"]);
    lab.program("tcpstats", "#!/bin/sh\nexit 3\n");
    let ran = lab.run(&["--target", "live_good"]);
    assert_eq!(ran.code(), 0, "{ran:#?}");
    assert_eq!(lab.processes(), []);
}

#[test]
fn a_daemon_that_does_not_end_is_killed() {
    let lab = Lab::new(&["a"]);
    lab.program("tcpstats", "#!/bin/sh\nexit 3\n");
    lab.program(
        "tcpstatsd",
        "#!/bin/sh\ntrap '' TERM\necho ready\nwhile :; do sleep 0.1; done\n",
    );
    let ran = lab.run(&["--target", "live_good"]);
    assert_eq!(ran.code(), 0, "{ran:#?}");
    assert_eq!(lab.processes(), []);
}

#[test]
fn a_device_that_can_not_be_served_says_why() {
    let lab = Lab::new(&["a"]);
    lab.program("tcpstats", "#!/bin/sh\nexit 3\n");
    lab.program("tcpstatsd", "#!/bin/sh\necho 'no /dev/fuse' >&2\nexit 3\n");
    let ran = lab.run(&["--target", "live_good"]);
    assert_eq!(ran.code(), 3, "{ran:#?}");
    assert_eq!(
        ran.failure("a"),
        (
            VmOutcome::Infrastructure,
            "tcpstatsd ended: no /dev/fuse".into()
        )
    );
    assert!(!ran.stages("a").contains(&Stage::Test));
    assert!(ran.stages("a").contains(&Stage::Unload));
}

#[test]
fn a_program_for_another_processor_is_named() {
    let lab = Lab::new(&["a"]);
    lab.program("kmod-integration", "\u{7f}ELF of another kind");
    let ran = lab.run(&["--target", "good"]);
    let (outcome, what) = ran.failure("a");
    assert_eq!(outcome, VmOutcome::Infrastructure, "{what}");
    assert!(what.contains("kmod-integration"), "{what}");
}
