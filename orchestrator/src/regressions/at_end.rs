// SPDX-License-Identifier: BSD-2-Clause
//! The benchmarks of a run judged at its end, before its last event: so what was
//! found is part of its log, and shown again by whoever reads that.

use std::io;
use std::path::{Path, PathBuf};

use super::compare::compare;
use super::judge::JudgedSeries;
use crate::event::{Body, SeriesState, Verdict};
use crate::history::{Error, History, Point, RunRecord, SeriesKey, Wanted};
use crate::projection::state::RunState;
use crate::runs;
use crate::tell;

/// What a run's benchmarks are judged by, and what that is to mean.
#[derive(Debug, Clone, Default)]
pub(crate) struct Judging {
    /// The log of a run to compare with, besides their history.
    baseline: Option<PathBuf>,
    /// Whether the run counts as regressed where they got worse: by the
    /// baseline where there is one, else by their history.
    fails_run: bool,
}

/// Why a run is no baseline.
#[derive(Debug, thiserror::Error)]
pub(crate) enum NoBaseline {
    #[error(transparent)]
    NoRunsDir(#[from] runs::NoRunsDir),
    #[error("no baseline; --baseline auto goes by the history instead")]
    NoRun(#[from] runs::NoRun),
    #[error(
        "failed to open {} ({reason}); give --baseline auto, or a run's name, folder or log",
        path.display()
    )]
    Open { path: PathBuf, reason: io::Error },
    #[error("{} holds no event of a run, so it is no baseline", path.display())]
    Empty { path: PathBuf },
}

impl Judging {
    /// By the history, and by the run whose log is at `baseline` where one is
    /// named.
    ///
    /// # Errors
    /// Where that can't be read.
    pub(crate) fn new(baseline: Option<PathBuf>, fails_run: bool) -> Result<Self, NoBaseline> {
        if let Some(path) = &baseline {
            read(path)?;
        }
        Ok(Self {
            baseline,
            fails_run,
        })
    }

    /// What is to be logged of the run whose log at `log` has all but its end,
    /// and of which `state` is known. Trouble is told, and is no part of the run.
    pub(crate) async fn findings(&self, log: &Path, state: &RunState) -> Vec<Body> {
        let mut findings = match self.beside_history(log, state).await {
            Ok(findings) => findings,
            Err(error) => {
                tell::note(format_args!(
                    "note: the benchmarks are not judged: {}",
                    error.gone_on_without()
                ));
                Vec::new()
            }
        };
        if let Some(baseline) = &self.baseline {
            match (read(baseline), RunRecord::read(log)) {
                (Ok(before), Ok(after)) => findings.extend(self.beside_run(&before, &after)),
                (Err(error), _) => tell::note(format_args!("note: {error}")),
                (_, Err(error)) => tell::note(format_args!(
                    "note: the run's own log can't be read to compare it: {error}"
                )),
            }
        }
        findings
    }

    /// Each series that the run has measured.
    async fn beside_history(&self, log: &Path, state: &RunState) -> Result<Vec<Body>, Error> {
        let has_measured = state
            .vms
            .iter()
            .flat_map(|vm| &vm.targets)
            .any(|target| !target.benchmarks.is_empty());
        let Some((runs_dir, run)) = runs::place(log).filter(|_| has_measured) else {
            return Ok(Vec::new());
        };
        let fails = self.fails_run && self.baseline.is_none();
        let history = History::look(runs_dir).await?;
        let acks = history.acks().await?;
        let mut findings = Vec::new();
        let judge = |key: SeriesKey, mut points: Vec<Point>| {
            let Some(at) = points.iter().rposition(|point| point.run == run) else {
                return;
            };
            points.truncate(at + 1);
            let judged = JudgedSeries::of(&key, &points, &acks);
            // A run with too few repetitions is no point, and nothing to judge.
            if judged.points.last().is_some_and(|last| last.run == run) {
                let fails_run = fails && judged.state == SeriesState::Confirmed;
                let judged = judged.to_event(fails_run);
                findings.push((key, judged));
            }
        };
        history.each_series(Wanted::OfRun(run), judge).await?;
        history.close().await;
        findings.sort_by(|(a, _), (b, _)| a.place().cmp(&b.place()));
        let bodies = findings
            .into_iter()
            .map(|(key, judged)| Body::Judged { vm: key.vm, judged });
        Ok(bodies.collect())
    }

    fn beside_run(&self, before: &RunRecord, after: &RunRecord) -> Vec<Body> {
        let mut findings = Vec::new();
        for of_vm in compare(before, after) {
            let vm = of_vm.vm;
            if let Some(machines) = of_vm.machines {
                tell::note(format_args!(
                    "note: {vm} is not compared: it was {}, and is {}",
                    machines.before, machines.after
                ));
                continue;
            }
            findings.extend(of_vm.benchmarks.into_iter().map(|mut compared| {
                compared.fails_run = self.fails_run && compared.verdict == Verdict::Worse;
                Body::Compared {
                    vm: vm.clone(),
                    compared,
                }
            }));
        }
        findings
    }
}

fn read(log: &Path) -> Result<RunRecord, NoBaseline> {
    let record = RunRecord::read(log).map_err(|reason| NoBaseline::Open {
        path: log.to_owned(),
        reason,
    })?;
    if record.state.head.is_none() {
        return Err(NoBaseline::Empty {
            path: log.to_owned(),
        });
    }
    Ok(record)
}
