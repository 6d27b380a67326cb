// SPDX-License-Identifier: BSD-2-Clause
//! The wish that a run ends early, seen by all its executors.

use std::sync::{Arc, OnceLock};

use tokio_util::sync::CancellationToken;

use crate::event::{Cause, VmOutcome};
use crate::pipeline::Failure;

/// Why a run is to end early.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StopReason {
    /// A signal.
    Interrupted,
    /// Another VM failed, and `--fail-fast` was given.
    FailFast,
    /// The whole run took longer than `--timeout`.
    TimeLimit,
    /// The event log can't be written.
    LogFailed,
}

/// Shared by everything that has to stop. The first request counts.
#[derive(Debug, Clone, Default)]
pub struct Stop {
    token: CancellationToken,
    reason: Arc<OnceLock<StopReason>>,
}

impl Stop {
    /// Ask everything to stop and clean up.
    pub fn request(&self, reason: StopReason) {
        // The first reason stands; later ones change nothing.
        let _ = self.reason.set(reason);
        self.token.cancel();
    }

    /// Why everything is to stop, if it is.
    #[must_use]
    pub fn reason(&self) -> Option<StopReason> {
        self.reason.get().copied()
    }

    /// Wait until everything is to stop.
    pub async fn requested(&self) -> StopReason {
        self.token.cancelled().await;
        self.reason().unwrap_or(StopReason::Interrupted)
    }

    /// `work`, unless everything is to stop before it is done.
    ///
    /// # Errors
    /// Those of `work`, or that it was given up.
    pub async fn unless<T>(
        &self,
        work: impl Future<Output = Result<T, Failure>>,
    ) -> Result<T, Failure> {
        tokio::select! {
            biased;
            reason = self.requested() => Err(Failure::from(reason)),
            done = work => done,
        }
    }
}

impl From<StopReason> for Failure {
    fn from(reason: StopReason) -> Self {
        let (outcome, what) = match reason {
            StopReason::Interrupted => (VmOutcome::Cancelled, "the run was interrupted"),
            StopReason::FailFast => (
                VmOutcome::Cancelled,
                "another VM failed and --fail-fast was given",
            ),
            StopReason::TimeLimit => (
                VmOutcome::TimedOut,
                "the whole run took longer than --timeout",
            ),
            StopReason::LogFailed => (VmOutcome::Cancelled, "the event log can't be written"),
        };
        Self::new(
            outcome,
            Cause {
                what: what.to_owned(),
                tried: String::new(),
                advice: String::new(),
            },
        )
    }
}
