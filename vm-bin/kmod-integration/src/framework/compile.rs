// SPDX-License-Identifier: BSD-2-Clause
//! The C tests of the module's sources, built and run by their own Makefile.

use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::cancel::Cancel;
use super::process::{Process, ProcessError};
use super::restore::{Guard, Restorer};

/// GNU make, under the name that it has here.
const MAKE: &str = if cfg!(target_os = "freebsd") {
    "gmake"
} else {
    "make"
};

/// The C tests cannot be built here.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CompileError {
    /// There is no such source tree.
    #[error("no C tests at {}: name the module's folder with --kmod-src", .0.display())]
    Sources(PathBuf),
    /// There is no place for what is built.
    #[error("failed to make a temporary folder: {0}")]
    Folder(#[source] io::Error),
    /// The program cannot be started.
    #[error("{0}; install it, or name the compiler with --cc")]
    Program(#[source] ProcessError),
    /// A tool that tests are run with is not there.
    #[error("{0}; `kmod-integration pkg_setup` installs it")]
    Tool(#[source] ProcessError),
}

/// A running `make`; its outputs go with this value.
pub(crate) struct Make {
    pub(crate) process: Process,
    _folder: Guard,
}

/// Is `tool` there? It is asked for its version.
///
/// # Errors
/// [`CompileError::Tool`].
pub(crate) fn demand(tool: &str, cancel: &Cancel, restorer: &Restorer) -> Result<(), CompileError> {
    Process::spawn(Command::new(tool).arg("--version"), cancel, restorer)
        .map(drop)
        .map_err(CompileError::Tool)
}

/// Start `target` of the C tests' Makefile with this compiler, away from the
/// sources.
///
/// # Errors
/// [`CompileError`].
pub(crate) fn make(
    kmod_src: &Path,
    target: &str,
    cc: &str,
    cancel: &Cancel,
    restorer: &Restorer,
) -> Result<Make, CompileError> {
    let tests = kmod_src.join("test");
    if !tests.join("Makefile").is_file() {
        return Err(CompileError::Sources(tests));
    }
    let start = |command: &mut Command| {
        Process::spawn(command, cancel, restorer).map_err(CompileError::Program)
    };
    // A compiler that is not there is a lack of the machine, a source that does
    // not compile is a failure: ask the one before the other is seen.
    drop(start(Command::new(cc).arg("--version"))?);

    let folder = tempfile::tempdir().map_err(CompileError::Folder)?.keep();
    let objects = folder.clone();
    let guard = restorer.guard(move || {
        std::fs::remove_dir_all(&folder)
            .map_err(|error| format!("failed to remove {}: {error}", folder.display()))
    });
    let process = start(
        Command::new(MAKE)
            .arg("-C")
            .arg(&tests)
            .arg(target)
            .arg(format!("CC={cc}"))
            .arg(format!("OBJDIR={}", objects.display())),
    )?;
    Ok(Make {
        process,
        _folder: guard,
    })
}
