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

/// Why no run is meant.
#[derive(Debug, thiserror::Error)]
pub enum NoRun {
    /// There is none at all.
    #[error("there is no run in {} yet", dir.display())]
    NotOne {
        /// The folder of runs.
        dir: PathBuf,
    },
    /// None is called so.
    #[error("{} has no run {name}; `orchestrator runs` lists what there is", dir.display())]
    Unknown {
        /// The folder of runs.
        dir: PathBuf,
        /// What was asked for.
        name: String,
    },
    /// Several are.
    #[error("{name} stands for {} runs: {}", names.len(), names.join(", "))]
    Ambiguous {
        /// What was asked for.
        name: String,
        /// Those it begins or ends.
        names: Vec<String>,
    },
    /// A path that leads to nothing.
    #[error("there is no {}; give the name of a run in --runs-dir, its folder or its log", path.display())]
    NoPath {
        /// The path.
        path: PathBuf,
    },
    /// The folder of runs can't be listed.
    #[error("failed to list {} ({reason}); name another folder with --runs-dir", dir.display())]
    List {
        /// The folder of runs.
        dir: PathBuf,
        /// Why.
        reason: io::Error,
    },
}

/// The event log of `run`, which is a run's name, the beginning or end of the
/// name of one run only, [`LATEST`], a run's folder or the log itself. In a
/// folder, the log need not exist.
///
/// # Errors
/// Where no run is meant, or more than one.
pub fn find(run: &Path, runs_dir: &Path) -> Result<PathBuf, NoRun> {
    if run.is_file() {
        return Ok(run.to_owned());
    }
    if run.is_dir() {
        return Ok(run.join(event_log::FILE_NAME));
    }
    match run.to_str().filter(|name| is_run(name)) {
        Some(name) => named(name, runs_dir),
        None => Err(NoRun::NoPath {
            path: run.to_owned(),
        }),
    }
}

fn named(name: &str, runs_dir: &Path) -> Result<PathBuf, NoRun> {
    let dir = || runs_dir.to_owned();
    let names = names(runs_dir).map_err(|reason| NoRun::List { dir: dir(), reason })?;
    let log = |name: &str| runs_dir.join(name).join(event_log::FILE_NAME);
    if name == LATEST {
        // A run of a service that waits has no log yet.
        let mut logs = names.iter().map(|name| log(name));
        let newest = logs.find(|log| log.is_file());
        return newest.ok_or_else(|| NoRun::NotOne { dir: dir() });
    }
    if names.iter().any(|known| known == name) {
        return Ok(log(name));
    }
    let meant = |known: &&String| known.starts_with(name) || known.ends_with(name);
    let meant: Vec<String> = names.iter().filter(meant).cloned().collect();
    match &meant[..] {
        [one] => Ok(log(one)),
        [] if names.is_empty() => Err(NoRun::NotOne { dir: dir() }),
        [] => Err(NoRun::Unknown {
            dir: dir(),
            name: name.to_owned(),
        }),
        _ => Err(NoRun::Ambiguous {
            name: name.to_owned(),
            names: meant,
        }),
    }
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
