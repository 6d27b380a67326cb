// SPDX-License-Identifier: BSD-2-Clause
//! The tests of a live target, one after the other: each is told with what it
//! has seen, a panic is its failure, and a wish to stop ends them.

use std::any::Any;
use std::cell::RefCell;
use std::io::Write;
use std::panic::{self, AssertUnwindSafe};
use std::time::Duration;

use protocol::Outcome;
use protocol::event::TestFinished;
use tcpstats::device::{Device, DeviceError};
use tcpstats::sysctl::{Sysctl, SysctlError};

use super::{Session, TargetError};
use crate::filter;
use crate::framework::check::ReadError;
use crate::framework::crowd::CrowdError;
use crate::framework::echo::EchoError;
use crate::framework::fixture::FixtureError;
use crate::framework::module::ModuleError;
use crate::framework::process::ProcessError;
use crate::framework::system;
use crate::report::ReportError;

/// What a test that passed has seen.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Evidence {
    /// The filter's text, where there was one.
    filter: Option<String>,
    /// What was demanded and what was there, where that is a number.
    counts: Option<(u64, u64)>,
}

impl Evidence {
    /// A demanded and a seen number.
    pub(super) fn counts(expected: u64, actual: u64) -> Self {
        Self {
            filter: None,
            counts: Some((expected, actual)),
        }
    }
}

/// How a test ended that did not pass.
#[derive(Debug)]
pub(super) enum Ending {
    Failed {
        evidence: Evidence,
        message: String,
    },
    /// It cannot be run here, for this reason.
    Skipped(String),
}

impl Ending {
    pub(super) fn failed(message: impl Into<String>) -> Self {
        Self::Failed {
            evidence: Evidence::default(),
            message: message.into(),
        }
    }
}

impl From<filter::Ending> for Ending {
    fn from(ending: filter::Ending) -> Self {
        match ending {
            filter::Ending::Failed { seen, message } => Self::Failed {
                evidence: seen.map(Evidence::from).unwrap_or_default(),
                message,
            },
            filter::Ending::Skipped(reason) => Self::Skipped(reason),
        }
    }
}

impl From<crate::framework::check::Seen> for Evidence {
    fn from(seen: crate::framework::check::Seen) -> Self {
        Self {
            filter: Some(seen.filter),
            counts: Some((seen.expected as u64, seen.actual as u64)),
        }
    }
}

macro_rules! fails_with {
    ($($error:ty),*) => {$(
        impl From<$error> for Ending {
            fn from(error: $error) -> Self {
                Self::failed(error.to_string())
            }
        }
    )*};
}
fails_with!(
    CrowdError,
    DeviceError,
    EchoError,
    FixtureError,
    ModuleError,
    ProcessError,
    ReadError,
    SysctlError
);

/// How a test ended.
pub(super) type TestResult = Result<Evidence, Ending>;

/// Demand that two numbers are the same.
pub(super) fn demand_equal(what: &str, expected: u64, actual: u64) -> TestResult {
    let evidence = Evidence::counts(expected, actual);
    if expected == actual {
        return Ok(evidence);
    }
    Err(Ending::Failed {
        evidence,
        message: format!("{actual} {what} instead of {expected}"),
    })
}

/// Demand something else.
pub(super) fn demand(holds: bool, message: impl FnOnce() -> String) -> Result<(), Ending> {
    if holds {
        Ok(())
    } else {
        Err(Ending::failed(message()))
    }
}

/// The tests of one target, while they run.
pub(super) struct Series<'a, W: Write> {
    session: &'a Session<W>,
    left: usize,
    is_interrupted: bool,
}

impl<'a, W: Write> Series<'a, W> {
    /// Run the tests that `body` gives, `tests` in number, as the target `name`.
    /// What `body` holds is put back before the target has finished.
    ///
    /// # Errors
    /// The report's, and what `body` says the machine lacks.
    pub(super) fn run(
        session: &'a Session<W>,
        name: &str,
        tests: usize,
        body: impl FnOnce(&mut Self) -> Result<(), TargetError>,
    ) -> Result<(), TargetError> {
        session
            .report()
            .target_started(name, u32::try_from(tests).ok())?;
        tell_counters(session, "before")?;
        catch_panic_messages();
        let mut series = Self {
            session,
            left: tests,
            is_interrupted: false,
        };
        let ended = match body(&mut series) {
            Err(TargetError::Report(error)) => return Err(error.into()),
            ended => ended,
        };
        if series.is_interrupted {
            let left = series.left;
            session
                .report()
                .spoil(format!("interrupted, {left} tests were not run"))?;
        }
        if ended.is_ok() {
            tell_counters(session, "after")?;
        }
        session.tell_what_is_left()?;
        session.report().target_finished()?;
        ended
    }

    /// Whether the remaining tests are to be left out.
    pub(super) fn is_over(&mut self) -> bool {
        self.is_interrupted |= self.left > 0 && self.session.cancel.is_requested();
        self.is_interrupted
    }

    /// How many tests were not run yet.
    pub(super) fn left(&self) -> usize {
        self.left
    }

    /// Run a test; gives whether it passed. After a wish to stop nothing is run.
    ///
    /// # Errors
    /// The report's.
    pub(super) fn test(
        &mut self,
        id: &str,
        name: &str,
        body: impl FnOnce() -> TestResult,
    ) -> Result<bool, ReportError> {
        self.test_of(None, id, name, None, body)
    }

    /// As [`Self::test`], for one that may take longer than tests usually do.
    ///
    /// # Errors
    /// The report's.
    pub(super) fn long_test(
        &mut self,
        id: &str,
        name: &str,
        limit: Duration,
        body: impl FnOnce() -> TestResult,
    ) -> Result<bool, ReportError> {
        self.test_of(None, id, name, Some(limit), body)
    }

    /// As [`Self::test`], for one of a category.
    ///
    /// # Errors
    /// The report's.
    pub(super) fn test_of(
        &mut self,
        category: Option<String>,
        id: &str,
        name: &str,
        limit: Option<Duration>,
        body: impl FnOnce() -> TestResult,
    ) -> Result<bool, ReportError> {
        if self.is_over() {
            return Ok(false);
        }
        self.left = self.left.saturating_sub(1);
        {
            let mut report = self.session.report();
            report.test_started(category, id, name);
            if let Some(limit) = limit {
                report.allow(limit);
            }
        }
        // A test leaves nothing behind that the next one uses: what it changed
        // is dropped on the way up.
        let result = panic::catch_unwind(AssertUnwindSafe(body))
            .unwrap_or_else(|payload| Err(panicked(payload.as_ref())));
        let passed = result.is_ok();
        self.session
            .report()
            .test_finished(|finished| fill_in(finished, result))?;
        Ok(passed)
    }
}

/// This program may do what tests do, and the device is there and answers.
///
/// # Errors
/// What the machine lacks.
pub(super) fn demand_device() -> Result<(), TargetError> {
    system::demand_rights().map_err(TargetError::Lacking)?;
    device_answers().map_err(|error| TargetError::Lacking(error.to_string()))
}

/// What the device says where it does not answer.
pub(super) fn device_answers() -> Result<(), DeviceError> {
    Device::open_default()?.version().map(drop)
}

/// Counters are worth having and not what is tested here.
fn tell_counters<W: Write>(session: &Session<W>, phase: &str) -> Result<(), ReportError> {
    match Sysctl::new().counters() {
        Ok(values) => session.report().counters(phase, values),
        // live_smoke begins without a device where none was there.
        Err(error) if error.is_not_found() => Ok(()),
        Err(error) => session.warn(error.to_string()),
    }
}

fn fill_in(finished: &mut TestFinished, result: TestResult) {
    let (outcome, evidence, message) = match result {
        Ok(evidence) => (Outcome::Passed, evidence, None),
        Err(Ending::Failed { evidence, message }) => (Outcome::Failed, evidence, Some(message)),
        Err(Ending::Skipped(reason)) => (Outcome::Skipped, Evidence::default(), Some(reason)),
    };
    finished.outcome = outcome;
    finished.message = message;
    finished.filter = evidence.filter;
    finished.expected = evidence.counts.map(|(expected, _)| expected);
    finished.actual = evidence.counts.map(|(_, actual)| actual);
}

thread_local! {
    /// Where this thread panicked last.
    static PANIC_PLACE: RefCell<String> = const { RefCell::new(String::new()) };
}

/// A panic is told as its test's failure, with its place, and not printed.
fn catch_panic_messages() {
    panic::set_hook(Box::new(|info| {
        let place = info.location().map(ToString::to_string);
        PANIC_PLACE.set(place.unwrap_or_default());
    }));
}

fn panicked(payload: &(dyn Any + Send)) -> Ending {
    let what = payload
        .downcast_ref::<String>()
        .map(String::as_str)
        .or_else(|| payload.downcast_ref::<&str>().copied())
        .unwrap_or("a panic without a message");
    Ending::failed(format!("panicked at {}: {what}", PANIC_PLACE.take()))
}
