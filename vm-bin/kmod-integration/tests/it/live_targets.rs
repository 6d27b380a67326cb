// SPDX-License-Identifier: BSD-2-Clause
//! The live targets besides `live_integration`, on a real device in a network of
//! its own: what they tell, and that the machine is as before, whatever happened.

use std::collections::BTreeSet;
use std::fs::File;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use protocol::event::{Benchmark, Level, TestFinished};
use protocol::{Body, Outcome};

use crate::support::{Followed, Host, Ran, bye, copy_for_anybody, processes_with, run, said};

/// Sizes that a test has time for.
const CONNECTIONS: &str = "--connections=60";

#[track_caller]
fn demand_passed(ran: &Ran) {
    let failed: Vec<TestFinished> = ran
        .tests()
        .into_iter()
        .filter(|test| test.outcome == Outcome::Failed)
        .collect();
    assert!(failed.is_empty(), "{failed:#?}");
    assert_eq!(ran.status, Some(0), "{}\n{}", ran.stderr, ran.stdout);
}

fn test_of<'a>(tests: &'a [TestFinished], id: &str) -> &'a TestFinished {
    let test = tests.iter().find(|test| test.id == id);
    test.unwrap_or_else(|| panic!("no test {id}"))
}

fn logged(ran: &Ran, wanted: Level) -> Vec<String> {
    ran.events()
        .into_iter()
        .filter_map(|body| match body {
            Body::Log { level, message } if level == wanted => Some(message),
            _ => None,
        })
        .collect()
}

#[test]
fn smoke_restarts_the_daemon_and_leaves_it_as_it_was() {
    Host::with(|host| {
        host.sysctl().set("max_open_fds", "33").unwrap();
        host.sysctl()
            .profile_set("mine", "local_port=22 exclude=listen")
            .unwrap();
        let before = host.machine();
        let old = processes_with("tcpstatsd");
        let ran = run(&mut host.target("live_smoke"));
        demand_passed(&ran);
        assert_eq!(ran.tests().len(), 22);
        let new = processes_with("tcpstatsd");
        assert_eq!((old.len(), new.len()), (1, 1));
        assert_ne!(old, new, "the same process serves");
        host.demand_as_before(&before);
        // The second finds what the first has started.
        demand_passed(&run(&mut host.target("live_smoke")));
        host.demand_as_before(&before);
    });
}

#[test]
fn smoke_without_a_daemon_brings_one_and_takes_it_away() {
    Host::with(|host| {
        host.end_daemon();
        let ran = run(&mut host.target("live_smoke"));
        demand_passed(&ran);
        assert_eq!(processes_with("tcpstatsd"), []);
        let mounts = std::fs::read_to_string("/proc/self/mountinfo").unwrap();
        assert!(!mounts.contains(host.mount().to_str().unwrap()));
    });
}

#[test]
fn smoke_takes_the_device_from_nobody() {
    Host::with(|host| {
        let reader = File::open(host.mount().join("dev/tcpstats")).unwrap();
        let before = processes_with("tcpstatsd");
        let ran = run(&mut host.target("live_smoke"));
        assert_eq!(ran.status, Some(3));
        let errors = logged(&ran, Level::Error);
        assert!(
            errors[0].starts_with("1 descriptors of the device are open: end their programs"),
            "{errors:?}"
        );
        drop(reader);
        assert_eq!(processes_with("tcpstatsd"), before);
    });
}

#[test]
fn smoke_without_root_is_told_before_any_test() {
    Host::with(|host| {
        let smoke = host.target("live_smoke");
        let (_folder, copy) = copy_for_anybody();
        let mut nobody = Command::new(copy);
        nobody.uid(65534).gid(65534).args(smoke.get_args());
        let environment = smoke.get_envs();
        nobody.envs(environment.filter_map(|(name, value)| Some((name, value?))));
        let ran = run(&mut nobody);
        assert_eq!(ran.status, Some(3), "{ran:?}");
        let errors = logged(&ran, Level::Error);
        assert!(errors[0].starts_with("not root: "), "{errors:?}");
        assert_eq!(ran.tests().len(), 0);
    });
}

#[test]
fn a_signal_in_the_middle_of_a_life_leaves_the_device_served() {
    Host::with(|host| {
        let before = host.machine();
        let mut followed = Followed::start(&mut host.target("live_smoke"));
        followed.read_until("test_finished", 7);
        kill(followed.pid(), Signal::SIGTERM).unwrap();
        let ran = followed.end();
        assert_eq!(ran.status, Some(1), "{}", ran.stderr);
        let errors = logged(&ran, Level::Error);
        assert!(errors[0].starts_with("interrupted, "), "{errors:?}");
        assert_eq!(bye(&ran.events()), Some(Outcome::Failed));
        host.demand_as_before(&before);
    });
}

#[test]
fn a_bench_counts_every_connection_and_has_samples_of_each_workload() {
    Host::with(|host| {
        let before = host.machine();
        let mut command = host.target("live_bench");
        let ran = run(command.args(["--connections", "40,90"]));
        demand_passed(&ran);
        let tests = ran.tests();
        assert_eq!(tests.len(), 2 * 8);
        for test in &tests {
            assert_eq!(test.outcome, Outcome::Passed, "{}", test.id);
            assert_eq!(test.expected, test.actual, "{}", test.id);
        }
        // Two ends of each connection, and eight servers of each IP version.
        assert_eq!(test_of(&tests, "40-open").actual, Some(2 * 40 + 16));
        assert_eq!(test_of(&tests, "90-open").actual, Some(2 * 90 + 16));
        // One read-through warms up, five are measured.
        assert_eq!(test_of(&tests, "40-no_filter").actual, Some(6 * 96));
        // A quarter is over IPv6.
        let versions = 6 * (2 * 30 + 8) + 6 * (2 * 10 + 8);
        assert_eq!(test_of(&tests, "40-ip_version").actual, Some(versions));

        let events = ran.events();
        let benchmarks: Vec<&Benchmark> = events
            .iter()
            .filter_map(|body| match body {
                Body::Benchmark(benchmark) => Some(benchmark),
                _ => None,
            })
            .collect();
        let series: BTreeSet<_> = benchmarks
            .iter()
            .map(|one| (one.connections, &one.name, &one.workload))
            .collect();
        assert_eq!(series.len(), benchmarks.len(), "a workload is told twice");
        assert_eq!(benchmarks.len(), 2 * (1 + 1 + 3 + 3 + 4 + 5 + 5 + 2));
        for one in benchmarks {
            let least = if one.name == "connections_stand" {
                1
            } else {
                3
            };
            assert!(one.samples.len() >= least, "{one:?}");
            assert!(one.samples.iter().all(|sample| *sample > 0.0), "{one:?}");
        }
        host.demand_as_before(&before);
    });
}

#[test]
fn connections_that_the_machine_has_no_room_for_are_skipped_with_the_reason() {
    Host::with(|host| {
        let before = host.machine();
        let mut command = host.target("live_bench");
        let ran = run(command.args(["--connections", "2000000000,20"]));
        demand_passed(&ran);
        let tests = ran.tests();
        let open = test_of(&tests, "2000000000-open");
        assert_eq!(open.outcome, Outcome::Skipped);
        assert!(
            open.message
                .as_deref()
                .is_some_and(|m| m.contains("2000000000") || m.contains("1500000000")),
            "{open:?}"
        );
        let port = test_of(&tests, "2000000000-port");
        assert_eq!(
            port.message.as_deref(),
            Some("2000000000 connections do not stand")
        );
        assert_eq!(test_of(&tests, "20-port").outcome, Outcome::Passed);
        host.demand_as_before(&before);
    });
}

#[test]
fn a_killed_tcp_echo_fails_tests_and_nothing_of_it_stays() {
    Host::with(|host| {
        let before = host.machine();
        let mut followed = Followed::start(host.target("live_bench").arg(CONNECTIONS));
        followed.read_until("test_finished", 2);
        for client in processes_with("tcp-echo client") {
            kill(client, Signal::SIGKILL).unwrap();
        }
        let ran = followed.end();
        assert_eq!(ran.status, Some(1));
        let tests = ran.tests();
        let failed = test_of(&tests, "60-ip_version");
        assert_eq!(failed.outcome, Outcome::Failed);
        assert!(
            failed
                .message
                .as_deref()
                .is_some_and(|m| m.contains("instead of")),
            "{failed:?}"
        );
        host.demand_as_before(&before);
    });
}

/// The two processes of a run: the one that was started, and the one that works.
fn parent_and_worker(run: &Followed) -> [Pid; 2] {
    let runs = processes_with("kmod-integration live_");
    let worker = runs.into_iter().find(|pid| *pid != run.pid());
    [run.pid(), worker.expect("a worker")]
}

#[test]
fn a_killed_run_leaves_no_process_behind() {
    for which in [0, 1] {
        Host::with(|host| {
            let before = host.machine();
            let mut followed = Followed::start(host.target("live_bench").arg(CONNECTIONS));
            followed.read_until("test_finished", 2);
            let echoes = processes_with("--die-with-parent");
            assert_eq!(echoes.len(), 4);
            kill(parent_and_worker(&followed)[which], Signal::SIGKILL).unwrap();
            followed.deaf();
            host.demand_as_before(&before);
        });
    }
}

#[test]
fn a_killed_smoke_leaves_the_device_served() {
    for lives in 3..9 {
        Host::with(|host| {
            host.sysctl().set("max_open_fds", "33").unwrap();
            host.sysctl().profile_set("mine", "local_port=22").unwrap();
            let before = host.machine();
            let mut followed = Followed::start(&mut host.target("live_smoke"));
            followed.read_until("test_finished", lives);
            kill(parent_and_worker(&followed)[1], Signal::SIGKILL).unwrap();
            let ran = followed.deaf();
            assert_eq!(ran.status, Some(1), "{}", ran.stderr);
            host.demand_as_before(&before);
        });
    }
}

#[test]
fn stats_are_exact_beside_the_traffic_of_others() {
    Host::with(|host| {
        let before = host.machine();
        let ran = run(&mut host.target("live_stats"));
        demand_passed(&ran);
        let tests = ran.tests();
        let skipped: Vec<&str> = tests
            .iter()
            .filter(|test| test.outcome == Outcome::Skipped)
            .map(|test| test.id.as_str())
            .collect();
        assert_eq!(skipped, ["cred", "exporter"]);
        // Two servers and three connections of each IP version.
        assert_eq!(test_of(&tests, "none").actual, Some(14));
        assert_eq!(test_of(&tests, "ipver").actual, Some(7));
        assert_eq!(test_of(&tests, "state").actual, Some(12));
        assert_eq!(test_of(&tests, "port").actual, Some(4));
        assert_eq!(test_of(&tests, "addr").actual, Some(7));
        host.demand_as_before(&before);
    });
}

#[test]
fn the_limits_hold_and_are_put_back() {
    Host::with(|host| {
        let before = host.machine();
        let ran = run(host.target("live_dos").arg("--connections=3000"));
        demand_passed(&ran);
        let tests = ran.tests();
        assert_eq!(test_of(&tests, "emfile").actual, Some(5));
        for id in ["open", "eintr", "ebusy"] {
            let test = test_of(&tests, id);
            assert_eq!(test.outcome, Outcome::Passed, "{test:?}");
            assert_eq!(test.actual, Some(2 * 3000 + 16), "{id}");
        }
        host.demand_as_before(&before);
    });
}

#[test]
fn on_linux_each_dtrace_test_is_skipped_with_the_reason() {
    Host::with(|host| {
        let ran = run(&mut host.target("live_dtrace"));
        assert_eq!(ran.status, Some(0));
        assert_eq!(bye(&ran.events()), Some(Outcome::Skipped));
        let tests = ran.tests();
        assert_eq!(tests.len(), 8);
        for test in tests {
            assert_eq!(test.outcome, Outcome::Skipped);
            assert!(
                test.message
                    .is_some_and(|m| m.contains("tcpstatsd has none"))
            );
        }
    });
}

#[test]
fn a_soak_checks_in_cycles_and_sees_a_process_die() {
    Host::with(|host| {
        let before = host.machine();
        let soak = |host: &Host, duration: &str| {
            let mut command = host.target("live_soak");
            command.args([CONNECTIONS, "--duration", duration]);
            command
        };
        let ran = run(&mut soak(host, "1s"));
        demand_passed(&ran);
        let tests = ran.tests();
        let ids: Vec<&str> = tests.iter().map(|test| test.id.as_str()).collect();
        let cycles = ["cycle-0001", "cycle-0002", "cycle-0003", "cycle-0004"];
        assert_eq!(ids[0], "open");
        assert_eq!(ids[1..5], cycles);
        assert_eq!(ids[5..], ["memory", "closed"]);
        // Four buffers a cycle.
        assert_eq!(test_of(&tests, "closed").actual, Some(16));
        host.demand_as_before(&before);

        let mut followed = Followed::start(&mut soak(host, "1h"));
        followed.read_until("test_finished", 1);
        kill(followed.pid(), Signal::SIGTERM).unwrap();
        let ran = followed.end();
        assert_eq!(ran.status, Some(1));
        assert!(logged(&ran, Level::Error)[0].starts_with("interrupted, 62 tests"));
        host.demand_as_before(&before);

        let mut followed = Followed::start(&mut soak(host, "1s"));
        followed.read_until("cycle-0001", 1);
        let servers = processes_with("tcp-echo server");
        kill(servers[0], Signal::SIGKILL).unwrap();
        let ran = followed.end();
        assert_eq!(ran.status, Some(1));
        let tests = ran.tests();
        let died = test_of(&tests, "cycle-0004");
        assert_eq!(
            died.message.as_deref(),
            Some("a process of tcp-echo has ended")
        );
        host.demand_as_before(&before);
    });
}

/// Run all live targets in a few seconds.
fn live_all(host: &Host) -> Command {
    let mut command = host.target("live_all");
    command.args([CONNECTIONS, "--duration=1s", "--category=A"]);
    command
}

#[test]
fn all_live_targets_run_in_order_with_an_exporter_beside_them() {
    Host::with(|host| {
        let before = host.machine();
        let ran = run(&mut live_all(host));
        demand_passed(&ran);
        let events = ran.events();
        let targets: Vec<(&str, Outcome)> = events
            .iter()
            .filter_map(|body| match body {
                Body::TargetFinished(target) => Some((target.target.as_str(), target.outcome)),
                _ => None,
            })
            .collect();
        let passed = |name| (name, Outcome::Passed);
        assert_eq!(
            targets,
            [
                passed("live_smoke"),
                passed("live_bench"),
                passed("live_stats"),
                ("live_dtrace", Outcome::Skipped),
                passed("live_dos"),
                passed("live_integration"),
                passed("live_soak"),
            ]
        );
        // The exporter comes after the reload, and is scraped by name.
        let place = |wanted: fn(&Body) -> bool| events.iter().position(wanted).unwrap();
        let reloaded = place(|body| matches!(body, Body::TargetFinished(_)));
        let exporter = place(|body| matches!(body, Body::Exporter { .. }));
        assert_eq!(exporter, reloaded + 1);
        let tests = ran.tests();
        let cross_check = test_of(&tests, "exporter");
        assert_eq!(cross_check.outcome, Outcome::Passed);
        let wanted = cross_check.expected.unwrap();
        assert!(wanted >= 2 * 60 + 16, "{wanted}");
        let infos = logged(&ran, Level::Info);
        let sockets = infos
            .iter()
            .find(|line| line.starts_with("exporter, 60 connections: "))
            .unwrap();
        assert!(sockets.contains("tcpstats_sockets_total +136"), "{sockets}");
        host.demand_as_before(&before);
    });
}

#[test]
fn servers_of_both_ip_versions_may_have_the_same_ports() {
    Host::with(|host| {
        // Of twenty ports, eight for each: hardly ever are they all different.
        let range = "net.ipv4.ip_local_port_range=40000 40019";
        said("sysctl", &["-qw", range]);
        let ran = run(host.target("live_bench").arg(CONNECTIONS));
        demand_passed(&ran);
    });
}

#[test]
fn where_nothing_is_served_all_live_targets_bring_the_device() {
    Host::with(|host| {
        host.end_daemon();
        let ran = run(&mut live_all(host));
        demand_passed(&ran);
        assert_eq!(processes_with("tcp"), []);
    });
}

/// A program of a few lines. Another process writes it: one that this process
/// has open for writing could not be started.
fn script(folder: &Path, text: &str) -> PathBuf {
    let path = folder.join("exporter");
    let write = "printf '%s\\n' \"$1\" >\"$0\" && chmod +x \"$0\"";
    said("sh", &["-c", write, path.to_str().unwrap(), text]);
    path
}

#[test]
fn an_exporter_that_is_absent_or_silent_fails_no_test() {
    Host::with(|host| {
        let before = host.machine();
        let ran = run(live_all(host).arg("--exporter=/nonexistent/exporter"));
        demand_passed(&ran);
        let warnings = logged(&ran, Level::Warn);
        assert_eq!(warnings.len(), 1, "{warnings:?}");
        let absent = "failed to start /nonexistent/exporter: ";
        assert!(warnings[0].starts_with(absent));
        let tests = ran.tests();
        let said = test_of(&tests, "exporter").message.as_deref().unwrap();
        assert!(said.starts_with(absent), "{said}");

        let folder = tempfile::tempdir().unwrap();
        // Nobody listens there.
        let text = "#!/bin/sh\necho listening on 127.0.0.1:1\nexec sleep 1000";
        let exporter = script(folder.path(), text);
        let ran = run(live_all(host).arg("--exporter").arg(exporter));
        demand_passed(&ran);
        let warnings = logged(&ran, Level::Warn);
        assert!(!warnings.is_empty());
        for warning in warnings {
            assert!(
                warning.starts_with("failed to scrape http://127.0.0.1:1/metrics: "),
                "{warning}"
            );
        }
        let tests = ran.tests();
        assert_eq!(test_of(&tests, "exporter").outcome, Outcome::Skipped);
        host.demand_as_before(&before);
    });
}

#[test]
fn a_missing_tcp_echo_is_told_before_anything_is_opened() {
    Host::with(|host| {
        let before = host.machine();
        for target in ["live_bench", "live_dos", "live_soak"] {
            let ran = run(host.target(target).arg("--tcp-echo=/nonexistent/tcp-echo"));
            assert_eq!(ran.status, Some(3), "{target}");
            let errors = logged(&ran, Level::Error);
            assert!(
                errors[0].ends_with("name tcp-echo with --tcp-echo"),
                "{errors:?}"
            );
            assert_eq!(ran.tests().len(), 0);
        }
        host.demand_as_before(&before);
    });
}
