// SPDX-License-Identifier: BSD-2-Clause
//! Running a command inside a host.

use std::ffi::OsString;
use std::io::ErrorKind;
use std::os::unix::process::ExitStatusExt;
use std::process::{Command, ExitStatus};

use rustix::process::{Pid, Signal, kill_process};

use super::error::{LabError, Tried};
use super::host::PATH;
use super::processes::{self, Init};
use super::signals::{self, Ending};
use super::{Lab, namespaces};
use crate::tell;

/// What a shell returns for a command that it cannot find, and for one that
/// it finds but cannot execute.
const NOT_FOUND: u8 = 127;
const NOT_EXECUTABLE: u8 = 126;

/// What is added to a signal's number where a signal ended the command.
const SIGNALLED: i32 = 128;

/// Run `command` in all namespaces of the host, as root in root's own folder,
/// with this process' standard streams. Returns what a shell would.
///
/// # Errors
/// There is no such host, or it cannot be entered.
pub(super) async fn exec(lab: &Lab, host: &str, command: &[OsString]) -> Result<u8, LabError> {
    let init = find(lab, host)?;
    let mut ended = signals::children()?;
    let mut ending = Ending::new()?;
    let spawned = namespaces::in_those_of(init.pidfd(), || prepare(command).spawn())
        .tried(|| format!("enter host {host}"))?;
    let mut child = match spawned {
        Ok(child) => child,
        Err(error) => {
            let status = match error.kind() {
                ErrorKind::NotFound => NOT_FOUND,
                _ => NOT_EXECUTABLE,
            };
            tell::note(format_args!(
                "error: {host}: {}: {error}",
                command[0].display()
            ));
            return Ok(status);
        }
    };
    loop {
        if let Some(status) = child
            .try_wait()
            .tried(|| "wait for the command".to_owned())?
        {
            return Ok(shell_status(status));
        }
        tokio::select! {
            () = ended.changed() => (),
            signal = ending.asked() => {
                // The terminal sends Ctrl-C to the command as well.
                if signal != Signal::INT {
                    kill_process(Pid::from_child(&child), signal)
                        .tried(|| "signal the command".to_owned())?;
                }
            }
        }
    }
}

fn find(lab: &Lab, host: &str) -> Result<Init, LabError> {
    let mut inits = processes::inits(lab)?;
    if let Some(index) = inits.iter().position(|init| init.host == host) {
        return Ok(inits.swap_remove(index));
    }
    let (what, advice) = if inits.is_empty() {
        (
            "no lab is up".to_owned(),
            format!("run `{}`", lab.command("up")),
        )
    } else {
        let names: Vec<_> = inits.iter().map(|init| init.host.as_str()).collect();
        (
            format!("there is no host {host}"),
            format!("there are {}", names.join(", ")),
        )
    };
    Err(LabError::Refused { what, advice })
}

/// The command with an environment like that of a login over SSH.
fn prepare(words: &[OsString]) -> Command {
    let mut command = Command::new(&words[0]);
    command
        .args(&words[1..])
        .current_dir("/root")
        .env_clear()
        .envs([
            ("HOME", "/root"),
            ("LOGNAME", "root"),
            ("PATH", PATH),
            ("USER", "root"),
        ])
        .envs(
            ["LANG", "TERM"]
                .iter()
                .filter_map(|name| Some((name, std::env::var_os(name)?))),
        );
    command
}

fn shell_status(status: ExitStatus) -> u8 {
    let code = status
        .code()
        .or_else(|| status.signal().map(|signal| SIGNALLED + signal));
    code.and_then(|code| u8::try_from(code).ok())
        .unwrap_or(u8::MAX)
}
