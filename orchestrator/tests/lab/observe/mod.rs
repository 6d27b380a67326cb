// SPDX-License-Identifier: BSD-2-Clause
//! The dashboards and alerts in grafana/ over a real system: the lab with
//! `serve` on a schedule, Prometheus and Alertmanager, and hosts that are
//! really broken.

mod board;
mod panels;
mod past;
mod watch;

use std::collections::BTreeSet;
use std::fs::File;
use std::io::Write;
use std::time::{Duration, Instant};

use crate::bed::{Host, TestLab, Traces, code, stderr};
use board::Board;
use past::give_a_past;
use watch::Watch;

/// Until every panel has its data and every alert has arrived, where others
/// use the machine, too.
const LIMIT: Duration = Duration::from_secs(400);
/// Between two rounds of questions, about as often as Prometheus scrapes.
const PAUSE: Duration = Duration::from_millis(500);

/// What is done to a host, by its place in the lab.
mod host {
    /// Its benchmarks were a hundred times as fast once, by the logs of runs before.
    pub(super) const SLOWER: usize = 0;
    pub(super) const FAILING: usize = 1;
    pub(super) const UNREACHABLE: usize = 2;
    pub(super) const PANICKING: usize = 3;
    pub(super) const COUNT: usize = 4;
}

/// Which alert arrives for which host.
const ALERTS: [(&str, usize); 6] = [
    ("TcpstatsRunOverdue", host::SLOWER),
    ("TcpstatsRegressionConfirmed", host::SLOWER),
    ("TcpstatsTestFailing", host::FAILING),
    ("TcpstatsExporterDown", host::FAILING),
    ("TcpstatsVmUnreachable", host::UNREACHABLE),
    ("TcpstatsPanicSeen", host::PANICKING),
];

fn break_hosts(lab: &TestLab, hosts: &[Host]) {
    let no_time_wait = "net.ipv4.tcp_max_tw_buckets=0";
    let breaks: [(usize, &[&str]); 3] = [
        (host::FAILING, &["sysctl", "-w", no_time_wait]),
        (host::FAILING, &["pkill", "tcpstats-export"]),
        (host::UNREACHABLE, &["pkill", "-f", "listener"]),
    ];
    for (at, words) in breaks {
        let output = lab.exec(&hosts[at], words);
        assert_eq!(code(&output), 0, "{words:?}: {}", stderr(&output));
    }
}

/// Drop from `left` the alerts that have arrived.
fn drop_arrived(left: &mut BTreeSet<(&str, &str)>, watch: &Watch) {
    for labels in watch.alerts() {
        left.retain(|(alert, vm)| {
            labels["alertname"] != *alert || labels.get("vm").is_none_or(|of| of != vm)
        });
    }
}

#[test]
fn every_panel_has_its_data_and_alerts_arrive() {
    let lab = TestLab::new();
    let watch = Watch::start(&lab, host::COUNT);
    let hosts = lab.hosts();
    let traces = Traces::of(&lab, &hosts.iter().map(|host| host.pid).collect::<Vec<_>>());
    break_hosts(&lab, &hosts);

    let vms: Vec<_> = hosts.iter().map(|host| host.name.clone()).collect();
    let console = watch.console(&vms[host::PANICKING]);
    let mut console = File::options().append(true).open(console).unwrap();
    let mut board = Board::new();
    let mut left: BTreeSet<_> = ALERTS.map(|(alert, at)| (alert, vms[at].as_str())).into();
    let mut has_a_past = false;
    let deadline = Instant::now() + LIMIT;
    loop {
        has_a_past = has_a_past || give_a_past(&watch.runs(), &vms[host::SLOWER]);
        writeln!(console, "panic: for show").unwrap();
        let missing = board.ask(&watch, &vms);
        drop_arrived(&mut left, &watch);
        if missing.is_empty() && left.is_empty() {
            break;
        }
        let is_late = Instant::now() > deadline;
        assert!(
            !is_late,
            "no data: {missing:#?}\nno alert: {left:?}\n{}",
            watch.told()
        );
        std::thread::sleep(PAUSE);
    }

    board.refresh(&watch);
    board.print();
    board.assert_named();
    assert_eq!(watch.stop().code(), Some(0));
    lab.assert_gone(&traces);
}
