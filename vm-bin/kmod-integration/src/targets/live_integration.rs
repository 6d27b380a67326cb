// SPDX-License-Identifier: BSD-2-Clause
//! `live_integration`: the filter tests on the device of this machine.

use std::any::Any;
use std::cell::RefCell;
use std::io::Write;
use std::panic::{self, AssertUnwindSafe};
use std::path::Path;
use std::process::Command;

use protocol::Outcome;
use protocol::event::TestFinished;
use tcpstats::device::{Device, DeviceError};
use tcpstats::sysctl::Sysctl;

use super::{Session, TargetError};
use crate::filter::{Category, Ending, Lab, Test, TestResult, collect_tests};
use crate::framework::loopback;
use crate::report::ReportError;

/// Lengths of the buffer that tests read through, taken in turn: one record, a
/// few that leave a rest, and more than a fixture has.
const BUFFER_RECORDS: [usize; 4] = [1, 7, 64, 1024];

/// Run the tests of the chosen categories.
pub(super) fn run<W: Write>(session: &Session<W>, name: &str) -> Result<(), TargetError> {
    let categories = &session.options.category.0;
    // Before anything is touched: is there what the tests need?
    demand_device().map_err(|error| TargetError::Lacking(error.to_string()))?;
    if categories.contains(&Category::H) {
        demand_tcp_echo(&session.options.tcp_echo)?;
    }
    let aliases = loopback::add_aliases(&session.restorer)
        .map_err(|error| TargetError::Lacking(error.to_string()))?;

    let tests = collect_tests(categories);
    session
        .report()
        .target_started(name, u32::try_from(tests.len()).ok())?;
    tell_counters(session, "before")?;
    let ended = match run_tests(session, &tests) {
        Err(TargetError::Report(error)) => return Err(error.into()),
        ended => ended,
    };
    drop(aliases);
    if ended.is_ok() {
        tell_counters(session, "after")?;
    }
    session.tell_what_is_left()?;
    session.report().target_finished()?;
    ended
}

/// Run them until the last, until somebody interrupts, or until there is no
/// device any more: what a test says then is not about the device.
fn run_tests<W: Write>(session: &Session<W>, tests: &[Test]) -> Result<(), TargetError> {
    let mut left = tests.len();
    let mut buffers = BUFFER_RECORDS.into_iter().cycle();
    let mut lab = Lab {
        buffer_records: 0,
        tcp_echo: session.options.tcp_echo.clone(),
        cancel: session.cancel.clone(),
        restorer: session.restorer.clone(),
    };
    catch_panic_messages();
    for test in tests {
        if session.cancel.is_requested() {
            session
                .report()
                .spoil(format!("interrupted, {left} tests were not run"))?;
            break;
        }
        lab.buffer_records = buffers.next().unwrap_or(1);
        let failed = run_test(session, &lab, test)?;
        left -= 1;
        if failed && let Err(error) = demand_device() {
            return Err(TargetError::Lacking(format!(
                "the device went away during {}, {left} tests were not run: {error}",
                test.id
            )));
        }
    }
    Ok(())
}

/// The device is there and answers.
fn demand_device() -> Result<(), DeviceError> {
    Device::open_default()?.version().map(|_| ())
}

fn demand_tcp_echo(program: &Path) -> Result<(), TargetError> {
    match Command::new(program).arg("--version").output() {
        Ok(output) if output.status.success() => Ok(()),
        Ok(output) => Err(TargetError::Lacking(format!(
            "{} --version ended with {}: name tcp-echo with --tcp-echo, or leave category H out",
            program.display(),
            output.status
        ))),
        Err(error) => Err(TargetError::Lacking(format!(
            "failed to start {}: {error}: name tcp-echo with --tcp-echo, or leave category H out",
            program.display()
        ))),
    }
}

/// Counters are worth having and not what is tested here.
fn tell_counters<W: Write>(session: &Session<W>, phase: &str) -> Result<(), ReportError> {
    match Sysctl::new().counters() {
        Ok(values) => session.report().counters(phase, values),
        Err(error) => session.warn(error.to_string()),
    }
}

/// Whether it failed.
fn run_test<W: Write>(session: &Session<W>, lab: &Lab, test: &Test) -> Result<bool, ReportError> {
    session
        .report()
        .test_started(Some(test.category.to_string()), &test.id, &test.name);
    // A test leaves nothing behind that the next one uses: its fixture and its
    // guards are its own, and are dropped on the way up.
    let result = panic::catch_unwind(AssertUnwindSafe(|| test.run(lab)))
        .unwrap_or_else(|payload| Err(panicked(payload.as_ref())));
    let failed = matches!(result, Err(Ending::Failed { .. }));
    session
        .report()
        .test_finished(|finished| fill_in(finished, result))?;
    Ok(failed)
}

fn fill_in(finished: &mut TestFinished, result: TestResult) {
    let (outcome, seen, message) = match result {
        Ok(seen) => (Outcome::Passed, Some(seen), None),
        Err(Ending::Failed { seen, message }) => (Outcome::Failed, seen, Some(message)),
        Err(Ending::Skipped(reason)) => (Outcome::Skipped, None, Some(reason)),
    };
    finished.outcome = outcome;
    finished.message = message;
    if let Some(seen) = seen {
        finished.filter = Some(seen.filter);
        finished.expected = Some(seen.expected as u64);
        finished.actual = Some(seen.actual as u64);
    }
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
    Ending::Failed {
        seen: None,
        message: format!("panicked at {}: {what}", PANIC_PLACE.take()),
    }
}
