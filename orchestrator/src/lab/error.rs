// SPDX-License-Identifier: BSD-2-Clause
//! What can go wrong with a lab.

use std::io;
use std::process::ExitStatus as ProcessStatus;

use super::prerequisites::Missing;
use crate::exit::ExitStatus;

/// Why a lab command did not do what it was asked for.
#[derive(Debug, thiserror::Error)]
pub(super) enum LabError {
    /// The machine lacks something; nothing was touched.
    #[error("this machine lacks what a lab needs:\n{}", Missing::list(.0))]
    Lacking(Vec<Missing>),
    /// What was asked for does not fit what is there; nothing was touched.
    #[error("{what}; {advice}")]
    Refused {
        /// What stands in the way.
        what: String,
        /// What to do.
        advice: String,
    },
    /// The system refused something.
    #[error("failed to {action}: {source}")]
    System {
        /// What was tried, and on what.
        action: String,
        /// The system's answer.
        #[source]
        source: io::Error,
    },
    /// A program ended badly.
    #[error("`{command}` ended with {status}: {stderr}")]
    Command {
        /// The program and its arguments.
        command: String,
        /// How it ended.
        status: ProcessStatus,
        /// What it said.
        stderr: String,
    },
    /// A file or a program's output is not what it should be.
    #[error("failed to understand {what}: {problem}")]
    Malformed {
        /// Which file or output.
        what: String,
        /// What is wrong with it, and where.
        problem: String,
    },
    /// A service of a host ended by itself.
    #[error("{name} ended with {status}")]
    Service {
        /// The service.
        name: &'static str,
        /// How it ended.
        status: ProcessStatus,
    },
    /// A host did not get as far as it should.
    #[error("host {host}: {problem}")]
    Host {
        /// The host's name.
        host: String,
        /// What did not happen, with the last words of its log.
        problem: String,
    },
    /// Something of the lab is still there after taking it down.
    #[error("this is left of the lab, and not the lab's to end:\n  {}", .0.join("\n  "))]
    Left(Vec<String>),
    /// Something failed, and cleaning up after it failed too.
    #[error("{cause}\nand cleaning up failed: {cleanup}; {advice}")]
    Both {
        /// What failed first.
        cause: Box<Self>,
        /// What failed then.
        cleanup: Box<Self>,
        /// What to do.
        advice: String,
    },
    /// A person or a service manager wanted it to end; it is cleaned up.
    #[error("interrupted; nothing of the lab is left")]
    Interrupted,
}

impl LabError {
    /// What the program returns for it.
    pub(super) fn status(&self) -> ExitStatus {
        match self {
            Self::Lacking(_) | Self::Refused { .. } => ExitStatus::Usage,
            Self::Interrupted => ExitStatus::Interrupted,
            Self::System { .. }
            | Self::Command { .. }
            | Self::Malformed { .. }
            | Self::Service { .. }
            | Self::Host { .. }
            | Self::Left(_)
            | Self::Both { .. } => ExitStatus::NotDriven,
        }
    }
}

/// Says of a system's error what was tried.
pub(super) trait Tried<T> {
    /// `action` completes the sentence "failed to …".
    ///
    /// # Errors
    /// [`LabError::System`] where `self` is an error.
    fn tried(self, action: impl FnOnce() -> String) -> Result<T, LabError>;
}

impl<T, E: Into<io::Error>> Tried<T> for Result<T, E> {
    fn tried(self, action: impl FnOnce() -> String) -> Result<T, LabError> {
        self.map_err(|error| LabError::System {
            action: action(),
            source: error.into(),
        })
    }
}
