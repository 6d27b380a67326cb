// SPDX-License-Identifier: BSD-2-Clause
//! `live_integration`: the filter tests on the device of this machine.

use std::io::Write;

use protocol::Category;

use super::series::{self, Ending, Evidence, Series};
use super::{Session, TargetError};
use crate::filter::{Lab, Test, collect_tests};
use crate::framework::{echo, loopback};

/// Lengths of the buffer that tests read through, taken in turn: one record, a
/// few that leave a rest, and more than a fixture has.
const BUFFER_RECORDS: [usize; 4] = [1, 7, 64, 1024];

/// Run the tests of the chosen categories.
pub(super) fn run<W: Write>(session: &Session<W>, name: &str) -> Result<(), TargetError> {
    let categories = &session.options.category.0;
    // Before anything is touched: is there what the tests need?
    series::demand_device()?;
    if categories.contains(&Category::H) {
        echo::demand(&session.options.tcp_echo)
            .map_err(|error| TargetError::Lacking(format!("{error}, or leave category H out")))?;
    }
    let aliases = loopback::add_aliases(&session.restorer)
        .map_err(|error| TargetError::Lacking(error.to_string()))?;
    let tests = collect_tests(categories);
    Series::run(session, name, tests.len(), |series| {
        // They go before the target has finished.
        let _aliases = aliases;
        run_tests(session, series, &tests)
    })
}

/// Run them until the last, until somebody interrupts, or until there is no
/// device any more: what a test says then is not about the device.
fn run_tests<W: Write>(
    session: &Session<W>,
    series: &mut Series<'_, W>,
    tests: &[Test],
) -> Result<(), TargetError> {
    let mut buffers = BUFFER_RECORDS.into_iter().cycle();
    let mut lab = Lab {
        buffer_records: 0,
        tcp_echo: session.options.tcp_echo.clone(),
        cancel: session.cancel.clone(),
        restorer: session.restorer.clone(),
    };
    for test in tests {
        if series.is_over() {
            break;
        }
        lab.buffer_records = buffers.next().unwrap_or(1);
        let category = Some(test.category.to_string());
        let passed = series.test_of(category, &test.id, &test.name, None, || {
            test.run(&lab).map(Evidence::from).map_err(Ending::from)
        })?;
        if !passed && let Err(error) = series::device_answers() {
            return Err(TargetError::Lacking(format!(
                "the device went away during {}, {} tests were not run: {error}",
                test.id,
                series.left()
            )));
        }
    }
    Ok(())
}
