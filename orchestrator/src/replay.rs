// SPDX-License-Identifier: BSD-2-Clause
//! `orchestrator replay`: shows a run again from its event log alone.

use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use crate::event_log::{ReadError, Reader};
use crate::exit::ExitStatus;
use crate::outputs::{self, print};
use crate::projection::metrics::Metrics;
use crate::projection::state::RunState;
use crate::projection::{Fold, Projection, StateHandle};
use crate::runs::{self, RunsDir};
use crate::tell;

/// What to replay, and how it is to be shown.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// A run's name or an end of it, `latest`, its folder, or its events.ndjson
    run: PathBuf,
    /// Print the metrics that the run left, instead of the summary
    #[arg(long, conflicts_with = "json")]
    metrics: bool,
    #[command(flatten)]
    runs_dir: RunsDir,
    #[command(flatten)]
    outputs: outputs::Outputs,
}

/// Why a run can't be shown, or not to its end.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    #[error(transparent)]
    NoRunsDir(#[from] runs::NoRunsDir),
    #[error(transparent)]
    NoRun(#[from] runs::NoRun),
    #[error("failed to open {} ({reason})", path.display())]
    Open { path: PathBuf, reason: io::Error },
    #[error(
        "failed to read {} to its end, what stands before is shown",
        path.display()
    )]
    Read { path: PathBuf, source: ReadError },
    #[error("{} holds no event of a run", path.display())]
    Empty { path: PathBuf },
    #[error("failed to render the metrics")]
    Metrics(#[from] prometheus::Error),
    #[error(transparent)]
    Outputs(#[from] outputs::Error),
    #[error("failed to print")]
    Print(#[from] io::Error),
}

/// Show the run and return what the run returned: 2 where its log can't be
/// read to its end.
#[must_use]
pub fn main(args: &Args) -> ExitCode {
    code(replay(args, &mut io::stdout().lock(), &mut io::stderr()))
}

/// The exit status of what was shown, and a word on why it could not be.
pub(crate) fn code(shown: Result<ExitStatus, Error>) -> ExitCode {
    match shown {
        Ok(status) => status.into(),
        Err(error) => {
            tell::note(format_args!("error: {}", tell::chain(&error)));
            ExitStatus::Usage.into()
        }
    }
}

fn replay(args: &Args, out: &mut impl Write, notes: &mut impl Write) -> Result<ExitStatus, Error> {
    let state = StateHandle::default();
    let metrics = Metrics::new(state.clone())?;
    let mut fold = Fold::new(state.clone(), vec![metrics.view()]);
    let read = read(&args.run, &args.runs_dir, &mut fold, &state)?;
    if args.metrics {
        print(out, &metrics.render())?;
    } else {
        state.read(|state| {
            let trends = args.outputs.files.trends_now(state, &read.path)?;
            let outputs = &args.outputs;
            outputs.write(state, &read.path, &trends, out, notes)
        })?;
    }
    read.end(notes)?;
    Ok(state.read(RunState::exit_status))
}

/// A log that was read, perhaps not to its end.
pub(crate) struct Read {
    /// Where it is.
    pub(crate) path: PathBuf,
    end: Result<Option<u64>, Error>,
}

/// Feed the log of `run` to `fold`, which folds into `state`.
///
/// # Errors
/// Where nothing of a run is known then.
pub(crate) fn read(
    run: &Path,
    runs_dir: &RunsDir,
    fold: &mut Fold,
    state: &StateHandle,
) -> Result<Read, Error> {
    let path = runs::find(run, &runs_dir.path()?)?;
    let end = feed(&path, fold);
    if let Err(error @ Error::Open { .. }) = end {
        return Err(error);
    }
    if state.read(|state| state.head.is_none()) {
        end?;
        return Err(Error::Empty { path });
    }
    Ok(Read { path, end })
}

impl Read {
    /// Say what is missing at the log's end.
    ///
    /// # Errors
    /// What it could not be read beyond.
    pub(crate) fn end(self, notes: &mut impl Write) -> Result<(), Error> {
        if let Some(line) = self.end? {
            let path = self.path.display();
            let note = format!(
                "note: line {line} of {path} was cut off, as when the orchestrator is killed; all before it is shown\n"
            );
            print(notes, &note)?;
        }
        Ok(())
    }
}

/// Feed the whole log to `fold`; the number of a last line that was cut off.
fn feed(path: &Path, fold: &mut Fold) -> Result<Option<u64>, Error> {
    let mut reader = Reader::open(path).map_err(|reason| Error::Open {
        path: path.to_owned(),
        reason,
    })?;
    for event in reader.by_ref() {
        fold.apply(&event.map_err(|source| Error::Read {
            path: path.to_owned(),
            source,
        })?);
    }
    Ok(reader.cut())
}
