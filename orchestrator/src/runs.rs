// SPDX-License-Identifier: BSD-2-Clause
//! Where runs are kept: a folder for each, called like the run, with its event
//! log and what was fetched from the VMs.

use std::fs;
use std::io;
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

/// The folder that a person names, or their own.
#[derive(Debug, clap::Args)]
pub struct RunsDir {
    /// Folder of all runs [default: tcpstats/runs in the user's state folder]
    #[arg(long, value_name = "DIR")]
    runs_dir: Option<PathBuf>,
}

impl RunsDir {
    /// # Errors
    /// Where none is named and the user has no home.
    pub fn path(&self) -> Result<PathBuf, NoRunsDir> {
        match &self.runs_dir {
            Some(dir) => Ok(dir.clone()),
            None => default_dir(),
        }
    }
}

/// What stands for the name of the newest run.
pub const LATEST: &str = "latest";

/// The event log of `run`, which is a run's name, [`LATEST`], its folder or the
/// log itself. The file need not exist.
#[must_use]
pub fn log_path(run: &Path, runs_dir: &Path) -> PathBuf {
    if run.is_file() {
        run.to_owned()
    } else if run.is_dir() || run.components().count() != 1 {
        run.join(event_log::FILE_NAME)
    } else {
        let newest = (run == Path::new(LATEST)).then(|| newest_log(runs_dir));
        let named = || runs_dir.join(run).join(event_log::FILE_NAME);
        newest.flatten().unwrap_or_else(named)
    }
}

/// Of the newest run that has one: a run of a service that waits has none yet.
fn newest_log(runs_dir: &Path) -> Option<PathBuf> {
    let names = names(runs_dir).ok()?;
    let mut logs = names
        .iter()
        .map(|name| runs_dir.join(name).join(event_log::FILE_NAME));
    logs.find(|log| log.is_file())
}

/// The folder of runs in which `log` is, and the run's name there; `None` for a
/// log that is kept in another way.
#[must_use]
pub fn place(log: &Path) -> Option<(&Path, &str)> {
    let folder = log.parent()?;
    let name = folder.file_name()?.to_str().filter(|name| is_run(name))?;
    let is_log = log.file_name()? == event_log::FILE_NAME;
    Some((folder.parent()?, name)).filter(|_| is_log)
}

/// Names of the runs in `runs_dir`, the newest first; they begin with the time.
/// None where there is no such folder.
///
/// # Errors
/// What listing the folder gives.
pub fn names(runs_dir: &Path) -> io::Result<Vec<String>> {
    let entries = match fs::read_dir(runs_dir) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries?,
    };
    let mut names: Vec<String> = entries
        .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
        .filter(|name| is_run(name))
        .collect();
    names.sort_unstable_by(|a, b| b.cmp(a));
    Ok(names)
}

/// Whether `name` can be a run's: it must not lead out of the folder of runs.
#[must_use]
pub fn is_run(name: &str) -> bool {
    let plain = |c: u8| c.is_ascii_alphanumeric() || c == b'-' || c == b'_';
    !name.is_empty() && name.bytes().all(plain)
}
