// SPDX-License-Identifier: BSD-2-Clause
//! `tcpstats-exporter`: the tcpstats device and the system's TCP counters for Prometheus.

mod cli;
mod http;
mod server;

use std::io::{self, Write as _};
use std::net::SocketAddr;
use std::process::ExitCode;
use std::time::Duration;

use clap::Parser as _;
use rustix::process::Signal;
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

use crate::cli::Arguments;
use crate::server::{ListenError, Server};

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
    let server = Server::bind(&arguments.listen).await?;
    announce(server.addresses()).map_err(Error::Output)?;
    server.run(http::router(), &stop).await;
    Ok(())
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

/// Say where it listens. A reader that has gone is no error: whoever waited for the first line may
/// close the pipe.
fn announce(addresses: &[SocketAddr]) -> io::Result<()> {
    let mut stdout = io::stdout().lock();
    let written = addresses
        .iter()
        .try_for_each(|address| writeln!(stdout, "listening on {address}"))
        .and_then(|()| stdout.flush());
    match written {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(error),
        _ => Ok(()),
    }
}
