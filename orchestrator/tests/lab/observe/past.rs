// SPDX-License-Identifier: BSD-2-Clause
//! A past in which a VM was faster and then became as it is: logs of runs that
//! never were, so that the next run that is made is judged to have got worse.

use std::fs;
use std::path::Path;

use jiff::SignedDuration;
use orchestrator::event::{Body, Event};
use protocol::event::Benchmark;

/// Runs before it became slower and as many since, each enough to judge by.
const RUNS: i64 = 10;
/// How long a benchmark took before, by what it takes now.
const FASTER: f64 = 0.01;

/// From the first whole run of `vm` with benchmarks among `runs` make those of
/// the days before it; whether there was one.
pub(super) fn give_a_past(runs: &Path, vm: &str) -> bool {
    let logs = fs::read_dir(runs).into_iter().flatten();
    let mut logs = logs.map(|run| run.unwrap().path().join("events.ndjson"));
    let Some(events) = logs.find_map(|log| whole_run(&log, vm)) else {
        return false;
    };
    for days in 1..=2 * RUNS {
        // Names begin with the time, the oldest has the most days.
        let run = format!("20260101T0000{:02}000Z-past", 2 * RUNS - days);
        let past = events.iter().cloned().map(|event| past(event, &run, days));
        let lines = past.map(|event| serde_json::to_string(&event).unwrap() + "\n");
        // It is there at once and whole, or not.
        let folder = runs.with_file_name(&run);
        fs::create_dir(&folder).unwrap();
        fs::write(folder.join("events.ndjson"), lines.collect::<String>()).unwrap();
        fs::rename(&folder, runs.join(&run)).unwrap();
    }
    true
}

/// The events of a run that is over, is of `vm` and has measured something.
fn whole_run(log: &Path, vm: &str) -> Option<Vec<Event>> {
    let text = fs::read_to_string(log).ok()?;
    let is_over = text.lines().last()?.contains("\"type\":\"run_finished\"");
    let lines = text.lines().filter(|_| is_over);
    let mut events: Vec<Event> = lines
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let is_of_vm = matches!(&events.first()?.body,
        Body::RunStarted { plan, .. } if plan.vms[0].name == vm);
    let mut bodies = events.iter_mut().map(|event| &mut event.body);
    let has_measured = bodies.any(|body| benchmark(body).is_some());
    (is_of_vm && has_measured).then_some(events)
}

/// The event as it was so many days before.
fn past(mut event: Event, name: &str, days: i64) -> Event {
    event.time -= SignedDuration::from_hours(24 * days);
    if let Body::RunStarted { run, .. } = &mut event.body {
        name.clone_into(run);
    }
    if let Some(benchmark) = benchmark(&mut event.body) {
        let level = if days > RUNS { FASTER } else { 1.0 };
        // No two runs are the same.
        let factor = level * (1.0 + 0.002 * days as f64);
        let samples = benchmark.samples.iter_mut();
        samples.for_each(|value| *value *= factor);
    }
    event
}

fn benchmark(body: &mut Body) -> Option<&mut Benchmark> {
    match body {
        Body::Harness { event, .. } => match &mut event.body {
            protocol::Body::Benchmark(benchmark) => Some(benchmark),
            _ => None,
        },
        _ => None,
    }
}
