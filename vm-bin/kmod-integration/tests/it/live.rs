// SPDX-License-Identifier: BSD-2-Clause
//! `live_integration` on a real device in a network of its own.

use std::collections::HashSet;
use std::os::unix::process::CommandExt;
use std::process::Command;

use nix::sys::signal::{Signal, kill};
use protocol::event::Level;
use protocol::{Body, Outcome};
use serde_json::Value;

use crate::support::{Background, Followed, Host, bye, copy_for_anybody, run, said};

#[test]
fn every_test_passes_and_the_machine_is_as_before() {
    Host::with(|host| {
        let before = host.machine();
        let folder = tempfile::tempdir().unwrap();
        let ran = run(host.live("all").arg("--output-dir").arg(folder.path()));
        let failures: Vec<_> = ran
            .tests()
            .into_iter()
            .filter(|test| test.outcome == Outcome::Failed)
            .collect();
        assert!(failures.is_empty(), "{failures:#?}");
        assert_eq!(ran.status, Some(0), "{}", ran.stderr);
        host.demand_as_before(&before);

        let events = ran.events();
        assert!(matches!(&events[0], Body::Hello(hello) if hello.device.is_some()));
        let tests = ran.tests();
        assert!(tests.len() >= 178, "{} tests", tests.len());
        let announced = Some(tests.len() as u32);
        assert!(matches!(&events[1], Body::TargetStarted { tests, .. } if *tests == announced));
        let ids: HashSet<&String> = tests.iter().map(|test| &test.id).collect();
        assert_eq!(ids.len(), tests.len());
        for test in tests.iter().filter(|t| t.outcome == Outcome::Passed) {
            assert_eq!(test.expected, test.actual, "{}", test.id);
            assert!(test.filter.is_some(), "{}", test.id);
        }
        let nothing = tests.iter().filter(|test| test.expected == Some(0)).count();
        assert_eq!(nothing, 57 + 1 + 2, "tests that expect no record");
        let phases: Vec<&str> = events
            .iter()
            .filter_map(|body| match body {
                Body::Counters { phase, .. } => Some(phase.as_str()),
                _ => None,
            })
            .collect();
        assert_eq!(phases, ["before", "after"]);

        let summary = std::fs::read(folder.path().join("summary.json")).unwrap();
        let summary: Value = serde_json::from_slice(&summary).unwrap();
        assert_eq!(summary["outcome"], "passed");
        assert_eq!(summary["tests"].as_array().unwrap().len(), tests.len());
        for test in &tests {
            let log = folder
                .path()
                .join(format!("live_integration-{}.log", test.id));
            let log = std::fs::read_to_string(log).unwrap();
            assert!(log.contains(&test.name), "{log}");
        }
    });
}

#[test]
fn a_second_run_finds_a_clean_machine_and_other_traffic_is_no_trouble() {
    Host::with(|host| {
        let _background = Background::connections(300);
        let before = host.machine();
        for _ in 0..2 {
            let ran = run(&mut host.live("A,B,C,E,G"));
            assert_eq!(ran.status, Some(0), "{}", ran.stdout);
            host.demand_as_before(&before);
        }
    });
}

#[test]
fn a_signal_ends_the_stream_and_puts_the_machine_back() {
    for (categories, signal, tests_before) in [
        ("all", Signal::SIGTERM, 5),
        ("all", Signal::SIGINT, 50),
        ("H", Signal::SIGHUP, 0),
    ] {
        Host::with(|host| {
            let before = host.machine();
            let mut followed = Followed::start(&mut host.live(categories));
            followed.read_until("target_started", 1);
            followed.read_until("test_finished", tests_before);
            kill(followed.pid(), signal).unwrap();
            let ran = followed.end();
            assert_eq!(ran.status, Some(1), "{signal}: {}", ran.stderr);
            let events = ran.events();
            assert_eq!(bye(&events), Some(Outcome::Failed), "{signal}");
            let interrupted = events.iter().any(
                |body| matches!(body, Body::Log { message, .. } if message.starts_with("interrupted")),
            ) || categories == "H";
            assert!(interrupted, "{signal}: {}", ran.stdout);
            host.demand_as_before(&before);
        });
    }
}

#[test]
fn a_reader_that_goes_away_ends_the_run() {
    Host::with(|host| {
        let before = host.machine();
        let mut followed = Followed::start(&mut host.live("all"));
        followed.read_until("test_finished", 3);
        let ran = followed.deaf();
        assert_eq!(ran.status, Some(1));
        assert!(
            ran.stderr
                .contains("failed to write to the standard output: "),
            "{}",
            ran.stderr
        );
        host.demand_as_before(&before);
    });
}

#[test]
fn a_device_that_vanishes_ends_the_target_and_is_named() {
    Host::with(|host| {
        let addresses = said("ip", &["-oneline", "address", "show", "dev", "lo"]);
        let mut followed = Followed::start(&mut host.live("A,I"));
        followed.read_until("test_finished", 12);
        host.kill_daemon();
        let ran = followed.end();
        assert_eq!(ran.status, Some(3));
        let tests = ran.tests();
        let (last, before) = tests.split_last().unwrap();
        assert_eq!(last.outcome, Outcome::Failed);
        assert!(before.iter().all(|test| test.outcome == Outcome::Passed));
        let left = 128 - tests.len();
        let away = format!(
            "the device went away during {}, {left} tests were not run: ",
            last.id
        );
        let events = ran.events();
        let [
            ..,
            Body::TargetFinished(target),
            Body::Log { message, .. },
            Body::Bye { outcome },
        ] = &events[..]
        else {
            panic!("{}", ran.stdout);
        };
        assert_eq!((target.outcome, target.failed), (Outcome::Failed, 1));
        assert!(message.starts_with(&away), "{message}");
        assert!(
            message.contains("tcpstatsd ended without unmounting"),
            "{message}"
        );
        assert_eq!(*outcome, Outcome::Failed);
        assert_eq!(
            said("ip", &["-oneline", "address", "show", "dev", "lo"]),
            addresses
        );
    });
}

#[test]
fn a_log_that_cannot_be_written_is_no_test_failure_and_hides_no_result() {
    Host::with(|host| {
        let before = host.machine();
        let folder = tempfile::tempdir().unwrap();
        let log = folder.path().join("live_integration-A03.log");
        std::fs::create_dir(&log).unwrap();
        let ran = run(host.live("A").arg("--output-dir").arg(folder.path()));
        assert_eq!(ran.status, Some(3));
        let ids: Vec<String> = ran.tests().into_iter().map(|test| test.id).collect();
        assert_eq!(ids, ["A01", "A02", "A03"]);
        let events = ran.events();
        let errors: Vec<&String> = events
            .iter()
            .filter_map(|body| match body {
                Body::Log { message, .. } => Some(message),
                _ => None,
            })
            .collect();
        let failed = format!("failed to write {}: ", log.display());
        assert!(
            matches!(errors[..], [message] if message.starts_with(&failed)),
            "{errors:?}"
        );
        assert_eq!(bye(&events), Some(Outcome::Failed));
        host.demand_as_before(&before);
    });
}

#[test]
fn a_missing_tcp_echo_is_told_before_any_test_of_h_and_only_then() {
    Host::with(|host| {
        let ran = run(host.live("A,H").arg("--tcp-echo=/nonexistent/tcp-echo"));
        assert_eq!(ran.status, Some(3));
        assert_eq!(ran.tests().len(), 0);
        assert!(
            ran.stdout
                .contains("name tcp-echo with --tcp-echo, or leave category H out"),
            "{}",
            ran.stdout
        );
        let ran = run(host.live("A").arg("--tcp-echo=/nonexistent/tcp-echo"));
        assert_eq!(ran.status, Some(0), "{}", ran.stdout);
        assert_eq!(ran.tests().len(), 12);
    });
}

#[test]
fn an_alias_that_was_there_before_stays() {
    Host::with(|host| {
        said(
            "ip",
            &["address", "add", "fd00::2/128", "dev", "lo", "nodad"],
        );
        let before = host.machine();
        let ran = run(&mut host.live("C"));
        assert_eq!(ran.status, Some(0), "{}", ran.stdout);
        host.demand_as_before(&before);
    });
}

#[test]
fn a_loopback_interface_that_is_down_is_named() {
    Host::with(|host| {
        said("ip", &["link", "set", "lo", "down"]);
        let ran = run(&mut host.live("A"));
        assert_eq!(ran.status, Some(3));
        assert!(ran.stdout.contains("loopback"), "{}", ran.stdout);
    });
}

#[test]
fn too_few_descriptors_and_rights_are_told_before_any_test() {
    Host::with(|host| {
        let before = host.machine();
        let live = host.live("A");
        let mut few = Command::new("prlimit");
        few.arg("--nofile=64:64").arg(live.get_program());
        let (_folder, copy) = copy_for_anybody();
        let mut nobody = Command::new(copy);
        nobody.uid(65534).gid(65534);
        for command in [&mut few, &mut nobody] {
            command.args(live.get_args());
            let environment = live.get_envs();
            command.envs(environment.filter_map(|(name, value)| Some((name, value?))));
        }
        for (command, said) in [
            (
                &mut few,
                "RLIMIT_NOFILE allows 64 descriptors and live targets need 256: raise it, as \
                 with `ulimit -n 256`",
            ),
            (
                &mut nobody,
                "not root: live targets change loopback addresses and the device's limits; run \
                 it as root",
            ),
        ] {
            let ran = run(command);
            assert_eq!(ran.status, Some(3), "{ran:?}");
            let events = ran.events();
            let told = events.iter().any(
                |body| matches!(body, Body::Log { level: Level::Error, message } if message == said),
            );
            assert!(told, "{}", ran.stdout);
            assert_eq!(ran.tests().len(), 0);
        }
        host.demand_as_before(&before);
    });
}
