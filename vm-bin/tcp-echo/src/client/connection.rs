// SPDX-License-Identifier: BSD-2-Clause
//! One connection of the client: stands, and exchanges its payloads in time.

use std::net::{IpAddr, SocketAddr};
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicU64};
use std::time::Duration;

use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;

use super::stream::Stream;
use crate::error::{Error, Failure};
use crate::pattern::Pattern;
use crate::socket;

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
    let stream = tokio::select! {
        connected = socket::connect(source, target) => connected?,
        () = stop.cancelled() => return Ok(()),
    };
    let local = stream
        .local_addr()
        .map_err(|error| Error::Connect { target, error })?;
    let stream = Stream::new(&common, connection, &stream);
    let held = hold(stream, common.traffic, &stop, stands).await;
    held.map_err(|failure| Error::Broken {
        connection,
        local,
        target,
        failure,
    })
}

/// Exchanges payloads until asked to stop. It waits in one place and with one timer, which is most
/// of the memory that a connection takes.
async fn hold(
    mut stream: Stream<'_>,
    traffic: Traffic,
    stop: &CancellationToken,
    stands: impl FnOnce(),
) -> Result<(), Failure> {
    let mut stands = Some(stands);
    let mut stopped = pin!(stop.cancelled());
    // With a payload on its way, when it is overdue; without, when the next one starts.
    let mut timer = pin!(sleep(ECHO_LIMIT));
    let mut limit = ECHO_LIMIT;
    let mut stopping = false;
    let mut next_start = start(&mut stream, traffic);
    loop {
        let on_its_way = stream.is_on_its_way();
        tokio::select! {
            exchanged = stream.exchange() => {
                exchanged?;
                if !on_its_way || stream.is_on_its_way() {
                    continue;
                }
                if let Some(stands) = stands.take() {
                    stands();
                }
                if stopping {
                    return Ok(());
                }
                if let Some(next_start) = next_start {
                    timer.as_mut().reset(next_start);
                }
            }
            () = &mut timer, if on_its_way || next_start.is_some() => {
                if on_its_way {
                    return Err(Failure::Unanswered { missing: stream.missing(), limit });
                }
                next_start = start(&mut stream, traffic);
                timer.as_mut().reset(Instant::now() + limit);
            }
            () = &mut stopped, if !stopping => {
                // One that never stood ends as if it had not been tried.
                if !on_its_way || stands.is_some() {
                    return Ok(());
                }
                stopping = true;
                limit = DRAIN_LIMIT;
                timer.as_mut().reset(Instant::now() + limit);
            }
        }
    }
}

/// Starts a payload; returns when the next one is to start.
fn start(stream: &mut Stream<'_>, traffic: Traffic) -> Option<Instant> {
    stream.start(traffic.payload_bytes);
    traffic.interval.map(|interval| Instant::now() + interval)
}
