// SPDX-License-Identifier: BSD-2-Clause
//! A run as JUnit XML: a suite for each target on each VM, a case for each
//! test, with every failed attempt at it, and cases for what kept a VM from
//! being tested and for benchmarks beside their history.
//!
//! It is made from the whole log, since the state of a run does not keep the
//! tests that passed.

use std::collections::{BTreeSet, HashMap};
use std::fmt::Write as _;
use std::time::Duration;

use jiff::Timestamp;
use protocol::event::{TargetFinished, TestFinished};
use quick_junit::{
    FlakyOrRerun, NonSuccessKind, Report, SerializeError, TestCase, TestCaseStatus, TestRerun,
    TestSuite,
};

use super::findings;
use super::text::{self, cause_line};
use crate::event::{Body, Event, Plan, PlannedVm, VmOutcome};

/// Name of the suite of benchmarks.
const BENCHMARKS: &str = "benchmarks";

/// Gathers a report event by event.
#[derive(Debug, Default)]
pub struct Junit {
    run: String,
    plan: Vec<String>,
    started: Option<Timestamp>,
    duration_s: Option<f64>,
    suites: Vec<Suite>,
    /// Where the suite of a VM's target is.
    index: HashMap<(String, String), usize>,
    /// In the plan's order.
    vms: Vec<Driven>,
    /// The benchmarks that were judged or compared, in order.
    benchmarks: Vec<TestCase>,
}

#[derive(Debug)]
struct Suite {
    vm: String,
    target: String,
    planned: String,
    started: Timestamp,
    end: Option<TargetFinished>,
    /// In the order of their first attempts.
    cases: Vec<Case>,
    of_id: HashMap<String, usize>,
}

/// A test and all its attempts, in order.
#[derive(Debug)]
struct Case {
    attempts: Vec<TestFinished>,
    /// Whether it is known to fail.
    is_expected: bool,
}

/// A VM's way through its stages, which is a case of its own.
#[derive(Debug)]
struct Driven {
    vm: String,
    /// Its tests that are known to fail, as [`PlannedVm::name_of`] calls them.
    expected: BTreeSet<String>,
    /// Planned targets that were begun.
    begun: Vec<String>,
    /// Attempts at stages that failed and were followed by another.
    retried: Vec<(String, f64)>,
    end: Option<End>,
}

#[derive(Debug)]
struct End {
    outcome: VmOutcome,
    cause: Option<String>,
    duration_s: f64,
}

impl Junit {
    /// Take in the next event.
    pub fn apply(&mut self, event: &Event) {
        match &event.body {
            Body::RunStarted { run, plan, .. } => self.start(event.time, run, plan),
            Body::Harness {
                vm,
                target,
                event: said,
            } => self.harness(event.time, vm, target, &said.body),
            Body::StageFinished {
                vm,
                stage,
                attempt,
                duration_s,
                cause: Some(cause),
                will_retry: true,
            } => {
                let said = format!("{stage}, attempt {attempt}: {}", cause_line(cause));
                self.vm_mut(vm).retried.push((said, *duration_s));
            }
            Body::VmFinished {
                vm,
                outcome,
                cause,
                duration_s,
            } => {
                // An end that was gone on from no longer counts.
                self.vm_mut(vm).end = Some(End {
                    outcome: *outcome,
                    cause: cause.as_ref().map(cause_line),
                    duration_s: *duration_s,
                });
            }
            Body::Judged { vm, judged } => {
                self.benchmark(&findings::judged(vm, judged));
            }
            Body::Compared { vm, compared } => {
                self.benchmark(&findings::compared(vm, compared));
            }
            // What was found before a run went on is found again at its end.
            Body::RunResumed { .. } => self.benchmarks.clear(),
            Body::RunFinished { duration_s } => self.duration_s = Some(*duration_s),
            _ => {}
        }
    }

    /// The report of all that was taken in.
    ///
    /// # Errors
    /// None that these values can give; they are the XML writer's.
    pub fn render(&self) -> Result<String, SerializeError> {
        let mut report = Report::new(format!("tcpstats {}", self.run));
        report.timestamp = self.started.and_then(chrono_time);
        report.time = self.duration_s.map(duration);
        for suite in &self.suites {
            report.add_test_suite(self.suite(suite));
        }
        let mut vms = TestSuite::new("VMs");
        vms.add_test_cases(self.vms.iter().map(|vm| self.driven(vm)));
        report.add_test_suite(vms);
        if !self.benchmarks.is_empty() {
            let mut benchmarks = TestSuite::new(BENCHMARKS);
            benchmarks.add_test_cases(self.benchmarks.iter().cloned());
            report.add_test_suite(benchmarks);
        }
        report.to_string()
    }

    fn start(&mut self, time: Timestamp, run: &str, plan: &Plan) {
        *self = Self {
            run: run.to_owned(),
            plan: plan.targets.iter().map(|t| t.target.clone()).collect(),
            started: Some(time),
            vms: plan.vms.iter().map(Driven::of).collect(),
            ..Self::default()
        };
    }

    fn harness(&mut self, time: Timestamp, vm: &str, planned: &str, body: &protocol::Body) {
        match body {
            protocol::Body::TargetStarted { target, .. } => {
                self.vm_mut(vm).begun.push(planned.to_owned());
                let suite = self.suite_mut(time, vm, target, planned);
                suite.started = time;
                suite.end = None;
            }
            protocol::Body::TestFinished(test) => {
                let name = PlannedVm::name_of(test);
                let is_expected = self.vm_mut(vm).expected.contains(&name);
                let suite = self.suite_mut(time, vm, &test.target, planned);
                suite.attempt(test.clone(), is_expected);
            }
            protocol::Body::TargetFinished(end) => {
                let suite = self.suite_mut(time, vm, &end.target, planned);
                suite.end = Some(end.clone());
            }
            _ => {}
        }
    }

    /// A case that fails where the run counts as regressed for it.
    fn benchmark(&mut self, finding: &findings::Finding<'_>) {
        let mut status = if finding.fails_run {
            TestCaseStatus::non_success(NonSuccessKind::Failure)
        } else {
            TestCaseStatus::success()
        };
        if finding.fails_run {
            status.set_message(finding.said.as_str());
            status.set_rerun_kind(FlakyOrRerun::Rerun);
        }
        let mut case = TestCase::new(finding.title.as_str(), status);
        case.set_classname(BENCHMARKS);
        self.benchmarks.push(case);
    }

    fn suite_mut(&mut self, time: Timestamp, vm: &str, target: &str, planned: &str) -> &mut Suite {
        let key = (vm.to_owned(), target.to_owned());
        let at = *self.index.entry(key).or_insert_with(|| {
            self.suites.push(Suite {
                vm: vm.to_owned(),
                target: target.to_owned(),
                planned: planned.to_owned(),
                started: time,
                end: None,
                cases: Vec::new(),
                of_id: HashMap::new(),
            });
            self.suites.len() - 1
        });
        &mut self.suites[at]
    }

    fn vm_mut(&mut self, name: &str) -> &mut Driven {
        let known = self.vms.iter().position(|vm| vm.vm == name);
        let at = known.unwrap_or_else(|| {
            self.vms.push(Driven::new(name));
            self.vms.len() - 1
        });
        &mut self.vms[at]
    }

    /// A VM whose tests decided was driven to its end, unless it failed by none
    /// of them.
    fn driven(&self, vm: &Driven) -> TestCase {
        let end = vm.end.as_ref();
        let of_tests = end.is_some_and(|end| end.outcome.is_of_tests());
        let failed = end.is_some_and(|end| end.outcome == VmOutcome::Failed);
        let mut status = if !of_tests {
            let mut status = TestCaseStatus::non_success(NonSuccessKind::Error);
            status.set_message(self.what_happened(vm));
            status.set_rerun_kind(FlakyOrRerun::Rerun);
            status
        } else if failed && !self.has_failed_test(&vm.vm) {
            let mut status = TestCaseStatus::non_success(NonSuccessKind::Failure);
            status.set_message("it failed without a failed test");
            status.set_rerun_kind(FlakyOrRerun::Rerun);
            status
        } else if end.is_some_and(|end| end.outcome == VmOutcome::Skipped) {
            let mut status = TestCaseStatus::skipped();
            status.set_message("all its tests were skipped");
            status
        } else {
            TestCaseStatus::success()
        };
        status.add_reruns(vm.retried.iter().map(|(said, duration_s)| {
            let mut rerun = TestRerun::new(NonSuccessKind::Error);
            rerun.set_time(duration(*duration_s));
            rerun.set_message(said.as_str());
            rerun
        }));
        let mut case = TestCase::new(vm.vm.as_str(), status);
        case.set_classname("VMs");
        if let Some(end) = end {
            case.set_time(duration(end.duration_s));
        }
        case
    }

    fn what_happened(&self, vm: &Driven) -> String {
        let mut said = match &vm.end {
            None => "its end is not in the event log".to_owned(),
            Some(end) => text::outcome(end.outcome).to_owned(),
        };
        if let Some(cause) = vm.end.as_ref().and_then(|end| end.cause.as_ref()) {
            let _ = write!(said, ": {cause}");
        }
        let never: Vec<&str> = self
            .plan
            .iter()
            .map(String::as_str)
            .filter(|target| !vm.begun.iter().any(|begun| begun == target))
            .collect();
        if !never.is_empty() {
            let _ = write!(said, "; never begun: {}", never.join(", "));
        }
        said
    }

    fn has_failed_test(&self, vm: &str) -> bool {
        let suites = self.suites.iter().filter(|suite| suite.vm == vm);
        suites.flat_map(|suite| &suite.cases).any(Case::failed)
    }

    fn suite(&self, suite: &Suite) -> TestSuite {
        let mut out = TestSuite::new(format!("{} {}", suite.vm, suite.target));
        out.timestamp = chrono_time(suite.started);
        out.add_property(("vm", suite.vm.as_str()));
        out.add_property(("target", suite.target.as_str()));
        out.add_property(("planned", suite.planned.as_str()));
        if let Some(end) = &suite.end {
            out.set_time(duration(end.duration_s));
        }
        let class = format!("{}.{}", suite.vm, suite.target);
        out.add_test_cases(suite.cases.iter().map(|case| case.render(&class)));
        match &suite.end {
            None => out.add_test_case(unfinished(&class, "the target was cut off")),
            Some(end) if end.outcome == protocol::Outcome::Failed && end.failed == 0 => out
                .add_test_case(unfinished(
                    &class,
                    "the target failed without a failed test",
                )),
            Some(_) => &mut out,
        };
        out
    }
}

fn unfinished(class: &str, what: &str) -> TestCase {
    let mut status = TestCaseStatus::non_success(NonSuccessKind::Error);
    status.set_message(what);
    let mut case = TestCase::new("the target as a whole", status);
    case.set_classname(class);
    case
}

impl Suite {
    fn attempt(&mut self, test: TestFinished, is_expected: bool) {
        match self.of_id.get(&test.id) {
            Some(at) => self.cases[*at].attempts.push(test),
            None => {
                self.of_id.insert(test.id.clone(), self.cases.len());
                self.cases.push(Case {
                    attempts: vec![test],
                    is_expected,
                });
            }
        }
    }
}

impl Case {
    fn failed(&self) -> bool {
        let last = self.attempts.last();
        last.is_some_and(|test| test.outcome == protocol::Outcome::Failed && !self.is_expected)
    }

    /// The last attempt decides; earlier ones that failed stand beside it. A
    /// failure that is expected is no failure to whoever reads the report.
    fn render(&self, class: &str) -> TestCase {
        let Some((last, earlier)) = self.attempts.split_last() else {
            return TestCase::new("", TestCaseStatus::success());
        };
        let as_expected = last.outcome == protocol::Outcome::Failed && self.is_expected;
        let mut status = match last.outcome {
            protocol::Outcome::Passed => TestCaseStatus::success(),
            protocol::Outcome::Failed if !as_expected => {
                TestCaseStatus::non_success(NonSuccessKind::Failure)
            }
            protocol::Outcome::Failed | protocol::Outcome::Skipped => TestCaseStatus::skipped(),
        };
        let said = text::failure_line(last);
        if as_expected {
            status.set_message(format!("failed as expected: {said}"));
        } else if last.outcome != protocol::Outcome::Passed {
            status.set_message(said);
        }
        if self.failed() {
            status.set_description(text::failure_lines(last).join("\n"));
            status.set_rerun_kind(FlakyOrRerun::Rerun);
        }
        let failed = earlier
            .iter()
            .filter(|test| test.outcome == protocol::Outcome::Failed);
        if last.outcome != protocol::Outcome::Skipped && !as_expected {
            status.add_reruns(failed.map(rerun));
        }
        let mut case = TestCase::new(format!("{} {}", last.id, last.name), status);
        case.set_classname(class);
        case.set_time(duration(last.duration_s));
        case
    }
}

fn rerun(test: &TestFinished) -> TestRerun {
    let mut rerun = TestRerun::new(NonSuccessKind::Failure);
    rerun.set_time(duration(test.duration_s));
    rerun.set_message(text::failure_line(test));
    rerun
}

impl Driven {
    fn of(vm: &PlannedVm) -> Self {
        Self {
            expected: vm.expected_failures.clone(),
            ..Self::new(&vm.name)
        }
    }

    fn new(vm: &str) -> Self {
        Self {
            vm: vm.to_owned(),
            expected: BTreeSet::new(),
            begun: Vec::new(),
            retried: Vec::new(),
            end: None,
        }
    }
}

/// Negative and endless times, which a log that somebody wrote may hold, are 0.
fn duration(seconds: f64) -> Duration {
    Duration::try_from_secs_f64(seconds).unwrap_or_default()
}

/// As the XML writer wants it, whose library of times is not ours.
fn chrono_time<T: std::str::FromStr>(time: Timestamp) -> Option<T> {
    time.to_string().parse().ok()
}
