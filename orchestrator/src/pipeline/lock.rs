// SPDX-License-Identifier: BSD-2-Clause
//! Stages `lock` and `unlock`: one orchestrator at a time drives a VM.
//!
//! The lock is held by a process there that waits for the end of its standard
//! input, which is our connection: however that ends, the lock is free. The
//! process is tee(1), which writes the holder's name where others find it.
//!
//! A connection over a link that is down for minutes ends here only: the VM's
//! sshd is not told, and may wait for hours. So a holder is heard of again and
//! again, which shows in the time of the file with its name, and the lock of
//! one that is not heard of any more is taken over.

use std::time::Duration;

use openssh::{ChildStdin, ChildStdout};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader, copy, sink};
use tokio::task::JoinSet;
use tokio::time::sleep;

use super::connect::{Machine, System};
use super::terminate::terminate;
use super::{Failure, Pipeline};
use crate::event::Stage;
use crate::ssh::remote::{Handle, Process, beginning, last_line};
use crate::ssh::{Connection, Exit, RemoteError};

/// What flock(1) is told to end with, and lockf(1) ends with, where another
/// process has the lock: EX_TEMPFAIL.
const HELD: i32 = 75;
/// Pause before a lock is tried again.
const AGAIN: Duration = Duration::from_millis(100);
/// What tee(1) may say before the lock is ours, bytes; it repeats one line.
const ECHO_BYTES_MAX: u64 = 4096;
/// How often a holder is heard of.
const BEAT: Duration = Duration::from_secs(4);
/// Silence after which a holder is gone, in minutes as find(1) takes it. Its
/// own ssh gives the connection up long before.
const SILENCE_MIN: &str = "+1";

/// A lock that is held.
pub(super) struct Lock<'a> {
    connection: &'a Connection,
    /// The file with our name.
    holder: String,
    /// What has us heard of, and keeps the lock.
    beating: JoinSet<()>,
    handle: Handle,
}

impl Lock<'_> {
    /// Take our name away while it is still ours to take, then let go of it.
    pub(super) async fn release(mut self) -> Result<(), Failure> {
        let removed = self
            .connection
            .succeed(&["rm", "-f", "--", &self.holder])
            .await;
        self.beating.shutdown().await;
        let exit = self.connection.wait(self.handle).await?;
        match exit {
            Exit::Status(0) => Ok(removed.map(drop)?),
            exit => Err(RemoteError::Failed {
                tried: "release the lock".into(),
                exit,
                stderr: String::new(),
            }
            .into()),
        }
    }
}

impl Pipeline {
    pub(super) async fn lock<'m>(&self, machine: &'m Machine) -> Result<Lock<'m>, Failure> {
        let connection = &machine.connection;
        connection
            .succeed(&["mkdir", "-p", "--", self.place.dir()])
            .await?;
        loop {
            match self.try_lock(machine).await? {
                Ok(lock) => return Ok(lock),
                // By a connection that is lost here, which the VM's sshd has
                // not noticed yet.
                Err(holder) if holder == self.shared.holder => {
                    terminate(connection, &self.place.lock_keeper()).await?;
                }
                // The connection of this run's orchestrator that was killed
                // ends soon; the stage's limit bounds the waiting.
                Err(holder) if self.resumed.is_some() && self.is_own(&holder) => {
                    sleep(AGAIN).await;
                }
                Err(holder) if self.is_silent(connection).await? => {
                    let line = format!("{holder} is not heard of any more: its lock is taken over");
                    self.output(Stage::Lock, line).await;
                    terminate(connection, &self.place.lock_keeper()).await?;
                }
                Err(holder) => return Err(self.held(&holder)),
            }
        }
    }

    /// Whether `holder` is this run, whose log nobody else writes now.
    fn is_own(&self, holder: &str) -> bool {
        holder.contains(&format!(" with run {} ", self.shared.run))
    }

    /// Whether the lock's holder is not heard of any more, or was lost when it had
    /// taken its name away. It is looked twice, as the clock there may have been
    /// set since it was heard of, and the name is not there at once.
    async fn is_silent(&self, connection: &Connection) -> Result<bool, Failure> {
        let holder = self.place.lock_holder();
        let heard_of = ["find", &holder, "!", "-mmin", SILENCE_MIN];
        for pause in [Duration::ZERO, BEAT * 2] {
            sleep(pause).await;
            if !connection.run(&heard_of).await?.stdout.is_empty() {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// The lock, or who has it.
    async fn try_lock<'m>(
        &self,
        machine: &'m Machine,
    ) -> Result<Result<Lock<'m>, String>, Failure> {
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
        if let Some(echo) = comes_back(&line, &mut stdin, stdout).await {
            let mut beating = JoinSet::new();
            beating.spawn(beat(stdin, echo));
            return Ok(Ok(Lock {
                connection,
                holder,
                beating,
                handle,
            }));
        }
        drop(stdin);
        let stderr = beginning(stderr).await;
        match connection.wait(handle).await? {
            Exit::Status(HELD) => Ok(Err(self.holder(connection).await)),
            exit => Err(RemoteError::Failed {
                tried: argv.join(" "),
                exit,
                stderr: last_line(&stderr).to_owned(),
            }
            .into()),
        }
    }

    async fn holder(&self, connection: &Connection) -> String {
        let holder = connection
            .run(&["cat", "--", &self.place.lock_holder()])
            .await;
        match &holder {
            Ok(said) if !said.stdout.trim().is_empty() => last_line(&said.stdout).to_owned(),
            _ => "someone who left no name".to_owned(),
        }
    }

    fn held(&self, holder: &str) -> Failure {
        Failure::infrastructure(
            format!("the VM is locked by {holder}"),
            format!("lock {}", self.place.lock()),
            "wait until that run is over; the lock ends with its connection, or a minute later",
        )
    }
}

/// Send `line` through tee(1): it comes back once the lock is held, from a
/// stream that is to be read on.
async fn comes_back(
    line: &str,
    stdin: &mut ChildStdin,
    stdout: ChildStdout,
) -> Option<ChildStdout> {
    let mut echo = String::new();
    let mut bounded = BufReader::new(stdout.take(ECHO_BYTES_MAX));
    let is_held = stdin.write_all(line.as_bytes()).await.is_ok()
        && bounded.read_line(&mut echo).await.is_ok()
        && echo == line;
    is_held.then(|| bounded.into_inner().into_inner())
}

/// Have the lock's holder heard of for as long as this runs.
async fn beat(mut stdin: ChildStdin, mut echo: ChildStdout) {
    let beats = async {
        // A connection that is lost shows elsewhere.
        while stdin.write_all(b"\n").await.is_ok() {
            sleep(BEAT).await;
        }
    };
    // tee(1) ends where nobody reads what it repeats.
    let mut nowhere = sink();
    let _ = tokio::join!(beats, copy(&mut echo, &mut nowhere));
}
