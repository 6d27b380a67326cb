// SPDX-License-Identifier: BSD-2-Clause
//! The targets: what one call of the test binary runs.

mod compile_tests;
mod live_integration;

use std::io::Write;
use std::str::FromStr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use protocol::event::Level;

use crate::cli::Options;
use crate::framework::cancel::Cancel;
use crate::framework::restore::Restorer;
use crate::report::{Report, ReportError};

/// A target that can be run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Target {
    Unit,
    LiveIntegration,
}

/// No target has this name.
#[derive(Debug, thiserror::Error)]
#[error("unknown target '{name}', there are: {known}")]
pub(crate) struct UnknownTarget {
    name: String,
    known: String,
}

impl Target {
    pub(crate) const ALL: [Self; 2] = [Self::Unit, Self::LiveIntegration];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Unit => "unit",
            Self::LiveIntegration => "live_integration",
        }
    }

    pub(crate) fn about(self) -> &'static str {
        match self {
            Self::Unit => "C unit tests of the portable core, compiled here",
            Self::LiveIntegration => "filter tests on the device, with real connections",
        }
    }

    /// Run it and tell the session's report.
    ///
    /// # Errors
    /// [`TargetError`]; failed tests are none.
    pub(crate) fn run<W: Write>(self, session: &Session<W>) -> Result<(), TargetError> {
        match self {
            Self::Unit => compile_tests::unit(session),
            Self::LiveIntegration => live_integration::run(session),
        }
    }
}

impl FromStr for Target {
    type Err = UnknownTarget;

    fn from_str(name: &str) -> Result<Self, UnknownTarget> {
        Self::ALL
            .into_iter()
            .find(|target| target.name() == name)
            .ok_or_else(|| UnknownTarget {
                name: name.to_owned(),
                known: Self::ALL.map(Self::name).join(", "),
            })
    }
}

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
    fn tell_what_is_left(&self) -> Result<(), ReportError> {
        for failure in self.restorer.take_failures() {
            self.report().spoil(failure)?;
        }
        Ok(())
    }

    fn warn(&self, message: String) -> Result<(), ReportError> {
        self.report().log(Level::Warn, message)
    }
}
