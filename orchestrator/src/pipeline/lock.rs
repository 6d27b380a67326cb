// SPDX-License-Identifier: BSD-2-Clause
//! Stages `lock` and `unlock`: one orchestrator at a time drives a VM.
//!
//! The lock is held by a process there that waits for the end of its standard
//! input, which is our connection: however that ends, the lock is free. The
//! process is tee(1), which writes the holder's name where others find it.

use openssh::{ChildStdin, ChildStdout};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};

use super::connect::{Machine, System};
use super::terminate::terminate;
use super::{Failure, Pipeline};
use crate::ssh::remote::{Handle, Process, beginning, last_line};
use crate::ssh::{Connection, Exit, RemoteError};

/// What flock(1) is told to end with, and lockf(1) ends with, where another
/// process has the lock: EX_TEMPFAIL.
const HELD: i32 = 75;
/// What tee(1) may say, bytes; it repeats one line.
const ECHO_BYTES_MAX: u64 = 4096;

/// A lock that is held.
pub(super) struct Lock<'a> {
    connection: &'a Connection,
    stdin: ChildStdin,
    handle: Handle,
}

impl Lock<'_> {
    /// Let go of it.
    pub(super) async fn release(self) -> Result<(), Failure> {
        drop(self.stdin);
        let exit = self.connection.wait(self.handle).await?;
        match exit {
            Exit::Status(0) => Ok(()),
            exit => Err(RemoteError::Failed {
                tried: "release the lock".into(),
                exit,
                stderr: String::new(),
            }
            .into()),
        }
    }
}

/// Why a lock was not taken.
enum NotTaken {
    /// Somebody has it: the last that they wrote.
    Held(String),
    Failed(Failure),
}

impl From<RemoteError> for NotTaken {
    fn from(error: RemoteError) -> Self {
        Self::Failed(error.into())
    }
}

impl Pipeline {
    pub(super) async fn lock<'m>(&self, machine: &'m Machine) -> Result<Lock<'m>, Failure> {
        let connection = &machine.connection;
        connection
            .succeed(&["mkdir", "-p", "--", self.place.dir()])
            .await?;
        match self.take(machine).await {
            Ok(lock) => return Ok(lock),
            // Ours, by a connection that is lost here and that the VM's sshd
            // has not noticed yet.
            Err(NotTaken::Held(holder)) if holder == self.shared.holder => {
                terminate(connection, &self.place.lock_keeper()).await?;
            }
            Err(error) => return Err(self.explained(error)),
        }
        self.take(machine)
            .await
            .map_err(|error| self.explained(error))
    }

    async fn take<'m>(&self, machine: &'m Machine) -> Result<Lock<'m>, NotTaken> {
        let connection = &machine.connection;
        let (lock, holder) = (self.place.lock(), self.place.lock_holder());
        let argv: Vec<&str> = match machine.system {
            System::Linux => vec!["flock", "-n", "-E", "75", &lock, "tee", &holder],
            System::FreeBsd => vec!["lockf", "-k", "-s", "-t", "0", &lock, "tee", &holder],
        };
        let Process {
            mut stdin,
            stdout,
            stderr,
            handle,
        } = connection.spawn(&argv).await?;
        let line = format!("{}\n", self.shared.holder);
        if comes_back(&line, &mut stdin, stdout).await {
            return Ok(Lock {
                connection,
                stdin,
                handle,
            });
        }
        drop(stdin);
        let stderr = beginning(stderr).await;
        match connection.wait(handle).await? {
            Exit::Status(HELD) => {
                let said = connection.run(&["cat", "--", &holder]).await?;
                Err(NotTaken::Held(last_line(&said.stdout).to_owned()))
            }
            exit => Err(RemoteError::Failed {
                tried: argv.join(" "),
                exit,
                stderr: last_line(&stderr).to_owned(),
            }
            .into()),
        }
    }

    fn explained(&self, error: NotTaken) -> Failure {
        let holder = match error {
            NotTaken::Failed(failure) => return failure,
            NotTaken::Held(holder) if holder.is_empty() => "someone who left no name".into(),
            NotTaken::Held(holder) => holder,
        };
        Failure::infrastructure(
            format!("the VM is locked by {holder}"),
            format!("lock {}", self.place.lock()),
            "wait until that run is over; the lock ends with its connection",
        )
    }
}

/// Send `line` through tee(1): it comes back once the lock is held.
async fn comes_back(line: &str, stdin: &mut ChildStdin, stdout: ChildStdout) -> bool {
    let mut echo = String::new();
    let mut bounded = BufReader::new(stdout.take(ECHO_BYTES_MAX));
    stdin.write_all(line.as_bytes()).await.is_ok()
        && bounded.read_line(&mut echo).await.is_ok()
        && echo == line
}
