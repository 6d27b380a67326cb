// SPDX-License-Identifier: BSD-2-Clause
//! A run as lines for a person.

use std::fmt::Write as _;
use std::io::{self, Write};

use protocol::event::{Level, TestFinished};
use protocol::{Body, Outcome};

use super::measure;

/// Writes one line a test, failures in full, and at the end what has not passed.
pub(super) struct Human<W> {
    out: W,
    /// Tests of the target that have not passed.
    not_passed: Vec<TestFinished>,
}

impl<W: Write> Human<W> {
    pub(super) fn new(out: W) -> Self {
        Self {
            out,
            not_passed: Vec::new(),
        }
    }

    /// Tell what `body` says to a person; some events say nothing to one.
    ///
    /// # Errors
    /// What writing gives.
    pub(super) fn write(&mut self, body: &Body) -> io::Result<()> {
        match body {
            Body::Hello(hello) => {
                let device = match &hello.device {
                    Some(device) => format!("protocol {}", device.version),
                    None => "absent".to_owned(),
                };
                writeln!(
                    self.out,
                    "kmod-integration {} on {}: {} {} {}, device {device}",
                    hello.harness, hello.hostname, hello.os, hello.os_release, hello.arch
                )
            }
            Body::TargetStarted { target, tests } => match tests {
                Some(tests) => writeln!(self.out, "{target}: {tests} tests"),
                None => writeln!(self.out, "{target}"),
            },
            Body::TestFinished(test) => {
                if test.outcome != Outcome::Passed {
                    self.not_passed.push(test.clone());
                }
                self.out.write_all(render(test).as_bytes())?;
                self.out.flush()
            }
            Body::TargetFinished(target) => {
                writeln!(
                    self.out,
                    "{}: {}, {} passed, {} failed, {} skipped in {:.2} s",
                    target.target,
                    target.outcome,
                    target.passed,
                    target.failed,
                    target.skipped,
                    target.duration_s
                )?;
                for test in self.not_passed.drain(..) {
                    writeln!(self.out, "  {} {} {}", test.outcome, test.id, test.name)?;
                }
                Ok(())
            }
            Body::Log { level, message } => match level {
                Level::Error | Level::Warn => {
                    self.out.flush()?;
                    writeln!(io::stderr(), "kmod-integration: {message}")
                }
                Level::Debug | Level::Info => writeln!(self.out, "{message}"),
            },
            Body::Benchmark(benchmark) => {
                writeln!(self.out, "{}", measure::line(benchmark))?;
                self.out.flush()
            }
            Body::Exporter { address } => writeln!(self.out, "  exporter on http://{address}/"),
            Body::Counters { .. } | Body::Bye { .. } | Body::Unknown => Ok(()),
        }
    }
}

/// One line, and more for a test that has not passed.
pub(super) fn render(test: &TestFinished) -> String {
    let mut text = format!("  {:7} {:4} {}", test.outcome, test.id, test.name);
    if test.outcome == Outcome::Passed {
        if let Some(actual) = test.actual {
            let _ = write!(text, " ({actual} records)");
        }
    } else {
        if let Some(filter) = &test.filter {
            let _ = write!(text, "\n    filter: {filter}");
        }
        if let (Some(expected), Some(actual)) = (test.expected, test.actual) {
            let _ = write!(text, "\n    expected {expected} records, got {actual}");
        }
        for line in test.message.iter().flat_map(|message| message.lines()) {
            let _ = write!(text, "\n    {line}");
        }
    }
    text.push('\n');
    text
}

#[cfg(test)]
mod tests {
    use protocol::event::TargetFinished;

    use super::*;

    fn test(outcome: Outcome) -> TestFinished {
        TestFinished {
            target: "live_integration".to_owned(),
            category: Some("A".to_owned()),
            id: "A07".to_owned(),
            name: "one local port".to_owned(),
            outcome,
            duration_s: 0.001,
            filter: Some("local_port=80".to_owned()),
            expected: Some(3),
            actual: Some(2),
            message: None,
        }
    }

    #[test]
    fn a_failed_test_is_told_in_full_and_again_at_the_end() {
        let mut out = Vec::new();
        let mut human = Human::new(&mut out);
        let passed = TestFinished {
            actual: Some(3),
            ..test(Outcome::Passed)
        };
        let failed = TestFinished {
            message: Some("127.0.0.2:80 -> 0.0.0.0:0 listen: missing\nand more".to_owned()),
            ..test(Outcome::Failed)
        };
        human.write(&Body::TestFinished(passed)).unwrap();
        human.write(&Body::TestFinished(failed)).unwrap();
        human
            .write(&Body::TargetFinished(TargetFinished {
                target: "live_integration".to_owned(),
                outcome: Outcome::Failed,
                duration_s: 1.234,
                passed: 1,
                failed: 1,
                skipped: 0,
            }))
            .unwrap();
        assert_eq!(
            String::from_utf8(out).unwrap(),
            "  passed  A07  one local port (3 records)
  failed  A07  one local port
    filter: local_port=80
    expected 3 records, got 2
    127.0.0.2:80 -> 0.0.0.0:0 listen: missing
    and more
live_integration: failed, 1 passed, 1 failed, 0 skipped in 1.23 s
  failed A07 one local port
"
        );
    }
}
