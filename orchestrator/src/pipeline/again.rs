// SPDX-License-Identifier: BSD-2-Clause
//! A VM's whole way through a run, with what is done again: the stages before
//! the tests after trouble of the link, and the targets that are left after a
//! reset.

use std::time::{Duration, Instant};

use backon::{BackoffBuilder, ExponentialBackoff, ExponentialBuilder};
use tokio::time::{sleep, timeout};

use super::console::Console;
use super::test::Verdict;
use super::{Failure, Pipeline, StopReason};
use crate::event::{Body, Cause, VmOutcome};

/// Pause before the second attempt; it doubles from attempt to attempt.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
/// The longest pause between two attempts.
const LONGEST_PAUSE: Duration = Duration::from_secs(15);
/// How long a lost VM's console is waited for to say why: a kernel that panics
/// stops its network first and prints then.
const LATE_PANIC: Duration = Duration::from_secs(10);

/// The pauses before `times` more attempts.
pub(super) fn pauses(times: usize) -> ExponentialBackoff {
    ExponentialBuilder::new()
        .with_min_delay(FIRST_PAUSE)
        .with_max_delay(LONGEST_PAUSE)
        .with_max_times(times)
        .with_jitter()
        .build()
}

impl Pipeline {
    /// Do all of it. How it ended is the last event of this VM.
    pub async fn drive(self) {
        let started = Instant::now();
        let folder = self.folder();
        let console = Console::follow(&self.vm, &folder, &self.shared.recorder).await;
        let (outcome, cause) = match self.through_trouble(console.as_ref()).await {
            Ok(verdict) => (verdict.outcome(), None),
            Err(failure) => (failure.outcome, Some(failure.cause)),
        };
        drop(console);
        self.record(Body::VmFinished {
            vm: self.vm.name.clone(),
            outcome,
            cause,
            duration_s: started.elapsed().as_secs_f64(),
        })
        .await;
        if self.shared.fail_fast && !outcome.is_good() {
            self.shared.stop.request(StopReason::FailFast);
        }
    }

    /// The first trouble that could not be overcome is what is told in the end,
    /// whatever came after it.
    async fn through_trouble(&self, console: Option<&Console>) -> Result<Verdict, Failure> {
        let mut pauses = pauses(self.shared.retries);
        let mut first: Option<Failure> = None;
        loop {
            let mut failure = match self.watched(console).await {
                Ok(verdict) => return first.map_or(Ok(verdict), Err),
                Err(failure) => failure,
            };
            if self.begins_again_after(&failure)
                && let Some(pause) = pauses.next()
            {
                self.progress().restarts_left -= 1;
                self.paused(pause).await?;
                continue;
            }
            let was_reset = Box::pin(self.look_after(&mut failure, console)).await;
            let more = self.progress().next_target < self.targets().len();
            let failure = first.get_or_insert(failure);
            if !was_reset || !more || self.shared.stop.reason().is_some() {
                return Err(failure.clone());
            }
        }
    }

    /// Whether what failed is done again from the beginning: trouble of the
    /// link before any target was run.
    pub(super) fn begins_again_after(&self, failure: &Failure) -> bool {
        let progress = self.progress();
        failure.can_pass && progress.next_target == 0 && progress.restarts_left > 0
    }

    /// Wait, unless the run is to end.
    pub(super) async fn paused(&self, pause: Duration) -> Result<(), Failure> {
        let pausing = async {
            sleep(pause).await;
            Ok(())
        };
        self.shared.stop.unless(pausing).await
    }

    /// Once through all stages. A panic on the console ends it at once, and
    /// explains other ends.
    async fn watched(&self, console: Option<&Console>) -> Result<Verdict, Failure> {
        // Boxed here and further in: the whole way through a run is a large
        // future, and each of its callers would hold it on its stack.
        let on_the_machine = Box::pin(self.on_the_machine());
        let Some(console) = console else {
            return on_the_machine.await;
        };
        let failure = tokio::select! {
            biased;
            words = console.crashed() => return Err(self.crash(&words)),
            done = on_the_machine => match done {
                Ok(verdict) => return Ok(verdict),
                Err(failure) => failure,
            },
        };
        let is_silent = matches!(failure.outcome, VmOutcome::Hung | VmOutcome::TimedOut);
        let may_be_a_panic = self.progress().link_lost
            || failure.can_pass
            || is_silent && self.shared.stop.reason().is_none();
        if may_be_a_panic && let Ok(words) = timeout(LATE_PANIC, console.crashed()).await {
            return Err(self.crash(&words));
        }
        Err(failure)
    }

    fn crash(&self, words: &str) -> Failure {
        Failure::new(
            VmOutcome::Crashed,
            Cause {
                what: format!("the kernel panicked: {words}"),
                tried: "follow the console".into(),
                advice: format!(
                    "see vms/{}/{} in the run's folder, and /var/crash on the VM",
                    self.vm.name,
                    super::console::FILE_NAME
                ),
            },
        )
    }
}
