// SPDX-License-Identifier: BSD-2-Clause
//! Commands and file transfer on a VM. Commands are lists of arguments, always:
//! whatever the shell there could take for something else is quoted by the
//! openssh crate.

use std::fmt;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use openssh::{Child, ChildStderr, ChildStdin, ChildStdout, Session, Stdio};
use openssh_sftp_client::Error as SftpError;
use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::time::timeout;

use super::master::{Connection, GIVEN_UP};
use super::transfer::Transfer;

/// What is kept of each stream of a command that is waited for, bytes.
const OUTPUT_BYTES_MAX: u64 = 64 << 10;
/// How long ssh may take to end after it let go of a command's streams.
const SETTLE: Duration = Duration::from_secs(2);

/// A command that runs on a VM. Dropping it ends its streams, not the command.
#[derive(Debug)]
pub struct Process {
    /// Its standard input.
    pub stdin: ChildStdin,
    /// Its standard output.
    pub stdout: ChildStdout,
    /// Its standard error.
    pub stderr: ChildStderr,
    /// What waits for its end.
    pub handle: Handle,
}

/// A command's end, to be waited for.
#[derive(Debug)]
pub struct Handle {
    child: Child<Arc<Session>>,
    tried: String,
}

/// How a command on a VM ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// By itself, with this status.
    Status(i32),
    /// By a signal.
    Signal,
}

impl fmt::Display for Exit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Status(status) => write!(f, "exit status {status}"),
            Self::Signal => f.write_str("killed by a signal"),
        }
    }
}

/// A command that has ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Said {
    /// How.
    pub exit: Exit,
    /// What it printed, cut to a bounded length.
    pub stdout: String,
    /// What it complained about, cut to a bounded length.
    pub stderr: String,
}

/// Why something could not be done on a VM.
#[derive(Debug, thiserror::Error)]
pub enum RemoteError {
    /// The connection went away meanwhile.
    #[error("the connection was lost: {words}")]
    Lost {
        /// What was being done.
        tried: String,
        /// The last words of ssh.
        words: String,
    },
    /// A command ended otherwise than it should.
    #[error("{}", complaint(.exit, .stderr))]
    Failed {
        /// The command.
        tried: String,
        /// How it ended.
        exit: Exit,
        /// The last line that it complained with; may be empty.
        stderr: String,
    },
    /// A file transfer was refused.
    #[error("{}", refusal(.source))]
    Sftp {
        /// What was being done.
        tried: String,
        /// The server's reason.
        source: SftpError,
    },
    /// The ssh process did not do as it was told.
    #[error("{source}")]
    Mux {
        /// What was being done.
        tried: String,
        /// Why.
        source: openssh::Error,
    },
    /// A stream between ssh and here broke, or a file here.
    #[error("{source}")]
    Io {
        /// What was being done.
        tried: String,
        /// Why.
        source: io::Error,
    },
}

impl RemoteError {
    /// What was being done.
    #[must_use]
    pub fn tried(&self) -> &str {
        match self {
            Self::Lost { tried, .. }
            | Self::Failed { tried, .. }
            | Self::Sftp { tried, .. }
            | Self::Mux { tried, .. }
            | Self::Io { tried, .. } => tried,
        }
    }
}

fn complaint(exit: &Exit, stderr: &str) -> String {
    if stderr.is_empty() {
        format!("it ended with {exit}")
    } else {
        format!("{stderr} ({exit})")
    }
}

/// The server's own words, or what went wrong on the way to it.
fn refusal(error: &SftpError) -> String {
    match answer(error) {
        Some(words) => format!("the SFTP server refused it: {words}"),
        None => error.to_string(),
    }
}

/// What the server answered, if it did; a file's stream wraps that twice.
fn answer(error: &SftpError) -> Option<&str> {
    match error {
        SftpError::SftpError(_, message) => Some(message.get().0),
        SftpError::IOError(error) => answer(error.get_ref()?.downcast_ref()?),
        _ => None,
    }
}

/// The last line of `text` that is not blank.
#[must_use]
pub fn last_line(text: &str) -> &str {
    text.lines()
        .map(str::trim)
        .rfind(|line| !line.is_empty())
        .unwrap_or_default()
}

impl Connection {
    /// Start `argv`, a program and its arguments.
    ///
    /// # Errors
    /// When the connection is lost or refuses another session.
    pub async fn spawn(&self, argv: &[&str]) -> Result<Process, RemoteError> {
        let tried = argv.join(" ");
        let no = |what: &str| io::Error::other(format!("it has no {what}"));
        let [program, arguments @ ..] = argv else {
            let source = no("name");
            return Err(RemoteError::Io { tried, source });
        };
        let mut command = Arc::clone(&self.session).arc_command(*program);
        command
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let mut child = match command.spawn().await {
            Ok(child) => child,
            Err(source) => return Err(self.or_lost(tried, source).await),
        };
        let streams = (
            child.stdin().take(),
            child.stdout().take(),
            child.stderr().take(),
        );
        let (Some(stdin), Some(stdout), Some(stderr)) = streams else {
            let source = no("standard streams");
            return Err(RemoteError::Io { tried, source });
        };
        Ok(Process {
            stdin,
            stdout,
            stderr,
            handle: Handle { child, tried },
        })
    }

    /// How a command ends.
    ///
    /// # Errors
    /// When the connection is lost before.
    pub async fn wait(&self, handle: Handle) -> Result<Exit, RemoteError> {
        let Handle { child, tried } = handle;
        match child.wait().await {
            Ok(status) => Ok(status.code().map_or(Exit::Signal, Exit::Status)),
            // The mux protocol says the same for a signal and a lost connection.
            Err(openssh::Error::RemoteProcessTerminated) => match self.lost_soon().await {
                Some(words) => Err(RemoteError::Lost { tried, words }),
                None => Ok(Exit::Signal),
            },
            // The crate's own words for status 127.
            Err(openssh::Error::Remote(_)) => Ok(Exit::Status(127)),
            Err(source) => Err(self.or_lost(tried, source).await),
        }
    }

    /// Run `argv` without input to its end, whatever that is.
    ///
    /// # Errors
    /// When the connection is lost before.
    pub async fn run(&self, argv: &[&str]) -> Result<Said, RemoteError> {
        let Process {
            stdin,
            stdout,
            stderr,
            handle,
        } = self.spawn(argv).await?;
        drop(stdin);
        let (stdout, stderr) = tokio::join!(beginning(stdout), beginning(stderr));
        let exit = self.wait(handle).await?;
        Ok(Said {
            exit,
            stdout,
            stderr,
        })
    }

    /// Run `argv`, which must succeed: what it printed.
    ///
    /// # Errors
    /// When it fails, or the connection is lost.
    pub async fn succeed(&self, argv: &[&str]) -> Result<String, RemoteError> {
        let said = self.run(argv).await?;
        match said.exit {
            Exit::Status(0) => Ok(said.stdout),
            exit => Err(RemoteError::Failed {
                tried: argv.join(" "),
                exit,
                stderr: last_line(&said.stderr).to_owned(),
            }),
        }
    }

    /// Open a file transfer session.
    ///
    /// # Errors
    /// When the VM's sshd has none, or the connection is lost.
    pub(crate) async fn sftp(&self) -> Result<Transfer, RemoteError> {
        match Transfer::open(Arc::clone(&self.session)).await {
            Ok(transfer) => Ok(transfer),
            Err(source) => Err(self.sftp_error("open an SFTP session".into(), source).await),
        }
    }

    /// `source` as what it means for this connection.
    pub async fn sftp_error(&self, tried: String, source: SftpError) -> RemoteError {
        if answer(&source).is_some() {
            return RemoteError::Sftp { tried, source };
        }
        match self.lost_soon().await {
            Some(words) => RemoteError::Lost { tried, words },
            None => RemoteError::Sftp { tried, source },
        }
    }

    /// The last words of ssh, if the VM does not answer any more; this waits
    /// until it is known.
    pub(crate) async fn lost_if_silent(&self) -> Option<String> {
        match timeout(GIVEN_UP, self.run(&["true"])).await {
            Ok(Err(RemoteError::Lost { words, .. })) => Some(words),
            // One that answers, if only to ssh's own questions, is still there.
            _ => None,
        }
    }

    async fn or_lost(&self, tried: String, source: openssh::Error) -> RemoteError {
        match self.lost_soon().await {
            Some(words) => RemoteError::Lost { tried, words },
            None => RemoteError::Mux { tried, source },
        }
    }

    /// ssh lets go of its sessions before it ends itself, so a broken session
    /// is a lost connection if ssh ends soon.
    pub(crate) async fn lost_soon(&self) -> Option<String> {
        timeout(SETTLE, self.lost()).await.ok()
    }
}

/// What `stream` begins with. A broken stream is at its end: the wait for its
/// command finds out why.
pub async fn beginning(stream: impl AsyncRead + Unpin) -> String {
    let mut bytes = Vec::new();
    let _ = stream.take(OUTPUT_BYTES_MAX).read_to_end(&mut bytes).await;
    String::from_utf8_lossy(&bytes).into_owned()
}
