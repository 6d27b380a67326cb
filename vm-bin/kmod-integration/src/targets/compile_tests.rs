// SPDX-License-Identifier: BSD-2-Clause
//! Targets that compile C sources and need no device.

use std::collections::VecDeque;
use std::io::Write;
use std::time::Duration;

use protocol::Outcome;

use super::{Session, Target, TargetError};
use crate::framework::compile;
use crate::framework::process::{Line, ProcessError};
use crate::framework::tap::{TapReader, TapTest};
use crate::report::ReportError;

/// How long the compiler or a test may be silent.
const SILENCE_LIMIT: Duration = Duration::from_secs(300);
/// Lines of the compiler's complaints that a failure quotes, the last ones.
const QUOTED: usize = 30;

/// The C unit tests of the portable core.
pub(super) fn unit<W: Write>(session: &Session<W>) -> Result<(), TargetError> {
    let options = &session.options;
    let mut make = compile::make(
        &options.kmod_src,
        "unit",
        &options.cc,
        &session.cancel,
        &session.restorer,
    )
    .map_err(|error| TargetError::Lacking(error.to_string()))?;

    session.report().target_started(Target::Unit.name(), None)?;
    let mut complaints = VecDeque::new();
    let mut tests = 0_usize;
    let mut reader = TapReader::default();
    let ended = loop {
        match make.process.next_line("print a line", SILENCE_LIMIT) {
            Ok(Some(Line::Out(line))) => {
                tests += tell(session, reader.line(&line))?;
            }
            Ok(Some(Line::Err(line))) => {
                if complaints.len() == QUOTED {
                    complaints.pop_front();
                }
                complaints.push_back(line);
            }
            Ok(None) => break make.process.wait(SILENCE_LIMIT),
            Err(error) => break Err(error),
        }
    };
    tests += tell(session, reader.end())?;
    judge(session, ended, tests, complaints)?;
    drop(make);
    session.tell_what_is_left()?;
    session.report().target_finished()?;
    Ok(())
}

/// The tests tell their own outcome; this is about everything else.
fn judge<W: Write>(
    session: &Session<W>,
    ended: Result<std::process::ExitStatus, ProcessError>,
    tests: usize,
    complaints: VecDeque<String>,
) -> Result<(), ReportError> {
    let mut report = session.report();
    match ended {
        Ok(status) if status.success() && tests > 0 => Ok(()),
        Ok(status) => {
            for line in complaints {
                report.spoil(line)?;
            }
            report.spoil(format!(
                "the C tests ended with {status} after {tests} tests"
            ))
        }
        Err(error) => report.spoil(error.to_string()),
    }
}

fn tell<W: Write>(session: &Session<W>, complete: Vec<TapTest>) -> Result<usize, ReportError> {
    let count = complete.len();
    for test in complete {
        let mut report = session.report();
        report.test_started(None, &test.id, &test.name);
        report.test_finished(|finished| {
            finished.outcome = if test.passed {
                Outcome::Passed
            } else {
                Outcome::Failed
            };
            finished.message = (!test.diagnostics.is_empty()).then(|| test.diagnostics.join("\n"));
        })?;
    }
    Ok(count)
}
