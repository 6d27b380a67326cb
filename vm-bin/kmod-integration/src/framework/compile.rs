// SPDX-License-Identifier: BSD-2-Clause
//! C sources, built and run by their own Makefiles, which the make of either
//! system reads, away from the sources.

use std::collections::VecDeque;
use std::ffi::OsString;
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus};
use std::time::Duration;

use super::cancel::Cancel;
use super::process::{Line, Process, ProcessError};
use super::restore::{Guard, Restorer};

/// How long make, the compiler or a test may be silent.
pub(crate) const SILENCE_LIMIT: Duration = Duration::from_secs(300);
/// Lines on the standard error that a failure quotes, the last ones.
const QUOTED: usize = 30;

/// The sources cannot be built here.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CompileError {
    /// There is no such source tree.
    #[error("no Makefile in {}: name the module's folder with --kmod-src", .0.display())]
    Sources(PathBuf),
    /// There is no place for what is built.
    #[error("failed to make a temporary folder: {0}")]
    Folder(#[source] io::Error),
    /// The compiler cannot be started.
    #[error("{0}; `kmod-integration pkg_setup` installs one, --cc names another")]
    Compiler(#[source] ProcessError),
    /// A tool that tests are made or run with is not there.
    #[error("{0}; `kmod-integration pkg_setup` installs it")]
    Tool(#[source] ProcessError),
}

/// A folder for what is built, that goes with this value.
pub(crate) struct Objects {
    pub(crate) path: PathBuf,
    _guard: Guard,
}

impl Objects {
    /// # Errors
    /// [`CompileError::Folder`].
    pub(crate) fn new(restorer: &Restorer) -> Result<Self, CompileError> {
        let path = tempfile::tempdir().map_err(CompileError::Folder)?.keep();
        let folder = path.clone();
        let guard = restorer.guard(move || {
            std::fs::remove_dir_all(&folder)
                .map_err(|error| format!("failed to remove {}: {error}", folder.display()))
        });
        Ok(Self {
            path,
            _guard: guard,
        })
    }
}

/// Is `tool` there? It is asked for its version.
///
/// # Errors
/// [`CompileError::Tool`].
pub(crate) fn demand(tool: &str, cancel: &Cancel, restorer: &Restorer) -> Result<(), CompileError> {
    ask_version(tool, cancel, restorer).map_err(CompileError::Tool)
}

/// Is the compiler there? One that is not is a lack of the machine, a source
/// that does not compile is a failure: ask for the one before the other is seen.
///
/// # Errors
/// [`CompileError::Compiler`].
pub(crate) fn demand_compiler(
    cc: &str,
    cancel: &Cancel,
    restorer: &Restorer,
) -> Result<(), CompileError> {
    ask_version(cc, cancel, restorer).map_err(CompileError::Compiler)
}

fn ask_version(program: &str, cancel: &Cancel, restorer: &Restorer) -> Result<(), ProcessError> {
    Process::spawn(Command::new(program).arg("--version"), cancel, restorer).map(drop)
}

/// A run of make.
pub(crate) struct Make {
    process: Process,
    /// What was said on the standard error last.
    complaints: VecDeque<String>,
}

/// What make is to do.
pub(crate) struct Job {
    pub(crate) folder: PathBuf,
    /// Goals and variables.
    pub(crate) arguments: Vec<OsString>,
    pub(crate) environment: Vec<(&'static str, OsString)>,
}

impl Job {
    /// `goal` of the Makefile in `folder`, with this compiler.
    pub(crate) fn new(folder: PathBuf, goal: &str, cc: &str, objects: &Path) -> Self {
        let mut directory = OsString::from("OBJDIR=");
        directory.push(objects);
        Self {
            folder,
            arguments: vec![goal.into(), format!("CC={cc}").into(), directory],
            environment: Vec::new(),
        }
    }
}

impl Make {
    /// # Errors
    /// [`CompileError::Sources`] and [`CompileError::Tool`].
    pub(crate) fn start(
        job: Job,
        cancel: &Cancel,
        restorer: &Restorer,
    ) -> Result<Self, CompileError> {
        if !job.folder.join("Makefile").is_file() {
            return Err(CompileError::Sources(job.folder));
        }
        let mut command = Command::new("make");
        command
            .arg("-C")
            .arg(&job.folder)
            .args(job.arguments)
            .envs(job.environment);
        Ok(Self {
            process: Process::spawn(&mut command, cancel, restorer).map_err(CompileError::Tool)?,
            complaints: VecDeque::new(),
        })
    }

    /// The next line, `None` once make has ended.
    ///
    /// # Errors
    /// [`ProcessError`] where it says nothing for too long, or is to stop.
    pub(crate) fn next_line(&mut self) -> Result<Option<Line>, ProcessError> {
        let line = self.process.next_line("print a line", SILENCE_LIMIT)?;
        if let Some(Line::Err(line)) = &line {
            if self.complaints.len() == QUOTED {
                self.complaints.pop_front();
            }
            self.complaints.push_back(line.clone());
        }
        Ok(line)
    }

    /// # Errors
    /// [`ProcessError`] where it has closed its outputs and goes on.
    pub(crate) fn wait(&mut self) -> Result<ExitStatus, ProcessError> {
        self.process.wait(SILENCE_LIMIT)
    }

    pub(crate) fn into_complaints(self) -> VecDeque<String> {
        self.complaints
    }
}
