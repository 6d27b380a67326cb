// SPDX-License-Identifier: BSD-2-Clause
//! The listening sockets, and the end of what is served on them.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use axum::Router;
use tokio::net::TcpListener;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

/// How long answers that are under way may take once the program is to end, which it promises to
/// do within a second.
const GRACE: Duration = Duration::from_millis(500);

/// Why an address is not served.
#[derive(Debug, thiserror::Error)]
#[error("failed to listen on {address}: {reason}; {}", way_out(reason))]
pub(crate) struct ListenError {
    address: SocketAddr,
    reason: io::Error,
}

fn way_out(error: &io::Error) -> &'static str {
    match error.kind() {
        io::ErrorKind::AddrInUse => {
            "end what listens there, or choose another port with --listen (0 takes a free one)"
        }
        io::ErrorKind::PermissionDenied => "choose a port above 1023 with --listen",
        io::ErrorKind::AddrNotAvailable => "choose an address of this machine with --listen",
        _ => "choose another address with --listen",
    }
}

/// Addresses that are bound: connections to them wait until [`Server::run`].
#[derive(Debug)]
pub(crate) struct Server {
    listeners: Vec<TcpListener>,
    addresses: Vec<SocketAddr>,
}

impl Server {
    /// Bind all of them or none.
    ///
    /// # Errors
    /// The first address that can't be had.
    pub(crate) async fn bind(addresses: &[SocketAddr]) -> Result<Self, ListenError> {
        let mut server = Self {
            listeners: Vec::new(),
            addresses: Vec::new(),
        };
        for &address in addresses {
            let failed = |reason| ListenError { address, reason };
            let listener = TcpListener::bind(address).await.map_err(failed)?;
            server
                .addresses
                .push(listener.local_addr().map_err(failed)?);
            server.listeners.push(listener);
        }
        Ok(server)
    }

    /// Where it listens, in the order that was asked for, with the ports that were taken.
    pub(crate) fn addresses(&self) -> &[SocketAddr] {
        &self.addresses
    }

    /// Answer until `stop` is cancelled. What is then under way is finished as far as that can be
    /// within a bounded time: a client that reads nothing must not hold the program.
    pub(crate) async fn run(self, router: Router, stop: &CancellationToken) {
        let mut tasks = JoinSet::new();
        for listener in self.listeners {
            let stopped = stop.clone().cancelled_owned();
            let server = axum::serve(listener, router.clone()).with_graceful_shutdown(stopped);
            tasks.spawn(server.into_future());
        }
        stop.cancelled().await;
        let ended = async { while tasks.join_next().await.is_some() {} };
        // Those that are late end with the set.
        let _ = tokio::time::timeout(GRACE, ended).await;
    }
}
