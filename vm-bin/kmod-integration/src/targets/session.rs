// SPDX-License-Identifier: BSD-2-Clause
//! One call of the test binary: its options, its report, and the ways out that
//! every target uses; and several targets in one call.

use std::io::Write;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use protocol::Outcome;
use protocol::event::Level;

use crate::cli::Options;
use crate::framework::cancel::Cancel;
use crate::framework::restore::Restorer;
use crate::report::{Report, ReportError};

/// Why a target did not run to its end.
#[derive(Debug, thiserror::Error)]
pub(crate) enum TargetError {
    /// The machine lacks what the target needs.
    #[error("{0}")]
    Lacking(String),
    /// Nobody can be told any more.
    #[error(transparent)]
    Report(#[from] ReportError),
}

/// One call of the test binary.
pub(crate) struct Session<W: Write> {
    pub(crate) options: Options,
    report: Arc<Mutex<Report<W>>>,
    pub(crate) cancel: Cancel,
    pub(crate) restorer: Restorer,
}

impl<W: Write> Session<W> {
    pub(crate) fn new(
        options: Options,
        report: Arc<Mutex<Report<W>>>,
        cancel: Cancel,
        restorer: Restorer,
    ) -> Self {
        Self {
            options,
            report,
            cancel,
            restorer,
        }
    }

    /// The report, for one call: whoever watches the run needs it too.
    pub(crate) fn report(&self) -> MutexGuard<'_, Report<W>> {
        self.report.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Name what could not be put back; the target has failed by it.
    pub(super) fn tell_what_is_left(&self) -> Result<(), ReportError> {
        for failure in self.restorer.take_failures() {
            self.report().spoil(failure)?;
        }
        Ok(())
    }

    pub(super) fn warn(&self, message: String) -> Result<(), ReportError> {
        self.report().log(Level::Warn, message)
    }
}

/// Targets that run one after the other: neither a failure nor a lack of one
/// keeps the next from running.
pub(crate) struct Members<'a, W: Write> {
    session: &'a Session<W>,
    lacking: Vec<String>,
    not_run: Vec<String>,
}

impl<'a, W: Write> Members<'a, W> {
    pub(crate) fn of(session: &'a Session<W>) -> Self {
        Self {
            session,
            lacking: Vec::new(),
            not_run: Vec::new(),
        }
    }

    /// Run the target `name`, unless the run is to stop.
    ///
    /// # Errors
    /// The report's.
    pub(crate) fn run(
        &mut self,
        name: &str,
        run: impl FnOnce(&Session<W>, &str) -> Result<(), TargetError>,
    ) -> Result<(), ReportError> {
        if self.session.cancel.is_requested() {
            self.not_run.push(name.to_owned());
            return Ok(());
        }
        match run(self.session, name) {
            Ok(()) => Ok(()),
            Err(TargetError::Lacking(reason)) => {
                self.lacking.push(name.to_owned());
                self.session.report().target_lacks(name, reason)
            }
            Err(TargetError::Report(error)) => Err(error),
        }
    }

    /// All had their turn.
    ///
    /// # Errors
    /// Those that the machine lacks something for, where nothing failed: what
    /// failed is the more important.
    pub(crate) fn end(self) -> Result<(), TargetError> {
        let mut report = self.session.report();
        if !self.not_run.is_empty() {
            report.spoil(format!("interrupted, not run: {}", self.not_run.join(", ")))?;
        }
        if self.lacking.is_empty() || report.outcome() == Some(Outcome::Failed) {
            return Ok(());
        }
        Err(TargetError::Lacking(format!(
            "the machine lacks what these targets need: {}",
            self.lacking.join(", ")
        )))
    }
}
