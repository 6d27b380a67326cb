// SPDX-License-Identifier: BSD-2-Clause
//! What the history costs when it holds a million samples, beside what it costs
//! when it holds one run; and what judging a run of a hundred VMs costs, asked
//! once for all series and asked once for each.

#![expect(clippy::unwrap_used, reason = "a benchmark that can't go on fails")]

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use orchestrator::event::{
    Body, Event, Facts, Live, Plan, PlannedTarget, PlannedVm, VERSION, VmOutcome,
};
use orchestrator::history::{FILE_NAME, History, Point, RunFilter, SeriesKey, Wanted};
use orchestrator::regressions::judge::JudgedSeries;
use protocol::Outcome;
use protocol::event::{Benchmark, Better, TargetFinished};
use tempfile::TempDir;
use tokio::runtime::Runtime;

/// What was run, again and again.
#[derive(Clone, Copy)]
struct Shape {
    runs: usize,
    vms: usize,
    benchmarks: usize,
    samples: usize,
}

/// A million samples.
const LONG: Shape = Shape {
    runs: 200,
    vms: 5,
    benchmarks: 50,
    samples: 20,
};
/// Six thousand series.
const WIDE: Shape = Shape {
    runs: 50,
    vms: 100,
    benchmarks: 60,
    samples: 5,
};
const TARGET: &str = "live_bench";
/// The fastest of so many tries is what the work takes.
const TRIES: usize = 5;

fn main() {
    let runtime = Runtime::new().unwrap();
    let first = tempfile::tempdir().unwrap();
    LONG.keep(first.path(), 0);
    let few = runtime.block_on(costs(first.path(), Shape { runs: 1, ..LONG }));
    let long = kept(LONG, &runtime);
    let many = runtime.block_on(costs(long.path(), LONG));
    println!(
        "{:<42} {:>12} {:>12} {:>8}",
        "", "one run", "200 runs", "ratio"
    );
    compared(&few, &many);

    let wide = kept(WIDE, &runtime);
    let each = runtime.block_on(judging(wide.path(), WIDE, OneByOne::Yes));
    let at_once = runtime.block_on(judging(wide.path(), WIDE, OneByOne::No));
    println!(
        "{:<42} {:>12} {:>12} {:>8}",
        "", "at once", "one by one", "ratio"
    );
    compared(&at_once, &each);
}

fn compared(left: &[(&str, Duration)], right: &[(&str, Duration)]) {
    for ((what, left), (_, right)) in left.iter().zip(right) {
        let ms = |time: &Duration| format!("{:.2} ms", time.as_secs_f64() * 1e3);
        let ratio = right.as_secs_f64() / left.as_secs_f64();
        println!("{what:<42} {:>12} {:>12} {ratio:>8.1}", ms(left), ms(right));
    }
}

/// A folder of runs of that shape, with their history.
fn kept(shape: Shape, runtime: &Runtime) -> TempDir {
    let dir = tempfile::tempdir().unwrap();
    (0..shape.runs).for_each(|run| shape.keep(dir.path(), run));
    let begun = Instant::now();
    let rebuilt = runtime.block_on(History::rebuild(dir.path())).unwrap();
    let seconds = begun.elapsed().as_secs_f64();
    runtime.block_on(rebuilt.close());
    let points = shape.runs * shape.vms * shape.benchmarks;
    let samples = points * shape.samples;
    let size = fs::metadata(dir.path().join(FILE_NAME)).unwrap().len();
    println!(
        "{samples} samples of {} runs: made of their logs in {seconds:.1} s, {:.0} points/s, {:.0} MB, {:.0} bytes a sample",
        shape.runs,
        points as f64 / seconds,
        size as f64 / 1e6,
        size as f64 / samples as f64
    );
    dir
}

/// How the series of a run are asked for.
#[derive(Clone, Copy, PartialEq)]
enum OneByOne {
    Yes,
    No,
}

/// All series of the last run with their points, and judged.
async fn judging(dir: &Path, shape: Shape, one_by_one: OneByOne) -> Vec<(&'static str, Duration)> {
    let history = History::open(dir).await.unwrap();
    let last = name(shape.runs - 1);
    let each = async |mut look: Box<dyn FnMut(SeriesKey, Vec<Point>)>| {
        if one_by_one == OneByOne::No {
            let of_run = Wanted::OfRun(&last);
            return history.each_series(of_run, look).await.unwrap();
        }
        for key in history.series().await.unwrap() {
            let points = history.points(&key).await.unwrap();
            look(key, points);
        }
    };
    let costs = vec![
        (
            "the points of 6000 series",
            fastest(async || each(Box::new(|_, points| assert_eq!(points.len(), WIDE.runs))).await)
                .await,
        ),
        (
            "  and all of them judged",
            fastest(async || {
                each(Box::new(|key, points| {
                    let judged = JudgedSeries::of(&key, &points, &[]);
                    assert_eq!(judged.points.len(), WIDE.runs);
                }))
                .await;
            })
            .await,
        ),
    ];
    history.close().await;
    costs
}

/// What is done with a history again and again, and how long it takes.
async fn costs(dir: &Path, shape: Shape) -> Vec<(&'static str, Duration)> {
    let history = History::open(dir).await.unwrap();
    history.catch_up().await.unwrap();
    let series = history.series().await.unwrap();
    assert_eq!(series.len(), shape.vms * shape.benchmarks);
    let last = shape.runs - 1;
    let middle = &series[series.len() / 2];
    let newest = RunFilter {
        limit: Some(20),
        ..RunFilter::default()
    };
    let run = name(last);
    let costs = vec![
        (
            "open it, with nothing to catch up with",
            fastest(async || {
                let history = History::open(dir).await.unwrap();
                history.catch_up().await.unwrap();
                history.close().await;
            })
            .await,
        ),
        (
            "record a run of 5000 samples again",
            fastest(async || history.record(&run).await.unwrap()).await,
        ),
        (
            "the newest 20 runs",
            fastest(async || {
                let runs = history.runs(&newest).await.unwrap();
                assert_eq!(runs.len(), (last + 1).min(20));
            })
            .await,
        ),
        (
            "all series",
            fastest(async || drop(history.series().await.unwrap())).await,
        ),
        (
            "the points of one series, every sample",
            fastest(async || {
                let points = history.points(middle).await.unwrap();
                assert_eq!(points.len(), last + 1);
                assert_eq!(points[last].samples.len(), shape.samples);
            })
            .await,
        ),
        (
            "the points of all series",
            fastest(async || {
                for series in &series {
                    drop(history.points(series).await.unwrap());
                }
            })
            .await,
        ),
    ];
    history.close().await;
    costs
}

async fn fastest(work: impl AsyncFn()) -> Duration {
    let mut fastest = Duration::MAX;
    for _ in 0..TRIES {
        let begun = Instant::now();
        work().await;
        fastest = fastest.min(begun.elapsed());
    }
    fastest
}

fn name(run: usize) -> String {
    format!("20261123T{run:09}Z-aaaaaa")
}

impl Shape {
    /// Leave the log of the run of that number in `dir`.
    fn keep(self, dir: &Path, run: usize) {
        let folder = dir.join(name(run));
        fs::create_dir(&folder).unwrap();
        let mut log = String::new();
        for (seq, body) in (0..).zip(self.bodies(run)) {
            let event = Event {
                v: VERSION,
                seq,
                time: Timestamp::from_second(1_795_427_340 + 3600 * run as i64).unwrap(),
                body,
            };
            writeln!(log, "{}", serde_json::to_string(&event).unwrap()).unwrap();
        }
        fs::write(folder.join("events.ndjson"), log).unwrap();
    }

    fn bodies(self, run: usize) -> Vec<Body> {
        let vms: Vec<String> = (0..self.vms).map(|number| format!("vm{number}")).collect();
        let planned = vms.iter().map(|name| PlannedVm {
            name: name.clone(),
            address: String::new(),
            os: String::new(),
            arch: String::new(),
            expected_failures: BTreeSet::new(),
        });
        let mut bodies = vec![Body::RunStarted {
            run: name(run),
            orchestrator: "0".into(),
            plan: Plan {
                vms: planned.collect(),
                targets: vec![PlannedTarget {
                    target: TARGET.into(),
                    category: "all".into(),
                }],
            },
            live: Live::default(),
        }];
        for vm in &vms {
            bodies.push(facts(vm));
            let said = self.harness(run).into_iter().map(|body| Body::Harness {
                vm: vm.clone(),
                target: TARGET.into(),
                event: protocol::Event {
                    v: protocol::VERSION,
                    seq: 0,
                    time: Timestamp::UNIX_EPOCH,
                    body,
                },
            });
            bodies.extend(said);
            bodies.push(Body::VmFinished {
                vm: vm.clone(),
                outcome: VmOutcome::Passed,
                cause: None,
                duration_s: 1.0,
            });
        }
        bodies.push(Body::RunFinished { duration_s: 1.0 });
        bodies
    }

    /// What a test binary says: samples that are no round numbers.
    fn harness(self, run: usize) -> Vec<protocol::Body> {
        let target = || TARGET.to_owned();
        let measured = (0..self.benchmarks).map(|number| {
            let sample = |repetition| (1000 + number * 17 + repetition * 3 + run) as f64 / 7.0;
            protocol::Body::Benchmark(Benchmark {
                target: target(),
                name: format!("benchmark{number}"),
                workload: "worst_case".into(),
                connections: 1000,
                unit: "ns".into(),
                better: Better::Lower,
                samples: (0..self.samples).map(sample).collect(),
                reference: Vec::new(),
            })
        });
        let started = protocol::Body::TargetStarted {
            target: target(),
            tests: None,
        };
        let finished = protocol::Body::TargetFinished(TargetFinished {
            target: target(),
            outcome: Outcome::Passed,
            duration_s: 1.0,
            passed: 0,
            failed: 0,
            skipped: 0,
        });
        std::iter::once(started)
            .chain(measured)
            .chain([finished])
            .collect()
    }
}

fn facts(vm: &str) -> Body {
    Body::Facts {
        vm: vm.to_owned(),
        facts: Facts {
            os: "Linux".into(),
            os_release: "6.1".into(),
            arch: "amd64".into(),
            hostname: vm.to_owned(),
            boot_id: String::new(),
            platform: None,
        },
    }
}
