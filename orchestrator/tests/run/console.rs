// SPDX-License-Identifier: BSD-2-Clause
//! VMs whose console says why they are lost.

use std::fs::{self, File};
use std::io::Write;
use std::os::unix::net::UnixListener;
use std::process::Command;

use orchestrator::event::{Body, ConsoleKind, Stage, VmOutcome};

use crate::fixture::{Lab, Ran, kill_what_is_out_of_reach, wait_until};

/// As a FreeBSD kernel prints them.
const PANIC: &str = include_str!("fixture/panic.txt");
const REVERSAL: &str = include_str!("fixture/reversal.txt");
/// What is to be told of [`PANIC`].
const WORDS: &str = "the kernel panicked: Fatal trap 12: page fault while in kernel mode; \
                     panic: page fault";

/// `a` crashed with the quote, `b` passed, and the console was recorded.
fn crashed(ran: &Ran) {
    assert_eq!(ran.code(), 3, "{ran:#?}");
    assert_eq!(ran.failure("a"), (VmOutcome::Crashed, WORDS.into()));
    let record = ran.folder().join("vms/a/console.log");
    assert!(fs::read_to_string(record).unwrap().contains(PANIC));
    let quoted = ran.events.iter().find_map(|event| match &event.body {
        Body::Console { kind, lines, .. } if kind.is_crash() => Some(lines),
        _ => None,
    });
    let quoted = quoted.unwrap();
    assert!(
        quoted.iter().any(|line| line.contains("tcpstats_read")),
        "{quoted:?}"
    );
    assert!(ran.stdout.contains("Fatal trap 12"), "{}", ran.stdout);
}

/// Writes to a console.
type Writer = Box<dyn FnOnce(&str)>;

/// The inventory's `console` for `kind`, and what writes to it.
fn console(lab: &Lab, kind: &str) -> (String, Writer) {
    let path = lab.scratch("console").join(kind);
    let key = |value: String| format!("console = {{ {kind} = {value} }}");
    let write = |to: File| {
        Box::new(move |text: &str| {
            (&to).write_all(text.as_bytes()).unwrap();
            // The command's end is not the end of the text.
            std::mem::forget(to);
        })
    };
    match kind {
        "file" => {
            fs::write(&path, "panic: of the boot before\n").unwrap();
            let file = File::options().append(true).open(&path).unwrap();
            (key(format!("{path:?}")), write(file))
        }
        "command" => {
            assert!(
                Command::new("mkfifo")
                    .arg(&path)
                    .status()
                    .unwrap()
                    .success()
            );
            // Open for reading too, so that opening does not wait.
            let fifo = File::options().read(true).write(true).open(&path).unwrap();
            (key(format!("[\"cat\", {path:?}]")), write(fifo))
        }
        _ => {
            let listener = UnixListener::bind(&path).unwrap();
            let write = move |text: &str| {
                let (mut stream, _) = listener.accept().unwrap();
                stream.write_all(text.as_bytes()).unwrap();
                std::mem::forget((stream, listener));
            };
            (key(format!("{path:?}")), Box::new(write))
        }
    }
}

#[test]
fn a_late_panic_explains_a_lost_connection_and_other_vms_pass() {
    for kind in ["file", "command", "socket"] {
        let mut lab = Lab::new(&[]);
        let (key, write) = console(&lab, kind);
        let other = Lab::new(&["b"]);
        lab.vm("a", &key);
        lab.vm_like("b", &other);
        let run = lab.start(&["--target", "hang", "--timeout", "60s"]);
        run.wait_for_harness("a");
        lab.sshd.signal_sessions("KILL");
        run.wait_for(
            "a's tests ended",
            |body| matches!(body, Body::StageFinished { vm, stage: Stage::Test, .. } if vm == "a"),
        );
        write(PANIC);
        run.wait_for(
            "a ends",
            |body| matches!(body, Body::VmFinished { vm, .. } if vm == "a"),
        );
        run.signal("INT");
        let ran = run.wait();
        assert_eq!(
            ran.failure("a"),
            (VmOutcome::Crashed, WORDS.into()),
            "{kind}"
        );
        assert_eq!(ran.end("b").0, VmOutcome::Cancelled);
        kill_what_is_out_of_reach(&lab);
        kill_what_is_out_of_reach(&other);
    }
}

#[test]
fn a_panic_ends_a_vm_whose_connection_still_stands() {
    let mut lab = Lab::new(&[]);
    let (key, write) = console(&lab, "file");
    lab.vm("a", &key);
    let run = lab.start(&["--target", "hang"]);
    run.wait_for_harness("a");
    write(PANIC);
    let ran = run.wait();
    crashed(&ran);
    kill_what_is_out_of_reach(&lab);
}

#[test]
fn what_witness_finds_is_told_and_ends_nothing() {
    let mut lab = Lab::new(&[]);
    let (key, write) = console(&lab, "file");
    lab.vm("a", &key);
    let run = lab.start(&["--target", "hang,good"]);
    run.wait_for_harness("a");
    write(REVERSAL);
    run.wait_for("it is told", |body| {
        matches!(
            body,
            Body::Console {
                kind: ConsoleKind::LockOrder,
                ..
            }
        )
    });
    run.signal("INT");
    let ran = run.wait();
    assert_eq!(ran.end("a").0, VmOutcome::Cancelled);
    assert!(ran.stderr.contains("lock order reversal"), "{}", ran.stderr);
    assert_eq!(lab.processes(), []);
}

#[test]
fn a_console_that_is_not_there_harms_nothing() {
    let mut lab = Lab::new(&[]);
    lab.vm("a", "console = { socket = \"/nowhere/console\" }");
    let ran = lab.run(&["--target", "good"]);
    assert_eq!(ran.code(), 0, "{ran:#?}");
    let told = ran.output_in("a", Stage::Connect);
    assert_eq!(
        told,
        ["the console can't be followed for now: No such file or directory (os error 2)"]
    );
}

/// A VM whose boot is what a file says, and which has a dump of a panic.
fn rebootable(lab: &Lab) -> std::path::PathBuf {
    let boot = lab.scratch("boot");
    fs::write(boot.join("id"), "first\n").unwrap();
    fs::write(boot.join("next"), "second\n").unwrap();
    let info = boot.join("info.0");
    fs::write(
        &info,
        "Dump header from device: /dev/vtbd0p3\n  Panic String: page fault\n",
    )
    .unwrap();
    lab.tool(
        "cat",
        &format!("case $1 in */boot_id) exec /bin/cat {boot:?}/id ;; esac\nexec /bin/cat \"$@\"",),
    );
    lab.tool(
        "find",
        &format!("case $1 in /var/crash) echo {info:?} ;; *) exec /usr/bin/find \"$@\" ;; esac"),
    );
    lab.tool("dmesg", "echo 'savecore: reboot after panic: page fault'");
    boot
}

#[test]
fn a_vm_that_rebooted_says_why_by_its_dump() {
    let lab = Lab::new(&["a"]);
    let boot = rebootable(&lab);
    let run = lab.start(&["--target", "hang"]);
    run.wait_for_harness("a");
    fs::rename(boot.join("next"), boot.join("id")).unwrap();
    lab.sshd.signal_sessions("KILL");
    let ran = run.wait();
    assert_eq!(ran.code(), 3, "{ran:#?}");
    let (outcome, what) = ran.failure("a");
    assert_eq!(outcome, VmOutcome::Crashed);
    assert!(
        what.ends_with("; the VM has rebooted meanwhile after a panic: page fault"),
        "{what}"
    );
    for (name, text) in [("dmesg.txt", "savecore"), ("crash-info.0", "Panic String")] {
        let kept = fs::read_to_string(ran.folder().join("vms/a").join(name)).unwrap();
        assert!(kept.contains(text), "{name}: {kept}");
    }
    kill_what_is_out_of_reach(&lab);
}

#[test]
fn a_vm_that_panicked_is_reset_and_the_other_targets_run() {
    let mut lab = Lab::new(&[]);
    let (key, write) = console(&lab, "file");
    let boot = rebootable(&lab);
    let reset = format!(
        "reset = [\"mv\", {:?}, {:?}]",
        boot.join("next"),
        boot.join("id")
    );
    lab.vm("a", &format!("{key}\n{reset}"));
    let run = lab.start(&["--target", "hang,good", "--recover"]);
    run.wait_for_harness("a");
    write(PANIC);
    let ran = run.wait();
    assert_eq!(ran.code(), 3, "{ran:#?}");
    let (outcome, what) = ran.failure("a");
    assert_eq!(outcome, VmOutcome::Crashed);
    assert!(what.starts_with(WORDS), "{what}");
    let good = ran.harness("a").into_iter().any(
        |event| matches!(&event.body, protocol::Body::TargetFinished(end) if end.target == "good"),
    );
    assert!(good, "{ran:#?}");
    assert_eq!(ran.output_in("a", Stage::Recover), ["the VM was reset"]);
    assert_eq!(ran.stages("a").last(), Some(&Stage::Unlock));
    wait_until("nothing is left", || lab.processes().is_empty());

    // Without the command there is nothing to be done.
    let mut lab = Lab::new(&[]);
    let (key, write) = console(&lab, "file");
    lab.vm("a", &key);
    let run = lab.start(&["--target", "hang,good", "--recover"]);
    run.wait_for_harness("a");
    write(PANIC);
    let ran = run.wait();
    assert_eq!(ran.failure("a"), (VmOutcome::Crashed, WORDS.into()));
    kill_what_is_out_of_reach(&lab);
}
