// SPDX-License-Identifier: BSD-2-Clause
//! Worker threads: each drives a share of the connections on a runtime of its own.
//!
//! On Linux each also has a descriptor table of its own, and RLIMIT_NOFILE bounds a table, not the
//! process: that is how one process holds more connections than its limit.
//!
//! Invariants, since a descriptor's number means something in its own table only:
//! - What a worker opens it uses and closes itself. What it needs from the main thread's table it
//!   has as a copy, under the same number, made when it started.
//! - A worker's runtime is woken from its own thread alone, for waking writes to a descriptor of the
//!   runtime. So workers share no channel, token or lock to wait for; what the main thread wants
//!   of them comes through a [`Request`]. The other way, a worker may send to the main thread,
//!   whose runtime is older than all workers.

use std::io::{self, PipeReader, PipeWriter, Write as _};
use std::sync::Arc;
use std::thread;

use tokio::net::unix::pipe::Receiver;
use tokio::runtime::Runtime;
use tokio_util::sync::CancellationToken;

use crate::error::Error;

/// Workers that a process has at most.
pub(crate) const MAX_WORKERS: u32 = 256;

/// Whether each worker has a table of descriptors of its own.
pub(crate) const OWN_TABLES: bool = cfg!(target_os = "linux");

/// Workers that can run at the same time.
pub(crate) fn processors() -> u32 {
    thread::available_parallelism()
        .ok()
        .and_then(|processors| u32::try_from(processors.get()).ok())
        .unwrap_or(1)
}

/// A request of the main thread to all workers: to stop. A pipe that nobody reads, so that one byte
/// in it is seen by all, also by those that start later.
#[derive(Debug)]
pub(crate) struct Request {
    reader: PipeReader,
    writer: PipeWriter,
}

impl Request {
    /// # Errors
    /// [`Error::Worker`] if the system gives no pipe.
    pub(crate) fn new() -> Result<Arc<Self>, Error> {
        let (reader, writer) = io::pipe().map_err(Error::Worker)?;
        Ok(Arc::new(Self { reader, writer }))
    }

    /// # Errors
    /// [`Error::Worker`] if the pipe can't be written to.
    pub(crate) fn make(&self) -> Result<(), Error> {
        (&self.writer).write_all(&[1]).map_err(Error::Worker)
    }

    /// A token of the calling worker that is cancelled when the request is made.
    fn token(&self) -> io::Result<CancellationToken> {
        let pipe = Receiver::from_owned_fd(self.reader.try_clone()?.into())?;
        let token = CancellationToken::new();
        let cancelled = token.clone();
        tokio::spawn(async move {
            // A pipe that can't be waited for would leave the worker running for ever.
            let _ = pipe.readable().await;
            cancelled.cancel();
        });
        Ok(token)
    }
}

/// A started worker.
#[derive(Debug)]
pub(crate) struct Worker {
    thread: thread::JoinHandle<()>,
}

impl Worker {
    /// Starts a thread that runs the future made by `work`, made in the thread so that what it opens
    /// is in its table, and with a token that `stop` cancels. Returns when the thread has its table
    /// and its runtime.
    ///
    /// # Errors
    /// [`Error::Worker`] if the system refuses the thread, its table, or its runtime.
    pub(crate) fn start<W>(
        stop: Arc<Request>,
        work: impl FnOnce(CancellationToken) -> W + Send + 'static,
    ) -> Result<Self, Error>
    where
        W: Future<Output = ()>,
    {
        let (ready, starting) = std::sync::mpsc::sync_channel(1);
        let thread = thread::Builder::new()
            .name("worker".to_owned())
            .spawn(move || {
                // The receiver waits for exactly this.
                match prepare(&stop) {
                    Ok((runtime, token)) => {
                        let _ = ready.send(Ok(()));
                        runtime.block_on(work(token));
                    }
                    Err(error) => {
                        let _ = ready.send(Err(error));
                    }
                }
            })
            .map_err(Error::Worker)?;
        starting
            .recv()
            .map_err(|_| Error::WorkerPanicked)?
            .map_err(Error::Worker)?;
        Ok(Self { thread })
    }

    /// Waits for the worker's end, with all of its connections closed.
    ///
    /// # Errors
    /// [`Error::WorkerPanicked`].
    pub(crate) fn join(self) -> Result<(), Error> {
        self.thread.join().map_err(|_| Error::WorkerPanicked)
    }
}

fn prepare(stop: &Request) -> io::Result<(Runtime, CancellationToken)> {
    own_table()?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let entered = runtime.enter();
    let token = stop.token()?;
    drop(entered);
    Ok((runtime, token))
}

#[cfg(target_os = "linux")]
fn own_table() -> io::Result<()> {
    use nix::sched::{CloneFlags, unshare};

    Ok(unshare(CloneFlags::CLONE_FILES)?)
}

#[cfg(not(target_os = "linux"))]
fn own_table() -> io::Result<()> {
    Ok(())
}
