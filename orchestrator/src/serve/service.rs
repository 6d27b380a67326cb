// SPDX-License-Identifier: BSD-2-Clause
//! The runs of a service: which wait, which go on, and which VMs they have. A
//! VM is part of one run at a time; runs of other VMs go on beside it.

use std::collections::{HashMap, HashSet, VecDeque};
use std::fs;
use std::io;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde::Serialize;
use tokio::sync::mpsc;
use tokio_util::task::TaskTracker;

use super::due::Due;
use super::wanted::Wanted;
use crate::event_log::{self, Writer};
use crate::inventory::Inventory;
use crate::plan::{Overrides, Plan, PlanError};
use crate::projection::metrics::Metrics;
use crate::projection::{Fleet, Fold, StateHandle};
use crate::regressions::Judging;
use crate::run::job::{self, Job, Settings};
use crate::run::resume::{self, Past};
use crate::tell;

/// Runs that may wait.
const WAITING_MAX: usize = 100;
/// How often a run is gone on with: it may be what ends the service.
const RESUMPTIONS_MAX: usize = 3;

/// What all runs of a service have in common, and the runs.
#[derive(Debug)]
pub(super) struct Service {
    pub(super) inventory: Inventory,
    pub(super) overrides: Overrides,
    pub(super) settings: Settings,
    pub(super) runs_dir: PathBuf,
    pub(super) fleet: Fleet,
    pub(super) metrics: Metrics,
    due: Due,
    pub(super) tasks: TaskTracker,
    runs: Mutex<Runs>,
}

#[derive(Debug, Default)]
struct Runs {
    stopping: bool,
    waiting: VecDeque<Waiting>,
    running: HashMap<String, Running>,
}

#[derive(Debug)]
struct Waiting {
    job: Job,
    /// The schedule's entry that wants it, if one does.
    entry: Option<usize>,
}

#[derive(Debug)]
struct Running {
    vms: Vec<String>,
    interrupts: mpsc::Sender<&'static str>,
    state: StateHandle,
}

/// How a run of the service stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Standing {
    /// A VM of it is part of another run.
    Waiting,
    /// It goes on.
    Running,
}

/// Why a run was not taken.
#[derive(Debug, thiserror::Error)]
pub(super) enum Refused {
    #[error(transparent)]
    Plan(#[from] PlanError),
    #[error("the service is stopping")]
    Stopping,
    #[error("{WAITING_MAX} runs wait already")]
    Full,
    #[error("the schedule's last run of this still waits")]
    StillWaiting,
    #[error("a folder for the run could not be made in {}: {reason}", path.display())]
    Folder { path: PathBuf, reason: io::Error },
}

/// Why a run that was cut off is left as it is.
#[derive(Debug, thiserror::Error)]
enum NotGoneOn {
    #[error("another process goes on with it")]
    AtWork,
    #[error("it was gone on with {RESUMPTIONS_MAX} times already; see what ends this service")]
    TooOften,
    #[error("its log can't be read: {0}")]
    Unreadable(#[source] io::Error),
    #[error(transparent)]
    Past(#[from] resume::Error),
}

impl Service {
    pub(super) fn new(
        inventory: Inventory,
        overrides: Overrides,
        settings: Settings,
        runs_dir: PathBuf,
        fleet: Fleet,
        metrics: Metrics,
        due: Due,
    ) -> Self {
        Self {
            inventory,
            overrides,
            settings,
            runs_dir,
            fleet,
            metrics,
            due,
            tasks: TaskTracker::new(),
            runs: Mutex::default(),
        }
    }

    /// Take a run that is `wanted`, for an entry of the schedule or on request:
    /// its name, and whether it began at once.
    pub(super) fn take(
        self: &Arc<Self>,
        wanted: &Wanted,
        entry: Option<usize>,
    ) -> Result<(String, Standing), Refused> {
        let plan = wanted.plan(&self.inventory, &self.overrides)?;
        let mut runs = self.runs();
        if runs.stopping {
            return Err(Refused::Stopping);
        }
        if runs.waiting.len() >= WAITING_MAX {
            return Err(Refused::Full);
        }
        if entry.is_some() && runs.waiting.iter().any(|waiting| waiting.entry == entry) {
            return Err(Refused::StillWaiting);
        }
        let made = job::make_folder(&self.runs_dir);
        let (run, folder) = made.map_err(|reason| Refused::Folder {
            path: self.runs_dir.clone(),
            reason,
        })?;
        let job = Job {
            run: run.clone(),
            folder,
            plan,
            past: None,
            settings: self.settings.clone(),
            judging: Judging::default(),
        };
        runs.waiting.push_back(Waiting { job, entry });
        self.advance(&mut runs);
        let standing = if runs.running.contains_key(&run) {
            Standing::Running
        } else {
            Standing::Waiting
        };
        Ok((run, standing))
    }

    /// Go on with `run`, which an earlier process left cut off, where that can
    /// be.
    pub(super) fn take_over(self: &Arc<Self>, run: &str) {
        match self.go_on(run) {
            Ok(()) => {}
            Err(error) => tell::note(format_args!("run {run} was cut off: {error}")),
        }
    }

    fn go_on(self: &Arc<Self>, run: &str) -> Result<(), NotGoneOn> {
        let log = self.runs_dir.join(run).join(event_log::FILE_NAME);
        if Writer::is_at_work(&log).map_err(NotGoneOn::Unreadable)? {
            return Err(NotGoneOn::AtWork);
        }
        let past = Past::read(&log)?;
        if past.resumptions() >= RESUMPTIONS_MAX {
            return Err(NotGoneOn::TooOften);
        }
        let job = Job {
            run: past.run(),
            folder: past.folder(),
            plan: past.plan(&self.inventory, &self.overrides)?,
            past: Some(past),
            settings: self.settings.clone(),
            judging: Judging::default(),
        };
        tell::note(format_args!("run {run} was cut off and goes on"));
        let mut runs = self.runs();
        runs.waiting.push_back(Waiting { job, entry: None });
        self.advance(&mut runs);
        Ok(())
    }

    /// Begin every run whose VMs are free, and that no earlier one waits for.
    fn advance(self: &Arc<Self>, runs: &mut Runs) {
        let busy = runs.running.values().flat_map(|running| &running.vms);
        let mut taken: HashSet<String> = busy.cloned().collect();
        for waiting in std::mem::take(&mut runs.waiting) {
            let vms = vms(&waiting.job.plan);
            let is_free = !vms.iter().any(|vm| taken.contains(vm));
            taken.extend(vms);
            if is_free {
                self.begin(runs, waiting.job);
            } else {
                runs.waiting.push_back(waiting);
            }
        }
    }

    fn begin(self: &Arc<Self>, runs: &mut Runs, job: Job) {
        let (tell_it, mut interrupts) = mpsc::channel(8);
        let state = StateHandle::default();
        self.fleet.add(state.clone());
        let run = job.run.clone();
        let running = Running {
            vms: vms(&job.plan),
            interrupts: tell_it,
            state: state.clone(),
        };
        tell::note(format_args!(
            "run {run} begins on {}",
            running.vms.join(", ")
        ));
        runs.running.insert(run.clone(), running);
        let mut fold = Fold::new(state.clone(), Vec::new());
        if let Some(past) = &job.past {
            past.tell(&mut fold);
        }
        // They count what this process does.
        fold.add(self.metrics.view());
        fold.add(self.due.view());
        let service = Arc::clone(self);
        self.tasks.spawn(async move {
            let ended = job.drive(fold, &mut interrupts).await;
            let result = state.read(|state| state.exit_status().as_str());
            match ended {
                Ok(()) => tell::note(format_args!("run {run} ended: {result}")),
                Err(error) => tell::note(format_args!("error: run {run} ended: {error}")),
            }
            let mut runs = service.runs();
            runs.running.remove(&run);
            service.advance(&mut runs);
        });
    }

    /// End `run`: it is taken back where it waits, and else interrupted, which
    /// the second time gives its clean-up up. Whether there is such a run.
    pub(super) fn cancel(&self, run: &str) -> Option<Standing> {
        let mut runs = self.runs();
        if let Some(running) = runs.running.get(run) {
            // A run that ends meanwhile needs no interrupt.
            let _ = running.interrupts.try_send("a request");
            return Some(Standing::Running);
        }
        let at = runs
            .waiting
            .iter()
            .position(|waiting| waiting.job.run == run)?;
        if let Some(waiting) = runs.waiting.remove(at) {
            forget(&waiting);
        }
        Some(Standing::Waiting)
    }

    /// Take no more runs, take those back that wait, and interrupt the others:
    /// for the first time they clean up, for the second they end at once.
    pub(super) fn stop(&self, signal: &'static str) {
        let mut runs = self.runs();
        runs.stopping = true;
        runs.waiting.drain(..).for_each(|waiting| forget(&waiting));
        for running in runs.running.values() {
            // As in `cancel`.
            let _ = running.interrupts.try_send(signal);
        }
        self.tasks.close();
    }

    /// Whether runs are taken.
    pub(super) fn is_ready(&self) -> bool {
        !self.runs().stopping
    }

    /// Every run that waits or goes on.
    pub(super) fn standing(&self) -> Vec<(String, Standing, Vec<String>)> {
        let runs = self.runs();
        let running = runs.running.iter().map(|(run, running)| {
            let vms = running.vms.clone();
            (run.clone(), Standing::Running, vms)
        });
        let waiting = runs.waiting.iter().map(|waiting| {
            let Job { run, plan, .. } = &waiting.job;
            (run.clone(), Standing::Waiting, vms(plan))
        });
        running.chain(waiting).collect()
    }

    /// What is known of `run` while it goes on.
    pub(super) fn state(&self, run: &str) -> Option<StateHandle> {
        Some(self.runs().running.get(run)?.state.clone())
    }

    fn runs(&self) -> MutexGuard<'_, Runs> {
        // Every change under it is whole before anything can panic.
        self.runs.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A run that never began leaves nothing.
fn forget(waiting: &Waiting) {
    // An empty folder that stays does no harm.
    let _ = fs::remove_dir(&waiting.job.folder);
}

fn vms(plan: &Plan) -> Vec<String> {
    plan.vms.iter().map(|vm| vm.name.clone()).collect()
}
