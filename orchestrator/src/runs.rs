// SPDX-License-Identifier: BSD-2-Clause
//! Where runs are kept: a folder for each, called like the run, with its event
//! log and what was fetched from the VMs.

use std::path::{Path, PathBuf};

use etcetera::BaseStrategy;

use crate::event_log;

/// Why there is no place for runs.
#[derive(Debug, thiserror::Error)]
#[error("failed to find the folder of runs; name one with --runs-dir, or set HOME")]
pub struct NoRunsDir(#[source] etcetera::HomeDirError);

/// The folder of all runs of this user: `tcpstats/runs` below the state folder
/// of the XDG base directory specification.
///
/// # Errors
/// For a user without a home folder.
pub fn default_dir() -> Result<PathBuf, NoRunsDir> {
    let base = etcetera::choose_base_strategy().map_err(NoRunsDir)?;
    let state = base.state_dir().unwrap_or_else(|| base.data_dir());
    Ok(state.join("tcpstats").join("runs"))
}

/// The event log of `run`, which is a run's name, its folder or the log itself.
/// The file need not exist.
#[must_use]
pub fn log_path(run: &Path, runs_dir: &Path) -> PathBuf {
    if run.is_file() {
        run.to_owned()
    } else if run.is_dir() || run.components().count() != 1 {
        run.join(event_log::FILE_NAME)
    } else {
        runs_dir.join(run).join(event_log::FILE_NAME)
    }
}
