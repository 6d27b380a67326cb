// SPDX-License-Identifier: BSD-2-Clause
//! The client: opens the connections, holds them, says when all stand and how it went.
//!
//! One dispatcher, one task a connection; the tasks tell it by message that they stand and by their
//! result how they ended.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::task::{JoinError, JoinSet};
use tokio::time::{Instant, sleep_until};
use tokio_util::sync::CancellationToken;

use crate::cli::ClientOptions;
use crate::connection::{self, Common, Counters, Endpoints};
use crate::error::Error;
use crate::limits;
use crate::output::{self, Output};
use crate::pattern::Pattern;
use crate::report::{ClientReady, ClientReport, Phase};
use crate::shutdown;
use crate::socket;

/// Connections that may be on their way to standing at once: enough to keep the server busy, far
/// fewer than its queue of connections to accept takes.
const MAX_IN_FLIGHT: u32 = 256;

/// Failures told one by one; the rest is only counted.
const MAX_TOLD: u32 = 10;

/// Opens and holds the connections until the duration is over or a signal asks to end.
///
/// # Errors
/// Before all connections stand the first failure ends the run and is returned; later ones are
/// counted and returned as [`Error::ClientFailures`] in the end.
pub(crate) async fn run(options: ClientOptions, output: Output) -> Result<(), Error> {
    check(&options)?;
    let stop = shutdown::on_signal()?;
    let mut client = Client::new(options, output, stop);
    let dispatched = client.dispatch().await;
    output.line(&client.report(Phase::Final))?;
    dispatched?;
    client.verdict()
}

/// Refuses, before anything is opened, what this machine can't do.
fn check(options: &ClientOptions) -> Result<(), Error> {
    for &source in &options.source {
        if source.is_ipv4() != options.host.is_ipv4() {
            return Err(Error::SourceFamily {
                source_address: source,
                host: options.host,
            });
        }
        socket::probe_source(source)?;
    }
    limits::require_descriptors(options.connections, limits::raise_descriptors()?)
}

struct Client {
    options: ClientOptions,
    output: Output,
    /// What every connection's task shares.
    common: Arc<Common>,
    /// One task a connection that was launched and has not ended.
    tasks: JoinSet<Result<(), Error>>,
    /// Cloned for every task; says that one more connection stands.
    standing_sender: mpsc::UnboundedSender<()>,
    standing: mpsc::UnboundedReceiver<()>,
    started: Instant,
    launched: u32,
    stood: u32,
    /// When all connections stood.
    ready: Option<Instant>,
    next_report: Option<Instant>,
    lost: u32,
    mismatched: u32,
}

impl Client {
    fn new(options: ClientOptions, output: Output, stop: CancellationToken) -> Self {
        let (standing_sender, standing) = mpsc::unbounded_channel();
        let started = Instant::now();
        let common = Arc::new(Common {
            traffic: options.traffic(),
            pattern: Pattern::new(),
            counters: Counters::default(),
            stop,
        });
        Self {
            next_report: options.report_interval.map(|interval| started + interval),
            options,
            output,
            common,
            tasks: JoinSet::new(),
            standing_sender,
            standing,
            started,
            launched: 0,
            stood: 0,
            ready: None,
            lost: 0,
            mismatched: 0,
        }
    }

    /// Runs until no connection is left and none is to come.
    async fn dispatch(&mut self) -> Result<(), Error> {
        let stop = self.common.stop.clone();
        while !self.tasks.is_empty() || self.next_launch().is_some() {
            let (launch, end, report) = (self.next_launch(), self.end(), self.next_report);
            let stopping = stop.is_cancelled();
            tokio::select! {
                Some(()) = self.standing.recv() => self.one_more_stands()?,
                Some(ended) = self.tasks.join_next() => self.ended(ended)?,
                () = at(launch) => self.launch(),
                () = at(end), if !stopping => stop.cancel(),
                () = stop.cancelled(), if !stopping => {}
                () = at(report) => self.report_now()?,
            }
        }
        Ok(())
    }

    /// When the next connection is due; `None` while too many are in flight, and when none is left
    /// to open.
    fn next_launch(&self) -> Option<Instant> {
        let wanted = self.options.connections;
        let in_flight = self.launched - self.stood;
        let may = self.launched < wanted && in_flight < MAX_IN_FLIGHT;
        (may && !self.common.stop.is_cancelled())
            .then(|| self.started + ramp_offset(self.options.ramp_duration, self.launched, wanted))
    }

    fn launch(&mut self) {
        let endpoints = endpoints(&self.options, self.launched);
        let standing = self.standing_sender.clone();
        self.tasks.spawn(connection::run(
            Arc::clone(&self.common),
            endpoints,
            standing,
        ));
        self.launched += 1;
    }

    fn one_more_stands(&mut self) -> Result<(), Error> {
        self.stood += 1;
        if self.stood == self.options.connections {
            self.ready = Some(Instant::now());
            self.output.line(&ClientReady {
                connections: self.stood,
            })?;
        }
        Ok(())
    }

    fn ended(&mut self, ended: Result<Result<(), Error>, JoinError>) -> Result<(), Error> {
        // A connection that stood did so before it ended, whichever news is seen first.
        while self.standing.try_recv().is_ok() {
            self.one_more_stands()?;
        }
        let Err(error) = ended.map_err(Error::Task)? else {
            return Ok(());
        };
        let Error::Broken { failure, .. } = &error else {
            return Err(error);
        };
        if failure.is_mismatch() {
            self.mismatched += 1;
        } else {
            self.lost += 1;
        }
        if self.ready.is_none() && !self.common.stop.is_cancelled() {
            return Err(error);
        }
        let failures = self.lost + self.mismatched;
        if failures <= MAX_TOLD {
            output::complain(&error);
        }
        if failures == MAX_TOLD {
            output::complain(&"further failures are only counted");
        }
        Ok(())
    }

    /// When the connections have been held long enough; `None` for until a signal comes.
    fn end(&self) -> Option<Instant> {
        let bounded = !self.options.duration.is_zero();
        self.ready
            .filter(|_| bounded)
            .map(|ready| ready + self.options.duration)
    }

    fn report_now(&mut self) -> Result<(), Error> {
        self.next_report = self
            .options
            .report_interval
            .map(|interval| Instant::now() + interval);
        self.output.line(&self.report(Phase::Running))
    }

    fn report(&self, phase: Phase) -> ClientReport {
        let counters = &self.common.counters;
        ClientReport {
            phase,
            duration_s: self.started.elapsed().as_secs_f64(),
            ready_s: self.ready.map(|ready| (ready - self.started).as_secs_f64()),
            connections: self.options.connections,
            stood: self.stood,
            lost: self.lost,
            mismatched: self.mismatched,
            sent_bytes: counters.sent_bytes.load(Ordering::Relaxed),
            verified_bytes: counters.verified_bytes.load(Ordering::Relaxed),
        }
    }

    fn verdict(&self) -> Result<(), Error> {
        if self.lost == 0 && self.mismatched == 0 {
            return Ok(());
        }
        Err(Error::ClientFailures {
            lost: self.lost,
            mismatched: self.mismatched,
        })
    }
}

/// Sleeps until an instant, or for ever without one.
async fn at(instant: Option<Instant>) {
    match instant {
        Some(instant) => sleep_until(instant).await,
        None => std::future::pending().await,
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
