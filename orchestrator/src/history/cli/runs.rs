// SPDX-License-Identifier: BSD-2-Clause
//! `orchestrator runs`: past runs, the newest first.

use std::process::ExitCode;

use comfy_table::{Cell, ColumnConstraint};

use super::{Error, How, runtime, status};
use crate::history::{History, RunFilter, RunLine, VmLine};
use crate::projection::state::Tally;
use crate::projection::summary::{Look, arranged, lines, tone_color};
use crate::projection::text::{self, Tone, printable};

/// Which runs are listed, and how.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// List so many, the newest ones; 0 for all
    #[arg(long, value_name = "N", default_value_t = 20)]
    limit: u32,
    /// List those that this VM was part of
    #[arg(long, value_name = "VM")]
    vm: Option<String>,
    /// List those that were to run this target
    #[arg(long, value_name = "TARGET")]
    target: Option<String>,
    /// List those that did not pass
    #[arg(long)]
    failed: bool,
    #[command(flatten)]
    how: How,
}

/// List them.
#[must_use]
pub fn main(args: &Args) -> ExitCode {
    status(list(args))
}

fn list(args: &Args) -> Result<(), Error> {
    let runs_dir = args.how.runs_dir.path()?;
    let filter = RunFilter {
        vm: args.vm.clone(),
        target: args.target.clone(),
        failed: args.failed,
        limit: (args.limit > 0).then_some(args.limit),
    };
    let runs = runtime()?.block_on(async {
        let history = History::look(&runs_dir).await?;
        let runs = history.runs(&filter).await?;
        history.close().await;
        Ok::<_, Error>(runs)
    })?;
    args.how.print(&runs, |look| {
        if runs.is_empty() {
            format!("no such run in {}\n", runs_dir.display())
        } else {
            render(&runs, look) + "\n"
        }
    })
}

/// One line a run. Its name, which begins with the time, is never broken: it is
/// there to be given to other commands.
fn render(runs: &[RunLine], look: Look) -> String {
    let header = ["run", "result", "VMs", "targets", "time", "tests", "failed"];
    let mut table = arranged(look, header, runs.iter().map(row), 4);
    if let Some(names) = table.column_mut(0) {
        names.set_constraint(ColumnConstraint::ContentWidth);
    }
    lines(&table)
}

fn row(run: &RunLine) -> Vec<Cell> {
    let tests: Tally = run.vms.iter().map(|vm| vm.tests).sum();
    let result = result(run);
    let tone = match run.result.as_str() {
        "passed" => Tone::Good,
        "failed" | "regressed" => Tone::Bad,
        _ => Tone::Warn,
    };
    vec![
        Cell::new(&run.run),
        Cell::new(result).fg(tone_color(tone)),
        Cell::new(vms(&run.vms)),
        Cell::new(printable(&run.targets.join(", "))),
        Cell::new(run.duration_s.map_or(String::new(), text::seconds)),
        Cell::new(tests.done()),
        Cell::new(tests.failed),
    ]
}

fn result(run: &RunLine) -> String {
    match (&run.interrupted, run.duration_s) {
        (Some(signal), _) => printable(signal).into_owned(),
        (None, None) => "unfinished".to_owned(),
        (None, Some(_)) => run.result.replace('_', " "),
    }
}

/// `2 passed, 1 lost`.
fn vms(vms: &[VmLine]) -> String {
    let mut counts: Vec<(String, usize)> = Vec::new();
    for vm in vms {
        let outcome = outcome(vm);
        match counts.iter_mut().find(|(known, _)| *known == outcome) {
            Some((_, number)) => *number += 1,
            None => counts.push((outcome, 1)),
        }
    }
    let counts: Vec<String> = counts
        .iter()
        .map(|(what, n)| format!("{n} {what}"))
        .collect();
    counts.join(", ")
}

fn outcome(vm: &VmLine) -> String {
    let outcome = vm.outcome.as_deref();
    outcome.map_or("unfinished".to_owned(), |word| word.replace('_', " "))
}
