// SPDX-License-Identifier: BSD-2-Clause
//! The history of what a run measured, for its page: as it was when the run
//! ended, whatever came after it.

use std::path::Path;

use crate::event::{Judged, SeriesState};
use crate::history::{Ack, Error, History, Point, SeriesKey};
use crate::projection::benchmarks::name;
use crate::projection::findings;
use crate::projection::html::trend::{self, Change, Trend};
use crate::projection::state::{RunState, quartiles};
use crate::regressions::judge::{self, JudgedSeries};
use crate::runs;
use crate::tell;

/// Series that are shown, those first of which there is something to say.
const TRENDS_MAX: usize = 60;

/// Every series with more than one run up to this one, which is the run that
/// `state` is of and whose log is at `log`. What goes wrong is told, and costs
/// the trends alone.
pub(crate) async fn of_run(log: &Path, state: &RunState) -> Vec<Trend> {
    let has_measured = state
        .vms
        .iter()
        .flat_map(|vm| &vm.targets)
        .any(|target| !target.benchmarks.is_empty());
    let Some((runs_dir, run)) = runs::place(log).filter(|_| has_measured) else {
        return Vec::new();
    };
    read(runs_dir, run, state).await.unwrap_or_else(|error| {
        tell::note(format_args!(
            "note: the page has no trends: {}",
            error.gone_on_without()
        ));
        Vec::new()
    })
}

async fn read(runs_dir: &Path, run: &str, state: &RunState) -> Result<Vec<Trend>, Error> {
    let history = History::look(runs_dir).await?;
    let trends = of_history(&history, run, state).await;
    history.close().await;
    trends
}

async fn of_history(history: &History, run: &str, state: &RunState) -> Result<Vec<Trend>, Error> {
    let mut keys = history.series().await?;
    keys.retain(|key| is_of(state, key));
    keys.sort_by_key(|key| rank(judged(state, key)));
    let acks = history.acks().await?;
    let mut trends = Vec::new();
    for key in keys {
        if trends.len() == TRENDS_MAX {
            break;
        }
        let mut points = history.points(&key).await?;
        // Another fingerprint's series may have ended before this run.
        let last = points.iter().rposition(|point| point.run == run);
        points.truncate(last.map_or(0, |last| last + 1));
        let trend = trend(&key, &points, &acks);
        if trend.points.len() > 1 {
            trends.push(trend);
        }
    }
    Ok(trends)
}

/// Whether the run has measured it.
fn is_of(state: &RunState, key: &SeriesKey) -> bool {
    let vm = state.vm(&key.vm);
    let targets = vm.into_iter().flat_map(|vm| &vm.targets);
    let mut benchmarks = targets.flat_map(|target| &target.benchmarks);
    let wanted = (
        key.benchmark.as_str(),
        key.workload.as_str(),
        key.connections,
        key.unit.as_str(),
    );
    benchmarks.any(|benchmark| benchmark.key() == wanted)
}

/// What the run's log says of it.
fn judged<'a>(state: &'a RunState, key: &SeriesKey) -> Option<&'a Judged> {
    let mut all = state.vm(&key.vm)?.findings.judged.iter();
    all.find(|judged| {
        let of = &judged.quantity;
        of.benchmark == key.benchmark
            && of.workload == key.workload
            && of.connections == key.connections
            && of.unit == key.unit
    })
}

/// What wants to be seen comes first.
fn rank(judged: Option<&Judged>) -> u8 {
    match judged.map(|judged| (judged.state, &judged.change)) {
        Some((SeriesState::Confirmed, _)) => 0,
        Some((SeriesState::Suspect, _)) => 1,
        Some((_, Some(_))) => 2,
        Some((_, None)) | None => 3,
    }
}

/// Every change that is found in it, by the same method as in the run's log.
fn trend(key: &SeriesKey, points: &[Point], acks: &[Ack]) -> Trend {
    let judged = JudgedSeries::of(key, points, acks);
    let measured = judged.points.iter().filter_map(|point| {
        let [lower, _, upper] = quartiles(&point.samples)?;
        Some(trend::Point {
            run: point.run.clone(),
            time: point.time,
            median: point.median,
            quartiles: [lower, upper],
        })
    });
    let quantity = judge::quantity(key);
    let changes = judged.changes.iter().map(|named| Change {
        at: named.index,
        standing: findings::standing(named.standing),
        said: findings::change_line(&quantity, &named.change),
    });
    Trend {
        vm: key.vm.clone(),
        title: name(&key.benchmark, &key.workload, key.connections),
        unit: key.unit.clone(),
        better: key.better,
        points: measured.collect(),
        changes: changes.collect(),
    }
}
