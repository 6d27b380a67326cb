// SPDX-License-Identifier: BSD-2-Clause
//! The server: gives every byte back, on as many ports as wanted, until a signal asks to end.
//!
//! One dispatcher, and workers that accept from the same listeners. When the tables of all are full
//! and a worker can have a table of its own, the dispatcher starts one more.

mod echo;
mod worker;

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;

use self::worker::{Acceptor, News, Port};
use crate::cli::ServerOptions;
use crate::error::Error;
use crate::limits;
use crate::output::{self, Output};
use crate::report::{Phase, Resources, ServerReady, ServerReport};
use crate::shutdown;
use crate::socket;
use crate::worker::{OWN_TABLES, Request, Worker, processors};

/// Listens, echoes, and reports in the end.
///
/// # Errors
/// Those of [`socket::listen`], [`Error::Accept`], and [`Error::ServerFailures`] in the end if
/// connections ended otherwise than by their peer.
pub(crate) async fn run(options: &ServerOptions, output: Output) -> Result<(), Error> {
    let stop = shutdown::on_request(options.common.die_with_parent)?;
    let table = limits::raise_descriptors()?;
    let (sender, news) = mpsc::unbounded_channel();
    let mut server = Server {
        started: Instant::now(),
        shared: Arc::new(Shared::new(listen(options)?)),
        request: Request::new()?,
        workers: Vec::new(),
        worker_count: 0,
        max_workers: options.common.workers,
        table,
        news: sender,
    };
    for _ in 0..processors().min(server.max_workers) {
        server.add_worker()?;
    }
    let ports = server.shared.ports.iter().map(|port| port.address.port());
    output.line(&ServerReady {
        ports: ports.collect(),
    })?;

    let served = server
        .supervise(&stop, news, options.common.report_interval, output)
        .await;
    let closed = server.close();
    output.line(&server.report(Phase::Final))?;
    served.and(closed)?;
    server.verdict()
}

fn listen(options: &ServerOptions) -> Result<Vec<Port>, Error> {
    let one = |&port| {
        let (listener, address) = socket::listen(SocketAddr::new(options.bind, port))?;
        Ok(Port {
            listener,
            address,
            accepting: AtomicU32::new(0),
        })
    };
    options.ports.iter().map(one).collect()
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

/// What the workers have in common.
#[derive(Debug)]
struct Shared {
    ports: Vec<Port>,
    counters: Counters,
    /// All tables are full and no worker can be added.
    exhausted: AtomicBool,
}

impl Shared {
    fn new(ports: Vec<Port>) -> Self {
        Self {
            ports,
            counters: Counters::default(),
            exhausted: AtomicBool::new(false),
        }
    }

    fn is_exhausted(&self) -> bool {
        self.exhausted.load(Ordering::Relaxed)
    }

    /// Says once what is short; after that the report's count tells how often.
    fn note_shortage(&self, address: SocketAddr, error: &io::Error) {
        if self.counters.accept_pauses.fetch_add(1, Ordering::Relaxed) == 0 {
            output::complain(&format_args!(
                "accepting on {address} pauses until connections close: {error} \
                 (RLIMIT_NOFILE bounds the descriptors of each of the --workers; {} are in use by \
                 connections)",
                self.open()
            ));
        }
    }

    /// Connections that are open now.
    fn open(&self) -> u64 {
        let load = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        let counters = &self.counters;
        let ended = load(&counters.closed)
            + load(&counters.reset)
            + load(&counters.failed)
            + load(&counters.cut);
        load(&counters.accepted).saturating_sub(ended)
    }
}

#[derive(Debug)]
struct Server {
    started: Instant,
    shared: Arc<Shared>,
    /// To the workers: to stop.
    request: Arc<Request>,
    workers: Vec<Worker>,
    /// Started so far.
    worker_count: u32,
    max_workers: u32,
    /// Descriptors that a table takes.
    table: u64,
    /// Cloned for every worker.
    news: mpsc::UnboundedSender<News>,
}

impl Server {
    fn add_worker(&mut self) -> Result<(), Error> {
        for port in &self.shared.ports {
            port.accepting.fetch_add(1, Ordering::Relaxed);
        }
        let (shared, news) = (Arc::clone(&self.shared), self.news.clone());
        let request = Arc::clone(&self.request);
        let work = |stop| Acceptor::new(shared, news, stop).run();
        self.workers.push(Worker::start(request, work)?);
        self.worker_count += 1;
        Ok(())
    }

    /// Prints reports and adds workers until asked to stop, or until a worker fails.
    async fn supervise(
        &mut self,
        stop: &CancellationToken,
        mut news: mpsc::UnboundedReceiver<News>,
        report_interval: Option<Duration>,
        output: Output,
    ) -> Result<(), Error> {
        loop {
            tokio::select! {
                () = stop.cancelled() => return Ok(()),
                Some(told) = news.recv() => match told {
                    News::Full(port) => self.make_room(port)?,
                    News::Failed(error) => return Err(error),
                },
                () = sleep(report_interval.unwrap_or_default()), if report_interval.is_some() => {
                    output.line(&self.report(Phase::Running))?;
                }
            }
        }
    }

    /// Adds a worker, or notes that none can be added.
    fn make_room(&mut self, port: usize) -> Result<(), Error> {
        // News of several ports may tell of the same full table.
        let still_full = self.shared.ports[port].accepting.load(Ordering::Relaxed) == 0;
        if still_full && OWN_TABLES && self.worker_count < self.max_workers {
            return self.add_worker();
        }
        if still_full {
            self.shared.exhausted.store(true, Ordering::Relaxed);
        }
        Ok(())
    }

    /// Stops accepting and ends all connections.
    fn close(&mut self) -> Result<(), Error> {
        self.request.make()?;
        self.workers.drain(..).try_for_each(Worker::join)
    }

    fn report(&self, phase: Phase) -> ServerReport {
        let load = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        let counters = &self.shared.counters;
        ServerReport {
            phase,
            duration_s: self.started.elapsed().as_secs_f64(),
            accepted: load(&counters.accepted),
            open: match phase {
                Phase::Running => self.shared.open(),
                Phase::Final => load(&counters.cut),
            },
            closed: load(&counters.closed),
            reset: load(&counters.reset),
            failed: load(&counters.failed),
            echoed_bytes: load(&counters.echoed_bytes),
            accept_pauses: load(&counters.accept_pauses),
            resources: Resources::now(self.worker_count, self.table),
        }
    }

    fn verdict(&self) -> Result<(), Error> {
        match self.shared.counters.failed.load(Ordering::Relaxed) {
            0 => Ok(()),
            failed => Err(Error::ServerFailures { failed }),
        }
    }
}
