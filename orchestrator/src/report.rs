// SPDX-License-Identifier: BSD-2-Clause
//! `orchestrator report`: files of a run that was, from its event log alone.

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use crate::exit::ExitStatus;
use crate::outputs::{self, Files, print};
use crate::projection::state::RunState;
use crate::projection::{Fold, StateHandle, result};
use crate::replay;
use crate::runs::RunsDir;

/// What to report, and where to.
#[derive(Debug, clap::Args)]
#[command(group = clap::ArgGroup::new("files").args(["junit", "html", "json"]).required(true).multiple(true))]
pub struct Args {
    /// A run's name or an end of it, `latest`, its folder, or its events.ndjson
    run: PathBuf,
    /// Write the run's end as JSON; - is standard output
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    #[command(flatten)]
    files: Files,
    #[command(flatten)]
    runs_dir: RunsDir,
}

/// Write the files. What the run itself returned does not matter: 0, or 2 where
/// its log can't be read to its end or a file can't be written.
#[must_use]
pub fn main(args: &Args) -> ExitCode {
    replay::code(report(args, &mut io::stdout(), &mut io::stderr()))
}

fn report(
    args: &Args,
    out: &mut impl Write,
    notes: &mut impl Write,
) -> Result<ExitStatus, replay::Error> {
    let state = StateHandle::default();
    let mut fold = Fold::new(state.clone(), Vec::new());
    let read = replay::read(&args.run, &args.runs_dir, &mut fold, &state)?;
    state.read(|state| -> Result<(), outputs::Error> {
        if let Some(path) = &args.json {
            write_json(state, path, out)?;
        }
        let trends = args.files.trends_now(state, &read.path)?;
        args.files.write(&read.path, &trends)
    })?;
    read.end(notes)?;
    Ok(ExitStatus::Success)
}

fn write_json(state: &RunState, path: &Path, out: &mut impl Write) -> Result<(), outputs::Error> {
    let text = result::render(state)?;
    if path == Path::new("-") {
        return Ok(print(out, &text)?);
    }
    fs::write(path, text).map_err(outputs::could_not_write("--json", path))
}
