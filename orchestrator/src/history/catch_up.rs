// SPDX-License-Identifier: BSD-2-Clause
//! What was not recorded when it happened: runs that were killed, runs of
//! earlier versions, runs whose folder was removed.

use std::collections::HashMap;
use std::io;
use std::path::{Path, PathBuf};

use tokio::task::spawn_blocking;

use super::acks::{self, Acks};
use super::record::RunRecord;
use super::{Error, History, rows, write};
use crate::event_log;
use crate::runs;

impl History {
    /// Record the run of that name anew.
    ///
    /// # Errors
    /// When its log can't be opened, or the database not be written.
    pub async fn record(&self, run: &str) -> Result<(), Error> {
        let log = self.log(run);
        let read = {
            let log = log.clone();
            // Logs may be long.
            spawn_blocking(move || RunRecord::read(&log)).await
        };
        let read = read.unwrap_or_else(|panicked| Err(io::Error::other(panicked)));
        let record = read.map_err(|source| Error::File {
            action: "read",
            path: log,
            source,
        })?;
        write::run(&self.pool, run, &record).await
    }

    /// Record every run whose log is new or has grown, and forget those whose log
    /// is gone. Logs only grow: one that another of the same length took the place
    /// of, such as from a backup, is not noticed before [`History::rebuild`].
    ///
    /// # Errors
    /// When the logs can't be listed, or the database not be written.
    pub async fn catch_up(&self) -> Result<(), Error> {
        let mut known: HashMap<String, i64> = self.sources().await?.into_iter().collect();
        let names = runs::names(&self.runs_dir).map_err(|source| Error::File {
            action: "list",
            path: self.runs_dir.clone(),
            source,
        })?;
        // The oldest first: where this is cut off, what is missing is the end.
        for run in names.iter().rev() {
            let Some(bytes) = length(&self.log(run)) else {
                continue;
            };
            if known.remove(run) != Some(bytes) {
                self.record(run).await?;
            }
        }
        self.catch_up_acks(known.remove(acks::FILE_NAME)).await?;
        for gone in known.keys() {
            write::forget(&self.pool, gone).await?;
        }
        Ok(())
    }

    async fn catch_up_acks(&self, known: Option<i64>) -> Result<(), Error> {
        let path = acks::path(&self.runs_dir);
        let bytes = length(&path);
        if bytes == known {
            return Ok(());
        }
        match bytes {
            None => write::forget(&self.pool, acks::FILE_NAME).await,
            Some(_) => write::acks(&self.pool, &Acks::read(&path)?).await,
        }
    }

    /// The log of the run of that name.
    fn log(&self, run: &str) -> PathBuf {
        self.runs_dir.join(run).join(event_log::FILE_NAME)
    }
}

/// Of the file at `path`, bytes as the database has them; `None` where there is
/// none to read.
fn length(path: &Path) -> Option<i64> {
    let metadata = std::fs::metadata(path).ok()?;
    metadata.is_file().then(|| rows::signed(metadata.len()))
}
