// SPDX-License-Identifier: BSD-2-Clause
//! What a run measured: each benchmark on each VM, with every sample as a
//! stroke on a line that they all share.

use indexmap::IndexMap;
use maud::{Markup, html};

use crate::projection::benchmarks::{amount, title, value};
use crate::projection::details::Details;
use crate::projection::state::{BenchmarkState, RunState};
use crate::projection::text::printable;

/// Rows that are shown.
const ROWS_MAX: usize = 5000;
/// Width of a line of samples; its unit is arbitrary.
const STRIP: f64 = 1000.0;

/// One benchmark on one VM.
struct Row<'a> {
    vm: &'a str,
    benchmark: &'a BenchmarkState,
    samples: &'a [f64],
}

/// A table for each benchmark; `None` where nothing was measured.
pub(super) fn tables(state: &RunState, details: &Details) -> Option<Markup> {
    let mut series: IndexMap<_, Vec<Row<'_>>> = IndexMap::new();
    let mut rows: usize = 0;
    for vm in &state.vms {
        let known = details.vm(vm.name());
        for target in &vm.targets {
            for benchmark in &target.benchmarks {
                rows += 1;
                if rows > ROWS_MAX {
                    continue;
                }
                let samples =
                    known.map_or(&[][..], |known| known.samples(&target.target, benchmark));
                let row = Row {
                    vm: vm.name(),
                    benchmark,
                    samples,
                };
                series.entry(benchmark.key()).or_default().push(row);
            }
        }
    }
    let left_out = rows.saturating_sub(ROWS_MAX);
    (rows > 0).then(|| {
        html! {
            @for rows in series.values() { (table(rows)) }
            @if left_out > 0 { p { "and " (left_out) " more, in the event log" } }
        }
    })
}

fn table(rows: &[Row<'_>]) -> Markup {
    let samples = || rows.iter().flat_map(|row| row.samples).copied();
    let lowest = samples().fold(f64::INFINITY, f64::min);
    let highest = samples().fold(f64::NEG_INFINITY, f64::max);
    let benchmark = rows[0].benchmark;
    let at = |value: f64| printable(&amount(value, &benchmark.unit)).into_owned();
    html! {
        table.stages {
            caption { (title(benchmark)) }
            thead {
                tr {
                    th scope="col" { "VM" }
                    th.number scope="col" { "median ± spread of samples" }
                    th.wide scope="col" {
                        @if lowest <= highest { (at(lowest)) " to " (at(highest)) }
                        @else { "samples" }
                    }
                }
            }
            tbody {
                @for row in rows {
                    tr {
                        th scope="row" { (printable(row.vm)) }
                        td.number {
                            (value(row.benchmark)) " "
                            span.quiet { "of " (row.benchmark.samples) }
                        }
                        td { (strip(row.samples, lowest, highest)) }
                    }
                }
            }
        }
    }
}

fn strip(samples: &[f64], lowest: f64, highest: f64) -> Markup {
    let range = highest - lowest;
    let strokes: String = samples
        .iter()
        .map(|sample| {
            let place = if range > 0.0 {
                (sample - lowest) / range
            } else {
                0.5
            };
            format!("M{:.0} 0v10", place * STRIP)
        })
        .collect();
    html! {
        svg.strip viewBox="-5 0 1010 10" preserveAspectRatio="none" aria-hidden="true" {
            path d=(strokes) {}
        }
    }
}
