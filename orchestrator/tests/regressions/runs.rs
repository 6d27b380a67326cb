// SPDX-License-Identifier: BSD-2-Clause
//! A folder with the logs of many runs of three VMs, whose benchmarks have the
//! same noise each time, and the program over it.

use std::fs;

use assert_cmd::cargo::cargo_bin_cmd;
use jiff::SignedDuration;
use orchestrator::event::{Body, Stage, VmOutcome};
use protocol::event::{Benchmark, Better};
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution, Normal};
use serde_json::Value;
use tempfile::TempDir;

use crate::events::{Story, TARGET, bring_up, failed, passed};

pub(crate) const VMS: [&str; 3] = ["freebsd150", "freebsd144", "freebsd143"];
/// Workloads of the benchmark `parse`, and what it takes under them, ns.
pub(crate) const WORKLOADS: [(&str, f64); 2] = [("empty", 60.0), ("worst_case", 2000.0)];
/// Between runs, and between the repetitions of one.
const NOISES: [f64; 2] = [0.02, 0.01];
const REPETITIONS: usize = 7;
/// What the reference takes, ns.
const REFERENCE: f64 = 250.0;

/// Runs in a folder.
pub(crate) struct Runs {
    dir: TempDir,
    random: ChaCha8Rng,
    number: usize,
    /// How many times as slow the machine is in the next runs, where they
    /// measure a reference.
    pub(crate) machine: Option<f64>,
}

/// What the program printed, and its exit status.
#[derive(Debug)]
pub(crate) struct Said {
    pub(crate) out: String,
    pub(crate) notes: String,
    pub(crate) status: i32,
}

/// What is another in some of the runs: by how much a quantity of a VM is
/// slower.
pub(crate) type Slower<'a> = &'a [(&'a str, &'a str, f64)];

impl Runs {
    /// So many runs with nothing but noise between them.
    pub(crate) fn of(number: usize) -> Self {
        let mut runs = Self {
            dir: tempfile::tempdir().unwrap(),
            random: ChaCha8Rng::seed_from_u64(6),
            number: 0,
            machine: None,
        };
        for _ in 0..number {
            runs.add(&[]);
        }
        runs
    }

    /// The name of the run of that number, counted from 0.
    pub(crate) fn name(number: usize) -> String {
        format!("20261123T0949{number:02}000Z-aaaa")
    }

    /// One run more: its name.
    pub(crate) fn add(&mut self, slower: Slower<'_>) -> String {
        self.add_with(slower, REPETITIONS, true)
    }

    /// One with fewer repetitions.
    pub(crate) fn add_short(&mut self) -> String {
        self.add_with(&[], 4, true)
    }

    /// One in which a test fails.
    pub(crate) fn add_failing(&mut self) -> String {
        self.add_with(&[], REPETITIONS, false)
    }

    fn add_with(&mut self, slower: Slower<'_>, repetitions: usize, passes: bool) -> String {
        let mut story = Story::of(&VMS);
        for vm in VMS {
            bring_up(&mut story, vm).target_started(vm, None);
            let test = if passes {
                passed("D07")
            } else {
                failed("D07", 14)
            };
            story.test(vm, test);
            for (workload, level) in WORKLOADS {
                let is_it = |of: &&(&str, &str, f64)| (of.0, of.1) == (vm, workload);
                let factor = slower.iter().find(is_it).map_or(1.0, |of| of.2);
                let slow = self.machine.unwrap_or(1.0);
                let samples = self.samples(level * factor * slow, repetitions);
                let benchmark = Benchmark {
                    reference: self.machine.map_or(Vec::new(), |slow| {
                        samples.iter().map(|_| REFERENCE * slow).collect()
                    }),
                    ..benchmark(workload, samples)
                };
                story.harness(vm, protocol::Body::Benchmark(benchmark));
            }
            story
                .target_finished(vm, [u32::from(passes), u32::from(!passes), 0])
                .end(vm, Stage::Test, 9.5)
                .finish(vm, outcome(passes), None);
        }
        story.close();
        let name = Self::name(self.number);
        self.keep(&name, story);
        self.number += 1;
        name
    }

    /// Keep the log of a run that began so many hours after the first.
    fn keep(&self, name: &str, mut story: Story) {
        let later = SignedDuration::from_hours(i64::try_from(self.number).unwrap());
        for event in &mut story.events {
            event.time += later;
            if let Body::RunStarted { run, .. } = &mut event.body {
                *run = name.to_owned();
            }
        }
        let folder = self.dir.path().join(name);
        fs::create_dir(&folder).unwrap();
        fs::write(folder.join("events.ndjson"), story.lines()).unwrap();
    }

    fn samples(&mut self, level: f64, repetitions: usize) -> Vec<f64> {
        let [between, within] = NOISES.map(|noise| Normal::new(1.0, noise).unwrap());
        let of_run = level * between.sample(&mut self.random);
        let sample = |_| of_run * within.sample(&mut self.random);
        (0..repetitions).map(sample).collect()
    }

    /// What the program says of these runs.
    pub(crate) fn orchestrator(&self, arguments: &[&str]) -> Said {
        let output = cargo_bin_cmd!("orchestrator")
            .args(arguments)
            .arg("--runs-dir")
            .arg(self.dir.path())
            .env("USER", "tester")
            .output()
            .unwrap();
        Said {
            out: String::from_utf8(output.stdout).unwrap(),
            notes: String::from_utf8(output.stderr).unwrap(),
            status: output.status.code().unwrap(),
        }
    }

    /// The same as JSON.
    pub(crate) fn json(&self, arguments: &[&str]) -> Value {
        let said = self.orchestrator(&[arguments, &["--json"]].concat());
        assert_eq!((said.status, said.notes.as_str()), (0, ""), "{said:?}");
        serde_json::from_str(&said.out).unwrap()
    }
}

fn benchmark(workload: &str, samples: Vec<f64>) -> Benchmark {
    Benchmark {
        target: TARGET.into(),
        name: "parse".into(),
        workload: workload.into(),
        connections: 0,
        unit: "ns".into(),
        better: Better::Lower,
        samples,
        reference: Vec::new(),
    }
}

fn outcome(passes: bool) -> VmOutcome {
    if passes {
        VmOutcome::Passed
    } else {
        VmOutcome::Failed
    }
}
