// SPDX-License-Identifier: BSD-2-Clause
//! What is done on one VM, from connecting to unlocking.
//!
//! One [`Pipeline`] a VM runs in a task of its own. Pipelines share nothing but
//! [`Shared`], which none of them changes, and say what happens as events only.
//!
//! Invariant: whatever was begun on a VM is undone while its connection stands,
//! whatever happened in between: each clean-up stage follows its counterpart.

mod collect;
mod connect;
mod deploy;
mod facts;
mod failure;
mod health;
mod lines;
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

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Instant;

use tokio::sync::Semaphore;
use tokio::time::timeout;

pub(crate) use connect::{Machine, Unreached};
pub use deploy::Dist;
pub(crate) use facts::learn;
pub use failure::Failure;
pub(crate) use health::{Check, Finding, Grade, examine};
pub use live::Live;
pub use stop::{Stop, StopReason};

use crate::event::{Body, PlannedTarget, Stage, VmOutcome};
use crate::event_log::Recorder;
use crate::inventory::Vm;
use crate::ssh::{Connection, ControlDir};
use load::Loaded;
use place::{Place, Programs};

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
    /// Whether a failure anywhere ends the run.
    pub fail_fast: bool,
    /// Bounds the work on this side: connecting and moving files.
    pub local_work: Semaphore,
}

/// What is done on one VM.
#[derive(Debug)]
pub struct Pipeline {
    vm: Vm,
    shared: Arc<Shared>,
    place: Place,
    /// Of a run that was cut off on this VM: what is missing there.
    resumed: Option<Missing>,
}

/// What a run that was cut off has still to do on a VM.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Missing {
    /// Targets that did not come to their ends, in their order; the whole way
    /// to them and back is gone again even where there are none.
    pub targets: Vec<PlannedTarget>,
    /// Whether none of the others failed.
    pub passed_before: bool,
}

impl Pipeline {
    /// For `vm`, as a part of the run that `shared` describes.
    #[must_use]
    pub fn new(vm: Vm, shared: Arc<Shared>) -> Self {
        let place = Place::new(&vm.dir, &shared.run);
        Self {
            vm,
            shared,
            place,
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

    /// Do all of it. How it ended is the last event of this VM.
    pub async fn drive(self) {
        let started = Instant::now();
        let (outcome, cause) = match self.on_the_machine().await {
            Ok(true) => (VmOutcome::Passed, None),
            Ok(false) => (VmOutcome::Failed, None),
            Err(failure) => (failure.outcome, Some(failure.cause)),
        };
        self.record(Body::VmFinished {
            vm: self.vm.name.clone(),
            outcome,
            cause,
            duration_s: started.elapsed().as_secs_f64(),
        })
        .await;
        if self.shared.fail_fast && outcome != VmOutcome::Passed {
            self.shared.stop.request(StopReason::FailFast);
        }
    }

    /// Whether all tests passed.
    async fn on_the_machine(&self) -> Result<bool, Failure> {
        let machine = self.connect().await?;
        let worked = self.locked(&machine).await;
        machine.connection.close().await;
        worked
    }

    async fn locked(&self, machine: &Machine) -> Result<bool, Failure> {
        let lock = self.stage(Stage::Lock, self.lock(machine)).await?;
        let worked = self.in_place(machine).await;
        let released = self.clean_up(machine, Stage::Unlock, lock.release()).await;
        worked.and_then(|passed| released.map(|_| passed))
    }

    async fn in_place(&self, machine: &Machine) -> Result<bool, Failure> {
        let facts = self.stage(Stage::Facts, self.facts(machine)).await?;
        self.stage(Stage::Health, self.health(machine, &facts))
            .await?;
        self.stage(Stage::Prepare, self.prepare(&machine.connection))
            .await?;
        let programs = self.deployed(machine, &facts).await?;
        self.loaded(machine, &programs).await
    }

    /// Load, test, unload; without `load` where no target uses the device.
    async fn loaded(&self, machine: &Machine, programs: &Programs) -> Result<bool, Failure> {
        if !self.needs_device() {
            return self.tested(machine, programs).await;
        }
        let mut loaded = Loaded::default();
        let worked = match self
            .stage(Stage::Load, self.load(machine, programs, &mut loaded))
            .await
        {
            Ok(()) => self.tested(machine, programs).await,
            Err(failure) => Err(failure),
        };
        let unloading = self.unload(machine, loaded);
        let unloaded = self.clean_up(machine, Stage::Unload, unloading).await;
        worked.and_then(|passed| unloaded.map(|_| passed))
    }

    fn needs_device(&self) -> bool {
        let targets = &self.shared.targets;
        targets.iter().any(|t| load::needs_device(&t.target))
    }

    /// Test, and fetch what that left before an unloading can bring the machine
    /// down.
    async fn tested(&self, machine: &Machine, programs: &Programs) -> Result<bool, Failure> {
        let worked = self.test(machine, programs).await;
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
        stage: Stage,
        work: impl Future<Output = Result<T, Failure>>,
    ) -> Result<T, Failure> {
        let bounded = self.limited(stage, work);
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
        self.recorded(stage, self.limited(stage, work))
            .await
            .map(Some)
    }

    async fn limited<T>(
        &self,
        stage: Stage,
        work: impl Future<Output = Result<T, Failure>>,
    ) -> Result<T, Failure> {
        let limit = self.vm.limits.stage(stage);
        match timeout(limit, work).await {
            Ok(done) => done,
            Err(_) => Err(Failure::timed_out(stage.as_str(), limit, stage.as_str())),
        }
    }

    async fn recorded<T>(
        &self,
        stage: Stage,
        work: impl Future<Output = Result<T, Failure>>,
    ) -> Result<T, Failure> {
        let started = self.stage_started(stage, 1).await;
        let done = work.await;
        let cause = done.as_ref().err();
        self.stage_finished(stage, 1, started, cause, false).await;
        done
    }

    async fn stage_started(&self, stage: Stage, attempt: u32) -> Instant {
        self.record(Body::StageStarted {
            vm: self.vm.name.clone(),
            stage,
            attempt,
        })
        .await;
        Instant::now()
    }

    async fn stage_finished(
        &self,
        stage: Stage,
        attempt: u32,
        started: Instant,
        failure: Option<&Failure>,
        will_retry: bool,
    ) {
        self.record(Body::StageFinished {
            vm: self.vm.name.clone(),
            stage,
            attempt,
            duration_s: started.elapsed().as_secs_f64(),
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

/// Open `machine`'s file transfer and give its errors their meaning.
async fn sftp(connection: &Connection) -> Result<openssh_sftp_client::Sftp, Failure> {
    let opened = connection.sftp().await;
    opened.map_err(|error| {
        Failure::from(error)
            .advise("enable it in the VM's sshd_config: Subsystem sftp internal-sftp")
    })
}
