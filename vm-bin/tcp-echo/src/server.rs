// SPDX-License-Identifier: BSD-2-Clause
//! The server: gives every byte back, on as many ports as wanted, until a signal asks to end.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use nix::errno::Errno;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::cli::ServerOptions;
use crate::error::Error;
use crate::limits;
use crate::output::{self, Output};
use crate::report::{Phase, ServerReady, ServerReport};
use crate::shutdown;
use crate::socket;

/// Bytes echoed at once, on the worker thread's stack: a waiting connection holds no buffer.
const ECHO_BYTES: usize = 4096;

/// Pauses of the accept loop when descriptors or memory run out: doubled from the first to the last.
const FIRST_PAUSE: Duration = Duration::from_millis(10);
const LAST_PAUSE: Duration = Duration::from_secs(1);

/// Listens, echoes, and reports in the end.
///
/// # Errors
/// Those of [`socket::listen`], [`Error::Accept`], and [`Error::ServerFailures`] in the end if
/// connections ended otherwise than by their peer.
pub(crate) async fn run(options: &ServerOptions, output: Output) -> Result<(), Error> {
    let stop = shutdown::on_signal()?;
    limits::raise_descriptors()?;
    let server = Arc::new(Server::new(stop));
    let mut accepting = JoinSet::new();
    let mut ports = Vec::new();
    for &port in &options.ports {
        let (listener, address) = socket::listen(SocketAddr::new(options.bind, port))?;
        ports.push(address.port());
        accepting.spawn(Arc::clone(&server).accept(listener, address));
    }
    output.line(&ServerReady { ports })?;

    let served = server
        .supervise(&mut accepting, options.report_interval, output)
        .await;
    server.close(accepting).await;
    output.line(&server.report(Phase::Final))?;
    served?;
    server.verdict()
}

#[derive(Debug, Default)]
struct Counters {
    accepted: AtomicU64,
    closed: AtomicU64,
    reset: AtomicU64,
    failed: AtomicU64,
    /// Ended by the end of the server.
    cut: AtomicU64,
    echoed_bytes: AtomicU64,
    accept_pauses: AtomicU64,
}

#[derive(Debug)]
struct Server {
    started: Instant,
    counters: Counters,
    /// One task a connection.
    connections: TaskTracker,
    stop: CancellationToken,
}

impl Server {
    fn new(stop: CancellationToken) -> Self {
        Self {
            started: Instant::now(),
            counters: Counters::default(),
            connections: TaskTracker::new(),
            stop,
        }
    }

    /// Prints reports until asked to stop, or until an accept loop fails.
    async fn supervise(
        &self,
        accepting: &mut JoinSet<Result<(), Error>>,
        report_interval: Option<Duration>,
        output: Output,
    ) -> Result<(), Error> {
        loop {
            tokio::select! {
                () = self.stop.cancelled() => return Ok(()),
                Some(ended) = accepting.join_next() => ended.map_err(Error::Task)??,
                () = sleep(report_interval.unwrap_or_default()), if report_interval.is_some() => {
                    output.line(&self.report(Phase::Running))?;
                }
            }
        }
    }

    async fn accept(
        self: Arc<Self>,
        listener: TcpListener,
        address: SocketAddr,
    ) -> Result<(), Error> {
        let mut pause = FIRST_PAUSE;
        while let Some(accepted) = self.stop.run_until_cancelled(listener.accept()).await {
            match accepted {
                Ok((stream, _)) => {
                    pause = FIRST_PAUSE;
                    self.counters.accepted.fetch_add(1, Ordering::Relaxed);
                    self.connections.spawn(Arc::clone(&self).serve(stream));
                }
                Err(error) if is_peers_doing(&error) => {}
                Err(error) if is_shortage(&error) => {
                    self.note_shortage(address, &error);
                    self.stop.run_until_cancelled(sleep(pause)).await;
                    pause = LAST_PAUSE.min(pause * 2);
                }
                Err(error) => return Err(Error::Accept { address, error }),
            }
        }
        Ok(())
    }

    /// Echoes one connection and counts how it ended.
    async fn serve(self: Arc<Self>, stream: TcpStream) {
        let echo = echo(&stream, &self.counters.echoed_bytes);
        let Some(ended) = self.stop.run_until_cancelled(echo).await else {
            // A server that ends leaves no TIME_WAIT behind; if the option can't be set it does,
            // which harms nobody.
            let _ = stream.set_zero_linger();
            self.counters.cut.fetch_add(1, Ordering::Relaxed);
            return;
        };
        let counter = match ended {
            Ok(()) => &self.counters.closed,
            Err(error) if is_reset(&error) => &self.counters.reset,
            Err(_) => &self.counters.failed,
        };
        counter.fetch_add(1, Ordering::Relaxed);
    }

    /// Says once what is short; after that the report's count tells how often.
    fn note_shortage(&self, address: SocketAddr, error: &io::Error) {
        if self.counters.accept_pauses.fetch_add(1, Ordering::Relaxed) == 0 {
            output::complain(&format_args!(
                "accepting on {address} pauses until connections close: {error} \
                 (RLIMIT_NOFILE bounds the descriptors of this process; {} are in use by connections)",
                self.connections.len()
            ));
        }
    }

    /// Stops accepting and ends all connections.
    async fn close(&self, mut accepting: JoinSet<Result<(), Error>>) {
        self.stop.cancel();
        // What an accept loop has to say it has said to `supervise`; here it only ends.
        while accepting.join_next().await.is_some() {}
        self.connections.close();
        self.connections.wait().await;
    }

    fn report(&self, phase: Phase) -> ServerReport {
        let load = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        ServerReport {
            phase,
            duration_s: self.started.elapsed().as_secs_f64(),
            accepted: load(&self.counters.accepted),
            open: match phase {
                Phase::Running => self.connections.len() as u64,
                Phase::Final => load(&self.counters.cut),
            },
            closed: load(&self.counters.closed),
            reset: load(&self.counters.reset),
            failed: load(&self.counters.failed),
            echoed_bytes: load(&self.counters.echoed_bytes),
            accept_pauses: load(&self.counters.accept_pauses),
        }
    }

    fn verdict(&self) -> Result<(), Error> {
        match self.counters.failed.load(Ordering::Relaxed) {
            0 => Ok(()),
            failed => Err(Error::ServerFailures { failed }),
        }
    }
}

/// Gives back what arrives until the peer has nothing more to say.
async fn echo(stream: &TcpStream, echoed_bytes: &AtomicU64) -> io::Result<()> {
    loop {
        stream.readable().await?;
        match echo_once(stream)? {
            Echoed::End => return Ok(()),
            Echoed::Bytes(length) => {
                echoed_bytes.fetch_add(length as u64, Ordering::Relaxed);
            }
            Echoed::Partly(written, rest) => {
                write_all(stream, &rest).await?;
                echoed_bytes.fetch_add((written + rest.len()) as u64, Ordering::Relaxed);
            }
        }
    }
}

enum Echoed {
    End,
    Bytes(usize),
    /// So many bytes, and those that the socket did not take.
    Partly(usize, Box<[u8]>),
}

/// Reads once and writes as much of it as the socket takes, so that only a connection whose peer
/// reads too slowly needs memory.
fn echo_once(stream: &TcpStream) -> io::Result<Echoed> {
    let mut buffer = [0; ECHO_BYTES];
    let received = match stream.try_read(&mut buffer) {
        Ok(0) => return Ok(Echoed::End),
        Ok(length) => &buffer[..length],
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(Echoed::Bytes(0)),
        Err(error) => return Err(error),
    };
    let written = match stream.try_write(received) {
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => 0,
        written => written?,
    };
    if written == received.len() {
        Ok(Echoed::Bytes(written))
    } else {
        Ok(Echoed::Partly(written, received[written..].into()))
    }
}

async fn write_all(stream: &TcpStream, mut bytes: &[u8]) -> io::Result<()> {
    while !bytes.is_empty() {
        stream.writable().await?;
        match stream.try_write(bytes) {
            Ok(written) => bytes = &bytes[written..],
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
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

fn is_reset(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::ConnectionReset | io::ErrorKind::BrokenPipe
    )
}
