// SPDX-License-Identifier: BSD-2-Clause
//! The C tests of the portable core, plain and under tools that look for
//! faults: `unit`, `memcheck`, `asan` and `ubsan`.

use std::io::Write;

use protocol::Outcome;

use super::{Session, TargetError};
use crate::framework::tap::{TapReader, TapTest};
use crate::report::ReportError;

/// Under valgrind, which has to be there.
pub(super) fn memcheck<W: Write>(session: &Session<W>, name: &str) -> Result<(), TargetError> {
    session.demand_tool("valgrind")?;
    run(session, name)
}

/// As the Makefile's goal `name` has them compiled and run.
pub(super) fn run<W: Write>(session: &Session<W>, name: &str) -> Result<(), TargetError> {
    let (objects, make) = session.start_test(name)?;

    session.report().target_started(name, None)?;
    let mut tests = 0_usize;
    let mut reader = TapReader::default();
    let made = session.follow(make, name, |line| {
        tests += tell(session, reader.line(line))?;
        Ok(())
    })?;
    tests += tell(session, reader.end())?;
    let mut faults = made.faults();
    if !faults.is_empty() || tests == 0 {
        faults.push(format!("{tests} C tests were run"));
    }
    drop(objects);
    session.end_target(faults)
}

/// Gives how many they were.
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
