// SPDX-License-Identifier: BSD-2-Clause
//! What a call of the filter parser costs, and putting a filter to a socket:
//! `bench` measures the time, and `callgrind` counts the instructions. Of each
//! workload there is a test, which passes when the workload was measured and is
//! within its budget, if it has one.

use std::io::Write;

use protocol::Outcome;
use protocol::event::Better;

use super::{Session, TargetError};
use crate::framework::compile::Objects;
use crate::report::{Measured, ReportError};

/// The benchmarks, as the C programs name them: what a call is of, and the
/// workloads that there are. Fewer are no complete measurement.
const BENCHMARKS: [(&str, &str, usize); 2] = [
    ("filter_parse", "calls of the filter parser", 11),
    ("filter_match", "sockets that a filter is put to", 7),
];
/// What callgrind leaves of each benchmark, as the Makefile names it: the
/// profile, and the sources with the instructions of each line.
const PROFILES: [&str; 2] = ["callgrind", "annotated"];

/// What was measured of a workload.
#[derive(Debug, PartialEq)]
struct Cost<'a> {
    benchmark: &'a str,
    workload: &'a str,
    samples: Vec<f64>,
    /// What the reference took beside each, where it was measured.
    reference: Vec<f64>,
    /// It is over this budget.
    exceeded: Option<&'a str>,
}

/// Nanoseconds per call, several times.
pub(super) fn bench<W: Write>(session: &Session<W>, name: &str) -> Result<(), TargetError> {
    let (objects, faults) = measure(session, name, "ns", nanoseconds)?;
    drop(objects);
    session.end_target(faults)
}

/// Instructions per call, and the profiles as files.
pub(super) fn callgrind<W: Write>(session: &Session<W>, name: &str) -> Result<(), TargetError> {
    session.demand_tool("valgrind")?;
    session.demand_tool("callgrind_annotate")?;
    let (objects, mut faults) = measure(session, name, "instructions", instructions)?;
    for (benchmark, ..) in BENCHMARKS {
        for kind in PROFILES {
            let profile = format!("{benchmark}.{kind}");
            match std::fs::read(objects.path.join(&profile)) {
                Ok(content) => session.report().keep(&profile, &content)?,
                Err(error) => {
                    faults.push(format!("failed to read the profile {profile}: {error}"));
                }
            }
        }
    }
    drop(objects);
    session.end_target(faults)
}

/// Have the Makefile's goal `name` measure, and tell what it prints. Gives where
/// it has left files, and what went wrong.
fn measure<W: Write>(
    session: &Session<W>,
    name: &str,
    unit: &'static str,
    parse: fn(&str) -> Option<Cost>,
) -> Result<(Objects, Vec<String>), TargetError> {
    let (objects, make) = session.start_test(name)?;

    let all: usize = BENCHMARKS.iter().map(|(.., workloads)| workloads).sum();
    session
        .report()
        .target_started(name, u32::try_from(all).ok())?;
    let mut measured = BENCHMARKS.map(|_| 0);
    let made = session.follow(make, name, |line| {
        let Some(cost) = parse(line) else {
            return Ok(());
        };
        let mut benchmarks = BENCHMARKS.iter().zip(&mut measured);
        let Some(((_, calls, _), measured)) =
            benchmarks.find(|((benchmark, ..), _)| *benchmark == cost.benchmark)
        else {
            return Ok(());
        };
        *measured += 1;
        tell(session, cost, calls, unit)
    })?;
    let mut faults = made.faults();
    for ((benchmark, _, workloads), measured) in BENCHMARKS.into_iter().zip(measured) {
        if measured != workloads {
            faults.push(format!(
                "{measured} of {workloads} workloads of {benchmark} were measured"
            ));
        }
    }
    Ok((objects, faults))
}

fn tell<W: Write>(
    session: &Session<W>,
    cost: Cost,
    calls: &str,
    unit: &'static str,
) -> Result<(), ReportError> {
    let mut report = session.report();
    report.test_started(None, cost.workload, calls);
    report.test_finished(|test| match cost.exceeded {
        None => test.outcome = Outcome::Passed,
        Some(budget) => test.message = Some(format!("more than its budget of {budget} {unit}")),
    })?;
    report.benchmark(Measured {
        name: cost.benchmark.to_owned(),
        workload: cost.workload.to_owned(),
        connections: 0,
        unit,
        better: Better::Lower,
        samples: cost.samples,
        reference: cost.reference,
    })
}

/// `BENCHMARK WORKLOAD SAMPLES REFERENCE`, separated by tabs, as all that the C
/// programs print, and samples by blanks.
fn nanoseconds(line: &str) -> Option<Cost<'_>> {
    let numbers = |column: &str| {
        let numbers = column.split(' ').map(|sample| sample.parse().ok());
        numbers.collect::<Option<Vec<f64>>>()
    };
    let mut columns = line.split('\t');
    let cost = Cost {
        benchmark: columns.next()?,
        workload: columns.next()?,
        samples: numbers(columns.next()?)?,
        reference: numbers(columns.next()?)?,
        exceeded: None,
    };
    (cost.samples.len() == cost.reference.len()).then_some(cost)
}

/// `BENCHMARK WORKLOAD INSTRUCTIONS BUDGET`, and a word where it is over it.
fn instructions(line: &str) -> Option<Cost<'_>> {
    let mut columns = line.split('\t');
    let (benchmark, workload) = (columns.next()?, columns.next()?);
    let (count, budget) = (columns.next()?, columns.next()?);
    Some(Cost {
        benchmark,
        workload,
        samples: vec![count.parse().ok()?],
        reference: Vec::new(),
        exceeded: columns.next().map(|_| budget),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cost<'a>(samples: &[f64], reference: &[f64], exceeded: Option<&'a str>) -> Cost<'a> {
        Cost {
            benchmark: "filter_parse",
            workload: "empty",
            samples: samples.to_vec(),
            reference: reference.to_vec(),
            exceeded,
        }
    }

    #[test]
    fn lines_of_the_c_programs_are_read() {
        assert_eq!(
            nanoseconds("filter_parse\tempty\t2.50 3.00\t251.00 260.50"),
            Some(cost(&[2.5, 3.0], &[251.0, 260.5], None))
        );
        for line in [
            "filter_parse\tempty\t2.50 3.00\t251.00",
            "filter_parse\tempty\t2.50",
            "cc\t-c\tx.c\tand more",
            "make: nothing to do",
        ] {
            assert_eq!(nanoseconds(line), None, "{line}");
        }
        assert_eq!(
            instructions("filter_parse\tempty\t20.1\t29.0"),
            Some(cost(&[20.1], &[], None))
        );
        assert_eq!(
            instructions("filter_parse\tempty\t20.0\t-"),
            Some(cost(&[20.0], &[], None))
        );
        assert_eq!(
            instructions("filter_parse\tempty\t30.0\t29.0\tover budget"),
            Some(cost(&[30.0], &[], Some("29.0")))
        );
        assert_eq!(instructions("filter_parse\tempty\t30.0"), None);
    }
}
