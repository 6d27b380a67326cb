// SPDX-License-Identifier: BSD-2-Clause
//! The test binary that runs on the test machine.
//!
//! `kmod-integration TARGET` runs a target of [`targets`], tells what it sees
//! through [`report`], and puts the machine back as it was: on success, on
//! failure, on a signal, and when a test does not come to its end; [`guardian`]
//! sees to it that this holds when it is killed, too.

mod cli;
mod filter;
mod framework;
mod guardian;
mod report;
mod supervise;
mod targets;

use std::io::{self, Stdout, Write};
use std::process::ExitCode;
use std::sync::{Arc, Mutex};

use clap::Parser;
use protocol::{Category, Outcome, Target};

use cli::Options;
use filter::collect_tests;
use framework::cancel::Cancel;
use framework::restore::Restorer;
use framework::system;
use guardian::Role;
use report::{Report, ReportError};
use supervise::{Limits, supervise};
use targets::{Session, TargetError};

const PASSED: u8 = 0;
const FAILED: u8 = 1;
const WRONG_USE: u8 = 2;
const LACKING: u8 = 3;

/// Why the program ends early: its exit status, and one line about it.
#[derive(Debug)]
struct Fault {
    status: u8,
    message: String,
}

impl Fault {
    /// With this status, for what any error says.
    fn of<E: ToString>(status: u8) -> impl Fn(E) -> Self {
        move |error| Self {
            status,
            message: error.to_string(),
        }
    }
}

fn main() -> ExitCode {
    let status = guarded(Options::parse()).unwrap_or_else(|fault| {
        // The reader of this may be gone as well.
        let _ = writeln!(io::stderr(), "kmod-integration: {}", fault.message);
        fault.status
    });
    ExitCode::from(status)
}

/// Run the target in a process of its own. Gives the exit status.
fn guarded(options: Options) -> Result<u8, Fault> {
    let Some(target) = options.target().map_err(Fault::of(WRONG_USE))? else {
        list(&mut io::stdout().lock()).map_err(Fault::of(FAILED))?;
        return Ok(PASSED);
    };
    match guardian::split().map_err(Fault::of(FAILED))? {
        Role::Worker => start(target, options),
        Role::Parent(status) => Ok(status),
    }
}

fn start(target: Target, options: Options) -> Result<u8, Fault> {
    let cancel = Cancel::on_signals().map_err(Fault::of(FAILED))?;
    let restorer = Restorer::default();
    let report = Report::new(io::stdout(), options.format, options.output_dir.as_deref())
        .map_err(Fault::of(WRONG_USE))?;
    let report = Arc::new(Mutex::new(report));
    let session = Session::new(
        options,
        Arc::clone(&report),
        cancel.clone(),
        restorer.clone(),
    );
    supervise(Limits::default(), &report, &cancel, &restorer, move || {
        run(target, &session)
    })
    .map_err(Fault::of(FAILED))?
}

/// Run the target between the first and the last event.
fn run(target: Target, session: &Session<Stdout>) -> Result<u8, Fault> {
    session.report().hello(system::hello()).map_err(untold)?;
    let ended = targets::run_of(target)(session, target.name());
    let mut report = session.report();
    match ended {
        Ok(()) => match report.bye().map_err(untold)? {
            Outcome::Failed => Ok(FAILED),
            Outcome::Passed | Outcome::Skipped => Ok(PASSED),
        },
        Err(TargetError::Lacking(message)) => {
            report
                .lacks(message)
                .and_then(|()| report.bye())
                .map_err(Fault::of(LACKING))?;
            Ok(LACKING)
        }
        // Whoever reads the stream can still be told.
        Err(TargetError::Report(error @ ReportError::File { .. })) => {
            match report.give_up(&error.to_string()) {
                Err(error @ ReportError::Stdout(_)) => Err(untold(error)),
                Err(ReportError::File { .. }) | Ok(()) => Ok(LACKING),
            }
        }
        Err(TargetError::Report(error @ ReportError::Stdout(_))) => Err(untold(error)),
    }
}

/// A folder that cannot be written, as on a full disk, says nothing of the
/// tests: the machine lacks it.
fn untold(error: ReportError) -> Fault {
    let status = match error {
        ReportError::File { .. } => LACKING,
        ReportError::Stdout(_) => FAILED,
    };
    Fault::of(status)(error)
}

/// Name every target, and of each its tests that are known without running it.
fn list(out: &mut impl Write) -> io::Result<()> {
    for target in Target::ALL {
        writeln!(out, "{target:18} {}", target.about())?;
        if target == Target::LiveIntegration {
            for test in collect_tests(&Category::ALL) {
                let title = test.category.title();
                writeln!(
                    out,
                    "  {:4} {} {title:18} {}",
                    test.id, test.category, test.name
                )?;
            }
        }
    }
    Ok(())
}
