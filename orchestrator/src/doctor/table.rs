// SPDX-License-Identifier: BSD-2-Clause
//! What was found, as a table: a line for each check, then what mends it.

use comfy_table::{Cell, Color, ContentArrangement, LineStyle, Table, TableStyle};

use super::Examined;
use crate::pipeline::{Finding, Grade};
use crate::projection::summary::Look;
use crate::projection::text::{count, printable};

/// All of `examined`, with a verdict in the last line.
pub(super) fn render(examined: &[Examined], look: Look) -> String {
    let mut table = Table::new();
    table
        .load_style(TableStyle::new().header_separator(LineStyle::none().fill('─').junction('─')))
        .set_content_arrangement(ContentArrangement::Dynamic)
        .set_width(look.width)
        .set_header(["VM", "check", "", "found"]);
    if look.paint.is_on() {
        table.enforce_styling();
    } else {
        table.force_no_tty();
    }
    for vm in examined {
        for (number, finding) in vm.findings.iter().enumerate() {
            let name = if number == 0 { vm.vm.as_str() } else { "" };
            table.add_row(row(name, finding));
        }
    }
    let mut lines: Vec<String> = table
        .lines()
        .map(|line| line.trim_end().to_owned())
        .collect();
    lines.push(String::new());
    lines.extend(mending(examined));
    lines.push(verdict(examined));
    lines.join("\n")
}

fn row(name: &str, finding: &Finding) -> Vec<Cell> {
    let (word, color) = match finding.grade {
        Grade::Good => ("ok", Color::DarkGreen),
        Grade::Warning => ("warning", Color::DarkYellow),
        Grade::Bad => ("bad", Color::DarkRed),
    };
    vec![
        Cell::new(name),
        Cell::new(finding.check.as_str().replace('_', " ")),
        Cell::new(word).fg(color),
        Cell::new(printable(&finding.found)),
    ]
}

/// Outside of the table, where a command can be copied in one piece.
fn mending(examined: &[Examined]) -> Vec<String> {
    let mut lines = Vec::new();
    for vm in examined {
        let wanting = vm.findings.iter().filter(|f| !f.mend.is_empty());
        for finding in wanting {
            let check = finding.check.as_str().replace('_', " ");
            lines.push(format!("{}, {check}: {}", vm.vm, printable(&finding.mend)));
        }
    }
    if !lines.is_empty() {
        lines.insert(0, "What mends it:".to_owned());
        lines.push(String::new());
    }
    lines
}

fn verdict(examined: &[Examined]) -> String {
    let unfit: Vec<&str> = examined
        .iter()
        .filter(|vm| !vm.fit)
        .map(|vm| vm.vm.as_str())
        .collect();
    let all = count(examined.len(), "VM");
    if unfit.is_empty() {
        format!("{all}, all fit for a run")
    } else {
        format!("{all}, not fit for a run: {}", unfit.join(", "))
    }
}
