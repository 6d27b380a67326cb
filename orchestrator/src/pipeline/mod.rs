// SPDX-License-Identifier: BSD-2-Clause
//! What is done on one VM, from connecting to unlocking.
//!
//! One [`Pipeline`] a VM runs in a task of its own. Pipelines share nothing but
//! [`Shared`], which none of them changes, and say what happens as events only.
//!
//! Invariant: whatever was begun on a VM is undone while its connection stands,
//! whatever happened in between: each clean-up stage follows its counterpart.

mod aftermath;
mod again;
mod collect;
mod connect;
mod console;
mod deploy;
mod facts;
mod failure;
mod health;
mod known;
pub mod lines;
mod live;
mod load;
mod lock;
mod place;
mod prepare;
mod scraping;
mod stop;
mod terminate;
mod test;
mod verdict;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use tokio::sync::Semaphore;
use tokio::time::timeout;

pub(crate) use connect::{Machine, Unreached};
pub use deploy::Dist;
pub(crate) use deploy::is_source_tree;
pub(crate) use facts::learn;
pub use failure::Failure;
pub(crate) use health::{Check, Finding, Grade, examine};
pub use stop::{Stop, StopReason};

use crate::event::{Body, Live, PlannedTarget, Stage};
use crate::event_log::Recorder;
use crate::inventory::Vm;
use crate::regressions::Expected;
use crate::ssh::{Connection, ControlDir, RemoteError, Transfer};
use load::Loaded;
use place::{Place, Programs};
use test::Verdict;

/// What all pipelines of a run have in common.
#[derive(Debug)]
pub struct Shared {
    /// The run's name.
    pub run: String,
    /// What each VM runs, in this order.
    pub targets: Vec<PlannedTarget>,
    /// What the live targets are told.
    pub live: Live,
    /// Says to others who holds a VM's lock; one line.
    pub holder: String,
    /// The run's log.
    pub recorder: Recorder,
    /// The wish that the run ends early.
    pub stop: Stop,
    /// Where connections have their control sockets.
    pub control: ControlDir,
    /// What is uploaded.
    pub dist: Dist,
    /// Folder of the source tree that is built on VMs.
    pub source: PathBuf,
    /// The run's folder here.
    pub artifacts: PathBuf,
    /// How often trouble of the link is tried again.
    pub retries: usize,
    /// How often a target in which tests failed is run again.
    pub retry_tests: u32,
    /// Whether a VM that is lost or has panicked is reset.
    pub recover: bool,
    /// Whether a failure anywhere ends the run.
    pub fail_fast: bool,
    /// What is likely to be measured.
    pub expected: Expected,
    /// Bounds the work on this side: connecting and moving files.
    pub local_work: Semaphore,
}

/// What is done on one VM.
#[derive(Debug)]
pub struct Pipeline {
    vm: Vm,
    shared: Arc<Shared>,
    place: Place,
    progress: Mutex<Progress>,
    /// Of a run that was cut off on this VM: what is missing there.
    resumed: Option<Missing>,
}

/// How far a VM is, over all its attempts.
#[derive(Debug, Default)]
struct Progress {
    /// How often each stage was begun.
    attempts: BTreeMap<Stage, u32>,
    /// The target that is run next, by its place in the plan.
    next_target: usize,
    /// How often all may still be begun again.
    restarts_left: usize,
    /// Whether the last connection ended by itself.
    link_lost: bool,
    /// The boot that it was last seen in.
    boot_id: Option<String>,
    /// Of the fingerprint that its measurements have in the history.
    fingerprint: String,
}

/// What a run that was cut off has still to do on a VM.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Missing {
    /// Targets that did not come to their ends, in their order; the whole way
    /// to them and back is gone again even where there are none.
    pub targets: Vec<PlannedTarget>,
    /// Whether one of the others failed.
    pub failed_before: bool,
    /// Whether one of the others passed, by more than that all was skipped.
    pub passed_before: bool,
}

impl Pipeline {
    /// For `vm`, as a part of the run that `shared` describes.
    #[must_use]
    pub fn new(vm: Vm, shared: Arc<Shared>) -> Self {
        let place = Place::new(&vm.dir, &shared.run);
        let progress = Progress {
            restarts_left: shared.retries,
            ..Progress::default()
        };
        Self {
            vm,
            shared,
            place,
            progress: Mutex::new(progress),
            resumed: None,
        }
    }

    /// Do only what is missing.
    #[must_use]
    pub fn resuming(self, missing: Missing) -> Self {
        Self {
            resumed: Some(missing),
            ..self
        }
    }

    /// What there is to run, in its order.
    fn targets(&self) -> &[PlannedTarget] {
        match &self.resumed {
            Some(missing) => &missing.targets,
            None => &self.shared.targets,
        }
    }

    fn progress(&self) -> MutexGuard<'_, Progress> {
        // Nothing panics while it is held.
        self.progress.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The VM's folder in the run's.
    fn folder(&self) -> PathBuf {
        self.shared.artifacts.join("vms").join(&self.vm.name)
    }

    /// Once through all stages.
    async fn on_the_machine(&self) -> Result<Verdict, Failure> {
        self.progress().link_lost = false;
        let machine = self.connect().await?;
        let worked = self.locked(&machine).await;
        self.progress().link_lost = machine.connection.is_lost();
        machine.connection.close().await;
        worked
    }

    async fn locked(&self, machine: &Machine) -> Result<Verdict, Failure> {
        let lock = self.stage(machine, Stage::Lock, self.lock(machine)).await?;
        let worked = Box::pin(self.in_place(machine)).await;
        let released = self.clean_up(machine, Stage::Unlock, lock.release()).await;
        let verdict = worked.and_then(|verdict| released.map(|_| verdict))?;
        if machine.connection.is_lost() {
            // Something was not cleaned up, and nobody said so yet.
            let words = machine.connection.lost().await;
            let lost = Failure::connection(words, "clean up after the tests");
            return Err(lost.advise("the next run on it cleans it up"));
        }
        Ok(verdict)
    }

    async fn in_place(&self, machine: &Machine) -> Result<Verdict, Failure> {
        let facts = self
            .stage(machine, Stage::Facts, self.facts(machine))
            .await?;
        let health = Box::pin(self.health(machine, &facts));
        self.stage(machine, Stage::Health, health).await?;
        let preparing = self.prepare(&machine.connection);
        self.stage(machine, Stage::Prepare, preparing).await?;
        let programs = Box::pin(self.deployed(machine, &facts)).await?;
        Box::pin(self.loaded(machine, &programs)).await
    }

    /// Load, test, unload; without `load` where no target uses the device.
    async fn loaded(&self, machine: &Machine, programs: &Programs) -> Result<Verdict, Failure> {
        if !self.needs_device() {
            return self.tested(machine, programs).await;
        }
        let mut loaded = Loaded::default();
        let loading = self.load(machine, programs, &mut loaded);
        let worked = match self.stage(machine, Stage::Load, loading).await {
            Ok(()) => self.tested(machine, programs).await,
            Err(failure) => Err(failure),
        };
        let unloading = self.unload(machine, loaded);
        let unloaded = self.clean_up(machine, Stage::Unload, unloading).await;
        worked.and_then(|verdict| unloaded.map(|_| verdict))
    }

    fn needs_device(&self) -> bool {
        let targets = &self.shared.targets;
        targets.iter().any(|t| load::needs_device(&t.target))
    }

    /// Test, and fetch what that left before an unloading can bring the machine
    /// down.
    async fn tested(&self, machine: &Machine, programs: &Programs) -> Result<Verdict, Failure> {
        let worked = Box::pin(self.test(machine, programs)).await;
        self.collected(machine).await;
        worked
    }

    /// Artifacts that can't be fetched do not change what the tests said.
    async fn collected(&self, machine: &Machine) {
        let work = self.shared.local_work.acquire().await;
        let collecting = self.collect(&machine.connection);
        // The stage's event has the cause.
        let _ = self.clean_up(machine, Stage::Collect, collecting).await;
        drop(work);
    }

    /// A stage that is given up when the run is to end.
    async fn stage<T>(
        &self,
        machine: &Machine,
        stage: Stage,
        work: impl Future<Output = Result<T, Failure>>,
    ) -> Result<T, Failure> {
        let bounded = self.limited(machine, stage, work);
        self.recorded(stage, self.shared.stop.unless(bounded)).await
    }

    /// A stage that follows even when the run is to end, as long as there is a
    /// connection to do it over.
    async fn clean_up<T>(
        &self,
        machine: &Machine,
        stage: Stage,
        work: impl Future<Output = Result<T, Failure>>,
    ) -> Result<Option<T>, Failure> {
        if machine.connection.is_lost() {
            return Ok(None);
        }
        self.recorded(stage, self.limited(machine, stage, work))
            .await
            .map(Some)
    }

    /// `work` within the limit of `stage`. A link that is down is silent, and a
    /// short limit is over before ssh gives it up: it is told from a stage that
    /// takes long.
    async fn limited<T>(
        &self,
        machine: &Machine,
        stage: Stage,
        work: impl Future<Output = Result<T, Failure>>,
    ) -> Result<T, Failure> {
        let limit = self.vm.limits.stage(stage);
        if let Ok(done) = timeout(limit, work).await {
            return done;
        }
        let name = stage.as_str();
        Err(match machine.connection.lost_if_silent().await {
            Some(words) => Failure::connection(words, name),
            None => Failure::timed_out(name, limit, name),
        })
    }

    async fn recorded<T>(
        &self,
        stage: Stage,
        work: impl Future<Output = Result<T, Failure>>,
    ) -> Result<T, Failure> {
        let begun = self.stage_started(stage).await;
        let done = work.await;
        let failure = done.as_ref().err();
        let will_retry = failure.is_some_and(|failure| self.begins_again_after(failure));
        self.stage_finished(begun, failure, will_retry).await;
        done
    }

    async fn stage_started(&self, stage: Stage) -> Begun {
        let attempt = {
            let mut progress = self.progress();
            let attempts = progress.attempts.entry(stage).or_default();
            *attempts += 1;
            *attempts
        };
        self.record(Body::StageStarted {
            vm: self.vm.name.clone(),
            stage,
            attempt,
        })
        .await;
        Begun {
            stage,
            attempt,
            at: Instant::now(),
        }
    }

    async fn stage_finished(&self, begun: Begun, failure: Option<&Failure>, will_retry: bool) {
        self.record(Body::StageFinished {
            vm: self.vm.name.clone(),
            stage: begun.stage,
            attempt: begun.attempt,
            duration_s: begun.at.elapsed().as_secs_f64(),
            cause: failure.map(|failure| failure.cause.clone()),
            will_retry,
        })
        .await;
    }

    async fn output(&self, stage: Stage, line: impl Into<String>) {
        self.record(Body::Output {
            vm: self.vm.name.clone(),
            stage,
            line: line.into(),
        })
        .await;
    }

    async fn note(&self, stage: Stage, line: impl Into<String>) {
        self.record(Body::Note {
            vm: self.vm.name.clone(),
            stage,
            line: line.into(),
        })
        .await;
    }

    async fn record(&self, body: Body) {
        self.shared.recorder.record(body).await;
    }

    async fn local_work(&self) -> Result<tokio::sync::SemaphorePermit<'_>, Failure> {
        self.shared
            .stop
            .unless(async {
                let permit = self.shared.local_work.acquire().await;
                permit.map_err(|_| Failure::from(StopReason::Interrupted))
            })
            .await
    }
}

/// An attempt at a stage.
struct Begun {
    stage: Stage,
    attempt: u32,
    at: Instant,
}

/// Open `machine`'s file transfer and give its errors their meaning.
async fn sftp(connection: &Connection) -> Result<Transfer, Failure> {
    connection.sftp().await.map_err(|error| match error {
        RemoteError::Lost { .. } => Failure::from(error),
        error => Failure::from(error)
            .advise("enable it in the VM's sshd_config: Subsystem sftp internal-sftp"),
    })
}
