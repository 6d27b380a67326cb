// SPDX-License-Identifier: BSD-2-Clause
//! Starts one pipeline a VM, waits for all of them, and stops or gives them up
//! when somebody wants that.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::task::{Id, JoinSet};
use tokio::time::sleep;

use super::signals::Interrupts;
use crate::event::{Body, Cause, VmOutcome};
use crate::event_log::Recorder;
use crate::inventory::Vm;
use crate::pipeline::{Missing, Pipeline, Shared, StopReason};

/// The pipelines that are still under way.
struct Running {
    tasks: JoinSet<()>,
    /// Which VM each task is for; a task that ended well is not in it.
    vms: HashMap<Id, String>,
    recorder: Recorder,
    started: Instant,
}

/// Drive all of `vms`, each with what is missing there where the run goes on,
/// for `limit` at most. The first interrupt stops them, the second gives them
/// up. Gives the time that was spent on the run, with what was `spent` before.
pub(super) async fn dispatch(
    vms: Vec<(Vm, Option<Missing>)>,
    shared: Shared,
    limit: Option<Duration>,
    spent: Duration,
    interrupts: &mut Interrupts,
) -> Duration {
    let stop = shared.stop.clone();
    let shared = Arc::new(shared);
    let mut running = Running {
        tasks: JoinSet::new(),
        vms: HashMap::new(),
        recorder: shared.recorder.clone(),
        started: Instant::now(),
    };
    for (vm, missing) in vms {
        let name = vm.name.clone();
        let mut pipeline = Pipeline::new(vm, Arc::clone(&shared));
        if let Some(missing) = missing {
            pipeline = pipeline.resuming(missing);
        }
        let task = running.tasks.spawn(pipeline.drive());
        running.vms.insert(task.id(), name);
    }
    drop(shared);

    let mut time_is_over = std::pin::pin!(async {
        match limit {
            Some(limit) => sleep(limit).await,
            None => std::future::pending().await,
        }
    });
    loop {
        tokio::select! {
            more = running.next() => if !more { break },
            () = &mut time_is_over, if stop.reason().is_none() => {
                stop.request(StopReason::TimeLimit);
            }
            Some(signal) = interrupts.recv() => {
                let forced = stop.reason() == Some(StopReason::Interrupted);
                running.interrupted(signal, forced).await;
                if forced {
                    running.give_up().await;
                    break;
                }
                stop.request(StopReason::Interrupted);
            }
        }
    }
    spent + running.started.elapsed()
}

impl Running {
    /// Wait until one more pipeline has ended; false when there is none.
    async fn next(&mut self) -> bool {
        match self.tasks.join_next_with_id().await {
            None => false,
            Some(Ok((id, ()))) => {
                self.vms.remove(&id);
                true
            }
            Some(Err(error)) => {
                // An ended pipeline says so itself; one that panicked can't.
                if let Some(vm) = self.vms.remove(&error.id()) {
                    self.ended_without_a_word(vm, VmOutcome::Infrastructure, &error.to_string())
                        .await;
                }
                true
            }
        }
    }

    async fn interrupted(&self, signal: &str, forced: bool) {
        self.recorder
            .record(Body::Interrupted {
                signal: signal.to_owned(),
                forced,
            })
            .await;
    }

    /// Drop every pipeline where it stands; its ssh process is killed with it.
    async fn give_up(&mut self) {
        self.tasks.shutdown().await;
        for (_, vm) in std::mem::take(&mut self.vms) {
            self.ended_without_a_word(vm, VmOutcome::Cancelled, "given up without cleaning up")
                .await;
        }
    }

    async fn ended_without_a_word(&self, vm: String, outcome: VmOutcome, what: &str) {
        self.recorder
            .record(Body::VmFinished {
                vm,
                outcome,
                cause: Some(Cause {
                    what: what.to_owned(),
                    tried: String::new(),
                    advice: "look at the VM for what was left there".into(),
                }),
                duration_s: self.started.elapsed().as_secs_f64(),
            })
            .await;
    }
}
