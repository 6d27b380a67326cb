// SPDX-License-Identifier: BSD-2-Clause
//! What the orchestrator serves over HTTP: `GET /metrics` and `GET /healthz`,
//! on the one address that was asked for, to who asks for it or for a name of it.

mod hosts;

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use axum::Router;
use axum::extract::State;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::projection::metrics::{CONTENT_TYPE, Metrics};

pub use hosts::Hosts;

/// Where to serve, and as whom.
#[derive(Debug, Clone, clap::Args)]
pub struct Listening {
    /// Where /metrics, and what else is served, is to be had; port 0 takes a free one
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:9815")]
    listen: SocketAddr,
    /// A name that requests may have in their Host besides localhost and addresses
    #[arg(long, value_name = "NAME")]
    allowed_host: Vec<String>,
}

impl From<SocketAddr> for Listening {
    /// There, and with no name of its own.
    fn from(listen: SocketAddr) -> Self {
        Self {
            listen,
            allowed_host: Vec::new(),
        }
    }
}

/// How long a stopping server waits for answers that are under way.
const GRACE: Duration = Duration::from_secs(1);

/// Why nothing is served.
#[derive(Debug, thiserror::Error)]
#[error("failed to listen on {address}: {reason}; {}", way_out(reason))]
pub struct ListenError {
    /// The address that was asked for.
    pub address: SocketAddr,
    /// What the system said.
    pub reason: io::Error,
}

fn way_out(error: &io::Error) -> &'static str {
    match error.kind() {
        io::ErrorKind::AddrInUse => {
            "end the program that listens there, or choose another address with --listen (port 0 takes a free one)"
        }
        io::ErrorKind::PermissionDenied => "choose a port above 1023 with --listen",
        io::ErrorKind::AddrNotAvailable => {
            "this machine does not have that address, choose one of its own with --listen"
        }
        _ => "choose another address with --listen",
    }
}

/// A server that answers until it is stopped or dropped.
#[derive(Debug)]
pub struct Server {
    address: SocketAddr,
    stop: CancellationToken,
    task: JoinHandle<io::Result<()>>,
}

impl Server {
    /// Serve `metrics` where `listening` says and nowhere else.
    ///
    /// # Errors
    /// When the address can't be had.
    pub async fn start(listening: &Listening, metrics: Metrics) -> Result<Self, ListenError> {
        Self::serve(listening, router(metrics)).await
    }

    /// Serve `routes` where `listening` says and nowhere else.
    ///
    /// # Errors
    /// When the address can't be had.
    pub async fn serve(listening: &Listening, routes: Router) -> Result<Self, ListenError> {
        let failed = |reason| ListenError {
            address: listening.listen,
            reason,
        };
        let listener = TcpListener::bind(listening.listen).await.map_err(failed)?;
        let address = listener.local_addr().map_err(failed)?;
        let stop = CancellationToken::new();
        let stopped = stop.clone().cancelled_owned();
        let routes = Hosts::new(&listening.allowed_host).guard(routes);
        let server = axum::serve(listener, routes).with_graceful_shutdown(stopped);
        let task = tokio::spawn(server.into_future());
        Ok(Self {
            address,
            stop,
            task,
        })
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Take no more requests and finish those under way, as far as they can be
    /// within a bounded time: a client that reads nothing must not hold the
    /// program.
    pub async fn stop(mut self) {
        self.stop.cancel();
        if tokio::time::timeout(GRACE, &mut self.task).await.is_err() {
            self.task.abort();
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// The routes, without a port.
pub fn router(metrics: Metrics) -> Router {
    Router::new()
        .route("/metrics", get(exposition))
        .route("/healthz", get(async || "ok\n"))
        .with_state(metrics)
}

async fn exposition(State(metrics): State<Metrics>) -> Response {
    ([(header::CONTENT_TYPE, CONTENT_TYPE)], metrics.render()).into_response()
}
