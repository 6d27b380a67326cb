// SPDX-License-Identifier: BSD-2-Clause
//! `orchestrator serve`: runs on a schedule and on request, for as long as it is
//! wanted.
//!
//! - `config`, `wanted`, `clockwork`: what is to be run when.
//! - `due`: by when it is to have begun, as a metric.
//! - `service`: the runs, one at a time a VM.
//! - `past`: what earlier processes left, from the event logs.
//! - `api`: the routes for programs; `pages`: those for people.
//!
//! Invariant: nothing is kept but event logs. A service that was killed begins
//! anew with the last run of each VM, whichever process drove it.

mod api;
mod clockwork;
mod config;
mod due;
mod pages;
mod past;
mod service;
mod wanted;

use std::fs;
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use miette::{Diagnostic, Report};
use tokio::runtime::Runtime;
use tokio::time::sleep;

use crate::exit::ExitStatus;
use crate::http::{Listening, Server};
use crate::inventory;
use crate::projection::Fleet;
use crate::projection::metrics::{self, Metrics};
use crate::reference;
use crate::run::args::Driving;
use crate::run::signals::{self, Interrupts};
use crate::tell;
use api::Api;
use clockwork::Clockwork;
use config::Entry;
use due::Due;
use service::{Refused, Service};

/// How often the clock is looked at: it may be set, and the machine may sleep.
const LOOK: Duration = Duration::from_millis(500);

/// What to serve, and where.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// File with the schedule, as [[schedule]] with `cron`, `target`, `vms`, `labels`, `category`
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// File with the token that requests to /api need; without it they are refused
    #[arg(long, value_name = "FILE")]
    token_file: Option<PathBuf>,
    #[command(flatten)]
    listening: Listening,
    /// Print a reference of all metrics, as Markdown, and end
    #[arg(long)]
    print_metrics: bool,
    #[command(flatten)]
    driving: Driving,
}

/// Why nothing is served.
#[derive(Debug, thiserror::Error, Diagnostic)]
enum Error {
    #[error("the token in {} could not be read: {reason}", path.display())]
    #[diagnostic(help("name another file with --token-file"))]
    Token { path: PathBuf, reason: io::Error },
    #[error("others than its owner may read the token in {}", path.display())]
    #[diagnostic(help("chmod 600 {}", path.display()))]
    TokenForAll { path: PathBuf },
    #[error("the token in {} is shorter than 16 characters", path.display())]
    #[diagnostic(help("make one, as with `openssl rand -hex 32`"))]
    ShortToken { path: PathBuf },
    #[error("the runs in {} could not be listed: {reason}", path.display())]
    Runs { path: PathBuf, reason: io::Error },
    #[error("the service's threads or signal handlers could not be set up")]
    System(#[source] io::Error),
}

/// Serve until a signal comes. Mistakes are told before anything is touched.
#[must_use]
pub fn main(args: &Args) -> ExitCode {
    if args.print_metrics {
        return reference::print(&metrics::table::REFERENCE.to_string());
    }
    let served = Runtime::new()
        .map_err(|error| Report::new(Error::System(error)))
        .and_then(|runtime| {
            let served = runtime.block_on(serve(args));
            runtime.shutdown_background();
            served
        });
    match served {
        Ok(()) => ExitStatus::Success.into(),
        Err(report) => {
            tell::note(format_args!("{report:?}"));
            ExitStatus::Usage.into()
        }
    }
}

async fn serve(args: &Args) -> Result<(), Report> {
    let inventory = inventory::load(args.driving.inventory().as_deref())?;
    let entries = match &args.config {
        Some(path) => config::load(path, &inventory)?,
        None => Vec::new(),
    };
    let token = args.token_file.as_deref().map(read_token).transpose()?;
    let runs_dir = args.driving.runs_dir().map_err(miette::Error::msg)?;
    let mut interrupts = signals::listen().map_err(Error::System)?;

    let fleet = Fleet::of(inventory.vms.iter().map(|vm| vm.name.clone()));
    let cut = past::load(&runs_dir, &inventory, &fleet).map_err(|reason| Error::Runs {
        path: runs_dir.clone(),
        reason,
    })?;
    let (overrides, now) = (args.driving.overrides(), Timestamp::now());
    let due = Due::new(&entries, &inventory, &overrides, &fleet, now);
    let metrics = Metrics::new(fleet.clone()).map_err(miette::Error::msg)?;
    let metrics = metrics.with_process().with(due.clone());
    let service = Arc::new(Service::new(
        inventory,
        overrides,
        args.driving.settings(false),
        runs_dir,
        fleet,
        metrics,
        due,
    ));
    let clockwork = Arc::new(Mutex::new(Clockwork::new(entries, now)));
    let routes = api::router(Api {
        service: Arc::clone(&service),
        clockwork: Arc::clone(&clockwork),
        token: token.map(Into::into),
    });
    let server = Server::serve(&args.listening, routes)
        .await
        .map_err(miette::Error::msg)?;
    tell::note(format_args!("serving at http://{}", server.address()));
    cut.iter().for_each(|run| service.take_over(run));

    let signal = tokio::select! {
        Some(signal) = interrupts.recv() => signal,
        () = keep_schedule(&service, &clockwork) => "",
    };
    stop(&service, signal, &mut interrupts).await;
    server.stop().await;
    Ok(())
}

/// Take what is due, for ever.
async fn keep_schedule(service: &Arc<Service>, clockwork: &Mutex<Clockwork>) {
    loop {
        let now = Timestamp::now();
        let due = {
            let mut clockwork = clockwork.lock().unwrap_or_else(PoisonError::into_inner);
            clockwork.due(now)
        };
        for (number, entry) in due {
            take(service, number, &entry);
        }
        sleep(LOOK).await;
    }
}

fn take(service: &Arc<Service>, number: usize, entry: &Entry) {
    let cron = &entry.cron;
    match service.take(&entry.wanted, Some(number)) {
        Ok((run, _)) => tell::note(format_args!("run {run} is due ({cron})")),
        Err(Refused::StillWaiting) => tell::note(format_args!(
            "what is due ({cron}) still waits since the last time; it is left out"
        )),
        Err(error) => tell::note(format_args!(
            "error: what is due ({cron}) can't be run: {error}"
        )),
    }
}

/// Have every run clean up and end; a second signal ends them at once.
async fn stop(service: &Service, signal: &'static str, interrupts: &mut Interrupts) {
    tell::note(format_args!("{signal}: stopping; once more ends at once"));
    service.stop(signal);
    loop {
        tokio::select! {
            () = service.tasks.wait() => return,
            Some(signal) = interrupts.recv() => service.stop(signal),
        }
    }
}

fn read_token(path: &Path) -> Result<String, Error> {
    let failed = |reason| Error::Token {
        path: path.to_owned(),
        reason,
    };
    let mode = fs::metadata(path).map_err(failed)?.permissions().mode();
    if mode & 0o077 != 0 {
        return Err(Error::TokenForAll {
            path: path.to_owned(),
        });
    }
    let token = fs::read_to_string(path).map_err(failed)?;
    let token = token.trim().to_owned();
    if token.len() < 16 {
        return Err(Error::ShortToken {
            path: path.to_owned(),
        });
    }
    Ok(token)
}
