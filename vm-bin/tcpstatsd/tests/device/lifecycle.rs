// SPDX-License-Identifier: BSD-2-Clause
//! Starting and ending the daemon: what it needs, what it finds, what it leaves.

use std::fs;
use std::os::unix::process::CommandExt;
use std::process::Command;

use nix::sys::signal::Signal;
use rustix::io::Errno;
use tcpstats::record::Record;
use zerocopy::FromZeros;

use crate::support::{Connections, DEADLINE, Daemon, Places, in_namespace, places};

fn fails(command: Command, status: i32, says: &str) {
    let assert = assert_cmd::Command::from_std(command)
        .timeout(DEADLINE)
        .assert();
    // Nothing on stdout: it is not ready.
    let assert = assert.code(status).stdout("");
    let stderr = String::from_utf8_lossy(&assert.get_output().stderr);
    assert_eq!(stderr.lines().count(), 1, "one line: {stderr}");
    assert!(stderr.contains(says), "{stderr}");
}

fn assert_nothing_is_left(places: &Places) {
    assert_eq!(
        fs::read_dir(places.mount())
            .expect("a plain folder")
            .count(),
        0
    );
    assert_eq!(fs::read_dir(places.dev()).expect("a folder").count(), 0);
    let mounts = fs::read_to_string("/proc/self/mounts").expect("mounts");
    assert!(
        !mounts.contains(places.mount().to_str().expect("text")),
        "it is not mounted"
    );
}

#[test]
fn a_signal_to_end_leaves_nothing_even_with_an_open_snapshot() {
    in_namespace(|| {
        for signal in [Signal::SIGTERM, Signal::SIGINT, Signal::SIGHUP] {
            let fixture = Connections::new(2);
            let daemon = Daemon::start(places());
            let device = daemon.open();
            let mut one = [Record::new_zeroed()];
            assert_eq!(device.read(&mut one).expect("one"), 1);
            let (status, places) = daemon.stop(signal);
            assert_eq!(status.code(), Some(0));
            let errno = device.read(&mut one).expect_err("it is gone").errno();
            assert!(
                matches!(errno, Some(Errno::NOTCONN | Errno::CONNABORTED)),
                "{errno:?}"
            );
            assert_nothing_is_left(&places);
            drop(fixture);
        }
    });
}

#[test]
fn it_ends_when_somebody_else_unmounts() {
    in_namespace(|| {
        let daemon = Daemon::start(places());
        let unmounted = Command::new("umount").arg(daemon.mount()).status();
        assert!(unmounted.expect("the command umount").success());
        let (status, places) = daemon.wait();
        assert_eq!(status.code(), Some(0));
        assert_nothing_is_left(&places);
    });
}

#[test]
fn a_second_instance_is_refused_and_the_first_goes_on() {
    in_namespace(|| {
        let daemon = Daemon::start(places());
        fails(daemon.places().command(), 1, "served already");
        assert_eq!(
            daemon.open().version().expect("a version").protocol_version,
            1
        );
    });
}

#[test]
fn what_a_killed_predecessor_left_is_cleared() {
    in_namespace(|| {
        let (status, places) = Daemon::start(places()).stop(Signal::SIGKILL);
        assert_eq!(status.code(), None);
        let stale = fs::metadata(places.mount()).expect_err("nobody answers");
        assert_eq!(Errno::from_io_error(&stale), Some(Errno::NOTCONN));
        let daemon = Daemon::start(places);
        assert_eq!(
            daemon.open().version().expect("a version").protocol_version,
            1
        );
        let (status, places) = daemon.stop(Signal::SIGTERM);
        assert_eq!(status.code(), Some(0));
        assert_nothing_is_left(&places);
    });
}

#[test]
fn a_file_in_the_place_of_a_link_is_not_touched() {
    in_namespace(|| {
        let places = places();
        let file = places.dev().join("tcpstats-full");
        fs::write(&file, "precious").expect("written");
        fails(places.command(), 1, "is there already");
        assert_eq!(fs::read_to_string(&file).expect("still there"), "precious");
        fs::remove_file(&file).expect("removed");
        assert_nothing_is_left(&places);
    });
}

#[test]
fn without_root_it_says_so() {
    let places = places();
    // The test's own folders may be closed to others: run a copy in an open place.
    let copy = places.dev().join("copy");
    // By another process: a descriptor that writes it here could be in the child of another test
    // for a moment, and what is open for writing is not run (ETXTBSY).
    let status = Command::new("cp")
        .arg(env!("CARGO_BIN_EXE_tcpstatsd"))
        .arg(&copy)
        .status()
        .expect("cp starts");
    assert!(status.success(), "a copy");
    let mut command = Command::new(copy);
    command
        .arg("--mount")
        .arg(places.mount())
        .uid(65534)
        .gid(65534);
    fails(command, 3, "root");
    assert!(!places.mount().exists(), "before anything is touched");
}

#[test]
fn an_unknown_group_is_wrong_use() {
    let mut command = Command::new(env!("CARGO_BIN_EXE_tcpstatsd"));
    let output = command
        .args(["--group", "no such group"])
        .output()
        .expect("it starts");
    assert_eq!(output.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&output.stderr).contains("no such group"));
}
