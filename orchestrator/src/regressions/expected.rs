// SPDX-License-Identifier: BSD-2-Clause
//! What a run is likely to measure by all runs before it, asked while it goes
//! on: what is not as expected is measured again at once.

use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};

use regression::{Expectation, MIN_REPETITIONS};
use tokio::sync::OnceCell;

use super::is_exact;
use super::judge::JudgedSeries;
use crate::history::{Error, History, Point, SeriesKey, Wanted};
use crate::projection::state::BenchmarkState;
use crate::runs;
use crate::tell;

/// What the series of a run's VMs let expect. Read when first asked for: most
/// runs measure nothing.
#[derive(Debug)]
pub struct Expected {
    /// The folder of runs and the run's name; `None` where there is no history.
    place: Option<(PathBuf, String)>,
    vms: HashSet<String>,
    /// By the number of their series.
    known: OnceCell<HashMap<i64, Expectation>>,
}

impl Expected {
    /// Of the run whose log is at `log`, on `vms`.
    pub(crate) fn new(log: &Path, vms: impl IntoIterator<Item = String>) -> Self {
        let place = runs::place(log).map(|(runs_dir, run)| (runs_dir.to_owned(), run.to_owned()));
        Self {
            place,
            vms: vms.into_iter().collect(),
            known: OnceCell::new(),
        }
    }

    /// Which of `measured`, on `vm` with `fingerprint`, are not what their
    /// history lets expect, by name and workload. None where the history can't
    /// be read: that is told, once.
    pub(crate) async fn suspects(
        &self,
        vm: &str,
        fingerprint: &str,
        measured: &[BenchmarkState],
    ) -> Vec<String> {
        // Counts would be the same again.
        let is_point = |benchmark: &&BenchmarkState| {
            !is_exact(&benchmark.unit) && benchmark.samples >= MIN_REPETITIONS
        };
        let points: Vec<&BenchmarkState> = measured.iter().filter(is_point).collect();
        if points.is_empty() {
            return Vec::new();
        }
        let known = self.known.get_or_init(|| self.read()).await;
        points
            .into_iter()
            .filter(|benchmark| {
                let key = SeriesKey::of(fingerprint, vm, benchmark);
                let expected = known.get(&key.id());
                expected.is_some_and(|expected| expected.suspicion(benchmark.median).is_some())
            })
            .map(|benchmark| format!("{} {}", benchmark.name, benchmark.workload))
            .collect()
    }

    async fn read(&self) -> HashMap<i64, Expectation> {
        let Some((runs_dir, run)) = &self.place else {
            return HashMap::new();
        };
        match read_from(runs_dir, run, &self.vms).await {
            Ok(known) => known,
            Err(error) => {
                tell::note(format_args!(
                    "note: no benchmark is measured again where it is suspect: {}",
                    error.gone_on_without()
                ));
                HashMap::new()
            }
        }
    }
}

async fn read_from(
    runs_dir: &Path,
    run: &str,
    vms: &HashSet<String>,
) -> Result<HashMap<i64, Expectation>, Error> {
    let history = History::look(runs_dir).await?;
    let mut known = HashMap::new();
    let judge = |key: SeriesKey, mut points: Vec<Point>| {
        // The history may have the beginning of this run.
        points.retain(|point| point.run != run);
        let judged = JudgedSeries::of(&key, &points, &[]);
        known.extend(judged.next.map(|next| (key.id(), next)));
    };
    history.each_series(Wanted::OfVms(vms), judge).await?;
    history.close().await;
    Ok(known)
}
