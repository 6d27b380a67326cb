// SPDX-License-Identifier: BSD-2-Clause
//! Benchmarks as people read them: the median of the repetitions and how far
//! they lie apart, beside each other for the VMs of a run.

use super::state::{BenchmarkState, RunState, VmState};
use super::summary::{Look, table};
use super::text::printable;

/// Characters that a line leaves to the names of the benchmarks.
const NAME_WIDTH: u16 = 44;
/// Characters of a VM's column.
const VM_WIDTH: u16 = 18;

/// `parse worst_case: 412 ns ±1.2 %`.
pub(super) fn line(benchmark: &BenchmarkState) -> String {
    format!("{}: {}", title(benchmark), value(benchmark))
}

/// One line a series and one column a VM; where they are too many, the VMs with
/// the lowest and the highest value. `None` where nothing was measured.
pub(super) fn section(state: &RunState, look: Look) -> Option<String> {
    let vms: Vec<&VmState> = state
        .vms
        .iter()
        .filter(|vm| of(vm).next().is_some())
        .collect();
    let mut series: Vec<&BenchmarkState> = Vec::new();
    for benchmark in vms.iter().flat_map(|vm| of(vm)) {
        if !series.iter().any(|known| known.is_same_series(benchmark)) {
            series.push(benchmark);
        }
    }
    if series.is_empty() {
        return None;
    }
    let room = look.width.saturating_sub(NAME_WIDTH) / VM_WIDTH;
    let all_fit = vms.len() <= usize::from(room.max(1));
    let heads: Vec<&str> = if all_fit {
        vms.iter().map(|vm| vm.name()).collect()
    } else {
        vec!["lowest", "highest"]
    };
    let header = std::iter::once("benchmark").chain(heads);
    let rows = series.iter().map(|series| {
        let values = if all_fit {
            vms.iter()
                .map(|vm| found(vm, series).map_or(String::new(), value))
                .collect()
        } else {
            extremes(&vms, series)
        };
        std::iter::once(title(series)).chain(values).collect()
    });
    Some(table(look, header, rows, 1))
}

fn of(vm: &VmState) -> impl Iterator<Item = &BenchmarkState> {
    vm.targets.iter().flat_map(|target| &target.benchmarks)
}

fn found<'a>(vm: &'a VmState, series: &BenchmarkState) -> Option<&'a BenchmarkState> {
    of(vm).find(|benchmark| benchmark.is_same_series(series))
}

fn extremes(vms: &[&VmState], series: &BenchmarkState) -> Vec<String> {
    let mut values: Vec<(&str, &BenchmarkState)> = vms
        .iter()
        .filter_map(|vm| Some((vm.name(), found(vm, series)?)))
        .collect();
    values.sort_by(|(_, a), (_, b)| a.median.total_cmp(&b.median));
    let ends = [values.first(), values.last()].into_iter().flatten();
    ends.map(|(vm, measured)| format!("{} {vm}", value(measured)))
        .collect()
}

pub(super) fn title(benchmark: &BenchmarkState) -> String {
    name(&benchmark.name, &benchmark.workload, benchmark.connections)
}

/// `live_read no_filter @1000`, without the number where that is 0.
pub(crate) fn name(benchmark: &str, workload: &str, connections: u64) -> String {
    let name = printable(benchmark);
    let workload = printable(workload);
    match connections {
        0 => format!("{name} {workload}"),
        connections => format!("{name} {workload} @{connections}"),
    }
}

pub(super) fn value(benchmark: &BenchmarkState) -> String {
    let amount = amount(benchmark.median, &benchmark.unit);
    let spread = benchmark.spread() * 100.0;
    format!("{} ±{spread:.1} %", printable(&amount))
}

/// Four digits are as many as a measurement is good for.
pub(crate) fn amount(value: f64, unit: &str) -> String {
    const TIMES: [(&str, f64); 4] = [("s", 1.0), ("ms", 1e-3), ("us", 1e-6), ("ns", 1e-9)];
    if let Some((_, scale)) = TIMES.iter().find(|(name, _)| *name == unit) {
        let seconds = value * scale;
        let fitting = TIMES.iter().find(|(_, scale)| seconds.abs() >= *scale);
        let (name, scale) = fitting.unwrap_or(&TIMES[3]);
        return format!("{} {name}", digits(seconds / scale));
    }
    const PREFIXES: [(&str, f64); 3] = [("G", 1e9), ("M", 1e6), ("k", 1e3)];
    // A thousand is still read easily.
    let large = value.abs() >= 1e4;
    match PREFIXES
        .iter()
        .find(|(_, size)| large && value.abs() >= *size)
    {
        Some((prefix, size)) => format!("{} {prefix}{unit}", digits(value / size)),
        None => format!("{} {unit}", digits(value)),
    }
}

fn digits(value: f64) -> String {
    match value.abs() {
        0.0 => "0".into(),
        size if size < 10.0 => format!("{value:.3}"),
        size if size < 100.0 => format!("{value:.2}"),
        size if size < 1000.0 => format!("{value:.1}"),
        _ => format!("{value:.0}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_have_four_digits_and_a_fitting_unit() {
        for (value, unit, expected) in [
            (412.04, "ns", "412.0 ns"),
            (12_345.0, "ns", "12.35 us"),
            (1.5, "s", "1.500 s"),
            (0.0004, "s", "400.0 us"),
            (0.25, "ns", "0.250 ns"),
            (0.0, "ns", "0 ns"),
            (1234.0, "instructions", "1234 instructions"),
            (12_345_678.0, "records/s", "12.35 Mrecords/s"),
            (45_000.0, "B", "45.00 kB"),
        ] {
            assert_eq!(amount(value, unit), expected);
        }
    }
}
