// SPDX-License-Identifier: BSD-2-Clause
//! The command line: one variant a subcommand, each handed to the module that
//! does it.

use std::process::ExitCode;

use clap::{CommandFactory, Parser, Subcommand};

use crate::{analyze, doctor, history, lab, reference, replay, report, run, serve};

/// Drives tcpstats test machines over SSH, follows their tests live and reports.
#[derive(Debug, Parser)]
#[command(
    name = "orchestrator",
    version,
    propagate_version = true,
    after_help = "Exit status: 0 all passed, 1 tests failed, 2 wrong use or configuration,\n\
                  3 a VM could not be driven to its end, 4 a regression (run --fail-on-regression),\n\
                  130 interrupted."
)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run targets of the test binary on VMs, all at once
    Run(Box<run::Args>),
    /// See whether VMs are fit for a run, and say what mends them
    Doctor(doctor::Args),
    /// Run targets on a schedule and on request, and serve what came of it
    Serve(serve::Args),
    /// Show a run again from its event log
    Replay(replay::Args),
    /// List past runs, the newest first
    Runs(history::cli::runs::Args),
    /// Show a run in full: its summary, machines, stages and attempts
    Show(history::cli::show::Args),
    /// List or print what a VM of a run has left: output, console, files
    Logs(history::cli::logs::Args),
    /// Make the database of past runs anew
    History(history::cli::rebuild::Args),
    /// Compare two runs: their benchmarks and their tests
    Compare(history::cli::compare::Args),
    /// Plot a benchmark over all runs, with its changes
    Trend(history::cli::trend::Args),
    /// List what got slower, or say that it is known
    Ack(history::cli::ack::Args),
    /// Write what came of a run into files: a page to look at, JSON, JUnit
    Report(report::Args),
    /// Find the changes of any series of measurements
    Analyze(analyze::Args),
    /// Have real test hosts on this machine, without any VM
    Lab(lab::cli::Args),
    /// Print what makes a shell complete this program's arguments
    Completions(reference::Completions),
    /// Write this program's manual pages
    Man(reference::Pages),
}

/// Parse the process' arguments and do what they say.
#[must_use]
pub fn main() -> ExitCode {
    match Cli::parse().command {
        Command::Run(args) => run::main(&args),
        Command::Doctor(args) => doctor::main(&args),
        Command::Serve(args) => serve::main(&args),
        Command::Replay(args) => replay::main(&args),
        Command::Runs(args) => history::cli::runs::main(&args),
        Command::Show(args) => history::cli::show::main(&args),
        Command::Logs(args) => history::cli::logs::main(&args),
        Command::History(args) => history::cli::rebuild::main(&args),
        Command::Compare(args) => history::cli::compare::main(&args),
        Command::Trend(args) => history::cli::trend::main(&args),
        Command::Ack(args) => history::cli::ack::main(&args),
        Command::Report(args) => report::main(&args),
        Command::Analyze(args) => analyze::main(&args),
        Command::Lab(args) => lab::cli::main(args),
        Command::Completions(args) => reference::completions(&args, Cli::command()),
        Command::Man(args) => reference::pages(&args, Cli::command()),
    }
}
