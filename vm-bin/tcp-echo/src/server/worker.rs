// SPDX-License-Identifier: BSD-2-Clause
//! One worker of the server: accepts on every port while its table has room, and echoes.

use std::io;
use std::net::{SocketAddr, TcpListener as Listener};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use nix::errno::Errno;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::Shared;
use super::echo::echo;
use crate::error::Error;

/// Pauses of an accept loop when descriptors or memory run out: doubled from the first to the last.
const FIRST_PAUSE: Duration = Duration::from_millis(10);
const LAST_PAUSE: Duration = Duration::from_secs(1);

/// What a worker has to tell.
#[derive(Debug)]
pub(super) enum News {
    /// No worker has room for connections to this port (its place in the list of ports) any more.
    Full(usize),
    /// It can't go on.
    Failed(Error),
}

/// A port that all workers accept on.
#[derive(Debug)]
pub(super) struct Port {
    /// In the main thread's table; a worker uses its own table's copy of it.
    pub(super) listener: Listener,
    pub(super) address: SocketAddr,
    /// Workers with room for a connection, as far as is known.
    pub(super) accepting: AtomicU32,
}

/// One worker; cloned for its accept loops.
#[derive(Debug, Clone)]
pub(super) struct Acceptor {
    shared: Arc<Shared>,
    news: mpsc::UnboundedSender<News>,
    /// This worker's.
    stop: CancellationToken,
    /// One task a connection of this worker.
    connections: TaskTracker,
}

impl Acceptor {
    pub(super) fn new(
        shared: Arc<Shared>,
        news: mpsc::UnboundedSender<News>,
        stop: CancellationToken,
    ) -> Self {
        Self {
            shared,
            news,
            stop,
            connections: TaskTracker::new(),
        }
    }

    /// Accepts and echoes until the server is asked to stop, then ends the connections.
    pub(super) async fn run(self) {
        let accepting = TaskTracker::new();
        for port in 0..self.shared.ports.len() {
            let acceptor = self.clone();
            accepting.spawn(async move {
                if let Err(error) = acceptor.accept(port).await {
                    // The receiver lives as long as the server, and a server that ends needs no news.
                    let _ = acceptor.news.send(News::Failed(error));
                }
            });
        }
        accepting.close();
        accepting.wait().await;
        self.connections.close();
        self.connections.wait().await;
    }

    async fn accept(&self, number: usize) -> Result<(), Error> {
        let port = &self.shared.ports[number];
        let failed = |error| Error::Accept {
            address: port.address,
            error,
        };
        let listener = own(&port.listener).map_err(failed)?;
        let mut pause = FIRST_PAUSE;
        let mut full = false;
        let stop = &self.stop;
        while let Some(accepted) = stop.run_until_cancelled(listener.accept()).await {
            match accepted {
                Ok((stream, _)) => {
                    pause = FIRST_PAUSE;
                    if full {
                        full = false;
                        port.accepting.fetch_add(1, Ordering::Relaxed);
                    }
                    self.shared
                        .counters
                        .accepted
                        .fetch_add(1, Ordering::Relaxed);
                    let (shared, stop) = (Arc::clone(&self.shared), self.stop.clone());
                    self.connections.spawn(serve(shared, stop, stream));
                }
                Err(error) if is_peers_doing(&error) => {}
                Err(error) if is_shortage(&error) => {
                    if is_full_table(&error) {
                        self.table_is_full(number, full);
                        full = true;
                    } else {
                        self.shared.note_shortage(port.address, &error);
                    }
                    stop.run_until_cancelled(sleep(pause)).await;
                    pause = LAST_PAUSE.min(pause * 2);
                }
                Err(error) => return Err(failed(error)),
            }
        }
        Ok(())
    }

    /// Asks for one more worker when this was the last one with room. Where none can be added, every
    /// further attempt is a pause for lack of descriptors.
    fn table_is_full(&self, number: usize, already_known: bool) {
        let port = &self.shared.ports[number];
        if !already_known && port.accepting.fetch_sub(1, Ordering::Relaxed) == 1 {
            let _ = self.news.send(News::Full(number));
        } else if already_known && self.shared.is_exhausted() {
            self.shared
                .note_shortage(port.address, &Errno::EMFILE.into());
        }
    }
}

/// The listener in this thread's table.
fn own(listener: &Listener) -> io::Result<TcpListener> {
    TcpListener::from_std(listener.try_clone()?)
}

/// Echoes one connection and counts how it ended.
async fn serve(shared: Arc<Shared>, stop: CancellationToken, stream: TcpStream) {
    let counters = &shared.counters;
    let ended = tokio::select! {
        ended = echo(&stream, &counters.echoed_bytes) => ended,
        () = stop.cancelled() => {
            // A server that ends leaves no TIME_WAIT behind; if the option can't be set it does,
            // which harms nobody.
            let _ = stream.set_zero_linger();
            counters.cut.fetch_add(1, Ordering::Relaxed);
            return;
        }
    };
    let counter = match ended {
        Ok(()) => &counters.closed,
        Err(error) if is_reset(&error) => &counters.reset,
        Err(_) => &counters.failed,
    };
    counter.fetch_add(1, Ordering::Relaxed);
}

/// The connection was gone before it could be accepted.
fn is_peers_doing(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::ConnectionAborted
}

/// Descriptors or memory, of the process or of the system, are used up.
fn is_shortage(error: &io::Error) -> bool {
    matches!(
        error.raw_os_error().map(Errno::from_raw),
        Some(Errno::EMFILE | Errno::ENFILE | Errno::ENOBUFS | Errno::ENOMEM)
    )
}

/// This thread's table has no free descriptor.
fn is_full_table(error: &io::Error) -> bool {
    error.raw_os_error().map(Errno::from_raw) == Some(Errno::EMFILE)
}

fn is_reset(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::ConnectionReset | io::ErrorKind::BrokenPipe
    )
}
