// SPDX-License-Identifier: BSD-2-Clause
//! A past in which a VM was faster: logs of runs that never were, so that the
//! runs that are made now are judged as a change for the worse.

use std::fs;
use std::path::Path;

use jiff::SignedDuration;
use orchestrator::event::{Body, Event};

/// Enough for a series to be judged by.
const RUNS: i64 = 10;
/// How long a benchmark took then, by now.
const FASTER: f64 = 0.01;

/// From the first whole run of `vm` among `runs` make those of the days before
/// it; whether there was one.
pub(super) fn give_a_past(runs: &Path, vm: &str) -> bool {
    let logs = fs::read_dir(runs).into_iter().flatten();
    let mut logs = logs.map(|run| run.unwrap().path().join("events.ndjson"));
    let Some(events) = logs.find_map(|log| whole_run(&log, vm)) else {
        return false;
    };
    for days in 1..=RUNS {
        let run = format!("20260101T0000{days:02}000Z-past");
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

/// The events of a run that is over and is of `vm`.
fn whole_run(log: &Path, vm: &str) -> Option<Vec<Event>> {
    let text = fs::read_to_string(log).ok()?;
    let is_over = text.lines().last()?.contains("\"type\":\"run_finished\"");
    let lines = text.lines().filter(|_| is_over);
    let events: Vec<Event> = lines
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    match &events.first()?.body {
        Body::RunStarted { plan, .. } if plan.vms[0].name == vm => Some(events),
        _ => None,
    }
}

/// The event as it was so many days before.
fn past(mut event: Event, name: &str, days: i64) -> Event {
    event.time -= SignedDuration::from_hours(24 * days);
    match &mut event.body {
        Body::RunStarted { run, .. } => *run = name.to_owned(),
        Body::Harness { event, .. } => {
            if let protocol::Body::Benchmark(benchmark) = &mut event.body {
                // No two runs are the same.
                let factor = FASTER * (1.0 + 0.002 * days as f64);
                benchmark
                    .samples
                    .iter_mut()
                    .for_each(|value| *value *= factor);
            }
        }
        _ => {}
    }
    event
}
