// SPDX-License-Identifier: BSD-2-Clause
//! The dashboards and alerts in grafana/ over a real system: the lab with
//! `serve` on a schedule, Prometheus and Alertmanager, and hosts that are
//! really broken.

mod panels;
mod watch;

use std::collections::BTreeSet;
use std::fs::File;
use std::io::Write;
use std::time::{Duration, Instant};

use crate::bed::{Host, TestLab, Traces, code, stderr};
use panels::{Panel, panels};
use watch::{Sample, Watch, leave_regression};

/// Until every panel has its data and every alert has arrived.
const LIMIT: Duration = Duration::from_secs(240);
/// Between two rounds of questions, about as often as Prometheus scrapes.
const PAUSE: Duration = Duration::from_millis(500);

/// Panels that have no data whatever is broken, and why.
const WITHOUT_DATA: [(&str, &str, &str); 1] = [(
    "trends",
    "Other benchmarks",
    "no target measures anything but times",
)];

/// What is done to a host, by its place in the lab.
mod host {
    pub(super) const WELL: usize = 0;
    pub(super) const FAILING: usize = 1;
    pub(super) const UNREACHABLE: usize = 2;
    pub(super) const PANICKING: usize = 3;
    /// Without a schedule: a run of days ago is its last.
    pub(super) const SPARE: usize = 4;
    pub(super) const COUNT: usize = 5;
}

/// Which alert arrives for which host.
const ALERTS: [(&str, usize); 6] = [
    ("TcpstatsRunOverdue", host::WELL),
    ("TcpstatsTestFailing", host::FAILING),
    ("TcpstatsExporterDown", host::FAILING),
    ("TcpstatsVmUnreachable", host::UNREACHABLE),
    ("TcpstatsPanicSeen", host::PANICKING),
    ("TcpstatsRegressionConfirmed", host::SPARE),
];

fn break_host(lab: &TestLab, host: &Host, words: &[&str]) {
    let output = lab.exec(host, words);
    assert_eq!(code(&output), 0, "{words:?}: {}", stderr(&output));
}

/// What was answered to a panel, by query.
type Answers = Vec<Option<(String, Vec<Sample>)>>;

/// Ask what of a panel is not answered yet; whether all of it is.
fn ask(watch: &Watch, vms: &[String], panel: &Panel, answers: &mut Answers) -> bool {
    answers.resize_with(panel.queries.len(), || None);
    for (query, answer) in panel.queries.iter().zip(answers.iter_mut()) {
        if answer.is_none() {
            let asked = query.expressions(vms).into_iter();
            *answer = asked
                .map(|expression| (watch.query(&expression), expression))
                .find(|(samples, _)| !samples.is_empty())
                .map(|(samples, expression)| (expression, samples));
        }
    }
    answers.iter().all(Option::is_some)
}

/// Ask again what had an answer: by now more has happened.
fn refresh(watch: &Watch, answers: &mut Answers) {
    for (expression, samples) in answers.iter_mut().flatten() {
        let now = watch.query(expression);
        if !now.is_empty() {
            *samples = now;
        }
    }
}

/// Demand that what is shown can be told apart by the labels that name it.
fn assert_named(panel: &Panel, answers: &Answers) {
    let place = format!("{}: {}", panel.dashboard, panel.title);
    let samples = |at: usize| &answers[at].as_ref().unwrap().1;
    for (at, query) in panel.queries.iter().enumerate() {
        let mut names = BTreeSet::new();
        for sample in samples(at) {
            let name = query.legend.iter().map(|label| {
                let value = sample.labels.get(label).filter(|value| !value.is_empty());
                value.unwrap_or_else(|| panic!("{place}: no {label} in {sample:?}"))
            });
            // The rows of a table are told apart by its columns.
            assert!(
                names.insert(name.collect::<Vec<_>>()) || !panel.columns.is_empty(),
                "{place}: two series have the same legend: {sample:?}"
            );
        }
    }
    for column in &panel.columns {
        let mut all = (0..panel.queries.len()).flat_map(samples);
        assert!(
            all.any(|sample| sample.labels.contains_key(column)),
            "{place}: no query has the column {column}"
        );
    }
}

fn print_table(panels: &[Panel], answers: &[Answers]) {
    println!("| dashboard | panel | query | series | a sample |\n|---|---|---|---|---|");
    for (panel, answers) in panels.iter().zip(answers) {
        for answer in answers {
            let (expression, samples) = match answer {
                Some((expression, samples)) => (expression.as_str(), &samples[..]),
                None => ("", &[][..]),
            };
            let telling = samples.iter().find(|sample| sample.value != "0");
            let sample = telling.or(samples.last()).map(|sample| {
                let labels = sample.labels.iter();
                let shown = labels
                    .filter(|(name, _)| !matches!(name.as_str(), "__name__" | "instance" | "job"));
                let shown: Vec<_> = shown
                    .map(|(name, value)| format!("{name}={value}"))
                    .collect();
                format!("{} {}", shown.join(" "), sample.value)
            });
            println!(
                "| {} | {} | `{}` | {} | {} |",
                panel.dashboard,
                panel.title,
                expression.split_whitespace().collect::<Vec<_>>().join(" "),
                samples.len(),
                sample.unwrap_or_default()
            );
        }
    }
}

#[test]
fn every_panel_has_its_data_and_alerts_arrive() {
    let lab = TestLab::new();
    let vm = |at: usize| format!("{}{}", lab.name(), at + 1);
    leave_regression(&lab, &vm(host::SPARE));
    let watch = Watch::start(&lab, host::COUNT);
    let hosts = lab.hosts();
    let traces = Traces::of(&lab, &hosts.iter().map(|host| host.pid).collect::<Vec<_>>());

    let no_time_wait = ["sysctl", "-w", "net.ipv4.tcp_max_tw_buckets=0"];
    break_host(&lab, &hosts[host::FAILING], &no_time_wait);
    break_host(&lab, &hosts[host::FAILING], &["pkill", "tcpstats-export"]);
    break_host(
        &lab,
        &hosts[host::UNREACHABLE],
        &["pkill", "-f", "listener"],
    );
    let console = watch.console(&vm(host::PANICKING));
    let mut console = File::options().append(true).open(console).unwrap();

    let vms: Vec<_> = (0..host::COUNT).map(vm).collect();
    let panels = panels();
    let is_exception = |panel: &Panel| {
        let place = (panel.dashboard.as_str(), panel.title.as_str());
        WITHOUT_DATA
            .iter()
            .any(|without| (without.0, without.1) == place)
    };
    let mut answers: Vec<Answers> = panels.iter().map(|_| Vec::new()).collect();
    let mut left: BTreeSet<_> = ALERTS.map(|(alert, at)| (alert, vm(at))).into();
    let deadline = Instant::now() + LIMIT;
    loop {
        writeln!(console, "panic: for show").unwrap();
        let mut missing = Vec::new();
        for (panel, answers) in panels.iter().zip(&mut answers) {
            if !ask(&watch, &vms, panel, answers) && !is_exception(panel) {
                missing.push(format!("{}: {}", panel.dashboard, panel.title));
            }
        }
        for labels in watch.alerts() {
            left.retain(|(alert, vm)| {
                (labels["alertname"].as_str(), labels.get("vm")) != (*alert, Some(vm))
            });
        }
        if missing.is_empty() && left.is_empty() {
            break;
        }
        assert!(
            Instant::now() < deadline,
            "no data: {missing:#?}\nno alert: {left:?}"
        );
        std::thread::sleep(PAUSE);
    }

    answers
        .iter_mut()
        .for_each(|answers| refresh(&watch, answers));
    print_table(&panels, &answers);
    for (panel, answers) in panels.iter().zip(&answers) {
        if is_exception(panel) {
            assert!(
                answers.iter().any(Option::is_none),
                "{} has data",
                panel.title
            );
        } else {
            assert_named(panel, answers);
        }
    }
    assert_eq!(watch.stop().code(), Some(0));
    lab.assert_gone(&traces);
}
