// SPDX-License-Identifier: BSD-2-Clause
//! What a run has to say, while it goes on: to a program as events, to a person
//! as lines, and to a folder as files. The counts of a target are kept here, so
//! that a run that is given up still ends its stream.

mod human;
mod junit;
mod measure;
mod output_dir;

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::net::SocketAddr;
use std::path::Path;
use std::time::{Duration, Instant};

use protocol::event::{Benchmark, Better, Hello, Level, TargetFinished, TestFinished};
use protocol::{Body, Outcome, Writer};

use human::Human;
use output_dir::OutputDir;

/// The form of what goes to the standard output.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Format {
    /// Lines for a person
    Human,
    /// One JSON event a line
    Json,
}

/// What was to be told could not be.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ReportError {
    /// Nobody reads the standard output any more, or it cannot be written.
    #[error("failed to write to the standard output: {0}")]
    Stdout(#[source] io::Error),
    /// The output folder cannot be written.
    #[error("failed to write {path}: {source}")]
    File {
        path: String,
        #[source]
        source: io::Error,
    },
}

enum Sink<W: Write> {
    Human(Human<W>),
    Json(Writer<W>),
}

/// A target that has started and not finished.
struct OpenTarget {
    name: String,
    since: Instant,
    passed: u32,
    failed: u32,
    skipped: u32,
    /// Something besides the tests went wrong.
    spoiled: bool,
}

/// A test that has begun: what is known of it beforehand, and when it began.
struct OpenTest {
    unfinished: TestFinished,
    since: Instant,
    /// What it may take, where that is not what tests may take in general.
    limit: Option<Duration>,
}

/// What was measured, for [`Report::benchmark`].
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Measured {
    /// What was measured, such as `parse`.
    pub(crate) name: String,
    /// Under which load.
    pub(crate) workload: String,
    /// Connections that stood meanwhile.
    pub(crate) connections: u64,
    /// Unit of the samples, such as `ns`.
    pub(crate) unit: &'static str,
    pub(crate) better: Better,
    /// Every repetition, in order; at least one.
    pub(crate) samples: Vec<f64>,
    /// What the reference took beside each, ns; none where it was not measured.
    pub(crate) reference: Vec<f64>,
}

/// The voice of a run.
pub(crate) struct Report<W: Write> {
    sink: Sink<W>,
    folder: Option<OutputDir>,
    target: Option<OpenTarget>,
    test: Option<OpenTest>,
    /// Why the target that goes on has not passed, besides its tests.
    reasons: Vec<String>,
    outcome: Option<Outcome>,
}

impl<W: Write> Report<W> {
    /// A report to `out`, and to files below `folder`, which is created.
    ///
    /// # Errors
    /// [`ReportError::File`].
    pub(crate) fn new(out: W, format: Format, folder: Option<&Path>) -> Result<Self, ReportError> {
        Ok(Self {
            sink: match format {
                Format::Human => Sink::Human(Human::new(out)),
                Format::Json => Sink::Json(Writer::new(out)),
            },
            folder: folder.map(OutputDir::create).transpose()?,
            target: None,
            test: None,
            reasons: Vec::new(),
            outcome: None,
        })
    }

    fn say(&mut self, body: Body) -> Result<(), ReportError> {
        match &mut self.sink {
            Sink::Human(human) => human.write(&body),
            Sink::Json(writer) => writer.write(body),
        }
        .map_err(ReportError::Stdout)
    }

    /// Begin; the first of all.
    pub(crate) fn hello(&mut self, hello: Hello) -> Result<(), ReportError> {
        self.say(Body::Hello(hello))
    }

    pub(crate) fn log(&mut self, level: Level, message: String) -> Result<(), ReportError> {
        self.say(Body::Log { level, message })
    }

    /// A target begins, with this many tests where their number is known.
    pub(crate) fn target_started(
        &mut self,
        name: &str,
        tests: Option<u32>,
    ) -> Result<(), ReportError> {
        self.target = Some(OpenTarget {
            name: name.to_owned(),
            since: Instant::now(),
            passed: 0,
            failed: 0,
            skipped: 0,
            spoiled: false,
        });
        self.say(Body::TargetStarted {
            target: name.to_owned(),
            tests,
        })
    }

    pub(crate) fn counters(
        &mut self,
        phase: &str,
        values: BTreeMap<String, u64>,
    ) -> Result<(), ReportError> {
        let target = self.target_name();
        self.say(Body::Counters {
            target,
            phase: phase.to_owned(),
            values,
        })
    }

    /// A quantity was measured, for the target that goes on.
    pub(crate) fn benchmark(&mut self, measured: Measured) -> Result<(), ReportError> {
        let benchmark = Benchmark {
            target: self.target_name(),
            name: measured.name,
            workload: measured.workload,
            connections: measured.connections,
            unit: measured.unit.to_owned(),
            better: measured.better,
            samples: measured.samples,
            reference: measured.reference,
        };
        if let Some(folder) = &mut self.folder {
            folder.benchmark(&benchmark);
        }
        self.say(Body::Benchmark(benchmark))
    }

    /// An exporter listens.
    pub(crate) fn exporter(&mut self, address: SocketAddr) -> Result<(), ReportError> {
        self.say(Body::Exporter {
            address: address.to_string(),
        })
    }

    /// A test begins. Its outcome and duration are yet unknown.
    pub(crate) fn test_started(&mut self, category: Option<String>, id: &str, name: &str) {
        self.test = Some(OpenTest {
            unfinished: TestFinished {
                target: self.target_name(),
                category,
                id: id.to_owned(),
                name: name.to_owned(),
                outcome: Outcome::Failed,
                duration_s: 0.0,
                filter: None,
                expected: None,
                actual: None,
                message: None,
            },
            since: Instant::now(),
            limit: None,
        });
    }

    /// The test that goes on may take this long before the run is given up.
    pub(crate) fn allow(&mut self, limit: Duration) {
        if let Some(test) = &mut self.test {
            test.limit = Some(limit);
        }
    }

    /// Does the test that goes on take longer than it may, which is `default`
    /// where nothing else was said?
    pub(crate) fn is_overdue(&self, default: Duration) -> bool {
        self.test
            .as_ref()
            .is_some_and(|test| test.since.elapsed() > test.limit.unwrap_or(default))
    }

    /// The test that began has ended: `complete` fills in how.
    pub(crate) fn test_finished(
        &mut self,
        complete: impl FnOnce(&mut TestFinished),
    ) -> Result<(), ReportError> {
        let Some(OpenTest {
            mut unfinished,
            since,
            ..
        }) = self.test.take()
        else {
            return Ok(());
        };
        unfinished.duration_s = seconds(since.elapsed());
        complete(&mut unfinished);
        if let Some(target) = &mut self.target {
            match unfinished.outcome {
                Outcome::Passed => target.passed += 1,
                Outcome::Failed => target.failed += 1,
                Outcome::Skipped => target.skipped += 1,
            }
        }
        // Told first: a folder that cannot be written must not hide a result.
        self.say(Body::TestFinished(unfinished.clone()))?;
        match &mut self.folder {
            Some(folder) => folder.test_finished(&unfinished),
            None => Ok(()),
        }
    }

    /// Something besides a test went wrong: the target has failed, and the run
    /// where no target goes on.
    pub(crate) fn spoil(&mut self, message: String) -> Result<(), ReportError> {
        match &mut self.target {
            Some(target) => target.spoiled = true,
            None => self.outcome = Some(Outcome::Failed),
        }
        self.reasons.push(message.clone());
        self.log(Level::Error, message)
    }

    /// The machine lacks what is needed: what has begun has failed by it.
    pub(crate) fn lacks(&mut self, reason: String) -> Result<(), ReportError> {
        if self.target.is_none() {
            return self.log(Level::Error, reason);
        }
        self.spoil(reason)?;
        self.target_finished()
    }

    /// The machine lacks what the target `name` of several needs: it was skipped
    /// where it has not begun.
    pub(crate) fn target_lacks(&mut self, name: &str, reason: String) -> Result<(), ReportError> {
        if self.target.is_some() {
            return self.lacks(reason);
        }
        self.target_started(name, None)?;
        self.reasons.push(reason.clone());
        self.log(Level::Error, reason)?;
        self.target_finished()
    }

    /// Of the targets that have finished.
    pub(crate) fn outcome(&self) -> Option<Outcome> {
        self.outcome
    }

    pub(crate) fn target_finished(&mut self) -> Result<(), ReportError> {
        let Some(target) = self.target.take() else {
            return Ok(());
        };
        let outcome = if target.failed > 0 || target.spoiled {
            Outcome::Failed
        } else if target.passed > 0 {
            Outcome::Passed
        } else {
            Outcome::Skipped
        };
        self.outcome = self.outcome.max(Some(outcome));
        let finished = TargetFinished {
            target: target.name,
            outcome,
            duration_s: seconds(target.since.elapsed()),
            passed: target.passed,
            failed: target.failed,
            skipped: target.skipped,
        };
        let reasons = std::mem::take(&mut self.reasons);
        if let Some(folder) = &mut self.folder {
            folder.target_finished(&finished, reasons);
        }
        self.say(Body::TargetFinished(finished))
    }

    /// End; the last of all. A run without any finished target has failed.
    pub(crate) fn bye(&mut self) -> Result<Outcome, ReportError> {
        let outcome = self.outcome.unwrap_or(Outcome::Failed);
        let written = match &mut self.folder {
            Some(folder) => folder.bye(outcome),
            None => Ok(()),
        };
        self.say(Body::Bye { outcome })?;
        written.map(|()| outcome)
    }

    /// Give up: what goes on has failed for this reason, and the stream ends.
    pub(crate) fn give_up(&mut self, reason: &str) -> Result<(), ReportError> {
        self.test_finished(|test| test.message = Some(reason.to_owned()))?;
        self.spoil(reason.to_owned())?;
        self.target_finished()?;
        self.bye().map(|_| ())
    }

    /// Keep what a target has made as a file of this name in the output folder.
    pub(crate) fn keep(&mut self, name: &str, content: &[u8]) -> Result<(), ReportError> {
        match &self.folder {
            Some(folder) => folder.write(name, content),
            None => Ok(()),
        }
    }

    /// Of the target that goes on.
    pub(crate) fn target_name(&self) -> String {
        self.target
            .as_ref()
            .map(|target| target.name.clone())
            .unwrap_or_default()
    }
}

/// To the microsecond, as the times of the events are.
fn seconds(duration: Duration) -> f64 {
    duration.as_micros() as f64 / 1e6
}

#[cfg(test)]
mod tests {
    use protocol::{Decoded, Decoder};

    use super::*;

    fn events(out: &[u8]) -> Vec<Body> {
        let mut decoder = Decoder::new();
        out.split(|byte| *byte == b'\n')
            .filter(|line| !line.is_empty())
            .map(|line| match decoder.line(line).unwrap() {
                Decoded::Event(event) => event.body,
                other => panic!("{other:?}"),
            })
            .collect()
    }

    /// A report that has said hello, as a stream must.
    fn begun(out: &mut Vec<u8>) -> Report<&mut Vec<u8>> {
        let mut report = Report::new(out, Format::Json, None).unwrap();
        report.hello(crate::framework::system::hello()).unwrap();
        report
    }

    fn pass(test: &mut TestFinished) {
        test.outcome = Outcome::Passed;
    }

    #[test]
    fn a_target_counts_its_tests_and_the_last_event_is_bye() {
        let mut out = Vec::new();
        let mut report = begun(&mut out);
        report.target_started("unit", None).unwrap();
        for id in ["1", "2"] {
            report.test_started(None, id, "a test");
            report.test_finished(pass).unwrap();
        }
        report.test_started(None, "3", "another");
        report
            .test_finished(|test| test.outcome = Outcome::Skipped)
            .unwrap();
        report.target_finished().unwrap();
        assert_eq!(report.bye().unwrap(), Outcome::Passed);
        let events = events(&out);
        assert_eq!(events.len(), 7);
        let Body::TargetFinished(finished) = &events[5] else {
            panic!("{events:?}");
        };
        assert_eq!(
            (finished.passed, finished.failed, finished.skipped),
            (2, 0, 1)
        );
        assert_eq!(
            events[6],
            Body::Bye {
                outcome: Outcome::Passed
            }
        );
    }

    #[test]
    fn what_is_given_up_has_failed_and_ends_its_stream() {
        let mut out = Vec::new();
        let mut report = begun(&mut out);
        report.target_started("live_integration", None).unwrap();
        report.test_started(Some("A".to_owned()), "A01", "one");
        report.give_up("too long").unwrap();
        let events = events(&out);
        let Body::TestFinished(test) = &events[2] else {
            panic!("{events:?}");
        };
        assert_eq!(test.outcome, Outcome::Failed);
        assert_eq!(test.message.as_deref(), Some("too long"));
        assert!(matches!(&events[4], Body::TargetFinished(t) if t.failed == 1));
        assert_eq!(
            events[5],
            Body::Bye {
                outcome: Outcome::Failed
            }
        );
    }

    #[test]
    fn a_target_without_a_passed_test_has_not_passed() {
        let mut report = Report::new(io::sink(), Format::Json, None).unwrap();
        report.target_started("unit", None).unwrap();
        report.target_finished().unwrap();
        assert_eq!(report.bye().unwrap(), Outcome::Skipped);
        let mut report = Report::new(io::sink(), Format::Json, None).unwrap();
        assert_eq!(report.bye().unwrap(), Outcome::Failed);
    }

    #[test]
    fn a_spoiled_target_has_failed_though_its_tests_passed() {
        let mut report = Report::new(io::sink(), Format::Json, None).unwrap();
        report.target_started("unit", None).unwrap();
        report.test_started(None, "1", "a test");
        report.test_finished(pass).unwrap();
        report.spoil("an alias stays".to_owned()).unwrap();
        report.target_finished().unwrap();
        assert_eq!(report.bye().unwrap(), Outcome::Failed);
    }

    #[test]
    fn measured_quantities_and_exporters_belong_to_the_stream() {
        let mut out = Vec::new();
        let mut report = begun(&mut out);
        report.target_started("bench", None).unwrap();
        let measured = Measured {
            name: "filter_parse".to_owned(),
            workload: "empty".to_owned(),
            connections: 7,
            unit: "ns",
            better: Better::Lower,
            samples: vec![1.5, 2.5],
            reference: vec![250.0, 251.5],
        };
        report.benchmark(measured).unwrap();
        report.exporter("127.0.0.1:9814".parse().unwrap()).unwrap();
        let events = events(&out);
        assert!(matches!(&events[2], Body::Benchmark(b)
            if b.target == "bench" && b.connections == 7 && b.samples == [1.5, 2.5]
                && b.reference == [250.0, 251.5]));
        assert!(matches!(&events[3], Body::Exporter { address } if address == "127.0.0.1:9814"));
    }

    #[test]
    fn a_test_may_take_as_long_as_it_says() {
        let mut report = Report::new(io::sink(), Format::Json, None).unwrap();
        assert!(!report.is_overdue(Duration::ZERO));
        report.test_started(None, "1", "a long test");
        assert!(report.is_overdue(Duration::ZERO));
        report.allow(Duration::from_secs(3600));
        assert!(!report.is_overdue(Duration::ZERO));
        report.test_finished(pass).unwrap();
        report.test_started(None, "2", "the next");
        assert!(report.is_overdue(Duration::ZERO));
    }
}
