// SPDX-License-Identifier: BSD-2-Clause
//! `orchestrator compare`: two runs beside each other.

use std::path::PathBuf;
use std::process::ExitCode;

use comfy_table::Cell;
use protocol::Outcome;

use super::{Error, How, read, status};
use crate::event::{Compared, Verdict};
use crate::projection::benchmarks::{amount, name};
use crate::projection::summary::{Look, table, tone_color};
use crate::projection::text::{Tone, count, percent, printable};
use crate::regressions::compare::{VmComparison, compare};
use crate::runs;
use crate::tell;

/// Which runs, and how.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The run that came first: its name, its folder, or its events.ndjson
    before: PathBuf,
    /// The run that is compared with it
    after: PathBuf,
    #[command(flatten)]
    how: How,
}

/// Compare them. Differences are no failure: the exit status is 0 then, too.
#[must_use]
pub fn main(args: &Args) -> ExitCode {
    status(show(args))
}

fn show(args: &Args) -> Result<(), Error> {
    let runs_dir = args.how.runs_dir.path()?;
    let before = runs::find(&args.before, &runs_dir)?;
    let after = runs::find(&args.after, &runs_dir)?;
    if before == after {
        tell::note("note: both are the same run, which differs from itself in nothing");
    }
    let vms = compare(&read(&before)?, &read(&after)?);
    args.how.print(&vms, |look| render(&vms, look))
}

fn render(vms: &[VmComparison], look: Look) -> String {
    let machines = vms.iter().filter_map(|vm| {
        let machines = vm.machines.as_ref()?;
        Some(format!(
            "{} was another machine, so its benchmarks say nothing of the code:\n  {}\n  {}",
            vm.vm,
            printable(&machines.before),
            printable(&machines.after)
        ))
    });
    let rows: Vec<Vec<Cell>> = vms
        .iter()
        .flat_map(|vm| vm.benchmarks.iter().map(|of| row(&vm.vm, of)))
        .collect();
    let header = [
        "benchmark",
        "VM",
        "before",
        "after",
        "change",
        "99 % from",
        "to",
        "verdict",
    ];
    let benchmarks = (!rows.is_empty()).then(|| table(look, header, rows, 2));
    let tests: Vec<String> = vms.iter().flat_map(tests).collect();
    let tests = (!tests.is_empty()).then(|| {
        let title = look
            .paint
            .text(Tone::Strong, "Tests that ended differently");
        std::iter::once(title)
            .chain(tests)
            .collect::<Vec<_>>()
            .join("\n")
    });
    let mut sections: Vec<String> = machines.collect();
    sections.extend(benchmarks);
    sections.extend(tests);
    sections.push(totals(vms));
    sections.join("\n\n") + "\n"
}

fn row(vm: &str, of: &Compared) -> Vec<Cell> {
    let quantity = &of.quantity;
    let value = |median| printable(&amount(median, &quantity.unit)).into_owned();
    let tone = match of.verdict {
        Verdict::Worse => Tone::Bad,
        Verdict::Better => Tone::Good,
        Verdict::Same | Verdict::Other => Tone::Quiet,
    };
    let [low, high] = of.interval;
    vec![
        Cell::new(name(
            &quantity.benchmark,
            &quantity.workload,
            quantity.connections,
        )),
        Cell::new(vm),
        Cell::new(value(of.before.median)),
        Cell::new(value(of.after.median)),
        Cell::new(percent(of.ratio - 1.0)),
        Cell::new(percent(low - 1.0)),
        Cell::new(percent(high - 1.0)),
        Cell::new(of.verdict.as_str()).fg(tone_color(tone)),
    ]
}

fn tests(vm: &VmComparison) -> impl Iterator<Item = String> {
    let end = |outcome: Option<Outcome>| match outcome {
        Some(outcome) => outcome.to_string(),
        None => "not run".to_owned(),
    };
    vm.tests.iter().map(move |test| {
        let said = format!(
            "{} {} {} on {}: {}, then {}",
            test.target,
            test.id,
            test.name,
            vm.vm,
            end(test.before),
            end(test.after)
        );
        format!("  {}", printable(&said))
    })
}

fn totals(vms: &[VmComparison]) -> String {
    let all = || vms.iter().flat_map(|vm| &vm.benchmarks);
    let of = |verdict| all().filter(|found| found.verdict == verdict).count();
    let too_few: usize = vms.iter().map(|vm| vm.too_few).sum();
    let differences: usize = vms.iter().map(|vm| vm.tests.len()).sum();
    let mut said = format!(
        "{} on {}: {} worse, {} better, {} the same; {}",
        count(all().count(), "benchmark"),
        count(vms.len(), "VM"),
        of(Verdict::Worse),
        of(Verdict::Better),
        of(Verdict::Same),
        count(differences, "test") + " ended differently",
    );
    if too_few > 0 {
        said += &format!("\n{too_few} more have too few repetitions to compare");
    }
    said
}
