// SPDX-License-Identifier: BSD-2-Clause
//! `orchestrator runs`: past runs, the newest first.

use std::process::ExitCode;

use comfy_table::{Cell, ColumnConstraint, Width};
use console::measure_text_width;

use super::{Error, How, runtime, status};
use crate::history::{History, RunFilter, RunLine, VmLine};
use crate::projection::state::Tally;
use crate::projection::summary::{Look, arranged, lines, tone_color};
use crate::projection::text::{self, Tone, printable};

/// Columns of words; those of numbers follow.
const WORDS: usize = 4;

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
            let which = if filter.is_all() { "run" } else { "such run" };
            format!("no {which} in {}\n", runs_dir.display())
        } else {
            render(&runs, look) + "\n"
        }
    })
}

/// A table of them where its words fit on the lines, else a list.
fn render(runs: &[RunLine], look: Look) -> String {
    let table = table(runs, look);
    let fits = |line: &str| measure_text_width(line) <= usize::from(look.width);
    if table.lines().all(fits) {
        table
    } else {
        list_of(runs, look)
    }
}

/// One row a run. No word is broken, for which the table becomes wider than
/// wanted: names are there to be given to other commands.
fn table(runs: &[RunLine], look: Look) -> String {
    let header = ["run", "result", "VMs", "targets", "time", "tests", "failed"];
    let mut table = arranged(look, header, runs.iter().map(row), WORDS);
    for index in 0..WORDS {
        let cells = table
            .row_iter()
            .filter_map(|row| row.cell_iter().nth(index));
        let longest = cells.map(|cell| longest_word(&cell.content())).max();
        let longest = u16::try_from(longest.unwrap_or(0)).unwrap_or(u16::MAX);
        if let Some(column) = table.column_mut(index) {
            let width = longest.saturating_add(column.padding_width());
            column.set_constraint(ColumnConstraint::LowerBoundary(Width::Fixed(width)));
        }
    }
    lines(&table)
}

fn longest_word(text: &str) -> usize {
    text.split(' ').map(measure_text_width).max().unwrap_or(0)
}

/// Two lines a run.
fn list_of(runs: &[RunLine], look: Look) -> String {
    let entries = runs.iter().map(|run| {
        let time = run.duration_s.map(|s| format!(" in {}", text::seconds(s)));
        let tests = tally(run);
        let what = format!(
            "    {}: {}; {}, {} failed",
            targets(run),
            vms(&run.vms),
            text::count(tests.done() as usize, "test"),
            tests.failed
        );
        format!(
            "{} {}{}\n{}",
            run.run,
            look.paint.text(tone(run), result(run)),
            time.unwrap_or_default(),
            text::fold(&what, usize::from(look.width))
        )
    });
    entries.collect::<Vec<_>>().join("\n")
}

fn row(run: &RunLine) -> Vec<Cell> {
    let tests = tally(run);
    vec![
        Cell::new(&run.run),
        Cell::new(result(run)).fg(tone_color(tone(run))),
        Cell::new(vms(&run.vms)),
        Cell::new(targets(run)),
        Cell::new(run.duration_s.map_or(String::new(), text::seconds)),
        Cell::new(tests.done()),
        Cell::new(tests.failed),
    ]
}

fn tally(run: &RunLine) -> Tally {
    run.vms.iter().map(|vm| vm.tests).sum()
}

fn targets(run: &RunLine) -> String {
    printable(&run.targets.join(", ")).into_owned()
}

fn tone(run: &RunLine) -> Tone {
    match run.result.as_str() {
        "passed" => Tone::Good,
        "failed" | "regressed" => Tone::Bad,
        _ => Tone::Warn,
    }
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::projection::text::Paint;
    use jiff::Timestamp;

    fn line() -> RunLine {
        let vm = |outcome: &str, passed| VmLine {
            name: "a".to_owned(),
            outcome: Some(outcome.to_owned()),
            tests: Tally {
                passed,
                failed: 0,
                skipped: 0,
            },
        };
        RunLine {
            run: "20261123T094900871Z-k3f9Ua".to_owned(),
            started: Timestamp::UNIX_EPOCH,
            duration_s: Some(2.4),
            result: "not_driven".to_owned(),
            interrupted: None,
            targets: vec!["live_integration".to_owned(), "unit".to_owned()],
            vms: vec![vm("passed", 84), vm("infrastructure", 0)],
        }
    }

    fn rendered(width: u16) -> String {
        let paint = Paint::PLAIN;
        render(&[line()], Look { width, paint })
    }

    #[test]
    fn no_word_of_a_table_is_broken() {
        let text = rendered(100);
        let words: Vec<&str> = text.split_whitespace().collect();
        for word in [
            "20261123T094900871Z-k3f9Ua",
            "infrastructure",
            "live_integration,",
        ] {
            assert!(words.contains(&word), "{text}");
        }
        assert!(
            text.lines().all(|line| line.chars().count() <= 100),
            "{text}"
        );
        assert!(text.starts_with(" run "), "{text}");
    }

    #[test]
    fn a_narrow_terminal_gets_a_list() {
        let expected = "20261123T094900871Z-k3f9Ua not driven in 2.4s\n    \
                        live_integration, unit: 1 passed, 1 infrastructure; 84 tests, 0 failed";
        assert_eq!(rendered(80), expected);
    }
}
