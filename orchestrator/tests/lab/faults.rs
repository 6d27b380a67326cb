// SPDX-License-Identifier: BSD-2-Clause
//! Faults that are really made on hosts while their tests run, all in one run:
//! each host ends as what happened to it, and the one without a fault passes.

use std::fs;
use std::process::{Output, Stdio};

use orchestrator::event::VmOutcome;

use crate::bed::{Host, code, done, stderr, stdout, wait_until};
use crate::whole::Whole;

/// What is done to a host, by its place in the lab.
mod host {
    pub(super) const LINK_DOWN: usize = 0;
    pub(super) const SSHD_FROZEN: usize = 1;
    pub(super) const DISK_FULL: usize = 2;
    pub(super) const BINARY_KILLED: usize = 3;
    pub(super) const BINARY_FROZEN: usize = 4;
    pub(super) const REBOOTED: usize = 5;
    pub(super) const CLOCK_STEPS: usize = 6;
    pub(super) const WELL: usize = 7;
    pub(super) const COUNT: usize = 8;
}

/// Has the wall clock of a program go back an hour when it was asked so often.
/// $LIB is for the dynamic loader to fill in.
const CLOCK_STEPS: &str = "env = { LD_PRELOAD = '/usr/$LIB/faketime/libfaketime.so.1', \
     FAKETIME = '-1h', FAKETIME_START_AFTER_NUMCALLS = '100', FAKETIME_DONT_FAKE_MONOTONIC = '1' }";

/// Make each fault as soon as its host has passed a test; all at once, since
/// the tests do not wait for it.
fn make_faults(whole: &Whole) {
    std::thread::scope(|scope| {
        for at in 0..host::COUNT {
            scope.spawn(move || make_fault(whole, at));
        }
    });
}

fn make_fault(whole: &Whole, at: usize) {
    let (lab, host) = (&whole.lab, &whole.hosts[at]);
    let boot = "echo 11111111-2222-3333-4444-555555555555 >/tmp/boot && \
                mount --bind /tmp/boot /proc/sys/kernel/random/boot_id && \
                pkill -KILL -f 'sshd[:] root'";
    let fault: &[&str] = match at {
        host::LINK_DOWN => &[],
        host::SSHD_FROZEN => &["pkill", "-STOP", "sshd"],
        host::BINARY_KILLED => &["pkill", "-KILL", "kmod-integratio"],
        host::BINARY_FROZEN => &["pkill", "-STOP", "kmod-integratio"],
        host::REBOOTED => &["sh", "-c", boot],
        _ => return,
    };
    wait_until("the host has passed its first test", || {
        whole.has_ended_a_test(&host.name)
    });
    match at {
        host::LINK_DOWN => host.set_link("down"),
        _ => done(lab, host, fault),
    }
}

fn undo_faults(whole: &Whole) {
    let (lab, hosts) = (&whole.lab, &whole.hosts);
    hosts[host::LINK_DOWN].set_link("up");
    done(lab, &hosts[host::SSHD_FROZEN], &["pkill", "-CONT", "sshd"]);
    done(lab, &hosts[host::DISK_FULL], &["rm", "/root/ballast"]);
}

fn run(whole: &Whole, arguments: &[&str]) -> Output {
    whole.command(arguments).output().unwrap()
}

/// The clock of `host` went back an hour while it passed every test, and what
/// took a time is told by another clock.
fn stepped_back_and_took_no_time_away(whole: &Whole, host: &Host) {
    whole.assert_all_passed(host);
    let events = whole.harness_events(&host.name);
    let times = events.iter().map(|event| event.time.as_second());
    let steps: Vec<i64> = times
        .clone()
        .zip(times.skip(1))
        .map(|(a, b)| b - a)
        .collect();
    let back = steps.iter().filter(|step| **step < -3500).count();
    assert_eq!(back, 1, "is libfaketime there? {steps:?}");
    let durations = events.iter().filter_map(|event| match &event.body {
        protocol::Body::TestFinished(test) => Some(test.duration_s),
        protocol::Body::TargetFinished(target) => Some(target.duration_s),
        _ => None,
    });
    let odd: Vec<f64> = durations.filter(|d| !(0.0..600.0).contains(d)).collect();
    assert_eq!(odd, [0.0; 0]);
}

#[test]
fn each_fault_is_told_as_what_it_is_and_the_next_run_passes() {
    let whole = Whole::of(host::COUNT);
    let ballast = [
        "dd",
        "if=/dev/zero",
        "of=/root/ballast",
        "bs=1M",
        "count=400",
    ];
    done(&whole.lab, &whole.hosts[host::DISK_FULL], &ballast);
    let inventory = whole.lab.dir().join("vms.toml");
    let text = fs::read_to_string(&inventory).unwrap();
    // A VM that says nothing for long is frozen; one that can't be reached is
    // not waited for as long as usual.
    let mut text = text.replacen("[[vm]]", "[defaults.limits]\nconnect = \"8s\"\n\n[[vm]]", 1);
    for (at, more) in [
        (host::BINARY_FROZEN, "idle_limit = \"4s\""),
        (host::CLOCK_STEPS, CLOCK_STEPS),
    ] {
        let name = format!("name = {:?}\n", whole.hosts[at].name);
        text = text.replace(&name, &format!("{name}{more}\n"));
    }
    fs::write(&inventory, text).unwrap();

    let first = whole
        .command(&["--retries", "0"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    make_faults(&whole);
    let first = first.wait_with_output().unwrap();
    assert_eq!(code(&first), 3, "{}{}", stdout(&first), stderr(&first));

    let ends = whole.ends();
    let end = |at: usize| &ends[&whole.hosts[at].name];
    for (at, outcome, cause) in [
        (host::LINK_DOWN, VmOutcome::Lost, "not responding"),
        (host::SSHD_FROZEN, VmOutcome::Lost, "not responding"),
        (
            host::DISK_FULL,
            VmOutcome::Infrastructure,
            "128 MiB are needed",
        ),
        (host::BINARY_KILLED, VmOutcome::Lost, "killed by"),
        (host::BINARY_FROZEN, VmOutcome::Hung, "said nothing for 4s"),
        (
            host::REBOOTED,
            VmOutcome::Lost,
            "the VM has rebooted meanwhile",
        ),
        (host::CLOCK_STEPS, VmOutcome::Passed, ""),
        (host::WELL, VmOutcome::Passed, ""),
    ] {
        let (found, words) = end(at);
        assert_eq!(*found, outcome, "host {at}: {words}");
        assert!(words.contains(cause), "host {at}: {words}");
    }
    whole.assert_all_passed(&whole.hosts[host::WELL]);
    stepped_back_and_took_no_time_away(&whole, &whole.hosts[host::CLOCK_STEPS]);
    for at in [
        host::DISK_FULL,
        host::BINARY_KILLED,
        host::BINARY_FROZEN,
        host::CLOCK_STEPS,
        host::WELL,
    ] {
        whole.assert_nothing_left_on(&whole.hosts[at], &["sshd", "tcpstatsd"]);
    }

    undo_faults(&whole);
    fs::remove_dir_all(whole.runs_dir()).unwrap();
    let second = run(&whole, &["--category", "A"]);
    assert_eq!(code(&second), 0, "{}{}", stdout(&second), stderr(&second));
    for host in &whole.hosts {
        whole.assert_nothing_left_on(host, &["sshd", "tcpstatsd"]);
    }
}

#[test]
fn a_host_that_is_too_full_for_the_programs_says_how_full() {
    let whole = Whole::of(1);
    let host = &whole.hosts[0];
    // Room enough when the health check asks, and none any more afterwards.
    let df = "#!/bin/sh\nif [ \"$3\" = -- ]; then\n\techo heading\n\t\
              echo tmpfs 900000 1 900000 1% /root\nelse\n\texec /tmp/df \"$@\"\nfi\n";
    let small = "mkdir -p /root/tcpstats-reader && \
                 mount -t tmpfs -o size=2m small /root/tcpstats-reader && \
                 cp /usr/bin/df /tmp/df && printf %s \"$1\" >/tmp/new && chmod 755 /tmp/new && \
                 mount --bind /tmp/new /usr/bin/df";
    done(&whole.lab, host, &["sh", "-c", small, "sh", df]);
    let run = run(&whole, &[]);
    assert_eq!(code(&run), 3, "{}{}", stdout(&run), stderr(&run));
    let (outcome, cause) = &whole.ends()[&host.name];
    assert_eq!(*outcome, VmOutcome::Infrastructure);
    assert!(
        cause.contains("KiB are free in /root/tcpstats-reader"),
        "{cause}"
    );
}
