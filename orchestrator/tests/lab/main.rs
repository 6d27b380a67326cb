// SPDX-License-Identifier: BSD-2-Clause
//! The embedded lab, for real: namespaces, sshd and the device. Needs root.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod bed;
mod faults;
mod link;
mod observe;
mod whole;

use std::fs;
use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, Stdio};

use bed::{ORCHESTRATOR, TestLab, Traces, built, code, stderr, stdout, wait_until};
use rustix::process::{Pid, Signal, kill_process};

/// The length of a record of the device, where its state, its local port and
/// its local address are in it, and the number of the state ESTABLISHED.
const RECORD: usize = 320;
const LOCAL_PORT: usize = 20;
const LOCAL_ADDRESS: usize = 24;
const STATE: usize = 56;
const ESTABLISHED: i32 = 4;

fn signal(pid: i32, signal: Signal) {
    kill_process(Pid::from_raw(pid).unwrap(), signal).unwrap();
}

#[test]
fn hosts_come_up_are_reached_over_ssh_and_leave_nothing() {
    let lab = TestLab::new();
    let hosts = lab.up(2);
    let traces = Traces::of(&lab, &[hosts[0].pid, hosts[1].pid]);
    assert_eq!(traces.namespaces(), 10, "five kinds, of each host's own");

    assert_eq!(code(&lab.lab(&["status"])), 0);
    for host in &hosts {
        let output = lab.ssh(host, &["hostname"]).output().unwrap();
        assert_eq!(
            stdout(&output),
            format!("{}\n", host.name),
            "{}",
            stderr(&output)
        );
    }

    let down = lab.lab(&["down"]);
    assert_eq!(code(&down), 0, "{}", stderr(&down));
    lab.assert_gone(&traces);
    assert_eq!(code(&lab.lab(&["down"])), 0, "down where nothing is up");
    lab.assert_gone(&traces);
}

#[test]
fn a_host_with_another_key_is_refused() {
    let lab = TestLab::new();
    let hosts = lab.up(2);
    let known = fs::read_to_string(lab.dir().join("known_hosts")).unwrap();
    let swapped: String = known
        .lines()
        .zip(hosts.iter().rev())
        .map(|(line, other)| {
            let (_, key) = line.split_once(' ').unwrap();
            format!("{} {key}\n", other.address)
        })
        .collect();
    fs::write(lab.dir().join("known_hosts"), swapped).unwrap();
    let output = lab.ssh(&hosts[0], &["hostname"]).output().unwrap();
    assert_eq!(code(&output), 255);
    assert!(stderr(&output).contains("Host key verification failed"));
}

#[test]
fn only_the_labs_key_opens_a_host() {
    let lab = TestLab::new();
    let hosts = lab.up(1);
    let stranger = lab
        .dir()
        .join("hosts")
        .join(&hosts[0].name)
        .join("ssh_host_key");
    fs::copy(stranger, lab.dir().join("client_key")).unwrap();
    let output = lab.ssh(&hosts[0], &["hostname"]).output().unwrap();
    assert_eq!(code(&output), 255);
    assert!(
        stderr(&output).contains("Permission denied (publickey)"),
        "{}",
        stderr(&output)
    );
}

#[test]
fn a_connection_of_one_host_is_in_that_hosts_device_only() {
    let lab = TestLab::new();
    let hosts = lab.up(2);
    let mut session = lab
        .ssh(&hosts[0], &["cat"])
        .stdin(Stdio::piped())
        .spawn()
        .unwrap();
    let at_first = |reader: usize| {
        let device = "if=/dev/tcpstats";
        let read = lab.exec(
            &hosts[reader],
            &["dd", device, "bs=64k", "count=1", "status=none"],
        );
        assert_eq!(code(&read), 0, "{}", stderr(&read));
        assert!(!read.stdout.is_empty() && read.stdout.len().is_multiple_of(RECORD));
        let is_session = |record: &&[u8]| {
            let port = u16::from_ne_bytes(record[LOCAL_PORT..][..2].try_into().unwrap());
            let state = i32::from_ne_bytes(record[STATE..][..4].try_into().unwrap());
            record[LOCAL_ADDRESS..][..4] == hosts[0].address.octets()
                && (port, state) == (22, ESTABLISHED)
        };
        read.stdout.chunks(RECORD).filter(is_session).count()
    };
    wait_until("the connection shows", || at_first(0) == 1);
    assert_eq!(at_first(1), 0);
    drop(session.stdin.take());
    session.wait().unwrap();
}

#[test]
fn exec_passes_streams_and_status_through() {
    let lab = TestLab::new();
    let hosts = lab.up(1);
    let status = |words: &[&str]| code(&lab.exec(&hosts[0], words));
    assert_eq!(status(&["true"]), 0);
    assert_eq!(status(&["sh", "-c", "exit 7"]), 7);
    assert_eq!(status(&["sh", "-c", "kill -KILL $$"]), 137);
    assert_eq!(status(&["/no/such/program"]), 127);
    assert_eq!(status(&["/etc/passwd"]), 126);
    assert_eq!(code(&lab.lab(&["exec", "nobody", "--", "true"])), 125);

    let mut cat = lab
        .command(&[
            "exec",
            &hosts[0].name,
            "--",
            "sh",
            "-c",
            "cat; hostname; pwd",
        ])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    std::io::Write::write_all(&mut cat.stdin.take().unwrap(), b"words\n").unwrap();
    let said = stdout(&cat.wait_with_output().unwrap());
    assert_eq!(said, format!("words\n{}\n/root\n", hosts[0].name));
}

#[test]
fn exec_hands_a_termination_on_to_its_command() {
    let lab = TestLab::new();
    let hosts = lab.up(1);
    let script = "trap 'exit 9' TERM; echo ready; while :; do sleep 0.01; done";
    let mut exec = lab
        .command(&["exec", &hosts[0].name, "--", "sh", "-c", script])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut word = String::new();
    let mut output = std::io::BufReader::new(exec.stdout.take().unwrap());
    std::io::BufRead::read_line(&mut output, &mut word).unwrap();
    assert_eq!(word, "ready\n");
    signal(exec.id().cast_signed(), Signal::TERM);
    assert_eq!(exec.wait().unwrap().code(), Some(9));
}

#[test]
fn files_of_a_host_are_its_own_and_the_machines_are_read_only() {
    let lab = TestLab::new();
    let hosts = lab.up(2);
    let mark = format!("mark-of-{}", hosts[0].name);
    for folder in ["/root", "/home", "/tmp", "/run", "/var/tmp", "/dev/shm"] {
        let path = format!("{folder}/{mark}");
        assert_eq!(code(&lab.exec(&hosts[0], &["touch", &path])), 0, "{path}");
        assert_eq!(
            code(&lab.exec(&hosts[0], &["test", "-e", &path])),
            0,
            "{path}"
        );
        assert_eq!(
            code(&lab.exec(&hosts[1], &["test", "-e", &path])),
            1,
            "{path}"
        );
        assert!(!fs::exists(&path).unwrap(), "{path} shows on the machine");
    }
    for folder in ["/", "/etc", "/usr", "/var"] {
        let refused = lab.exec(&hosts[0], &["touch", &format!("{folder}/{mark}")]);
        assert_eq!(code(&refused), 1);
        assert!(
            stderr(&refused).contains("Read-only file system"),
            "{}",
            stderr(&refused)
        );
    }
}

#[test]
fn up_is_idempotent_and_refuses_to_become_another_lab() {
    let lab = TestLab::new();
    let before = lab.up(2);
    let again = lab.up(2);
    assert_eq!(before[0].pid, again[0].pid);
    assert_eq!(before[1].pid, again[1].pid);

    let other_count = lab.lab(&["up", "-n", "1", "--bin-dir", &built()]);
    assert_eq!(code(&other_count), 2);
    assert!(
        stderr(&other_count).contains("a lab of 2 hosts is up"),
        "{}",
        stderr(&other_count)
    );

    let bin_dir = lab.fake_bin_dir("exec sleep 600");
    let other_build = lab.lab(&["up", "-n", "2", "--bin-dir", &bin_dir]);
    assert_eq!(code(&other_build), 2);
    assert!(stderr(&other_build).contains("another build of tcpstatsd"));
    assert_eq!(lab.hosts()[0].pid, before[0].pid);
}

#[test]
fn two_labs_live_side_by_side() {
    let (one, other) = (TestLab::new(), TestLab::new());
    let (ours, theirs) = (one.up(1), other.up(1));
    assert_ne!(ours[0].address, theirs[0].address);
    let traces = Traces::of(&one, &[ours[0].pid]);
    assert_eq!(code(&one.lab(&["down"])), 0);
    one.assert_gone(&traces);
    assert_eq!(code(&other.lab(&["status"])), 0);
    assert_eq!(other.hosts()[0].pid, theirs[0].pid);
}

#[test]
fn a_killed_host_shows_and_down_clears_everything() {
    let lab = TestLab::new();
    let hosts = lab.up(2);
    let traces = Traces::of(&lab, &[hosts[0].pid, hosts[1].pid]);
    signal(hosts[0].pid, Signal::KILL);
    wait_until("the host is gone", || lab.hosts().len() == 1);
    let status = lab.lab(&["status"]);
    assert_eq!(code(&status), 1);
    assert!(stdout(&status).contains("ended"), "{}", stdout(&status));
    let up = lab.lab(&["up", "-n", "2", "--bin-dir", &built()]);
    assert_eq!(code(&up), 2);
    assert!(stderr(&up).contains("up, but not well"), "{}", stderr(&up));

    assert_eq!(code(&lab.lab(&["down"])), 0);
    lab.assert_gone(&traces);
}

#[test]
fn a_dead_sshd_and_a_dead_daemon_show() {
    let lab = TestLab::new();
    let hosts = lab.up(2);
    let ended = lab.exec(&hosts[0], &["pkill", "-f", "listener"]);
    assert_eq!(code(&ended), 0, "{}", stderr(&ended));
    let ended = lab.exec(&hosts[1], &["pkill", "-KILL", "tcpstatsd"]);
    assert_eq!(code(&ended), 0, "{}", stderr(&ended));
    let status = || stdout(&lab.lab(&["status"]));
    wait_until("sshd does not answer", || {
        status().contains("Connection refused")
    });
    wait_until("the device is not served", || {
        status().contains("Transport endpoint is not connected")
    });
    assert_eq!(code(&lab.lab(&["status"])), 1);
}

#[test]
fn a_lab_whose_hosts_are_all_dead_is_cleared_away_by_the_next_up() {
    let lab = TestLab::new();
    let before = lab.up(1);
    signal(before[0].pid, Signal::KILL);
    wait_until("the host is gone", || lab.hosts().is_empty());
    let after = lab.up(1);
    assert_ne!(before[0].pid, after[0].pid);
}

#[test]
fn down_needs_no_state_file() {
    for damage in [|path| fs::remove_file(path), |path| fs::write(path, "{")] {
        let lab = TestLab::new();
        let hosts = lab.up(1);
        let traces = Traces::of(&lab, &[hosts[0].pid]);
        damage(lab.dir().join("state.json")).unwrap();
        assert_eq!(code(&lab.lab(&["status"])), 1);
        assert_eq!(code(&lab.lab(&["down"])), 0);
        lab.assert_gone(&traces);
    }
}

#[test]
fn a_strangers_process_in_a_host_is_named_and_not_ended() {
    let lab = TestLab::new();
    let hosts = lab.up(1);
    let traces = Traces::of(&lab, &[hosts[0].pid]);
    let target = hosts[0].pid.to_string();
    let mut stranger = Command::new("nsenter")
        .args(["--net", "--target", &target, "sleep", "600"])
        .spawn()
        .unwrap();
    let pid = stranger.id();
    wait_until("the stranger is in", || {
        fs::read_to_string(format!("/proc/{pid}/comm")).is_ok_and(|name| name == "sleep\n")
    });
    let down = lab.lab(&["down"]);
    assert_eq!(code(&down), 3);
    assert!(
        stderr(&down).contains(&format!("process {pid} (sleep) in a namespace of the lab")),
        "{}",
        stderr(&down)
    );
    stranger.kill().unwrap();
    stranger.wait().unwrap();
    assert_eq!(code(&lab.lab(&["down"])), 0);
    lab.assert_gone(&traces);
}

#[test]
fn a_missing_daemon_is_said_before_anything_is_touched() {
    let lab = TestLab::new();
    let up = lab.lab(&["up", "--bin-dir", "/no/such/folder"]);
    assert_eq!(code(&up), 2);
    assert!(
        stderr(&up).contains("the program /no/such/folder/tcpstatsd"),
        "{}",
        stderr(&up)
    );
    lab.assert_gone(&Traces::of(&lab, &[]));
}

#[test]
fn a_daemon_that_fails_is_quoted_and_nothing_is_left() {
    let lab = TestLab::new();
    let bin_dir = lab.fake_bin_dir("echo the moon is full >&2; exit 4");
    let up = lab.lab(&["up", "-n", "2", "--bin-dir", &bin_dir]);
    assert_eq!(code(&up), 3);
    assert!(
        stderr(&up).contains("tcpstatsd.log: the moon is full"),
        "{}",
        stderr(&up)
    );
    assert!(
        stderr(&up).contains("tcpstatsd ended with exit status: 4"),
        "{}",
        stderr(&up)
    );
    lab.assert_gone(&Traces::of(&lab, &[]));
}

#[test]
fn an_interrupted_up_leaves_nothing() {
    let lab = TestLab::new();
    let (up, traces) = lab.stuck_up();
    signal(up.id().cast_signed(), Signal::INT);
    let output = up.wait_with_output().unwrap();
    assert_eq!(code(&output), 130, "{}", stderr(&output));
    lab.assert_gone(&traces);
}

#[test]
fn hosts_do_not_outlive_a_killed_up() {
    let lab = TestLab::new();
    let (mut up, traces) = lab.stuck_up();
    up.kill().unwrap();
    up.wait().unwrap();
    wait_until("the hosts have ended by themselves", || {
        !stdout(&lab.lab(&["status"])).contains("process")
    });
    assert!(stdout(&lab.lab(&["status"])).contains("left: network link"));
    assert_eq!(lab.up(1).len(), 1, "the next up clears the rest away");
    assert_eq!(code(&lab.lab(&["down"])), 0);
    lab.assert_gone(&traces);
}

#[test]
fn one_command_at_a_time_may_change_a_lab() {
    let lab = TestLab::new();
    for folder in [
        "a new one",
        "one that is cleared of what a killed `up` left",
    ] {
        let (mut up, _) = lab.stuck_up();
        let process = format!("process {}", up.id());
        let down = lab.lab(&["down"]);
        assert_eq!(code(&down), 2, "{folder}");
        assert!(stderr(&down).contains(&process), "{}", stderr(&down));
        let status = lab.lab(&["status"]);
        assert_eq!(code(&status), 1, "{folder}");
        assert!(stdout(&status).contains(&process), "{}", stdout(&status));
        up.kill().unwrap();
        up.wait().unwrap();
        wait_until("the hosts have ended by themselves", || {
            !stdout(&lab.lab(&["status"])).contains("process")
        });
    }
}

#[test]
fn a_folder_of_something_else_is_refused_and_stays_as_it_is() {
    let lab = TestLab::new();
    fs::DirBuilder::new().mode(0o700).create(lab.dir()).unwrap();
    fs::write(lab.dir().join("letter"), "dear").unwrap();
    for command in [vec!["up", "--bin-dir", &built()], vec!["down"]] {
        let refused = lab.lab(&command);
        assert_eq!(code(&refused), 2, "{command:?}");
        assert!(
            stderr(&refused).contains("holds letter"),
            "{}",
            stderr(&refused)
        );
    }
    assert_eq!(
        fs::read_to_string(lab.dir().join("letter")).unwrap(),
        "dear"
    );
}

#[test]
fn without_root_the_lack_is_said() {
    let lab = TestLab::new();
    let folder = tempfile::tempdir().unwrap();
    fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755)).unwrap();
    let program = folder.path().join("orchestrator");
    // By another process: a descriptor that writes it here could be in the child of another test
    // for a moment, and what is open for writing is not run (ETXTBSY).
    let status = Command::new("cp")
        .args([Path::new(ORCHESTRATOR), &program])
        .status()
        .unwrap();
    assert!(status.success());
    for command in [vec!["up"], vec!["down"], vec!["status"]] {
        let output = Command::new(&program)
            .args(["lab", "--dir", "/run/tcpstats-none"])
            .args(&command)
            .uid(65534)
            .gid(65534)
            .output()
            .unwrap();
        assert_eq!(code(&output), 2, "{command:?}");
        assert!(
            stderr(&output).contains("the rights of root (this is user 65534)"),
            "{}",
            stderr(&output)
        );
    }
    lab.assert_gone(&Traces::of(&lab, &[]));
}

#[test]
fn the_inventory_is_one_that_a_run_takes() {
    let lab = TestLab::new();
    let hosts = lab.up(2);
    let path = lab.dir().join("vms.toml");
    let inventory = orchestrator::inventory::load(Some(&path)).unwrap();
    assert_eq!(inventory.vms.len(), 2);
    for (vm, host) in inventory.vms.iter().zip(&hosts) {
        assert_eq!(
            (&vm.name, &vm.host),
            (&host.name, &host.address.to_string())
        );
        assert_eq!((vm.user.as_deref(), vm.port), (Some("root"), Some(22)));
        assert_eq!(vm.identity, Some(lab.dir().join("client_key")));
        assert_eq!(vm.known_hosts, Some(lab.dir().join("known_hosts")));
    }
}
