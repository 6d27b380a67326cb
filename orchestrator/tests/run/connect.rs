// SPDX-License-Identifier: BSD-2-Clause
//! Connections that do not come up, or do not last.

use std::fs;
use std::io::Write;
use std::net::TcpListener;
use std::process::{Command, Stdio};

use orchestrator::event::{Body, Stage, VmOutcome};

use crate::fixture::{Lab, Ran, kill_what_is_out_of_reach};

/// `vm` was never reached: what happened, and what is advised.
fn unreachable(ran: &Ran, vm: &str) -> (String, String) {
    assert_eq!(ran.code(), 3, "{ran:#?}");
    assert_eq!(ran.stages(vm), [Stage::Connect]);
    let (outcome, cause) = ran.end(vm);
    assert_eq!(outcome, VmOutcome::Infrastructure);
    let cause = cause.unwrap();
    (cause.what, cause.advice)
}

#[test]
fn a_changed_host_key_is_refused_even_by_accept_new() {
    for mode in ["strict", "accept-new"] {
        let mut lab = Lab::new(&[]);
        lab.vm("a", &format!("host_keys = {mode:?}"));
        lab.sshd.trust("stranger");
        let before = fs::read(lab.sshd.known_hosts()).unwrap();
        let (what, advice) = unreachable(&lab.run(&["--target", "good"]), "a");
        assert_eq!(what, "WARNING: REMOTE HOST IDENTIFICATION HAS CHANGED!");
        assert!(advice.contains("ssh-keygen -R"), "{advice}");
        assert_eq!(fs::read(lab.sshd.known_hosts()).unwrap(), before);
    }
}

#[test]
fn an_unknown_host_key_is_refused_unless_new_ones_are_accepted() {
    let mut lab = Lab::new(&["a"]);
    fs::write(lab.sshd.known_hosts(), "").unwrap();
    let (what, advice) = unreachable(&lab.run(&["--target", "good"]), "a");
    assert!(what.contains("host key is known for"), "{what}");
    assert!(advice.contains("accept-new"), "{advice}");

    lab.defaults("host_keys = \"accept-new\"");
    lab.vm("a", "");
    assert_eq!(lab.run(&["--target", "good"]).code(), 0);
    assert_ne!(fs::read_to_string(lab.sshd.known_hosts()).unwrap(), "");
}

#[test]
fn a_private_key_that_is_not_there_is_named() {
    let mut lab = Lab::new(&[]);
    lab.vm("a", "identity = \"/nowhere/key\"");
    let ran = lab.run(&["--target", "good"]);
    let (what, advice) = unreachable(&ran, "a");
    let said = "no such identity: /nowhere/key: No such file or directory";
    assert_eq!(what, said);
    assert!(
        advice.starts_with("correct `identity` in the inventory"),
        "{advice}"
    );
}

#[test]
fn a_refused_key_is_not_tried_again() {
    let mut lab = Lab::new(&[]);
    let stranger = lab.sshd.key("stranger");
    lab.vm("a", &format!("identity = {stranger:?}"));
    let ran = lab.run(&["--target", "good", "--retries", "3"]);
    let (what, advice) = unreachable(&ran, "a");
    assert!(what.contains("Permission denied (publickey)"), "{what}");
    assert!(advice.contains("authorized_keys"), "{advice}");
}

#[test]
fn a_password_prompt_never_hangs() {
    let wanted = "PasswordAuthentication yes\nAuthenticationMethods password";
    let lab = Lab::wanting(&["a"], wanted);
    let (what, advice) = unreachable(&lab.run(&["--target", "good"]), "a");
    assert!(what.contains("Permission denied (password)"), "{what}");
    assert!(advice.contains("authorized_keys"), "{advice}");
}

#[test]
fn a_refused_port_is_tried_again_and_each_attempt_is_recorded() {
    let mut lab = Lab::new(&[]);
    lab.vm_at("a", "127.0.0.1", 1, "");
    let ran = lab.run(&["--target", "good", "--retries", "1"]);
    assert_eq!(ran.code(), 3, "{ran:#?}");
    let attempts: Vec<(u32, bool, String)> = ran
        .events
        .iter()
        .filter_map(|event| match &event.body {
            Body::StageFinished {
                attempt,
                will_retry,
                cause: Some(cause),
                ..
            } => Some((*attempt, *will_retry, cause.what.clone())),
            _ => None,
        })
        .collect();
    let refused = "ssh: connect to host 127.0.0.1 port 1: Connection refused";
    assert_eq!(
        attempts,
        [(1, true, refused.into()), (2, false, refused.into())]
    );
}

#[test]
fn a_name_that_does_not_resolve_is_named() {
    let mut lab = Lab::new(&[]);
    // Too long for a query ever to leave this machine.
    let name = format!("{}.invalid", "x".repeat(64));
    lab.vm_at("a", &name, 22, "");
    let (what, advice) = unreachable(&lab.run(&["--target", "good"]), "a");
    assert_eq!(
        what,
        format!("ssh: Could not resolve hostname {name}: Name or service not known")
    );
    assert!(advice.contains("/etc/hosts"), "{advice}");
}

#[test]
fn an_sshd_that_hangs_after_its_banner_is_given_up() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let silent = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        stream.write_all(b"SSH-2.0-Silence\r\n").unwrap();
        stream
    });
    let mut lab = Lab::new(&[]);
    lab.vm_at("a", "127.0.0.1", port, "limits = { connect = \"2s\" }");
    let ran = lab.run(&["--target", "good", "--retries", "0"]);
    let (what, _) = unreachable(&ran, "a");
    assert_eq!(what, "no answer within 2s");
    silent.join().unwrap();
    assert_eq!(lab.processes(), []);
}

#[test]
fn a_jump_host_is_not_trusted_more_than_a_vm() {
    let mut lab = Lab::new(&[]);
    let address = lab.sshd.address();
    // By another name, since ssh refuses to jump from a host to itself.
    let jump = format!("jump = \"{address}\"");
    lab.vm_at("a", "localhost", address.port(), &jump);
    // The VM's own known_hosts and identity do not hold for the jump host.
    let (what, _) = unreachable(&lab.run(&["--target", "good"]), "a");
    assert!(what.contains("host key is known for"), "{what}");
}

#[test]
fn a_shell_that_runs_nothing_is_named() {
    let lab = Lab::new(&["a"]);
    let keys = fs::read_to_string(lab.sshd.key("authorized")).unwrap();
    let forced = "command=\"echo This account is closed.; exit 1\"";
    fs::write(lab.sshd.key("authorized"), format!("{forced} {keys}")).unwrap();
    let (what, _) = unreachable(&lab.run(&["--target", "good"]), "a");
    assert_eq!(
        what,
        "the remote shell ran no command but said: This account is closed."
    );
}

#[test]
fn start_up_files_may_print() {
    let lab = Lab::new(&["a"]);
    let keys = fs::read_to_string(lab.sshd.key("authorized")).unwrap();
    // As a shell's start-up file would, before the command; only for the
    // command that the connection begins with.
    let forced = "command=\"case $SSH_ORIGINAL_COMMAND in \
                  cat) echo Welcome; exec cat;; \
                  internal-sftp) exec /usr/lib/openssh/sftp-server;; \
                  *) eval \\\"$SSH_ORIGINAL_COMMAND\\\";; esac\"";
    fs::write(lab.sshd.key("authorized"), format!("{forced} {keys}")).unwrap();
    let ran = lab.run(&["--target", "good"]);
    assert_eq!(ran.code(), 0, "{ran:#?}");
}

#[test]
fn a_link_that_is_cut_loses_its_vm_and_no_other() {
    let mut lab = Lab::new(&["a"]);
    let other = Lab::new(&[]);
    let address = other.sshd.address();
    lab.vm_at(
        "b",
        "127.0.0.1",
        address.port(),
        &format!(
            "known_hosts = {:?}\nidentity = {:?}\nenv = {{ SLOW = \"1\" }}",
            other.sshd.known_hosts(),
            other.sshd.key("client")
        ),
    );
    let run = lab.start(&["--target", "hang"]);
    run.wait_for_harness("a");
    run.wait_for_harness("b");
    lab.sshd.signal_sessions("KILL");
    run.wait_for(
        "a ends",
        |body| matches!(body, Body::VmFinished { vm, .. } if vm == "a"),
    );
    run.signal("INT");
    let ran = run.wait();
    let (outcome, what) = ran.failure("a");
    assert_eq!(outcome, VmOutcome::Lost);
    assert!(what.starts_with("the connection was lost: "), "{what}");
    assert!(what.len() > "the connection was lost: ".len(), "{what}");
    assert!(ran.stages("a").ends_with(&[Stage::Test, Stage::Recover]));
    assert_eq!(ran.end("b").0, VmOutcome::Cancelled);
    kill_what_is_out_of_reach(&lab);
}

#[test]
fn a_frozen_vm_is_lost_when_it_does_not_answer() {
    let lab = Lab::new(&["a"]);
    let run = lab.start(&["--target", "hang"]);
    run.wait_for_harness("a");
    lab.sshd.signal_sessions("STOP");
    let ran = run.wait();
    lab.sshd.signal_sessions("KILL");
    assert_eq!(ran.code(), 3, "{ran:#?}");
    assert_eq!(
        ran.failure("a"),
        (
            VmOutcome::Lost,
            "the connection was lost: Timeout, server 127.0.0.1 not responding.".into()
        )
    );
    kill_what_is_out_of_reach(&lab);
}

#[test]
fn readers_that_went_away_change_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let inventory = dir.path().join("vms.toml");
    let nobody = "[[vm]]\nname = \"a\"\nhost = \"127.0.0.1\"\nport = 1\n";
    fs::write(&inventory, nobody).unwrap();
    let mut run = Command::new(env!("CARGO_BIN_EXE_orchestrator"))
        .args(["run", "a", "--listen", "127.0.0.1:0", "--retries", "0"])
        .arg("--inventory")
        .arg(inventory)
        .arg("--runs-dir")
        .arg(dir.path())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    drop((run.stdout.take(), run.stderr.take()));
    assert_eq!(run.wait().unwrap().code(), Some(3));
}
