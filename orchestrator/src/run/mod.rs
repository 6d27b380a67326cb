// SPDX-License-Identifier: BSD-2-Clause
//! `orchestrator run`: one pipeline for each VM, all at once.
//!
//! - `args`: what the user asked for.
//! - `dispatch`: starts the pipelines, waits for them, and gives them up.
//! - `signals`: Ctrl-C and SIGTERM.

mod args;
mod dispatch;
mod signals;

use std::fs::{self, Permissions};
use std::io::{self, Write as _};
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use jiff::Timestamp;
use miette::{Diagnostic, Report};
use tokio::runtime::Runtime;
use tokio::sync::Semaphore;
use tokio::time::sleep;

pub use args::Args;
pub(crate) use args::{at_least_one, inventory_path, overrides_of_place};

use crate::event::Body;
use crate::event_log::{self, WriteError, Writer};
use crate::exit::ExitStatus;
use crate::http::{ListenError, Server};
use crate::inventory;
use crate::outputs;
use crate::pipeline::{Dist, Shared, Stop, StopReason};
use crate::plan::{self, Plan};
use crate::projection::metrics::Metrics;
use crate::projection::{Fold, StateHandle, terminal};
use crate::runs;
use crate::ssh::ControlDir;
use crate::tell;
use signals::Signals;

/// Why a run did not begin, or has no whole log.
#[derive(Debug, thiserror::Error, Diagnostic)]
enum Error {
    #[error(transparent)]
    NoRunsDir(#[from] runs::NoRunsDir),
    #[error(transparent)]
    Listen(#[from] ListenError),
    #[error("the folder of the run could not be made in {}", path.display())]
    #[diagnostic(help("name another folder with --runs-dir"))]
    RunDir { path: PathBuf, source: io::Error },
    #[error("a folder for control sockets could not be made")]
    ControlDir(#[source] io::Error),
    #[error(transparent)]
    #[diagnostic(help(
        "make room there, or name another folder with --runs-dir; what was logged before is good"
    ))]
    Log(#[from] WriteError),
    #[error(transparent)]
    Outputs(#[from] outputs::Error),
    #[error("the metrics could not be set up")]
    Metrics(#[from] prometheus::Error),
    #[error("the run's threads or signal handlers could not be set up")]
    System(#[source] io::Error),
}

impl Error {
    fn status(&self) -> ExitStatus {
        match self {
            Self::NoRunsDir(_) | Self::Listen(_) | Self::RunDir { .. } => ExitStatus::Usage,
            _ => ExitStatus::NotDriven,
        }
    }
}

/// Run what `args` say. Mistakes in them or in the inventory are told before
/// anything is touched.
#[must_use]
pub fn main(args: &Args) -> ExitCode {
    match planned(args) {
        Err(report) => {
            tell::note(format_args!("{report:?}"));
            ExitStatus::Usage.into()
        }
        Ok(plan) if args.dry_run => show(&plan),
        Ok(plan) => match run(args, plan) {
            Ok(status) => status.into(),
            Err(error) => {
                let status = error.status();
                tell::note(format_args!("{:?}", Report::new(error)));
                status.into()
            }
        },
    }
}

fn planned(args: &Args) -> Result<Plan, Report> {
    let inventory = inventory::load(args.inventory().as_deref())?;
    Ok(plan::plan(
        &inventory,
        &args.selection(),
        &args.overrides(),
    )?)
}

fn show(plan: &Plan) -> ExitCode {
    let mut text = String::new();
    for target in &plan.targets {
        text += &format!("target {} (category {})\n", target.target, target.category);
    }
    for vm in &plan.vms {
        let (name, address) = (&vm.name, vm.address());
        text += &format!("on {name} at {address} in {}\n", vm.dir);
    }
    match io::stdout().write_all(text.as_bytes()) {
        // Like a reader that has seen enough.
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            tell::note(format_args!("error: failed to print the plan: {error}"));
            ExitStatus::NotDriven.into()
        }
        _ => ExitStatus::Success.into(),
    }
}

fn run(args: &Args, plan: Plan) -> Result<ExitStatus, Error> {
    let runtime = Runtime::new().map_err(Error::System)?;
    let status = runtime.block_on(run_to_the_end(args, plan));
    // What is left are reads of files whose run was given up.
    runtime.shutdown_background();
    status
}

async fn run_to_the_end(args: &Args, plan: Plan) -> Result<ExitStatus, Error> {
    let mut signals = Signals::listen().map_err(Error::System)?;
    let state = StateHandle::default();
    let metrics = Metrics::new(state.clone())?;
    let server = Server::start(args.listen, metrics.clone()).await?;
    let (run, folder) = make_run_dir(args)?;
    let log = folder.join(event_log::FILE_NAME);
    tell::note(format_args!("run {run}, events in {}", log.display()));
    tell::note(format_args!(
        "metrics at http://{}/metrics",
        server.address()
    ));

    let stop = Stop::default();
    let views = vec![metrics.view(), terminal::on_stderr(args.outputs.color)];
    let on_failure = {
        let stop = stop.clone();
        move || stop.request(StopReason::LogFailed)
    };
    let fold = Fold::new(state.clone(), views);
    let (recorder, writer) = Writer::start(&log, vec![Box::new(fold)], Timestamp::now, on_failure)?;
    let shared = Arc::new(Shared {
        holder: holder(&run),
        targets: plan.targets.clone(),
        recorder: recorder.clone(),
        stop,
        control: ControlDir::new().map_err(Error::ControlDir)?,
        dist: Dist::new(args.dist()),
        source: args.source.clone(),
        artifacts: folder,
        retries: args.retries,
        retry_tests: args.retry_tests,
        recover: args.recover,
        fail_fast: args.fail_fast,
        local_work: Semaphore::new(args.jobs),
        run: run.clone(),
    });
    let begin = Body::RunStarted {
        run,
        orchestrator: env!("CARGO_PKG_VERSION").to_owned(),
        plan: plan.to_event(),
    };
    recorder.record(begin).await;
    dispatch::dispatch(plan.vms, shared, recorder, args.timeout, &mut signals).await;
    let logged = writer.finish().await;

    let (status, shown) = state.read(|state| {
        let shown = args
            .outputs
            .write(state, &log, &mut io::stdout(), &mut io::stderr());
        (state.exit_status(), shown)
    });
    tell::note(format_args!(
        "events in {}, exit status {}",
        log.display(),
        status.code()
    ));
    logged?;
    shown?;
    linger(args, server, &mut signals).await;
    Ok(status)
}

/// A new folder whose name is the run's: when it began, and something that
/// keeps two runs of one second apart.
fn make_run_dir(args: &Args) -> Result<(String, PathBuf), Error> {
    let path = match &args.runs_dir {
        Some(dir) => dir.clone(),
        None => runs::default_dir()?,
    };
    let make = || {
        fs::create_dir_all(&path)?;
        let dir = tempfile::Builder::new()
            .prefix(&Timestamp::now().strftime("%Y%m%dT%H%M%SZ-").to_string())
            .permissions(Permissions::from_mode(0o755))
            .tempdir_in(&path)?;
        std::path::absolute(dir.keep())
    };
    let folder = make().map_err(|source| Error::RunDir { path, source })?;
    let name = folder.file_name().unwrap_or_default();
    Ok((name.to_string_lossy().into_owned(), folder))
}

/// What another orchestrator says of us where we hold a lock.
fn holder(run: &str) -> String {
    let user = std::env::var("USER")
        .or_else(|_| std::env::var("LOGNAME"))
        .unwrap_or_else(|_| format!("uid {}", rustix::process::getuid()));
    let system = rustix::system::uname();
    let host = system.nodename().to_string_lossy().into_owned();
    let pid = std::process::id();
    let now = Timestamp::now();
    let line = format!("{user}@{host} (pid {pid}) with run {run} since {now:.0}");
    line.replace(char::is_control, "?")
}

async fn linger(args: &Args, server: Server, signals: &mut Signals) {
    if let Some(time) = args.linger {
        tell::note(format_args!(
            "metrics stay at http://{}/metrics for {}",
            server.address(),
            humantime::format_duration(time)
        ));
        tokio::select! {
            () = sleep(time) => {}
            _ = signals.next() => {}
        }
    }
    server.stop().await;
}
