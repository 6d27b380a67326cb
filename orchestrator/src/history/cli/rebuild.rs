// SPDX-License-Identifier: BSD-2-Clause
//! `orchestrator history rebuild`: the database anew, from the logs.

use std::process::ExitCode;

use super::{Error, runtime, status};
use crate::history::{History, RunFilter};
use crate::projection::text::count;
use crate::runs::RunsDir;
use crate::tell;

/// What to do with the database of past runs.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    /// Make it anew from the runs' event logs; one that is damaged is replaced
    Rebuild(RunsDir),
}

/// Do it.
#[must_use]
pub fn main(args: &Args) -> ExitCode {
    let Command::Rebuild(runs_dir) = &args.command;
    status(rebuild(runs_dir))
}

fn rebuild(runs_dir: &RunsDir) -> Result<(), Error> {
    let runs_dir = runs_dir.path()?;
    let runs = runtime()?.block_on(async {
        let history = History::rebuild(&runs_dir).await?;
        let runs = history.runs(&RunFilter::default()).await?;
        history.close().await;
        Ok::<_, Error>(runs.len())
    })?;
    let path = runs_dir.join(crate::history::FILE_NAME);
    tell::out(format_args!("{} in {}", count(runs, "run"), path.display()));
    Ok(())
}
