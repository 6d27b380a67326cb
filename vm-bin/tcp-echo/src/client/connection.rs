// SPDX-License-Identifier: BSD-2-Clause
//! One connection of the client: sends its payloads, verifies what comes back.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::time::Duration;

use tokio::io::Interest;
use tokio::net::TcpStream;
use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;

use super::at;
use crate::error::{Error, Failure};
use crate::pattern::Pattern;
use crate::socket;

/// Bytes read at once, on the worker thread's stack: a waiting connection holds no buffer.
const READ_BYTES: usize = 4096;

/// How long a payload may be on its way while running.
const ECHO_LIMIT: Duration = Duration::from_secs(30);

/// How long a payload may still be on its way once the end was asked for.
const DRAIN_LIMIT: Duration = Duration::from_secs(5);

/// What a connection sends.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Traffic {
    pub(crate) payload_bytes: u64,
    /// Between the starts of two payloads; a payload whose echo takes longer delays the next.
    /// `None`: one payload, then silence.
    pub(crate) interval: Option<Duration>,
}

/// Bytes of all connections together.
#[derive(Debug, Default)]
pub(crate) struct Counters {
    pub(crate) sent_bytes: AtomicU64,
    pub(crate) verified_bytes: AtomicU64,
}

/// What all connections of a client have in common, whichever worker holds them.
#[derive(Debug)]
pub(crate) struct Common {
    pub(crate) traffic: Traffic,
    pub(crate) pattern: Pattern,
    pub(crate) counters: Counters,
    /// Connections that have stood so far.
    pub(crate) stood: AtomicU32,
}

/// Which connection this is.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Endpoints {
    /// From 0; chooses the bytes that are sent.
    pub(crate) connection: u32,
    pub(crate) source: Option<IpAddr>,
    pub(crate) target: SocketAddr,
}

/// Connects, calls `stands` once the connection stands, and holds it until `stop`. It stands
/// when its first payload has come back, since only that proves that the server has accepted it.
///
/// # Errors
/// Those of [`socket::connect`], and [`Error::Broken`] for a connection that fails afterwards.
pub(crate) async fn run(
    common: Arc<Common>,
    stop: CancellationToken,
    endpoints: Endpoints,
    stands: impl FnOnce(),
) -> Result<(), Error> {
    let Endpoints {
        connection,
        source,
        target,
    } = endpoints;
    let connecting = socket::connect(source, target);
    let Some(stream) = stop.run_until_cancelled(connecting).await.transpose()? else {
        return Ok(());
    };
    let local = stream
        .local_addr()
        .map_err(|error| Error::Connect { target, error })?;
    let stream = Stream {
        common: &common,
        stop: &stop,
        connection,
        stream: &stream,
        sent: 0,
        verified: 0,
        due: 0,
    };
    stream.hold(stands).await.map_err(|failure| Error::Broken {
        connection,
        local,
        target,
        failure,
    })
}

/// Why a pause ended.
#[derive(PartialEq, Eq)]
enum Pause {
    Over,
    Stopped,
}

/// One connection's stream of bytes; positions count from its first byte.
struct Stream<'a> {
    common: &'a Common,
    stop: &'a CancellationToken,
    connection: u32,
    stream: &'a TcpStream,
    sent: u64,
    verified: u64,
    /// Where the payload that is on its way ends.
    due: u64,
}

impl Stream<'_> {
    /// Exchanges payloads until asked to stop.
    async fn hold(mut self, stands: impl FnOnce()) -> Result<(), Failure> {
        // One that never stood ends with the client as if it had not been tried.
        let first = self.stop.run_until_cancelled(self.payload()).await;
        let Some(mut next_start) = first.transpose()? else {
            return Ok(());
        };
        stands();
        while self.pause(next_start).await? == Pause::Over {
            next_start = self.payload().await?;
        }
        Ok(())
    }

    /// Sends one payload and waits for its echo; returns when the next one is to start.
    async fn payload(&mut self) -> Result<Option<Instant>, Failure> {
        let traffic = self.common.traffic;
        let next_start = traffic.interval.map(|interval| Instant::now() + interval);
        self.due += traffic.payload_bytes;
        let stop = self.stop;
        tokio::select! {
            exchanged = self.exchange() => exchanged.map(|()| next_start),
            limit = overdue(stop) => Err(Failure::Unanswered { missing: self.missing(), limit }),
        }
    }

    /// Reads and writes at once until the payload is back: one that is larger than the socket's
    /// buffers would otherwise never get through.
    async fn exchange(&mut self) -> Result<(), Failure> {
        while self.verified < self.due {
            let interest = if self.sent < self.due {
                Interest::READABLE | Interest::WRITABLE
            } else {
                Interest::READABLE
            };
            let ready = self
                .stream
                .ready(interest)
                .await
                .map_err(|error| self.lost(error))?;
            if ready.is_writable() {
                self.send()?;
            }
            if ready.is_readable() {
                self.receive()?;
            }
        }
        Ok(())
    }

    /// Waits until an instant, or for ever, while nothing is on its way. Whatever arrives meanwhile
    /// is a failure: the end of the connection, or bytes that were not sent.
    async fn pause(&mut self, until: Option<Instant>) -> Result<Pause, Failure> {
        let stop = self.stop;
        let broken = async {
            loop {
                self.stream
                    .readable()
                    .await
                    .map_err(|error| self.lost(error))?;
                self.receive()?;
            }
        };
        tokio::select! {
            () = at(until) => Ok(Pause::Over),
            () = stop.cancelled() => Ok(Pause::Stopped),
            failure = broken => failure,
        }
    }

    /// Writes what the socket takes of the payload.
    fn send(&mut self) -> Result<(), Failure> {
        while self.sent < self.due {
            let bytes = self
                .common
                .pattern
                .bytes(self.connection, self.sent, self.due - self.sent);
            match self.stream.try_write(bytes) {
                Ok(written) => {
                    self.sent += written as u64;
                    self.common
                        .counters
                        .sent_bytes
                        .fetch_add(written as u64, Ordering::Relaxed);
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                Err(error) => return Err(self.lost(error)),
            }
        }
        Ok(())
    }

    /// Reads once and verifies what came.
    fn receive(&mut self) -> Result<(), Failure> {
        let mut buffer = [0; READ_BYTES];
        match self.stream.try_read(&mut buffer) {
            Ok(0) => Err(Failure::Closed {
                missing: self.missing(),
            }),
            Ok(length) => self.verify(&buffer[..length]),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(()),
            Err(error) => Err(self.lost(error)),
        }
    }

    fn verify(&mut self, received: &[u8]) -> Result<(), Failure> {
        let length = received.len() as u64;
        if self.verified + length > self.sent {
            let surplus = self.verified + length - self.sent;
            return Err(Failure::Surplus {
                offset: self.sent,
                surplus,
            });
        }
        let pattern = &self.common.pattern;
        if let Some(difference) = pattern.difference(self.connection, self.verified, received) {
            return Err(Failure::Mismatch(difference));
        }
        self.verified += length;
        self.common
            .counters
            .verified_bytes
            .fetch_add(length, Ordering::Relaxed);
        Ok(())
    }

    fn missing(&self) -> u64 {
        self.sent - self.verified
    }

    fn lost(&self, error: io::Error) -> Failure {
        Failure::Io {
            missing: self.missing(),
            error,
        }
    }
}

/// Returns, with the limit it went by, when a payload that starts now is overdue.
async fn overdue(stop: &CancellationToken) -> Duration {
    if stop.run_until_cancelled(sleep(ECHO_LIMIT)).await.is_some() {
        return ECHO_LIMIT;
    }
    sleep(DRAIN_LIMIT).await;
    DRAIN_LIMIT
}
