// SPDX-License-Identifier: BSD-2-Clause
//! A device that is not there, that comes and goes, that refuses or hangs; who may ask how often.

use std::fs;
use std::os::unix::process::CommandExt;
use std::path::Path;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use test_host::{Connections, Daemon, eventually, in_namespace};

use crate::support::{
    Exporter, OFTEN, ONCE, Page, command, places, receive, send, with_daemon, with_exporter,
};

fn failures(page: &Page, reason: &str) -> f64 {
    let name = "tcpstats_exporter_collection_failures_total";
    page.get(&format!("{name}{{reason=\"{reason}\"}}"))
}

fn assert_without_sockets(page: &Page) {
    assert_eq!(page.get("tcpstats_exporter_up"), 0.0);
    assert!(!page.text.contains("\ntcpstats_socket"), "{}", page.text);
    assert!(page.find("tcpstats_sys_accepts_total").is_some());
}

#[test]
fn a_device_comes_and_goes() {
    in_namespace(|| {
        let places = places();
        let mount = places.mount();
        let exporter = Exporter::start(&mount, OFTEN);
        let page = exporter.scrape();
        assert_without_sockets(&page);
        assert!(!page.text.contains("tcpstats_kmod_"), "{}", page.text);
        assert_eq!(failures(&page, "absent"), 1.0);

        let daemon = Daemon::start(places);
        let page = exporter.scrape();
        assert_eq!(page.get("tcpstats_exporter_up"), 1.0);
        assert_eq!(page.get("tcpstats_kmod_opens_total"), 1.0);

        // Killed, it leaves a mount that nobody serves.
        let (_, places) = daemon.stop(Signal::SIGKILL);
        let page = exporter.scrape();
        assert_without_sockets(&page);
        assert!(!page.text.contains("tcpstats_kmod_"), "{}", page.text);
        assert_eq!(failures(&page, "absent"), 2.0);

        let daemon = Daemon::start(places);
        let page = exporter.scrape();
        assert_eq!(page.get("tcpstats_exporter_up"), 1.0);
        assert_eq!(page.get("tcpstats_kmod_opens_total"), 1.0);
        assert_eq!(failures(&page, "absent"), 2.0);
        // Nothing holds it.
        assert_eq!(daemon.stop(Signal::SIGTERM).0.code(), Some(0));
        assert_eq!(exporter.stop(Signal::SIGINT).code(), Some(0));
    });
}

#[test]
fn a_device_at_its_limits_is_said_and_its_counters_are_served() {
    with_daemon(|daemon| {
        with_exporter(daemon, OFTEN, |exporter| {
            let mine = daemon.open();
            daemon.set("max_open_fds", 1);
            let page = exporter.scrape();
            assert_without_sockets(&page);
            assert_eq!(failures(&page, "descriptors"), 1.0);
            assert_eq!(page.get("tcpstats_kmod_limit{name=\"max_open_fds\"}"), 1.0);
            assert_eq!(page.get("tcpstats_kmod_active_fds"), 1.0);
            drop(mine);
            eventually("the descriptor is closed", || {
                (daemon.number("active_fds") == 0).then_some(())
            });

            daemon.set("max_concurrent_readers", 0);
            let page = exporter.scrape();
            assert_without_sockets(&page);
            assert_eq!(failures(&page, "busy"), 1.0);
            daemon.set("max_concurrent_readers", 1);
            let page = exporter.scrape();
            assert_eq!(page.get("tcpstats_exporter_up"), 1.0);
            // An interval is between the snapshots of one descriptor: none of these is in its way.
            daemon.set("min_read_interval_ms", 3_600_000);
            assert_eq!(exporter.scrape().get("tcpstats_exporter_up"), 1.0);
        });
    });
}

#[test]
fn who_may_not_open_the_device_is_told_so() {
    with_daemon(|daemon| {
        let mut command = command(&daemon.mount());
        command.args(["--listen", "127.0.0.1:0"]);
        command.uid(65534).gid(65534);
        let exporter = Exporter::start_as(&mut command, 1);
        let page = exporter.scrape();
        assert_without_sockets(&page);
        assert_eq!(failures(&page, "permission"), 1.0);
    });
}

#[test]
fn above_the_rate_the_last_result_is_served_again() {
    with_daemon(|daemon| {
        let fixture = Connections::new(3);
        with_exporter(daemon, ONCE, |exporter| {
            let first = exporter.scrape();
            drop(fixture);
            let second = exporter.scrape();
            for page in [&first, &second] {
                assert_eq!(page.get("tcpstats_sockets_total"), 7.0);
                assert_eq!(page.get("tcpstats_kmod_opens_total"), 1.0);
            }
            assert_eq!(daemon.number("opens_total"), 1);
            let age = "tcpstats_exporter_collection_age_seconds";
            assert!(second.get(age) > first.get(age));
            let scrapes = |result: &str| {
                second.get(&format!(
                    "tcpstats_exporter_scrapes_total{{result=\"{result}\"}}"
                ))
            };
            assert_eq!((scrapes("collected"), scrapes("repeated")), (1.0, 1.0));
            assert_eq!((scrapes("late"), scrapes("refused")), (0.0, 0.0));
        });
    });
}

/// The daemon stopped, until this is dropped.
struct Hung(Pid);

impl Hung {
    /// Returns when each of its threads has stopped. One that still ran could take a request: who
    /// waits for a request that was taken can't be killed, and Linux offers no way around that.
    fn new(daemon: &Daemon) -> Self {
        let pid = Pid::from_raw(i32::try_from(daemon.pid()).expect("a pid"));
        kill(pid, Signal::SIGSTOP).expect("it runs");
        let hung = Self(pid);
        let tasks = format!("/proc/{pid}/task");
        eventually("tcpstatsd has stopped", || {
            let mut tasks = fs::read_dir(&tasks).expect("threads");
            let stopped = tasks.all(|task| is_stopped(&task.expect("a thread").path()));
            stopped.then_some(())
        });
        hung
    }
}

fn is_stopped(task: &Path) -> bool {
    // One that is gone takes nothing either.
    let Ok(stat) = fs::read_to_string(task.join("stat")) else {
        return true;
    };
    // The name before it may have any characters.
    let (_, state) = stat.rsplit_once(") ").expect("a state");
    state.starts_with('T')
}

impl Drop for Hung {
    fn drop(&mut self) {
        kill(self.0, Signal::SIGCONT).expect("it is there");
    }
}

#[test]
fn eight_scrapers_at_once_are_one_collection() {
    with_daemon(|daemon| {
        let _fixture = Connections::new(4);
        with_exporter(daemon, ONCE, |exporter| {
            let hung = Hung::new(daemon);
            let address = exporter.addresses[0];
            let scrapes: Vec<_> = (0..8).map(|_| send(address, "GET", "/metrics")).collect();
            drop(hung);
            for answer in scrapes.into_iter().map(receive) {
                assert_eq!(answer.status, 200);
                let page = Page::parse(&answer.body);
                assert_eq!(page.get("tcpstats_sockets_total"), 9.0);
            }
        });
        // One open, one read that gives all and one that finds the end.
        assert_eq!(daemon.number("opens_total"), 1);
        assert_eq!(daemon.number("reads_total"), 2);
        assert_eq!(daemon.number("records_emitted"), 9);
    });
}

#[test]
fn a_device_that_hangs_does_not_hold_the_program() {
    with_daemon(|daemon| {
        let exporter = Exporter::start(&daemon.mount(), OFTEN);
        let hung = Hung::new(daemon);
        let scrape = send(exporter.addresses[0], "GET", "/metrics");
        // It is answered for others meanwhile.
        assert_eq!(exporter.get("/healthz").status, 200);
        assert_eq!(exporter.stop(Signal::SIGTERM).code(), Some(0));
        drop(scrape);
        drop(hung);
    });
}
