// SPDX-License-Identifier: BSD-2-Clause
//! A run judges its benchmarks by the runs before it, and by a run that is named.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use orchestrator::event::{Body, Event, SeriesState, Verdict};
use orchestrator::event_log::Reader;

use crate::fixture::Lab;

/// A VM whose benchmark takes what a test says, and the runs of it.
struct Measured {
    lab: Lab,
    runs: PathBuf,
    /// What the reference takes beside it, where that is measured, ns.
    reference: Option<u32>,
}

struct Ran {
    name: String,
    status: i32,
    stdout: String,
    stderr: String,
    events: Vec<Event>,
}

/// Five repetitions, one up and down.
fn samples(level: u32) -> String {
    let samples = [0, 1, 2, 0, 1].map(|more| (level - 1 + more).to_string());
    format!("[{}]", samples.join(","))
}

fn log(folder: &Path) -> PathBuf {
    folder.join("events.ndjson")
}

impl Measured {
    fn new() -> Self {
        let lab = Lab::new(&[]);
        let runs = lab.scratch("history");
        Self {
            lab,
            runs,
            reference: None,
        }
    }

    /// One run in which the benchmark takes about `level`.
    fn run(&mut self, level: u32, arguments: &[&str]) -> Ran {
        self.run_twice(level, level, arguments)
    }

    /// One run in which the benchmark takes about `level`, and `again` when it is
    /// run again.
    fn run_twice(&mut self, level: u32, again: u32, arguments: &[&str]) -> Ran {
        self.lab.defaults("");
        let [first, second] = [level, again].map(samples);
        let reference = self.reference.map_or_else(String::new, samples);
        let env = format!(
            "env = {{ SAMPLES = {first:?}, AGAIN = {second:?}, REFERENCE = {reference:?} }}"
        );
        self.lab.vm("a", &env);
        let target = ["--target", "measuring"];
        let output = self
            .lab
            .run_beside(&self.runs, &[&target, arguments].concat());
        let stderr = String::from_utf8(output.stderr).unwrap();
        let (_, rest) = stderr.split_once("run ").expect(&stderr);
        let name = rest.split(',').next().unwrap().to_owned();
        let log = log(&self.runs.join(&name));
        Ran {
            status: output.status.code().unwrap(),
            stdout: String::from_utf8(output.stdout).unwrap(),
            stderr,
            events: Reader::open(&log).unwrap().map(Result::unwrap).collect(),
            name,
        }
    }

    /// As if `run`, which took `level`, had been made before again and again, a
    /// little slower and faster.
    fn earlier(&self, run: &Ran, level: u32) {
        let text = fs::read_to_string(log(&self.runs.join(&run.name))).unwrap();
        for number in 0..11 {
            let name = format!("20200101T0000{number:02}000Z-past");
            let text = text.replace(&run.name, &name);
            // As the log has numbers.
            let [from, to] = [level, level + number % 3].map(|level| {
                let samples = samples(level).replace(',', ".0,").replace(']', ".0]");
                format!("\"samples\":{samples}")
            });
            assert!(text.contains(&from), "{text}");
            let folder = self.runs.join(name);
            fs::create_dir(&folder).unwrap();
            fs::write(log(&folder), text.replace(&from, &to)).unwrap();
        }
    }

    fn orchestrator(&self, arguments: &[&str]) -> (i32, String) {
        let output = Command::new(env!("CARGO_BIN_EXE_orchestrator"))
            .args(arguments)
            .arg("--runs-dir")
            .arg(&self.runs)
            .env_remove("GITHUB_ACTIONS")
            .output()
            .unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        (output.status.code().unwrap(), text)
    }
}

#[test]
fn what_stays_slower_is_told_with_the_run_that_began_it_and_fails_a_run_that_is_to() {
    let mut measured = Measured::new();
    let first = measured.run(100, &["--fail-on-regression"]);
    assert_eq!(first.status, 0, "{}", first.stderr);
    measured.earlier(&first, 100);

    let fail = &["--fail-on-regression"];
    let began = measured.run(130, fail);
    assert_eq!(began.status, 0, "{}", began.stdout);
    assert!(
        began
            .stdout
            .contains("Suspect\n  parse empty on a: 130.0 ns, expected ")
    );
    measured.run(130, fail);
    let third = measured.run(130, fail);
    assert_eq!(third.status, 4, "{}{}", third.stdout, third.stderr);
    assert!(third.stdout.contains(" REGRESSED: "), "{}", third.stdout);
    let slower = format!("Slower\n  parse empty on a: +28.9 % since {}, ", began.name);
    assert!(third.stdout.contains(&slower), "{}", third.stdout);

    // It is in the log, before the end.
    let [.., Body::Judged { vm, judged }, Body::RunFinished { .. }] = &third
        .events
        .iter()
        .map(|event| event.body.clone())
        .collect::<Vec<_>>()[..]
    else {
        panic!("{:#?}", third.events);
    };
    assert_eq!((vm.as_str(), judged.state), ("a", SeriesState::Confirmed));
    assert_eq!((judged.runs, judged.fails_run), (15, true));
    let change = judged.change.as_ref().unwrap();
    assert_eq!(change.run, began.name);
    assert_eq!((change.before.runs, change.after.runs), (12, 3));

    // So a replay needs nothing else.
    assert_eq!(
        measured.orchestrator(&["replay", &third.name]),
        (4, third.stdout.clone())
    );
    let (_, metrics) = measured.orchestrator(&["replay", &third.name, "--metrics"]);
    let series = "orchestrator_benchmark_regression{benchmark=\"parse\",connections=\"0\",vm=\"a\",workload=\"empty\"} 1\n";
    assert!(metrics.contains(series), "{metrics}");

    // Unless it is to fail, or once somebody knows, the run passes.
    let told = measured.run(130, &[]);
    assert_eq!(told.status, 0, "{}", told.stdout);
    assert!(told.stdout.contains("Slower\n"), "{}", told.stdout);
    let (status, _) = measured.orchestrator(&["ack", &judged.series, "--note", "known"]);
    assert_eq!(status, 0);
    let known = measured.run(130, fail);
    assert_eq!(known.status, 0, "{}", known.stdout);
    assert!(!known.stdout.contains("Slower"), "{}", known.stdout);
}

/// Why targets were run again, by the number of the attempt.
fn retries(ran: &Ran) -> Vec<(u32, Vec<String>)> {
    let retries = ran.events.iter().filter_map(|event| match &event.body {
        Body::TargetRetried {
            attempt, suspects, ..
        } => Some((*attempt, suspects.clone())),
        _ => None,
    });
    retries.collect()
}

#[test]
fn what_is_suspect_is_measured_again_at_once_and_that_counts() {
    let mut measured = Measured::new();
    let first = measured.run(100, &[]);
    assert_eq!(retries(&first), []);
    measured.earlier(&first, 100);

    let as_ever = measured.run(101, &[]);
    assert_eq!(retries(&as_ever), []);
    let disturbed = measured.run_twice(130, 100, &[]);
    assert_eq!(disturbed.status, 0, "{}", disturbed.stderr);
    assert_eq!(retries(&disturbed), [(2, vec!["parse empty".to_owned()])]);
    let said = "measuring is measured again: parse empty not as its history lets expect";
    assert!(disturbed.stderr.contains(said), "{}", disturbed.stderr);
    assert!(
        !disturbed.stdout.contains("Suspect"),
        "{}",
        disturbed.stdout
    );
    assert!(!disturbed.stdout.contains("flaky"), "{}", disturbed.stdout);
    let state = disturbed.events.iter().find_map(|event| match &event.body {
        Body::Judged { judged, .. } => Some((judged.state, judged.runs)),
        _ => None,
    });
    assert_eq!(state, Some((SeriesState::Stable, 14)));

    // Once: what it is then, it is.
    let slower = measured.run(130, &[]);
    assert_eq!(retries(&slower), [(2, vec!["parse empty".to_owned()])]);
    assert!(slower.stdout.contains("Suspect\n"), "{}", slower.stdout);
}

#[test]
fn what_a_slow_machine_measures_is_not_suspect_beside_a_reference() {
    let mut measured = Measured::new();
    measured.reference = Some(200);
    let first = measured.run(100, &[]);
    measured.earlier(&first, 100);
    measured.reference = Some(400);
    let beside_others = measured.run(200, &[]);
    assert_eq!(retries(&beside_others), []);
    assert!(
        !beside_others.stdout.contains("Suspect"),
        "{}",
        beside_others.stdout
    );
    let slower = measured.run(260, &[]);
    assert_eq!(retries(&slower), [(2, vec!["parse empty".to_owned()])]);
}

#[test]
fn a_baseline_is_a_run_whose_repetitions_this_one_is_compared_with() {
    let mut measured = Measured::new();
    let base = measured.run(100, &[]);
    let named = ["--baseline", &base.name, "--fail-on-regression"];
    let same = measured.run(101, &named);
    assert_eq!(same.status, 0, "{}", same.stdout);
    let slower = measured.run(120, &named);
    assert_eq!(slower.status, 4, "{}{}", slower.stdout, slower.stderr);
    let said = format!(
        "Slower\n  parse empty on a: +20.0 % (99 %: +17.8 % to +22.2 %), 100.0 ns in {}, now 120.0 ns\n",
        base.name
    );
    assert!(slower.stdout.contains(&said), "{}", slower.stdout);
    let compared: Vec<_> = slower
        .events
        .iter()
        .filter_map(|event| match &event.body {
            Body::Compared { compared, .. } => Some((compared.verdict, compared.fails_run)),
            _ => None,
        })
        .collect();
    assert_eq!(compared, [(Verdict::Worse, true)]);

    let only_told = measured.run(120, &named[..2]);
    assert_eq!(only_told.status, 0, "{}", only_told.stdout);
    assert!(
        only_told.stdout.contains("Slower\n"),
        "{}",
        only_told.stdout
    );
}

#[test]
fn a_baseline_that_is_none_is_refused_before_anything_is_touched() {
    let lab = Lab::new(&["a"]);
    let runs = lab.scratch("none");
    let output = lab.run_beside(&runs, &["--target", "good", "--baseline", "nobody"]);
    assert_eq!(output.status.code(), Some(2));
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert_eq!(stderr.matches("there is no run in").count(), 1, "{stderr}");
    assert!(stderr.contains("--baseline auto"), "{stderr}");
    assert_eq!(fs::read_dir(&runs).unwrap().count(), 0);
    assert!(!lab.vm_dir("a").exists());
}
