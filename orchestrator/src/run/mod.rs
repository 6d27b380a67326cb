// SPDX-License-Identifier: BSD-2-Clause
//! `orchestrator run`: one pipeline for each VM, all at once.
//!
//! - `args`: what the user asked for.
//! - `all_ended`: when the log has the end of every VM.
//! - `job`: one run, whoever wants it.
//! - `dispatch`: starts the pipelines, waits for them, and gives them up.
//! - `resume`: what a run that was cut off has left to do.
//! - `signals`: Ctrl-C and SIGTERM.

mod all_ended;
pub(crate) mod args;
mod dispatch;
pub(crate) mod job;
pub(crate) mod resume;
pub(crate) mod signals;

use std::io::{self, Write as _};
use std::path::PathBuf;
use std::process::ExitCode;

use miette::{Diagnostic, Report};
use tokio::runtime::Runtime;
use tokio::time::sleep;

pub use args::Args;
pub(crate) use args::{at_least_one, dist_path, inventory_path, overrides_of_place};

use crate::exit::ExitStatus;
use crate::http::{ListenError, Server};
use crate::inventory;
use crate::outputs;
use crate::plan::{self, Plan};
use crate::projection::metrics::Metrics;
use crate::projection::{Fold, StateHandle, terminal};
use crate::regressions::{Judging, NoBaseline};
use crate::runs;
use crate::tell;
use job::Job;
use resume::Past;
use signals::Interrupts;

/// Why a run did not begin, or has no whole log.
#[derive(Debug, thiserror::Error, Diagnostic)]
enum Error {
    #[error(transparent)]
    NoRunsDir(#[from] runs::NoRunsDir),
    #[error(transparent)]
    NoRun(#[from] runs::NoRun),
    #[error(transparent)]
    NoBaseline(#[from] NoBaseline),
    #[error(transparent)]
    Listen(#[from] ListenError),
    #[error("the folder of the run could not be made in {}", path.display())]
    #[diagnostic(help("name another folder with --runs-dir"))]
    RunDir { path: PathBuf, source: io::Error },
    #[error(transparent)]
    #[diagnostic(help(
        "make room there, or name another folder with --runs-dir; what was logged before is good"
    ))]
    Job(#[from] job::Error),
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
            Self::NoRunsDir(_)
            | Self::NoRun(_)
            | Self::NoBaseline(_)
            | Self::Listen(_)
            | Self::RunDir { .. } => ExitStatus::Usage,
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
        Ok(wanted) if args.dry_run => show(&wanted.plan),
        Ok(wanted) => match run(args, wanted) {
            Ok(status) => status.into(),
            Err(error) => {
                let status = error.status();
                tell::note(format_args!("{:?}", Report::new(error)));
                status.into()
            }
        },
    }
}

/// What is to be done, and what of it was done before.
struct Wanted {
    plan: Plan,
    past: Option<Past>,
    /// What its benchmarks are judged by.
    judging: Judging,
}

/// What is to be done, once it is known that it can be told.
fn planned(args: &Args) -> Result<Wanted, Report> {
    let wanted = wanted(args)?;
    if !args.dry_run {
        args.outputs.files.check().map_err(Error::Outputs)?;
    }
    Ok(wanted)
}

fn wanted(args: &Args) -> Result<Wanted, Report> {
    let inventory = inventory::load(args.driving.inventory().as_deref())?;
    let judging = args.judging().map_err(Error::NoBaseline)?;
    let Some(run) = args.resumed() else {
        let plan = plan::plan(&inventory, &args.selection(), &args.overrides())?;
        return Ok(Wanted {
            plan,
            past: None,
            judging,
        });
    };
    let runs_dir = args.driving.runs_dir().map_err(Error::NoRunsDir)?;
    let log = runs::find(run, &runs_dir).map_err(Error::NoRun)?;
    let past = Past::read(&log)?;
    let plan = past.plan(&inventory, &args.overrides())?;
    Ok(Wanted {
        plan,
        past: Some(past),
        judging,
    })
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

fn run(args: &Args, wanted: Wanted) -> Result<ExitStatus, Error> {
    let runtime = Runtime::new().map_err(Error::System)?;
    let status = runtime.block_on(run_to_the_end(args, wanted));
    // What is left are reads of files whose run was given up.
    runtime.shutdown_background();
    status
}

async fn run_to_the_end(args: &Args, wanted: Wanted) -> Result<ExitStatus, Error> {
    let Wanted {
        plan,
        past,
        judging,
    } = wanted;
    let mut interrupts = signals::listen().map_err(Error::System)?;
    let state = StateHandle::default();
    let metrics = Metrics::new(state.clone())?.with_process();
    let mut fold = Fold::new(state.clone(), vec![metrics.view()]);
    let server = Server::start(&args.listening, metrics.clone()).await?;
    let (run, folder) = match &past {
        None => make_run_dir(args)?,
        Some(past) => (past.run(), past.folder()),
    };
    let done = past.as_ref().is_some_and(Past::is_complete);
    if let Some(past) = &past {
        past.tell(&mut fold);
    }
    let job = Job {
        run,
        folder,
        plan,
        past,
        settings: args.driving.settings(args.fail_fast),
        judging,
    };
    let log = job.log();
    let logged = if done {
        tell::note(format_args!(
            "run {} is complete: nothing is missing",
            job.run
        ));
        Ok(())
    } else {
        tell::note(format_args!("run {}, events in {}", job.run, log.display()));
        tell::note(format_args!(
            "metrics at http://{}/metrics",
            server.address()
        ));
        fold.add(terminal::on_stderr(args.outputs.color));
        job.drive(fold, &mut interrupts).await
    };
    if let Err(error @ job::Error::ControlDir(_)) = logged {
        return Err(error.into());
    }
    let state = state.read(Clone::clone);
    let trends = args.outputs.files.trends(&state, &log).await;
    let status = state.exit_status();
    let (out, beside) = (&mut io::stdout(), &mut io::stderr());
    let shown = args.outputs.write(&state, &log, &trends, out, beside);
    tell::note(format_args!(
        "events in {}, exit status {}",
        log.display(),
        status.code()
    ));
    logged?;
    shown?;
    linger(args, server, &mut interrupts).await;
    Ok(status)
}

fn make_run_dir(args: &Args) -> Result<(String, PathBuf), Error> {
    let path = args.driving.runs_dir()?;
    job::make_folder(&path).map_err(|source| Error::RunDir { path, source })
}

async fn linger(args: &Args, server: Server, interrupts: &mut Interrupts) {
    if let Some(time) = args.linger {
        tell::note(format_args!(
            "metrics stay at http://{}/metrics for {}",
            server.address(),
            humantime::format_duration(time)
        ));
        tokio::select! {
            () = sleep(time) => {}
            _ = interrupts.recv() => {}
        }
    }
    server.stop().await;
}
