// SPDX-License-Identifier: BSD-2-Clause
//! The history of runs: a database beside them that answers questions over many
//! of them quickly.
//!
//! - [`record`], [`fingerprint`], [`series`]: what a log says, as plain data.
//! - `store`: the database file and its schema; `trouble`: what is wrong with it.
//! - `write`, `query`: rows from records, answers from rows.
//! - `catch_up`: records what is new, forgets what is gone.
//! - [`cli`]: the commands that show it.
//! - [`acks`]: what people said of changes, in a file of its own.
//!
//! Invariant: every row is a function of the event logs and of `acks.ndjson`.
//! Removing the database loses nothing; no run waits for it, and no trouble with
//! it changes a run's outcome.

pub mod acks;
mod catch_up;
pub mod cli;
pub mod fingerprint;
mod id;
mod query;
pub mod record;
mod rows;
pub mod series;
mod store;
mod trouble;
mod write;

use std::path::{Path, PathBuf};

pub use acks::Ack;
pub use fingerprint::Fingerprint;
pub use query::{RunFilter, RunLine, VmLine, Wanted};
pub use record::RunRecord;
pub use series::{Point, SeriesKey};
pub use store::Error;
pub use trouble::Reason;

use crate::runs;
use crate::tell;

/// The database's name in the folder of runs.
pub const FILE_NAME: &str = "history.sqlite";

/// The history of the runs in one folder. It is opened for a question, not for
/// a lifetime: what another process does with the file meanwhile is then seen.
#[derive(Debug)]
pub struct History {
    runs_dir: PathBuf,
    pool: store::Pool,
}

impl History {
    /// The database of the runs in `runs_dir`, which is made where there is
    /// none. It knows what was recorded in it; see [`History::catch_up`].
    ///
    /// # Errors
    /// When it can't be opened, or is of a later version.
    pub async fn open(runs_dir: &Path) -> Result<Self, Error> {
        Ok(Self {
            runs_dir: runs_dir.to_owned(),
            pool: store::open(&runs_dir.join(FILE_NAME)).await?,
        })
    }

    /// All that the logs in `runs_dir` say at this moment: from the database,
    /// or, where that can't be used, from the logs themselves, which takes longer
    /// and is said on standard error.
    ///
    /// # Errors
    /// When the logs can't be listed either.
    pub async fn look(runs_dir: &Path) -> Result<Self, Error> {
        if runs_dir.is_dir() {
            match Self::up_to_date(runs_dir).await {
                Ok(history) => return Ok(history),
                Err(error) => tell::note(format_args!(
                    "note: {}; the logs are read instead",
                    error.gone_on_without()
                )),
            }
        }
        let history = Self {
            runs_dir: runs_dir.to_owned(),
            pool: store::in_memory().await?,
        };
        history.catch_up().await?;
        Ok(history)
    }

    async fn up_to_date(runs_dir: &Path) -> Result<Self, Error> {
        let history = Self::open(runs_dir).await?;
        history.catch_up().await?;
        Ok(history)
    }

    /// Make the database of the runs in `runs_dir` anew from their logs.
    ///
    /// # Errors
    /// When a file can't be read, or the database not be written.
    pub async fn rebuild(runs_dir: &Path) -> Result<Self, Error> {
        let file = runs_dir.join(FILE_NAME);
        let history = match Self::open(runs_dir).await {
            Ok(history) if store::is_sound(&history.pool).await => {
                write::doubt(&history.pool).await?;
                history
            }
            unusable => {
                if let Ok(history) = unusable {
                    history.close().await;
                }
                store::remove(&file)?;
                Self::open(runs_dir).await?
            }
        };
        history.catch_up().await?;
        Ok(history)
    }

    /// Write what is pending and let go of the file.
    pub async fn close(self) {
        self.pool.close().await;
    }
}

/// Record the run that ended and whose log is at `log`. What goes wrong is told,
/// with what to do; it is no part of the run.
pub(crate) async fn record_ended(log: &Path) {
    // A log that is in no folder of runs has no history.
    let Some((runs_dir, run)) = runs::place(log) else {
        return;
    };
    let recording = tokio::spawn(record_one(runs_dir.to_owned(), run.to_owned()));
    if let Ok(Err(error)) = recording.await {
        tell::note(format_args!(
            "note: the run is not in the history yet: {}",
            error.gone_on_without()
        ));
    }
}

async fn record_one(runs_dir: PathBuf, run: String) -> Result<(), Error> {
    let history = History::open(&runs_dir).await?;
    let recorded = history.record(&run).await;
    history.close().await;
    recorded
}
