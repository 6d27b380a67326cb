// SPDX-License-Identifier: BSD-2-Clause
//! Short programs that the lab runs to their end.

use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use super::error::{LabError, Tried};

/// Where a system's programs are, besides `PATH`: root's `PATH` under `su` and
/// in a container often lacks the `sbin` folders.
const SYSTEM_FOLDERS: [&str; 6] = [
    "/usr/local/sbin",
    "/usr/local/bin",
    "/usr/sbin",
    "/usr/bin",
    "/sbin",
    "/bin",
];

/// The program's own path, without symbolic links: inside a host some of the
/// folders that hold links are the host's own and empty.
pub(super) fn find(program: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path)
        .chain(SYSTEM_FOLDERS.iter().map(PathBuf::from))
        .map(|folder| folder.join(program))
        .find(|candidate| is_executable(candidate))
        .and_then(|candidate| candidate.canonicalize().ok())
}

/// Whether it is a file that root may execute.
pub(super) fn is_executable(path: &std::path::Path) -> bool {
    use std::os::unix::fs::PermissionsExt;
    path.metadata()
        .is_ok_and(|meta| meta.is_file() && meta.permissions().mode() & 0o111 != 0)
}

/// Run a program of the system and return what it printed.
///
/// # Errors
/// It cannot be started, or does not end with status 0.
pub(super) fn run(program: &str, arguments: &[&str]) -> Result<String, LabError> {
    let shown = || format!("{program} {}", arguments.join(" "));
    let path = find(program).unwrap_or_else(|| PathBuf::from(program));
    let output = Command::new(path)
        .args(arguments)
        .env("LC_ALL", "C")
        .stdin(Stdio::null())
        // Not in the terminal's foreground group: Ctrl-C must not cut a step
        // of cleaning up short.
        .process_group(0)
        .output()
        .tried(|| format!("run `{}`", shown()))?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
    }
    Err(LabError::Command {
        command: shown(),
        status: output.status,
        stderr: String::from_utf8_lossy(&output.stderr).trim().to_owned(),
    })
}
