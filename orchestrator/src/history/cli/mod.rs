// SPDX-License-Identifier: BSD-2-Clause
//! The commands that show what was, and change nothing: no VM and no server is
//! needed for them.
//!
//! - [`runs`]: many runs, from the database.
//! - [`show`], [`logs`]: one run, from its log and its folder.
//! - [`compare`]: two runs, from their logs.
//! - [`trend`], [`ack`]: a benchmark over all runs, and what got slower, from the
//!   database.
//! - [`rebuild`]: `orchestrator history`.

pub mod ack;
pub mod compare;
pub mod logs;
pub mod rebuild;
pub mod runs;
pub mod show;
pub mod trend;

use std::io;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use serde::Serialize;
use tokio::runtime::{Builder, Runtime};

use super::RunRecord;
use crate::exit::ExitStatus;
use crate::outputs::print;
use crate::projection::summary::Look;
use crate::projection::text::ColorChoice;
use crate::runs::{NoRun, NoRunsDir, RunsDir};
use crate::tell;

/// Where to look, and how what is found is shown.
#[derive(Debug, clap::Args)]
struct How {
    /// Print all of it as JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    runs_dir: RunsDir,
    /// When to use colours
    #[arg(long, value_enum, default_value_t)]
    color: ColorChoice,
}

impl How {
    /// Print `value` for a program, or the text of it for a person.
    fn print(
        &self,
        value: &impl Serialize,
        text: impl FnOnce(Look) -> String,
    ) -> Result<(), Error> {
        let text = if self.json {
            serde_json::to_string_pretty(value)? + "\n"
        } else {
            text(Look::of_stdout(self.color))
        };
        Ok(print(&mut io::stdout(), &text)?)
    }
}

/// Why there is nothing to show.
#[derive(Debug, thiserror::Error)]
enum Error {
    #[error(transparent)]
    NoRunsDir(#[from] NoRunsDir),
    #[error(transparent)]
    NoRun(#[from] NoRun),
    #[error("{source}; {}", source.advice())]
    History {
        #[from]
        source: super::Error,
    },
    #[error("failed to open {} ({reason})", path.display())]
    Open { path: PathBuf, reason: io::Error },
    #[error("{} holds no event of a run", path.display())]
    Empty { path: PathBuf },
    #[error("the run had no VM {vm}; it had {had}")]
    NoVm { vm: String, had: String },
    #[error("failed to {action} {} ({reason})", path.display())]
    File {
        action: &'static str,
        path: PathBuf,
        reason: io::Error,
    },
    #[error(
        "no run in {} has measured {benchmark}{}",
        runs_dir.display(),
        if known.is_empty() { ", or anything else".to_owned() } else { format!(" as wanted; there are {known}") }
    )]
    NoSeries {
        runs_dir: PathBuf,
        benchmark: String,
        known: String,
    },
    #[error(
        "{change} names {}; orchestrator ack alone lists what there is",
        if *many { "more than one open change: add /RUN" } else { "no change for the worse that stands" }
    )]
    NoChange { change: String, many: bool },
    #[error("failed to print")]
    Print(#[from] io::Error),
    #[error("failed to print as JSON")]
    Json(#[from] serde_json::Error),
    #[error("failed to set up the threads that wait for the database")]
    System(#[source] io::Error),
}

/// The exit status of what was `shown`: what went wrong in the runs themselves
/// is no failure of showing it.
fn status(shown: Result<(), Error>) -> ExitCode {
    match shown {
        Ok(()) => ExitStatus::Success.into(),
        Err(error) => {
            tell::note(format_args!("error: {}", tell::chain(&error)));
            ExitStatus::Usage.into()
        }
    }
}

fn runtime() -> Result<Runtime, Error> {
    let built = Builder::new_current_thread().enable_all().build();
    built.map_err(Error::System)
}

/// The record of the run whose log is at `log`. What is wrong with the log is
/// told.
fn read(log: &Path) -> Result<RunRecord, Error> {
    let record = RunRecord::read(log).map_err(|reason| Error::Open {
        path: log.to_owned(),
        reason,
    })?;
    if let Some(trouble) = record.trouble() {
        tell::note(format_args!(
            "note: {}: {trouble}; the rest is shown",
            log.display()
        ));
    }
    if record.state.head.is_none() {
        return Err(Error::Empty {
            path: log.to_owned(),
        });
    }
    Ok(record)
}
