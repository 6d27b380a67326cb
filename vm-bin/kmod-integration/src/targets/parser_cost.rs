// SPDX-License-Identifier: BSD-2-Clause
//! What a call of the filter parser costs: `bench` measures its time, and
//! `callgrind` counts its instructions. Of each workload there is a test, which
//! passes when the workload was measured and is within its budget, if it has one.

use std::io::Write;

use protocol::Outcome;
use protocol::event::Better;

use super::{Session, TargetError};
use crate::framework::compile::{Job, Objects};
use crate::report::{Measured, ReportError};

/// Workloads that there are; fewer lines are no complete measurement.
const WORKLOADS: usize = 11;
/// What callgrind leaves, as the Makefile names it: the profile, and the sources
/// with the instructions of each line.
const PROFILES: [&str; 2] = ["filter_parse.callgrind", "filter_parse.annotated"];

/// What was measured of a workload.
#[derive(Debug, PartialEq)]
struct Cost<'a> {
    workload: &'a str,
    samples: Vec<f64>,
    /// It is over this budget.
    exceeded: Option<&'a str>,
}

/// Nanoseconds per call of 1,000,000 calls, several times.
pub(super) fn bench<W: Write>(session: &Session<W>, name: &str) -> Result<(), TargetError> {
    let (objects, faults) = measure(session, name, "ns", nanoseconds)?;
    drop(objects);
    session.end_target(faults)
}

/// Instructions per call, and the profile as a file.
pub(super) fn callgrind<W: Write>(session: &Session<W>, name: &str) -> Result<(), TargetError> {
    session.demand_tool("valgrind")?;
    session.demand_tool("callgrind_annotate")?;
    let (objects, mut faults) = measure(session, name, "instructions", instructions)?;
    for profile in PROFILES {
        match std::fs::read(objects.path.join(profile)) {
            Ok(content) => session.report().keep(profile, &content)?,
            Err(error) => faults.push(format!("failed to read the profile {profile}: {error}")),
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
    let options = &session.options;
    session.demand_compiler()?;
    let objects = session.objects()?;
    let folder = options.kmod_src.join("test");
    let job = Job::new(folder, name, &options.cc, &objects.path);
    let make = session.start_make(job)?;

    session
        .report()
        .target_started(name, u32::try_from(WORKLOADS).ok())?;
    let mut measured = 0;
    let made = session.follow(make, name, |line| {
        let Some(cost) = parse(line) else {
            return Ok(());
        };
        measured += 1;
        tell(session, cost, unit)
    })?;
    let mut faults = made.faults();
    if measured != WORKLOADS {
        faults.push(format!("{measured} of {WORKLOADS} workloads were measured"));
    }
    Ok((objects, faults))
}

fn tell<W: Write>(session: &Session<W>, cost: Cost, unit: &'static str) -> Result<(), ReportError> {
    let mut report = session.report();
    report.test_started(None, cost.workload, "calls of the filter parser");
    report.test_finished(|test| match cost.exceeded {
        None => test.outcome = Outcome::Passed,
        Some(budget) => test.message = Some(format!("more than its budget of {budget} {unit}")),
    })?;
    report.benchmark(Measured {
        name: "filter_parse".to_owned(),
        workload: cost.workload.to_owned(),
        connections: 0,
        unit,
        better: Better::Lower,
        samples: cost.samples,
    })
}

/// `WORKLOAD SAMPLE...`, separated by tabs, as all that the C programs print.
fn nanoseconds(line: &str) -> Option<Cost<'_>> {
    let (workload, samples) = line.split_once('\t')?;
    let samples = samples.split('\t').map(|sample| sample.parse().ok());
    Some(Cost {
        workload,
        samples: samples.collect::<Option<_>>()?,
        exceeded: None,
    })
}

/// `WORKLOAD INSTRUCTIONS BUDGET`, and a word where it is over it.
fn instructions(line: &str) -> Option<Cost<'_>> {
    let mut columns = line.split('\t');
    let (workload, count, budget) = (columns.next()?, columns.next()?, columns.next()?);
    Some(Cost {
        workload,
        samples: vec![count.parse().ok()?],
        exceeded: columns.next().map(|_| budget),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cost(samples: &[f64], exceeded: Option<&'static str>) -> Cost<'static> {
        Cost {
            workload: "empty",
            samples: samples.to_vec(),
            exceeded,
        }
    }

    #[test]
    fn lines_of_the_c_programs_are_read() {
        assert_eq!(
            nanoseconds("empty\t2.5\t3.0"),
            Some(cost(&[2.5, 3.0], None))
        );
        assert_eq!(nanoseconds("cc -c x.c\tand more"), None);
        assert_eq!(nanoseconds("make: nothing to do"), None);
        assert_eq!(instructions("empty\t20\t29"), Some(cost(&[20.0], None)));
        assert_eq!(instructions("empty\t20\t-"), Some(cost(&[20.0], None)));
        assert_eq!(
            instructions("empty\t30\t29\tover budget"),
            Some(cost(&[30.0], Some("29")))
        );
        assert_eq!(instructions("empty\t30"), None);
    }
}
