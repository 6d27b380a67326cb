// SPDX-License-Identifier: BSD-2-Clause
//! The exposition of a hundred VMs after a run of 178 tests on each, with every
//! stage and a scraped exporter: when all passed, and when all failed.

use std::time::{Duration, Instant};

use jiff::Timestamp;
use orchestrator::event::{Body, Event, Reading, Stage, VmOutcome};
use orchestrator::projection::metrics::Metrics;
use orchestrator::projection::{Fold, Projection, StateHandle};
use orchestrator::scrape::series;
use protocol::Outcome;
use protocol::event::TestFinished;

use crate::{events, line};

const VMS: u32 = 100;
const TESTS: u64 = 178;
const CATEGORIES: [&str; 7] = ["A", "B", "C", "D", "E", "F", "G"];
/// What a scrape of /metrics may take.
const GOAL: Duration = Duration::from_millis(10);
/// Expositions, of which the median counts.
const REPETITIONS: usize = 31;

pub(crate) fn measure() {
    for (what, outcome) in [
        (
            "/metrics of 100 VMs, 178 tests passed each",
            Outcome::Passed,
        ),
        (
            "/metrics of 100 VMs, 178 tests failed each",
            Outcome::Failed,
        ),
    ] {
        let metrics = metrics(outcome);
        let mut text = String::new();
        let mut times = [Duration::ZERO; REPETITIONS];
        for time in &mut times {
            let started = Instant::now();
            text = metrics.render();
            *time = started.elapsed();
        }
        times.sort_unstable();
        let median = times[REPETITIONS / 2];
        let ms = |time: Duration| format!("{:.2} ms", time.as_secs_f64() * 1e3);
        line(what, &ms(median), &ms(GOAL));
        let series = text.lines().filter(|line| !line.starts_with('#')).count();
        let ratio = median.as_secs_f64() / GOAL.as_secs_f64();
        line(
            &format!("  {series} series, {} bytes, of the goal", text.len()),
            &format!("{ratio:.2}"),
            "1.00",
        );
    }
}

/// What the run left whose tests all had that outcome.
fn metrics(outcome: Outcome) -> Metrics {
    let state = StateHandle::default();
    let metrics = Metrics::new(state.clone()).unwrap();
    let mut fold = Fold::new(state, vec![metrics.view()]);
    let mut tell = |body| {
        fold.apply(&Event {
            v: orchestrator::event::VERSION,
            seq: 0,
            time: Timestamp::UNIX_EPOCH,
            body,
        });
    };
    tell(events::begin(events::names(VMS)));
    for vm in events::names(VMS) {
        for stage in Stage::ALL {
            tell(Body::StageStarted {
                vm: vm.clone(),
                stage,
                attempt: 1,
            });
            tell(Body::StageFinished {
                vm: vm.clone(),
                stage,
                attempt: 1,
                duration_s: 0.123,
                cause: None,
                will_retry: false,
            });
        }
        for number in 0..TESTS {
            let event = protocol::Event {
                v: protocol::VERSION,
                seq: number,
                time: Timestamp::UNIX_EPOCH,
                body: protocol::Body::TestFinished(test(number, outcome)),
            };
            let (vm, target) = (vm.clone(), events::TARGET.to_owned());
            tell(Body::Harness { vm, target, event });
        }
        tell(scraped(vm.clone()));
        tell(Body::VmFinished {
            vm,
            outcome: match outcome {
                Outcome::Failed => VmOutcome::Failed,
                _ => VmOutcome::Passed,
            },
            cause: None,
            duration_s: 12.3,
        });
    }
    tell(Body::RunFinished { duration_s: 12.5 });
    metrics
}

fn test(number: u64, outcome: Outcome) -> TestFinished {
    let category = CATEGORIES[number as usize % CATEGORIES.len()];
    TestFinished {
        category: Some(category.into()),
        id: format!("{category}{number:03}"),
        outcome,
        ..events::test()
    }
}

/// All that is taken of an exporter.
fn scraped(vm: String) -> Body {
    let families = series::KMOD.iter().chain(&series::TCP);
    let samples = families.map(|family| {
        let reading = match series::label(family) {
            None => Reading::One(123_456.0),
            Some(label) => {
                let values = (0..8).map(|number| (format!("{label}_{number}"), 123_456.0));
                Reading::By(values.collect())
            }
        };
        (family.source.to_owned(), reading)
    });
    Body::Scraped {
        vm,
        duration_s: 0.01,
        samples: samples.collect(),
    }
}
