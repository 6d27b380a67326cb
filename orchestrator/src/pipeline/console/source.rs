// SPDX-License-Identifier: BSD-2-Clause
//! Where a console's bytes come from.

use std::io::{self, SeekFrom};
use std::process::Stdio;
use std::time::Duration;

use tokio::fs::File;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncSeekExt};
use tokio::net::UnixStream;
use tokio::process::{Child, ChildStdin, Command};
use tokio::time::sleep;

use crate::inventory::Console;

/// Bytes that are read at once.
const CHUNK: usize = 16 << 10;
/// How often a file is looked at for more.
const POLL: Duration = Duration::from_millis(100);

/// An open console.
pub(super) enum Source {
    /// A file that something else writes to.
    File(File),
    /// A stream that ends.
    Stream {
        stream: Box<dyn AsyncRead + Send + Unpin>,
        /// What the stream comes from, where that is a program, and what keeps
        /// it from reading the end of its input.
        _program: Option<(Child, Option<ChildStdin>)>,
    },
}

impl Source {
    /// Open `console`; of a file only what comes from now on, where `at_end`.
    pub(super) async fn open(console: &Console, at_end: bool) -> io::Result<Self> {
        match console {
            Console::File(path) => {
                let mut file = File::open(path).await?;
                if at_end {
                    file.seek(SeekFrom::End(0)).await?;
                }
                Ok(Self::File(file))
            }
            Console::Socket(path) => Ok(Self::Stream {
                stream: Box::new(UnixStream::connect(path).await?),
                _program: None,
            }),
            Console::Command(argv) => {
                let (program, arguments) = argv
                    .split_first()
                    .ok_or_else(|| io::Error::other("the command is empty"))?;
                let mut child = Command::new(program)
                    .args(arguments)
                    .stdin(Stdio::piped())
                    .stdout(Stdio::piped())
                    .stderr(Stdio::null())
                    .process_group(0)
                    .kill_on_drop(true)
                    .spawn()?;
                let stdin = child.stdin.take();
                let stdout = child.stdout.take();
                Ok(Self::Stream {
                    stream: Box::new(stdout.ok_or_else(|| io::Error::other("it has no output"))?),
                    _program: Some((child, stdin)),
                })
            }
        }
    }

    /// What comes next; nothing at the end of a stream. A file has no end.
    pub(super) async fn next(&mut self) -> io::Result<Vec<u8>> {
        let mut chunk = vec![0; CHUNK];
        let length = match self {
            Self::Stream { stream, .. } => stream.read(&mut chunk).await?,
            Self::File(file) => loop {
                let length = file.read(&mut chunk).await?;
                if length > 0 {
                    break length;
                }
                sleep(POLL).await;
                // Begun anew, as by a VM that was started again.
                if file.metadata().await?.len() < file.stream_position().await? {
                    file.rewind().await?;
                }
            },
        };
        chunk.truncate(length);
        Ok(chunk)
    }
}
