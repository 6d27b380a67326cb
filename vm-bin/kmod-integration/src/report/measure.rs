// SPDX-License-Identifier: BSD-2-Clause
//! A measured quantity as a line for a person: the median and the range of its
//! samples, times in the unit that keeps the number short.

use protocol::event::Benchmark;

/// Units of time above nanoseconds, each 1,000 of the one before.
const TIMES: [&str; 4] = ["ns", "us", "ms", "s"];
/// Where a time goes over to the next unit.
const LONG: f64 = 10_000.0;

/// Such as `parse, single_port: 61.3 ns (60.9 to 64.0 ns, 5 samples)`.
pub(super) fn line(benchmark: &Benchmark) -> String {
    let mut samples = benchmark.samples.clone();
    samples.sort_by(f64::total_cmp);
    let (unit, scale) = unit_for(&benchmark.unit, median(&samples));
    let number = |value: f64| {
        let value = value / scale;
        if value.fract() == 0.0 || value.abs() >= 1000.0 {
            format!("{value:.0}")
        } else {
            format!("{value:.1}")
        }
    };
    let load = match benchmark.connections {
        0 => String::new(),
        count => format!(", {count} connections"),
    };
    let range = match samples[..] {
        [first, .., last] => format!(
            " ({} to {} {unit}, {} samples)",
            number(first),
            number(last),
            samples.len()
        ),
        _ => String::new(),
    };
    format!(
        "  {}, {}{load}: {} {unit}{range}",
        benchmark.name,
        benchmark.workload,
        number(median(&samples))
    )
}

fn unit_for(unit: &str, value: f64) -> (&str, f64) {
    let Some(at) = TIMES.iter().position(|time| *time == unit) else {
        return (unit, 1.0);
    };
    let (mut unit, mut scale) = (unit, 1.0);
    for larger in &TIMES[at + 1..] {
        if value / scale < LONG {
            break;
        }
        (unit, scale) = (larger, scale * 1000.0);
    }
    (unit, scale)
}

/// Of sorted samples; no number of none.
fn median(samples: &[f64]) -> f64 {
    let half = samples.len() / 2;
    match samples.len() {
        0 => f64::NAN,
        count if count % 2 == 1 => samples[half],
        _ => f64::midpoint(samples[half - 1], samples[half]),
    }
}

#[cfg(test)]
mod tests {
    use protocol::event::Better;

    use super::*;

    fn told(unit: &str, connections: u64, samples: &[f64]) -> String {
        line(&Benchmark {
            target: "bench".to_owned(),
            name: "parse".to_owned(),
            workload: "empty".to_owned(),
            connections,
            unit: unit.to_owned(),
            better: Better::Lower,
            samples: samples.to_vec(),
            reference: Vec::new(),
        })
    }

    #[test]
    fn median_and_range_have_a_unit_that_keeps_them_short() {
        assert_eq!(
            told("ns", 0, &[64.0, 60.9, 61.25]),
            "  parse, empty: 61.2 ns (60.9 to 64 ns, 3 samples)"
        );
        assert_eq!(
            told("ns", 1000, &[30_500.0, 20_500.0]),
            "  parse, empty, 1000 connections: 25.5 us (20.5 to 30.5 us, 2 samples)"
        );
        assert_eq!(told("ns", 0, &[2.5e10]), "  parse, empty: 25 s");
        assert_eq!(told("s", 0, &[20_000.0]), "  parse, empty: 20000 s");
        assert_eq!(
            told("instructions", 0, &[123_456.0]),
            "  parse, empty: 123456 instructions"
        );
    }
}
