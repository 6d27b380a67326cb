// SPDX-License-Identifier: BSD-2-Clause
//! `tcpstats-exporter`: the tcpstats device and the system's TCP counters for Prometheus.

mod allowance;
mod cli;
mod collection;
mod http;
mod kmod;
mod metrics;
mod server;
mod sockets;
mod source;
mod system;

use std::fmt::Display;
use std::io::{self, Write as _};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, Instant};

use clap::Parser as _;
use rustix::process::Signal;
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

use crate::allowance::Allowance;
use crate::cli::Arguments;
use crate::collection::Collector;
use crate::http::Exporter;
use crate::metrics::Own;
use crate::metrics::table;
use crate::server::{ListenError, Server};
use crate::source::{Clock, Source};

/// Why the program could not do its work.
#[derive(Debug, thiserror::Error)]
enum Error {
    #[error("failed to start the async runtime: {0}")]
    Runtime(#[source] io::Error),
    #[error("failed to watch for SIGTERM and SIGINT: {0}")]
    Signals(#[source] io::Error),
    #[error("failed to ask for the end with the parent process: {0}")]
    Parent(#[source] io::Error),
    #[error("failed to end with the parent process: it has ended already")]
    Orphan,
    #[error(transparent)]
    Listen(#[from] ListenError),
    #[error("failed to set up the metrics: {0}")]
    Metrics(#[from] prometheus::Error),
    #[error("failed to write to stdout: {0}")]
    Output(#[source] io::Error),
}

fn main() -> ExitCode {
    match run(&Arguments::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // With stderr gone there is nobody left to tell.
            let _ = writeln!(io::stderr(), "tcpstats-exporter: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: &Arguments) -> Result<(), Error> {
    if arguments.print_metrics {
        return print(&table::REFERENCE);
    }
    if arguments.die_with_parent {
        die_with_parent()?;
    }
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(Error::Runtime)?;
    let result = runtime.block_on(serve(arguments));
    // A read of a device that hangs must not hold the program.
    runtime.shutdown_timeout(Duration::ZERO);
    result
}

async fn serve(arguments: &Arguments) -> Result<(), Error> {
    let stop = on_signal().map_err(Error::Signals)?;
    let router = http::router(exporter(arguments)?);
    let server = Server::bind(&arguments.listen).await?;
    for address in server.addresses() {
        print(&format_args!("listening on {address}\n"))?;
    }
    server.run(router, &stop).await;
    Ok(())
}

fn exporter(arguments: &Arguments) -> Result<Exporter, prometheus::Error> {
    let own = Own::new()?;
    let clock: Clock = Arc::new(Instant::now);
    let allowance = Allowance::per_second(arguments.max_query_rate);
    let (collector, counts) = (Collector::default(), own.clone());
    let source = Source::new(allowance, Arc::clone(&clock), move || {
        let collection = collector.collect();
        counts.collected(collection.duration, collection.failure);
        collection
    });
    Ok(Exporter { source, own, clock })
}

/// Have the system send SIGTERM when the parent ends; on Linux, when the parent's thread ends that
/// started this process.
fn die_with_parent() -> Result<(), Error> {
    let parent = rustix::process::getppid();
    rustix::process::set_parent_process_death_signal(Some(Signal::TERM))
        .map_err(|errno| Error::Parent(errno.into()))?;
    // Had it ended in between, nobody would send anything.
    if rustix::process::getppid() == parent {
        Ok(())
    } else {
        Err(Error::Orphan)
    }
}

/// A token that SIGTERM or SIGINT cancels, from when this returns on.
fn on_signal() -> io::Result<CancellationToken> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let stop = CancellationToken::new();
    let cancelled = stop.clone();
    tokio::spawn(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
        cancelled.cancel();
    });
    Ok(stop)
}

/// Print to stdout. A reader that has gone is no error: whoever waited for the first line may close
/// the pipe.
fn print(text: &impl Display) -> Result<(), Error> {
    let mut stdout = io::stdout().lock();
    match write!(stdout, "{text}").and_then(|()| stdout.flush()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(Error::Output(error)),
        _ => Ok(()),
    }
}
