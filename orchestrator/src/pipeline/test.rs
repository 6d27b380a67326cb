// SPDX-License-Identifier: BSD-2-Clause
//! Stage `test`: run each target of the test binary and follow its events.
//!
//! The binary runs under timeout(1), which ends it some time after our own
//! limit even where we are gone and can't, and which passes a signal on to all
//! that the binary has started.

use std::pin::pin;
use std::time::Duration;

use protocol::event::{Benchmark, Level};
use protocol::{Decoded, Decoder};
use tokio::time::{sleep, timeout};
use tokio_stream::{Stream, StreamExt};
use tokio_util::bytes::Bytes;

use super::connect::Machine;
use super::known::Known;
use super::lines::{self, Line};
use super::place::Programs;
use super::scraping::Scraping;
use super::terminate::{GRACE, terminate};
use super::verdict::{broken_stream, verdict};
use super::{Failure, Pipeline, StopReason};
use crate::event::{Body, Cause, PlannedTarget, Stage, VmOutcome};
use crate::projection::state::{BenchmarkState, KEPT_BENCHMARKS};
use crate::ssh::remote::Process;
use crate::ssh::{Connection, RemoteError};

/// The most that a target may say altogether, bytes.
const STREAM_BYTES_MAX: usize = 64 << 20;
/// Lines of standard error that are recorded of a target.
const COMPLAINTS_MAX: usize = 1000;
/// How long after our own limit timeout(1) ends the binary.
const BACKSTOP: Duration = Duration::from_secs(60);
/// Time for what was received before a connection was lost.
const LAST_LINES: Duration = Duration::from_secs(2);
/// The category that needs no flag.
const ALL: &str = "all";

/// What tests said, from the best to the worst.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Verdict {
    /// All were skipped.
    Skipped,
    /// All passed, or were skipped.
    Passed,
    /// Those that failed are expected to.
    ExpectedFailure,
    /// Some failed, and passed when their target was run again.
    Flaky,
    /// Some failed.
    Failed,
}

impl Verdict {
    /// Of a VM whose tests decide.
    pub(super) fn outcome(self) -> VmOutcome {
        match self {
            Self::Skipped => VmOutcome::Skipped,
            Self::Passed => VmOutcome::Passed,
            Self::ExpectedFailure => VmOutcome::ExpectedFailure,
            Self::Flaky => VmOutcome::Flaky,
            Self::Failed => VmOutcome::Failed,
        }
    }
}

impl Pipeline {
    /// Run the targets that were not begun yet.
    pub(super) async fn test(
        &self,
        machine: &Machine,
        programs: &Programs,
    ) -> Result<Verdict, Failure> {
        let stop = &self.shared.stop;
        let exporter = self.vm.exporter.as_ref();
        let scraping = exporter.map(|address| self.scrape(&machine.connection, address));
        let tested = self.recorded(Stage::Test, async {
            let mut verdict = match &self.resumed {
                Some(missing) if missing.failed_before => Verdict::Failed,
                Some(missing) if missing.passed_before => Verdict::Passed,
                _ => Verdict::Skipped,
            };
            while let Some(target) = self.next_target() {
                if let Some(reason) = stop.reason() {
                    return Err(reason.into());
                }
                let said = self.tried_again(&machine.connection, programs, target);
                verdict = verdict.max(said.await?);
                if self.shared.fail_fast && verdict == Verdict::Failed {
                    stop.request(StopReason::FailFast);
                    break;
                }
            }
            Ok(verdict)
        });
        let verdict = tested.await;
        if let Some(scraping) = scraping {
            scraping.end().await;
        }
        verdict
    }

    /// The target whose turn it is; it counts as begun from now on.
    fn next_target(&self) -> Option<&PlannedTarget> {
        let mut progress = self.progress();
        let target = self.targets().get(progress.next_target)?;
        progress.next_target += 1;
        Some(target)
    }

    /// Run `target`, and again while tests fail in it and it may be; once more
    /// where it measured what its history does not let expect.
    async fn tried_again(
        &self,
        connection: &Connection,
        programs: &Programs,
        target: &PlannedTarget,
    ) -> Result<Verdict, Failure> {
        let mut failed: u32 = 0;
        let mut is_measured_again = false;
        let mut attempt = 1;
        loop {
            let run = self.run_target(connection, programs, target, attempt);
            let Ran { verdict, measured } = Box::pin(run).await?;
            let is_over = self.shared.stop.reason().is_some();
            let suspects = match verdict {
                Verdict::Failed if is_over || failed == self.shared.retry_tests => {
                    return Ok(verdict);
                }
                Verdict::Failed => {
                    failed += 1;
                    Vec::new()
                }
                _ => {
                    let suspects = match is_over || is_measured_again {
                        true => Vec::new(),
                        false => self.suspects(&measured).await,
                    };
                    if suspects.is_empty() {
                        // Never silently as passed.
                        return Ok(if failed > 0 { Verdict::Flaky } else { verdict });
                    }
                    is_measured_again = true;
                    suspects
                }
            };
            attempt += 1;
            self.record(Body::TargetRetried {
                vm: self.vm.name.clone(),
                target: target.target.clone(),
                attempt,
                suspects,
            })
            .await;
        }
    }

    async fn suspects(&self, measured: &[BenchmarkState]) -> Vec<String> {
        let fingerprint = self.progress().fingerprint.clone();
        let expected = &self.shared.expected;
        expected
            .suspects(&self.vm.name, &fingerprint, measured)
            .await
    }

    async fn run_target(
        &self,
        connection: &Connection,
        programs: &Programs,
        target: &PlannedTarget,
        attempt: u32,
    ) -> Result<Ran, Failure> {
        let argv = self.harness_argv(programs, target, attempt);
        let argv: Vec<&str> = argv.iter().map(String::as_str).collect();
        let tried = format!("run {}", target.target);
        let Process {
            stdin,
            stdout,
            stderr,
            handle,
        } = connection
            .spawn(&argv)
            .await
            .map_err(|error| of_target(error, &tried))?;
        drop(stdin);
        let mut follower = Follower {
            pipeline: self,
            target: &target.target,
            tried: &tried,
            lines: pin!(lines::of(stdout, stderr, COMPLAINTS_MAX)),
            decoder: Decoder::new(),
            bytes: 0,
            is_surplus_told: false,
            last_error: String::new(),
            last_complaint: String::new(),
            connection,
            scraping: None,
            known: Known::new(&self.vm.expected_failures),
            measured: Vec::new(),
        };
        let followed = self.followed(connection, &mut follower).await;
        let Follower {
            decoder,
            last_error,
            last_complaint,
            scraping,
            known,
            measured,
            ..
        } = follower;
        if let Some(scraping) = scraping {
            scraping.end().await;
        }
        let last_words = match last_error.as_str() {
            "" => &last_complaint,
            error => error,
        };
        match followed {
            Ok(()) => {
                let ending = connection.wait(handle);
                let Ok(exit) = timeout(GRACE, ending).await else {
                    terminate(connection, &self.place.harness()).await?;
                    return Err(Failure::lost(
                        "the test binary closed its output and went on",
                        &tried,
                        "",
                    ));
                };
                let exit = exit.map_err(|error| of_target(error, &tried))?;
                let passed = verdict(decoder.finish(), exit, last_words, &tried)?;
                for line in known.to_be_told(target) {
                    self.note(Stage::Test, line).await;
                }
                Ok(Ran {
                    verdict: known.verdict(passed),
                    measured,
                })
            }
            Err(failure) => {
                if !connection.is_lost() {
                    // What failed first is what is to be told.
                    let _ = terminate(connection, &self.place.harness()).await;
                }
                // A target whose link is down seems silent, too.
                let seems_silent = matches!(failure.outcome, VmOutcome::Hung | VmOutcome::TimedOut);
                Err(match connection.is_lost() && seems_silent {
                    true => Failure::connection(connection.lost().await, tried),
                    false => failure,
                })
            }
        }
    }

    /// Follow the target to the end of its output, or until there is a reason
    /// not to; then ask it to end and hear it out.
    async fn followed(
        &self,
        connection: &Connection,
        follower: &mut Follower<'_, impl Stream<Item = Line>>,
    ) -> Result<(), Failure> {
        let tried = follower.tried;
        let limit = self.limit(follower.target);
        // One future throughout: giving up in the middle of an event would
        // lose it.
        let mut following = pin!(follower.follow());
        let failure = tokio::select! {
            ended = &mut following => return ended,
            () = sleep(limit) => Failure::timed_out(tried, limit, Stage::Test.as_str()),
            reason = self.shared.stop.requested() => Failure::from(reason),
            words = connection.lost() => {
                let _ = timeout(LAST_LINES, following).await;
                return Err(Failure::connection(words, tried));
            }
        };
        let harness = self.place.harness();
        // Whether that works or not, why it had to be is what is to be told.
        let _ = tokio::join!(terminate(connection, &harness), timeout(GRACE, following),);
        Err(failure)
    }

    /// The longest that a target may take.
    fn limit(&self, target: &str) -> Duration {
        self.vm.limits.stage(Stage::Test) + self.shared.live.soak_of(target)
    }

    fn harness_argv(
        &self,
        programs: &Programs,
        target: &PlannedTarget,
        attempt: u32,
    ) -> Vec<String> {
        let mut output = format!("{}/{}", self.place.output(), target.target);
        if attempt > 1 {
            output += &format!(".{attempt}");
        }
        let limit = self.limit(&target.target) + BACKSTOP;
        let mut argv = vec![
            "timeout".to_owned(),
            "-k".to_owned(),
            GRACE.as_secs().to_string(),
            limit.as_secs().to_string(),
            "env".to_owned(),
        ];
        argv.extend(
            self.vm
                .env
                .iter()
                .map(|(name, value)| format!("{name}={value}")),
        );
        argv.push(programs.path("kmod-integration"));
        argv.push(target.target.clone());
        for (flag, value) in [
            ("--format", "json"),
            ("--tcp-echo", &programs.path("tcp-echo")),
            ("--exporter", &programs.path("tcpstats-exporter")),
            ("--kmod-src", &programs.kmod_src),
            ("--output-dir", &output),
        ] {
            argv.push(flag.to_owned());
            argv.push(value.to_owned());
        }
        argv.extend(self.shared.live.arguments());
        if target.category != ALL {
            argv.push("--category".to_owned());
            argv.push(target.category.clone());
        }
        argv
    }
}

/// What a target came to.
struct Ran {
    verdict: Verdict,
    measured: Vec<BenchmarkState>,
}

/// Takes in what one target says.
struct Follower<'a, S> {
    pipeline: &'a Pipeline,
    target: &'a str,
    tried: &'a str,
    lines: std::pin::Pin<&'a mut S>,
    decoder: Decoder,
    bytes: usize,
    is_surplus_told: bool,
    /// The last that it logged as an error.
    last_error: String,
    /// The last line of its standard error.
    last_complaint: String,
    connection: &'a Connection,
    /// Of the exporter that it has named last.
    scraping: Option<Scraping>,
    known: Known<'a>,
    /// By the target itself: one that stands for several takes too long to be
    /// run again for one of them.
    measured: Vec<BenchmarkState>,
}

impl<S: Stream<Item = Line>> Follower<'_, S> {
    async fn follow(&mut self) -> Result<(), Failure> {
        let idle = self.pipeline.vm.limits.idle;
        loop {
            match timeout(idle, self.lines.next()).await {
                Ok(None) => return Ok(()),
                Ok(Some(line)) => self.take(line).await?,
                Err(_) => return Err(hung(self.tried, idle)),
            }
        }
    }

    async fn take(&mut self, line: Line) -> Result<(), Failure> {
        match line {
            Line::Event(line) => {
                self.bytes += line.len();
                if self.bytes > STREAM_BYTES_MAX {
                    return Err(too_much(
                        self.tried,
                        &format!("{STREAM_BYTES_MAX} bytes of events"),
                    ));
                }
                self.event(line).await
            }
            Line::Complaint(line) => {
                self.last_complaint.clone_from(&line);
                self.say(line).await;
                Ok(())
            }
            Line::Surplus => {
                self.surplus().await;
                Ok(())
            }
            Line::Overlong => Err(too_much(
                self.tried,
                &format!("{} bytes in a line", lines::EVENT_BYTES_MAX),
            )),
        }
    }

    async fn event(&mut self, line: Bytes) -> Result<(), Failure> {
        let decoded = self.decoder.line(&line);
        for field in self.decoder.new_fields() {
            self.say(format!("the field {field} is unknown here and passed over"))
                .await;
        }
        match decoded.map_err(|error| broken_stream(&error, self.tried))? {
            Decoded::Event(event) => {
                match &event.body {
                    protocol::Body::Log {
                        level: Level::Error,
                        message,
                    } => self.last_error.clone_from(message),
                    protocol::Body::TestFinished(test) => self.known.take(test),
                    protocol::Body::Exporter { address } => self.scrape(address).await,
                    protocol::Body::Benchmark(benchmark) => self.measured(benchmark),
                    _ => {}
                }
                let body = Body::Harness {
                    vm: self.pipeline.vm.name.clone(),
                    target: self.target.to_owned(),
                    event: *event,
                };
                let recorder = &self.pipeline.shared.recorder;
                if self.decoder.is_plain_test() {
                    recorder.record_line(body, line).await;
                } else {
                    recorder.record(body).await;
                }
            }
            Decoded::FirstOfUnknownType(name) => {
                self.say(format!(
                    "events of type {name:?} are unknown here and passed over"
                ))
                .await;
            }
            Decoded::UnknownType => {}
        }
        Ok(())
    }

    fn measured(&mut self, benchmark: &Benchmark) {
        if benchmark.target == self.target && self.measured.len() < KEPT_BENCHMARKS {
            self.measured.extend(BenchmarkState::of(benchmark));
        }
    }

    /// Scrape the exporter that the target has started, unless the inventory
    /// names another one.
    async fn scrape(&mut self, address: &str) {
        if self.pipeline.vm.exporter.is_some() {
            return;
        }
        if let Some(of_before) = self.scraping.take() {
            of_before.end().await;
        }
        self.scraping = Some(self.pipeline.scrape(self.connection, address));
    }

    async fn surplus(&mut self) {
        if !self.is_surplus_told {
            self.is_surplus_told = true;
            self.say("more lines came on standard error; they are left out".into())
                .await;
        }
    }

    async fn say(&self, line: String) {
        self.pipeline.output(Stage::Test, line).await;
    }
}

/// The target says more to a person than all the arguments of its command.
fn of_target(error: RemoteError, tried: &str) -> Failure {
    let mut failure = Failure::from(error);
    tried.clone_into(&mut failure.cause.tried);
    failure
}

fn hung(tried: &str, idle: Duration) -> Failure {
    Failure::new(
        VmOutcome::Hung,
        Cause {
            what: format!(
                "the test binary said nothing for {}",
                humantime::format_duration(idle)
            ),
            tried: tried.to_owned(),
            advice: "if that is normal there, raise `idle_limit` in the inventory".into(),
        },
    )
}

fn too_much(tried: &str, bound: &str) -> Failure {
    Failure::lost(
        format!("the test binary said more than {bound}"),
        tried,
        "see that only the test binary writes to its standard output",
    )
}
