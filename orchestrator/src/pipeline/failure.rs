// SPDX-License-Identifier: BSD-2-Clause
//! How a VM's pipeline ends where it does not end as hoped for.

use std::time::Duration;

use crate::event::{Cause, VmOutcome};
use crate::ssh::{ConnectError, RemoteError};

/// The end of a VM's pipeline before its tests said what they have to say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// What kind of end.
    pub outcome: VmOutcome,
    /// Why, for a person.
    pub cause: Cause,
    /// Whether the same may work a moment later.
    pub can_pass: bool,
}

impl Failure {
    /// An end that trying again does not change.
    #[must_use]
    pub fn new(outcome: VmOutcome, cause: Cause) -> Self {
        Self {
            outcome,
            cause,
            can_pass: false,
        }
    }

    /// The VM can't be brought to the point of testing.
    pub fn infrastructure(
        what: impl Into<String>,
        tried: impl Into<String>,
        advice: impl Into<String>,
    ) -> Self {
        Self::new(
            VmOutcome::Infrastructure,
            Cause {
                what: what.into(),
                tried: tried.into(),
                advice: advice.into(),
            },
        )
    }

    /// Something took longer than `limit`.
    pub fn timed_out(tried: impl Into<String>, limit: Duration, key: &str) -> Self {
        Self::new(
            VmOutcome::TimedOut,
            Cause {
                what: format!("it took longer than {}", humantime::format_duration(limit)),
                tried: tried.into(),
                advice: format!("if it needs more, raise `{key}` in the inventory's limits"),
            },
        )
    }

    /// The VM, its connection or its event stream is not to be trusted any more.
    pub fn lost(what: impl Into<String>, tried: impl Into<String>, advice: &str) -> Self {
        Self::new(
            VmOutcome::Lost,
            Cause {
                what: what.into(),
                tried: tried.into(),
                advice: advice.to_owned(),
            },
        )
    }

    /// The connection went away, with these last words of ssh.
    pub fn connection(words: String, tried: impl Into<String>) -> Self {
        let tried = tried.into();
        Self::from(RemoteError::Lost { tried, words })
    }

    /// The same, not to be tried again.
    #[must_use]
    pub fn lasting(mut self) -> Self {
        self.can_pass = false;
        self
    }

    /// The same in other words.
    #[must_use]
    pub fn say(mut self, what: String) -> Self {
        self.cause.what = what;
        self
    }

    /// The same with other advice.
    #[must_use]
    pub fn advise(mut self, advice: &str) -> Self {
        advice.clone_into(&mut self.cause.advice);
        self
    }
}

impl From<RemoteError> for Failure {
    fn from(error: RemoteError) -> Self {
        let tried = error.tried().to_owned();
        if matches!(error, RemoteError::Lost { .. }) {
            return Self {
                can_pass: true,
                ..Self::lost(
                    error.to_string(),
                    tried,
                    "see whether the VM is still up, and what its console says",
                )
            };
        }
        Self::infrastructure(error.to_string(), tried, "")
    }
}

impl Failure {
    /// The connection to `address` did not come up.
    #[must_use]
    pub fn connect(error: ConnectError, address: &str) -> Self {
        let mut failure = Self::infrastructure(
            error.what,
            format!("connect to {address}"),
            error.trouble.advice(),
        );
        failure.can_pass = error.trouble.can_pass();
        failure
    }
}
