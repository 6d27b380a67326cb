// SPDX-License-Identifier: BSD-2-Clause
//! Runs that are killed, of which one process or the other is left, and runs
//! that cannot write what they have seen: the machine is put back.

use std::fs;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use nix::sched::{CloneFlags, unshare};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use protocol::{Body, Outcome};

use crate::support::{DEADLINE, Followed, Host, binary, bye, run, said};
use crate::unit::{is_running, tree};

/// Categories of which the first has tcp-echo started, and the others take a
/// while.
const H_FIRST: &str = "H,A,B,C,D,E,I";

/// The processes that `pid` has started and that have not ended.
fn children(pid: Pid) -> Vec<Pid> {
    let list = fs::read_to_string(format!("/proc/{pid}/task/{pid}/children")).unwrap();
    let pids = list.split_whitespace().map(|pid| pid.parse().unwrap());
    pids.map(Pid::from_raw).collect()
}

/// The process of a run that does the work.
fn worker(run: &Followed) -> Pid {
    match children(run.pid())[..] {
        [worker] => worker,
        ref others => panic!("{others:?}"),
    }
}

/// `tcp-echo server` or `client`, as the kernel has it.
fn holds_connections(line: &str) -> bool {
    let mut arguments = line.split('\0');
    arguments
        .next()
        .is_some_and(|name| name.ends_with("tcp-echo"))
        && matches!(arguments.next(), Some("server" | "client"))
}

/// The tcp-echo processes in this host's network, by their link to it.
fn echoes() -> Vec<i32> {
    let own = fs::read_link("/proc/thread-self/ns/net").unwrap();
    let processes = fs::read_dir("/proc").unwrap().flatten();
    processes
        .filter_map(|entry| entry.file_name().to_str()?.parse().ok())
        .filter(|pid: &i32| {
            let at = |name: &str| format!("/proc/{pid}/{name}");
            fs::read_link(at("ns/net")).is_ok_and(|net| net == own)
                && fs::read_to_string(at("cmdline")).is_ok_and(|line| holds_connections(&line))
                && is_running(&pid.to_string())
        })
        .collect()
}

fn wait_until(what: &str, is_so: impl Fn() -> bool) {
    let deadline = Instant::now() + DEADLINE;
    while !is_so() {
        assert!(Instant::now() < deadline, "not so: {what}");
        std::thread::yield_now();
    }
}

#[test]
fn a_run_that_is_killed_puts_everything_back_and_ends_its_stream() {
    for with_echo in [false, true] {
        Host::with(|host| {
            let before = host.machine();
            let mut followed = Followed::start(&mut host.live(H_FIRST));
            followed.read_until("target_started", 1);
            if with_echo {
                wait_until("tcp-echo runs", || echoes().len() == 2);
            } else {
                followed.read_until("test_finished", 5);
            }
            kill(followed.pid(), Signal::SIGKILL).unwrap();
            let ran = followed.end();
            assert_eq!(ran.status, None, "{}", ran.stderr);
            assert_eq!(bye(&ran.events()), Some(Outcome::Failed));
            host.demand_as_before(&before);
            assert_eq!(echoes(), [0; 0]);
        });
    }
}

#[test]
fn a_worker_that_is_killed_leaves_nothing_but_a_line_about_it() {
    Host::with(|host| {
        let before = host.machine();
        let limit = host.sysctl().get("max_open_fds").unwrap();
        let mut followed = Followed::start(&mut host.live(H_FIRST));
        followed.read_until("target_started", 1);
        wait_until("tcp-echo runs", || echoes().len() == 2);
        let worker = worker(&followed);
        // As a target does that tries the limits, and one that has profiles.
        host.sysctl().set("max_open_fds", "7").unwrap();
        let profile = format!("it_{worker}_x");
        host.sysctl().profile_set(&profile, "ipv4_only").unwrap();
        kill(worker, Signal::SIGKILL).unwrap();
        let ran = followed.end();
        assert_eq!(ran.status, Some(1));
        let line = "kmod-integration: the run was killed by signal 9; fd00::2 was removed from \
                    the loopback interface; ";
        assert!(ran.stderr.starts_with(line), "{}", ran.stderr);
        let end =
            format!("; max_open_fds was set back to {limit}; the profile {profile} was deleted\n");
        assert!(ran.stderr.ends_with(&end), "{}", ran.stderr);
        wait_until("tcp-echo has ended", || echoes().is_empty());
        host.demand_as_before(&before);
    });
}

#[test]
fn a_tcp_echo_that_is_killed_fails_its_test_and_no_other() {
    Host::with(|host| {
        let before = host.machine();
        let ended = AtomicBool::new(false);
        let ran = std::thread::scope(|scope| {
            scope.spawn(|| {
                while !ended.load(Ordering::Relaxed) {
                    for echo in echoes() {
                        // It may have ended just now.
                        let _ = kill(Pid::from_raw(echo), Signal::SIGKILL);
                    }
                }
            });
            let ran = run(&mut host.live("H,A"));
            ended.store(true, Ordering::Relaxed);
            ran
        });
        assert_eq!(ran.status, Some(1), "{}", ran.stdout);
        let tests = ran.tests();
        let failed: Vec<&str> = tests
            .iter()
            .filter(|test| test.outcome == Outcome::Failed)
            .map(|test| test.id.as_str())
            .collect();
        assert!(!failed.is_empty());
        assert!(failed.iter().all(|id| id.starts_with('H')), "{failed:?}");
        assert_eq!(tests.len(), 15);
        host.demand_as_before(&before);
    });
}

#[test]
fn a_compiler_does_not_outlive_a_run_that_is_killed() {
    let script = "echo \"# test_a\"; echo \"ok 1 - $OBJDIR $$\"; echo 'ok 2 - two'; sleep 1000";
    let tree = tree(script);
    let mut command = binary();
    command.args(["unit", "--format", "json", "--kmod-src"]);
    command.arg(tree.path());
    let mut followed = Followed::start(&mut command);
    followed.read_until("test_a:1", 1);
    kill(followed.pid(), Signal::SIGKILL).unwrap();
    let ran = followed.end();
    let name = ran.tests()[0].name.clone();
    let (objects, shell) = name.split_once(' ').unwrap();
    wait_until("the shell has ended", || !is_running(shell));
    assert!(!Path::new(objects).exists(), "{objects} is still there");
    assert_eq!(bye(&ran.events()), Some(Outcome::Failed));
}

#[test]
fn a_full_disk_hides_no_result() {
    let lines: String = (1..=200).map(|n| format!("echo 'ok {n} - a'; ")).collect();
    let tree = tree(&format!("echo '# test_a'; {lines} echo 1..200"));
    let disk = tempfile::tempdir().unwrap();
    let mount = disk.path().to_path_buf();
    // A mount that only this thread and what it starts can see.
    let ran = std::thread::spawn(move || {
        unshare(CloneFlags::CLONE_NEWNS).expect("needs root: for a mount of its own");
        said("mount", &["--make-rprivate", "/"]);
        let path = mount.to_str().unwrap();
        said("mount", &["-t", "tmpfs", "-o", "size=64k", "none", path]);
        let mut command = binary();
        command.args(["unit", "--format", "json", "--kmod-src"]);
        run(command.arg(tree.path()).arg("--output-dir").arg(mount))
    });
    let ran = ran.join().unwrap();
    assert_eq!(ran.status, Some(3), "{ran:?}");
    let tests = ran.tests();
    assert!(tests.len() > 10, "{} tests were told", tests.len());
    assert!(tests.iter().all(|test| test.outcome == Outcome::Passed));
    let events = ran.events();
    let told = events.iter().any(|body| {
        matches!(body, Body::Log { message, .. } if message.contains("No space left on device"))
    });
    assert!(told, "{}", ran.stdout);
    assert_eq!(bye(&events), Some(Outcome::Failed));
}
