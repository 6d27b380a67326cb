// SPDX-License-Identifier: BSD-2-Clause
//! One connection of the client: sends its payloads, verifies what comes back.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::io::Interest;
use tokio::net::TcpStream;
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep_until};
use tokio_util::sync::CancellationToken;

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
    pub(crate) interval: Duration,
}

/// Bytes of all connections together.
#[derive(Debug, Default)]
pub(crate) struct Counters {
    pub(crate) sent_bytes: AtomicU64,
    pub(crate) verified_bytes: AtomicU64,
}

/// What all connections of a client have in common.
#[derive(Debug)]
pub(crate) struct Common {
    /// `None`: connections stay idle.
    pub(crate) traffic: Option<Traffic>,
    pub(crate) pattern: Pattern,
    pub(crate) counters: Counters,
    pub(crate) stop: CancellationToken,
}

/// Which connection this is.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Endpoints {
    /// From 0; chooses the bytes that are sent.
    pub(crate) connection: u32,
    pub(crate) source: Option<IpAddr>,
    pub(crate) target: SocketAddr,
}

/// Connects, says so on `standing` once the connection stands, and holds it until asked to stop.
/// With traffic a connection stands when its first payload has come back, since only that proves
/// that the server has accepted it; an idle one stands when it is established.
///
/// # Errors
/// Those of [`socket::connect`], and [`Error::Broken`] for a connection that fails afterwards.
pub(crate) async fn run(
    common: Arc<Common>,
    endpoints: Endpoints,
    standing: mpsc::UnboundedSender<()>,
) -> Result<(), Error> {
    let Endpoints { connection, source, target } = endpoints;
    let stream = socket::connect(source, target).await?;
    let local = stream.local_addr().map_err(|error| Error::Connect { target, error })?;
    let exchange = Exchange { common: &common, connection, stream: &stream, sent: 0, verified: 0, due: 0 };
    // The receiver lives as long as the client, and a client that ends needs no news.
    let stands = || drop(standing.send(()));
    let held = match common.traffic {
        Some(traffic) => exchange.payloads(traffic, stands).await,
        None => exchange.idle(stands).await,
    };
    held.map_err(|failure| Error::Broken { connection, local, target, failure })
}

/// The state of one connection's stream; positions count from its first byte.
struct Exchange<'a> {
    common: &'a Common,
    connection: u32,
    stream: &'a TcpStream,
    sent: u64,
    verified: u64,
    /// Where the payload that is on its way ends.
    due: u64,
}

impl Exchange<'_> {
    /// Sends nothing and expects nothing.
    async fn idle(mut self, stands: impl FnOnce()) -> Result<(), Failure> {
        stands();
        let stop = &self.common.stop;
        stop.run_until_cancelled(self.advance_to_due_or_failure()).await.unwrap_or(Ok(()))
    }

    /// Sends one payload after the other, each when its time has come and the one before is back.
    async fn payloads(mut self, traffic: Traffic, stands: impl FnOnce()) -> Result<(), Failure> {
        let mut stands = Some(stands);
        loop {
            let next_start = Instant::now() + traffic.interval;
            self.due += traffic.payload_bytes;
            self.round_trip().await?;
            if let Some(stands) = stands.take() {
                stands();
            }
            if self.pause_until(next_start).await? == Pause::Stopped {
                return Ok(());
            }
        }
    }
}
