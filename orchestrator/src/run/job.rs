// SPDX-License-Identifier: BSD-2-Clause
//! One run from its first event to its last, for whoever wants one: the command
//! `run`, and `serve`.

use std::collections::HashMap;
use std::fs::{self, Permissions};
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use jiff::Timestamp;
use tokio::sync::Semaphore;

use super::all_ended::AllEnded;
use super::dispatch;
use super::resume::Past;
use super::signals::Interrupts;
use crate::event::{self, Body, Live};
use crate::event_log::{self, WriteError, Writer};
use crate::history;
use crate::inventory::Vm;
use crate::pipeline::{Dist, Missing, Shared, Stop, StopReason};
use crate::plan::Plan;
use crate::projection::state::RunState;
use crate::projection::{Fold, Projection};
use crate::regressions::{Expected, Judging};
use crate::ssh::ControlDir;

/// How VMs are driven, whichever they are.
#[derive(Debug, Clone)]
pub(crate) struct Settings {
    /// Folder of what is uploaded.
    pub(crate) dist: PathBuf,
    /// Folder of the source tree, for VMs that build it.
    pub(crate) source: PathBuf,
    /// What the live targets are told.
    pub(crate) live: Live,
    /// How often trouble of the link is tried again.
    pub(crate) retries: usize,
    /// How often a target in which tests failed is run again.
    pub(crate) retry_tests: u32,
    /// Whether a VM that is lost or has panicked is reset.
    pub(crate) recover: bool,
    /// Whether a failure anywhere ends the run.
    pub(crate) fail_fast: bool,
    /// How many VMs may be connected to or moving files at once.
    pub(crate) jobs: usize,
    /// The longest that the whole may take.
    pub(crate) timeout: Option<Duration>,
}

/// A run that is to be driven.
#[derive(Debug)]
pub(crate) struct Job {
    /// Its name.
    pub(crate) run: String,
    /// Its folder.
    pub(crate) folder: PathBuf,
    /// What is to be done.
    pub(crate) plan: Plan,
    /// What was done before it was cut off, where it goes on.
    pub(crate) past: Option<Past>,
    /// How.
    pub(crate) settings: Settings,
    /// What its benchmarks are judged by.
    pub(crate) judging: Judging,
}

/// Why a run has no whole log, or was not begun.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// The folder for control sockets.
    #[error("a folder for control sockets could not be made")]
    ControlDir(#[source] io::Error),
    /// The log.
    #[error(transparent)]
    Log(#[from] WriteError),
}

impl Job {
    /// The run's log.
    pub(crate) fn log(&self) -> PathBuf {
        match &self.past {
            Some(past) => past.log.clone(),
            None => self.folder.join(event_log::FILE_NAME),
        }
    }

    /// Drive it to its end, which `fold` sees, and record it in the history. The
    /// first interrupt has it clean up and end, the second ends it at once.
    ///
    /// # Errors
    /// When it can't begin, or its log can't be written to its end.
    pub(crate) async fn drive(self, fold: Fold, interrupts: &mut Interrupts) -> Result<(), Error> {
        let log = self.log();
        let control = ControlDir::new().map_err(Error::ControlDir)?;
        let stop = Stop::default();
        let on_failure = {
            let stop = stop.clone();
            move || stop.request(StopReason::LogFailed)
        };
        let state = fold.state();
        let (all_ended, ends) = AllEnded::new(state.clone());
        let projections: Vec<Box<dyn Projection>> = vec![Box::new(fold), Box::new(all_ended)];
        let orchestrator = env!("CARGO_PKG_VERSION").to_owned();
        let (begin, missing, spent, end) = match &self.past {
            None => {
                let begin = Body::RunStarted {
                    run: self.run.clone(),
                    orchestrator,
                    plan: self.plan.to_event(),
                    live: self.settings.live.clone(),
                };
                (begin, HashMap::new(), Duration::ZERO, None)
            }
            Some(past) => {
                let begin = Body::RunResumed { orchestrator };
                (begin, past.missing(), past.spent(), Some(past.end))
            }
        };
        // What a run was begun with is what it goes on with.
        let live = match &self.past {
            None => self.settings.live,
            Some(past) => past.live(),
        };
        let (recorder, writer) = match end {
            None => Writer::start(&log, projections, event::now, on_failure)?,
            Some(end) => Writer::go_on(&log, end, projections, event::now, on_failure)?,
        };
        let vms = self.plan.vms.iter().map(|vm| vm.name.clone());
        let shared = Shared {
            expected: Expected::new(&log, vms),
            holder: holder(&self.run),
            targets: self.plan.targets.clone(),
            live,
            recorder: recorder.clone(),
            stop,
            control,
            dist: Dist::new(self.settings.dist),
            source: self.settings.source,
            artifacts: self.folder,
            retries: self.settings.retries,
            retry_tests: self.settings.retry_tests,
            recover: self.settings.recover,
            fail_fast: self.settings.fail_fast,
            local_work: Semaphore::new(self.settings.jobs),
            run: self.run,
        };
        recorder.record(begin).await;
        let vms = parts(self.plan, end.is_some(), missing);
        let limit = self.settings.timeout;
        let spent = dispatch::dispatch(vms, shared, limit, spent, interrupts).await;
        if ends.come().await && !state.read(|state| state.interrupted.is_some()) {
            let known = state.read(RunState::clone);
            for finding in self.judging.findings(&log, &known).await {
                recorder.record(finding).await;
            }
        }
        let duration_s = spent.as_secs_f64();
        recorder.record(Body::RunFinished { duration_s }).await;
        drop(recorder);
        let finished = writer.finish().await;
        history::record_ended(&log).await;
        Ok(finished?)
    }
}

/// The VMs that are driven: all, or those on which something is missing.
fn parts(
    plan: Plan,
    resumed: bool,
    mut missing: HashMap<String, Missing>,
) -> Vec<(Vm, Option<Missing>)> {
    let parts = plan.vms.into_iter().map(|vm| {
        let missing = missing.remove(&vm.name);
        (vm, missing)
    });
    parts
        .filter(|(_, missing)| !resumed || missing.is_some())
        .collect()
}

/// A new folder in `runs` whose name is the run's: when it began, to the
/// millisecond, as names give the order of runs, and something that keeps two
/// runs of one moment apart.
///
/// # Errors
/// What making it gives.
pub(crate) fn make_folder(runs: &Path) -> io::Result<(String, PathBuf)> {
    fs::create_dir_all(runs)?;
    let dir = tempfile::Builder::new()
        .prefix(&Timestamp::now().strftime("%Y%m%dT%H%M%S%3fZ-").to_string())
        .permissions(Permissions::from_mode(0o755))
        .tempdir_in(runs)?;
    let folder = std::path::absolute(dir.keep())?;
    let name = folder.file_name().unwrap_or_default();
    Ok((name.to_string_lossy().into_owned(), folder))
}

/// What another orchestrator says of us where we hold a lock.
fn holder(run: &str) -> String {
    let who = user_at_host();
    let pid = std::process::id();
    let now = Timestamp::now();
    let line = format!("{who} (pid {pid}) with run {run} since {now:.0}");
    line.replace(char::is_control, "?")
}

/// Who has started this process, and where.
pub(crate) fn user_at_host() -> String {
    let user = std::env::var("USER")
        .or_else(|_| std::env::var("LOGNAME"))
        .unwrap_or_else(|_| format!("uid {}", rustix::process::getuid()));
    let system = rustix::system::uname();
    let host = system.nodename().to_string_lossy();
    format!("{user}@{host}")
}
