// SPDX-License-Identifier: BSD-2-Clause
//! One worker's share of the client's connections: opens and holds them, one task each.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};
use tokio::task::{JoinError, JoinSet};
use tokio::time::{Instant, sleep_until};
use tokio_util::sync::CancellationToken;

use super::connection::{self, Common, Endpoints};
use crate::cli::ClientOptions;
use crate::error::Error;

/// Connections of all workers that may be on their way to standing at once: enough to keep the
/// server busy, far fewer than its queue of connections to accept takes.
const MAX_IN_FLIGHT: u32 = 256;

/// What a worker has to tell.
#[derive(Debug)]
pub(crate) enum News {
    /// The last of all workers' connections stands.
    AllStand,
    /// A connection ended other than well, or never came to be.
    Failed(Error),
}

/// Every `workers`-th connection, from number `worker` on.
pub(crate) struct Share {
    pub(crate) options: Arc<ClientOptions>,
    pub(crate) common: Arc<Common>,
    /// From 0.
    pub(crate) worker: u32,
    pub(crate) workers: u32,
    /// When the client started, which the ramp counts from.
    pub(crate) started: Instant,
    pub(crate) news: mpsc::UnboundedSender<News>,
}

impl Share {
    /// Runs until no connection is left and none is to come, because of `stop` or of failures.
    pub(crate) async fn run(self, stop: CancellationToken) {
        let share = (self.worker..self.options.connections).step_by(self.workers as usize);
        let mut to_launch = share.peekable();
        let slots = Arc::new(Semaphore::new(MAX_IN_FLIGHT.div_ceil(self.workers) as usize));
        let mut tasks = JoinSet::new();
        loop {
            let next = to_launch.peek().filter(|_| !stop.is_cancelled()).copied();
            if next.is_none() && tasks.is_empty() {
                return;
            }
            tokio::select! {
                Some(ended) = tasks.join_next() => self.ended(ended),
                slot = self.turn(next, &slots) => {
                    to_launch.next();
                    self.launch(&mut tasks, slot, stop.clone());
                }
                () = stop.cancelled(), if next.is_some() => {}
            }
        }
    }

    /// Waits until connection `number` is due and not too many are in flight; for ever without one.
    async fn turn(
        &self,
        number: Option<u32>,
        slots: &Arc<Semaphore>,
    ) -> (u32, OwnedSemaphorePermit) {
        let Some(number) = number else {
            return std::future::pending().await;
        };
        let options = &self.options;
        if !options.ramp_duration.is_zero() {
            let offset = ramp_offset(options.ramp_duration, number, options.connections);
            sleep_until(self.started + offset).await;
        }
        match Arc::clone(slots).acquire_owned().await {
            Ok(slot) => (number, slot),
            // Only a semaphore that was closed refuses, and nobody closes this one.
            Err(_) => std::future::pending().await,
        }
    }

    fn launch(
        &self,
        tasks: &mut JoinSet<Result<(), Error>>,
        (number, slot): (u32, OwnedSemaphorePermit),
        stop: CancellationToken,
    ) {
        let endpoints = endpoints(&self.options, number);
        let (common, news) = (Arc::clone(&self.common), self.news.clone());
        let wanted = self.options.connections;
        let stands = move || {
            drop(slot);
            let before = common.stood.fetch_add(1, Ordering::Relaxed);
            if before + 1 == wanted {
                // The receiver lives as long as the client, and a client that ends needs no news.
                let _ = news.send(News::AllStand);
            }
        };
        let common = Arc::clone(&self.common);
        tasks.spawn(connection::run(common, stop, endpoints, stands));
    }

    fn ended(&self, ended: Result<Result<(), Error>, JoinError>) {
        if let Err(error) = ended.map_err(Error::Task).flatten() {
            let _ = self.news.send(News::Failed(error));
        }
    }
}

/// How long after the start connection `number` of `connections` is due.
fn ramp_offset(ramp: Duration, number: u32, connections: u32) -> Duration {
    ramp.mul_f64(f64::from(number) / f64::from(connections))
}

/// Spreads connections over ports first and sources second, so that every pair gets its share.
fn endpoints(options: &ClientOptions, number: u32) -> Endpoints {
    let number_of = number as usize;
    let port = options.ports[number_of % options.ports.len()];
    let round = number_of / options.ports.len();
    let source = options
        .source
        .get(round.checked_rem(options.source.len()).unwrap_or(0))
        .copied();
    Endpoints {
        connection: number,
        source,
        target: SocketAddr::new(options.host, port),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use clap::Parser as _;

    use super::*;
    use crate::cli::{Arguments, Role};

    fn options(arguments: &[&str]) -> ClientOptions {
        match Arguments::parse_from(["tcp-echo", "client"].iter().chain(arguments)).role {
            Role::Client(options) => options,
            Role::Server(_) => panic!("client parsed as server"),
        }
    }

    #[test]
    fn every_pair_of_source_and_port_gets_its_share() {
        let options = options(&[
            "--ports",
            "1,2",
            "--source",
            "127.0.0.1,127.0.0.2,127.0.0.3",
        ]);
        let mut shares = HashMap::new();
        for number in 0..24 {
            let endpoints = endpoints(&options, number);
            *shares
                .entry((endpoints.source, endpoints.target.port()))
                .or_insert(0) += 1;
        }
        assert_eq!(shares.len(), 6);
        assert!(shares.values().all(|&share| share == 4), "{shares:?}");
    }

    #[test]
    fn without_sources_the_system_chooses() {
        let options = options(&["--ports", "1,2"]);
        assert_eq!(endpoints(&options, 5).source, None);
        assert_eq!(endpoints(&options, 5).target.port(), 2);
    }

    #[test]
    fn the_ramp_is_even_and_starts_at_once() {
        let ramp = Duration::from_secs(10);
        assert_eq!(ramp_offset(ramp, 0, 1000), Duration::ZERO);
        assert_eq!(ramp_offset(ramp, 500, 1000), Duration::from_secs(5));
        assert_eq!(ramp_offset(Duration::ZERO, 999, 1000), Duration::ZERO);
    }
}
