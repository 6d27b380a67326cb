// SPDX-License-Identifier: BSD-2-Clause
//! Targets that compile and run the C tests, and need no device.

use std::collections::VecDeque;
use std::io::Write;
use std::process::ExitStatus;
use std::time::Duration;

use protocol::Outcome;
use protocol::event::Better;

use super::{Session, TargetError};
use crate::framework::compile::{self, CompileError, Make};
use crate::framework::process::{Line, ProcessError};
use crate::framework::tap::{TapReader, TapTest};
use crate::report::{Measured, ReportError};

/// How long the compiler or a test may be silent.
const SILENCE_LIMIT: Duration = Duration::from_secs(300);
/// Lines of the compiler's complaints that a failure quotes, the last ones.
const QUOTED: usize = 30;

/// The C unit tests under valgrind, which has to be there.
pub(super) fn memcheck<W: Write>(session: &Session<W>, name: &str) -> Result<(), TargetError> {
    compile::demand("valgrind", &session.cancel, &session.restorer)?;
    c_tests(session, name)
}

/// The C unit tests of the portable core, as the Makefile's target `name` has
/// them compiled and run.
pub(super) fn c_tests<W: Write>(session: &Session<W>, name: &str) -> Result<(), TargetError> {
    let mut tests = 0_usize;
    let mut reader = TapReader::default();
    let made = run_make(session, name, |line| {
        tests += tell(session, reader.line(line))?;
        Ok(())
    })?;
    tests += tell(session, reader.end())?;
    end(session, made, &format!("{tests} tests"), tests > 0)
}

/// The time of the filter parser's calls: of each workload a test, which passes
/// when it was measured, and its samples.
pub(super) fn bench<W: Write>(session: &Session<W>, name: &str) -> Result<(), TargetError> {
    let mut workloads = 0_usize;
    let made = run_make(session, name, |line| {
        let Some((workload, samples)) = nanoseconds(line) else {
            return Ok(());
        };
        workloads += 1;
        let mut report = session.report();
        report.test_started(None, workload, "calls of the filter parser");
        report.test_finished(|test| test.outcome = Outcome::Passed)?;
        report.benchmark(Measured {
            name: "filter_parse".to_owned(),
            workload: workload.to_owned(),
            connections: 0,
            unit: "ns",
            better: Better::Lower,
            samples,
        })
    })?;
    end(
        session,
        made,
        &format!("{workloads} workloads"),
        workloads > 0,
    )
}

/// A workload's name and its samples, separated by tabs.
fn nanoseconds(line: &str) -> Option<(&str, Vec<f64>)> {
    let (workload, samples) = line.split_once('\t')?;
    let samples = samples.split('\t').map(|sample| sample.parse().ok());
    Some((workload, samples.collect::<Option<_>>()?))
}

/// How make has ended, and what was said on its standard error last.
struct Made {
    make: Make,
    ended: Result<ExitStatus, ProcessError>,
    complaints: VecDeque<String>,
}

/// Begin the target and hand each line that its make prints to `take`.
fn run_make<W: Write>(
    session: &Session<W>,
    name: &str,
    mut take: impl FnMut(&str) -> Result<(), ReportError>,
) -> Result<Made, TargetError> {
    let options = &session.options;
    let mut make = compile::make(
        &options.kmod_src,
        name,
        &options.cc,
        &session.cancel,
        &session.restorer,
    )?;
    session.report().target_started(name, None)?;
    let mut complaints = VecDeque::new();
    let ended = loop {
        match make.process.next_line("print a line", SILENCE_LIMIT) {
            Ok(Some(Line::Out(line))) => take(&line)?,
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
    Ok(Made {
        make,
        ended,
        complaints,
    })
}

/// The tests have told their own outcome; this is about everything else.
fn end<W: Write>(
    session: &Session<W>,
    made: Made,
    done: &str,
    complete: bool,
) -> Result<(), TargetError> {
    match made.ended {
        Ok(status) if status.success() && complete => {}
        Ok(status) => {
            for line in made.complaints {
                session.report().spoil(line)?;
            }
            session
                .report()
                .spoil(format!("the C tests ended with {status} after {done}"))?;
        }
        Err(error) => session.report().spoil(error.to_string())?,
    }
    drop(made.make);
    session.tell_what_is_left()?;
    session.report().target_finished()?;
    Ok(())
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

impl From<CompileError> for TargetError {
    fn from(error: CompileError) -> Self {
        Self::Lacking(error.to_string())
    }
}
