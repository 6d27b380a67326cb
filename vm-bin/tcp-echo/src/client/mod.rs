// SPDX-License-Identifier: BSD-2-Clause
//! The client: opens the connections, holds them, says when all stand and how it went.
//!
//! One dispatcher, and workers that hold the connections and tell it by message when all stand and
//! what failed.

mod connection;
mod stream;
mod worker;

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use tokio::sync::mpsc;
use tokio::time::{Instant, sleep_until};
use tokio_util::sync::CancellationToken;

pub(crate) use self::connection::Traffic;

use self::connection::{Common, Counters};
use self::worker::{News, Share};
use crate::cli::ClientOptions;
use crate::error::Error;
use crate::limits::{self, Plan};
use crate::output::{self, Output};
use crate::pattern::Pattern;
use crate::report::{ClientReady, ClientReport, Phase, Resources};
use crate::shutdown;
use crate::socket;
use crate::worker::{Request, Worker};

/// Failures told one by one; the rest is only counted.
const MAX_TOLD: u32 = 10;

/// Opens and holds the connections until the duration is over or a signal asks to end.
///
/// # Errors
/// Before all connections stand the first failure ends the run and is returned; later ones are
/// counted and returned as [`Error::ClientFailures`] in the end.
pub(crate) async fn run(options: ClientOptions, output: Output) -> Result<(), Error> {
    let plan = check(&options)?;
    let stop = shutdown::on_request(options.common.die_with_parent)?;
    let mut client = Client::new(options, plan, output, stop);
    let worked = client.work().await;
    output.line(&client.report(Phase::Final))?;
    worked?;
    client.verdict()
}

/// Refuses, before anything is opened, what this machine can't do.
fn check(options: &ClientOptions) -> Result<Plan, Error> {
    for &source in &options.source {
        if source.is_ipv4() != options.host.is_ipv4() {
            return Err(Error::SourceFamily {
                source_address: source,
                host: options.host,
            });
        }
        socket::probe_source(source)?;
    }
    let plan = limits::plan(options.connections, options.common.workers)?;
    limits::require_ports(
        options.connections,
        options.source.len(),
        options.ports.len(),
    )?;
    // The other end is this machine's too.
    let ends = if options.host.is_loopback() { 2 } else { 1 };
    limits::require_files(u64::from(options.connections) * ends)?;
    limits::require_memory(u64::from(options.connections) * ends)?;
    Ok(plan)
}

struct Client {
    options: Arc<ClientOptions>,
    plan: Plan,
    output: Output,
    /// What all connections share.
    common: Arc<Common>,
    /// The end was asked for.
    stop: CancellationToken,
    started: Instant,
    /// When all connections stood.
    ready: Option<Instant>,
    next_report: Option<Instant>,
    lost: u32,
    mismatched: u32,
}

impl Client {
    fn new(options: ClientOptions, plan: Plan, output: Output, stop: CancellationToken) -> Self {
        let started = Instant::now();
        let common = Arc::new(Common {
            traffic: options.traffic(),
            pattern: Pattern::new(),
            counters: Counters::default(),
            stood: AtomicU32::new(0),
        });
        Self {
            next_report: options
                .common
                .report_interval
                .map(|interval| started + interval),
            options: Arc::new(options),
            plan,
            output,
            common,
            stop,
            started,
            ready: None,
            lost: 0,
            mismatched: 0,
        }
    }

    /// Has the workers hold the connections until they end. After an error those that still stand
    /// end with the process.
    async fn work(&mut self) -> Result<(), Error> {
        let request = Request::new()?;
        let (sender, news) = mpsc::unbounded_channel();
        let mut workers = Vec::new();
        for worker in 0..self.plan.workers {
            let share = Share {
                options: Arc::clone(&self.options),
                common: Arc::clone(&self.common),
                worker,
                workers: self.plan.workers,
                started: self.started,
                news: sender.clone(),
            };
            let request = Arc::clone(&request);
            workers.push(Worker::start(request, |stop| share.run(stop))?);
        }
        drop(sender);
        self.dispatch(news, &request).await?;
        workers.into_iter().try_for_each(Worker::join)
    }

    /// Follows the workers until all have ended.
    async fn dispatch(
        &mut self,
        mut news: mpsc::UnboundedReceiver<News>,
        request: &Request,
    ) -> Result<(), Error> {
        let stop = self.stop.clone();
        let mut requested = false;
        loop {
            let (end, report) = (self.end(), self.next_report);
            tokio::select! {
                told = news.recv() => match told {
                    None => return Ok(()),
                    Some(News::AllStand) => self.all_stand()?,
                    Some(News::Failed(error)) => self.failed(error)?,
                },
                () = stop.cancelled(), if !requested => {
                    requested = true;
                    request.make()?;
                }
                () = at(end), if !requested => stop.cancel(),
                () = at(report) => self.report_now()?,
            }
        }
    }

    fn all_stand(&mut self) -> Result<(), Error> {
        self.ready = Some(Instant::now());
        self.output.line(&ClientReady {
            connections: self.options.connections,
        })
    }

    fn failed(&mut self, error: Error) -> Result<(), Error> {
        let Error::Broken { failure, .. } = &error else {
            return Err(error);
        };
        if failure.is_mismatch() {
            self.mismatched += 1;
        } else {
            self.lost += 1;
        }
        if self.ready.is_none() && !self.stop.is_cancelled() {
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
            .common
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
            stood: self.common.stood.load(Ordering::Relaxed),
            lost: self.lost,
            mismatched: self.mismatched,
            sent_bytes: counters.sent_bytes.load(Ordering::Relaxed),
            verified_bytes: counters.verified_bytes.load(Ordering::Relaxed),
            resources: Resources::now(self.plan.workers, self.plan.table),
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
