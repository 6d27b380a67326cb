// SPDX-License-Identifier: BSD-2-Clause
//! A run as JUnit's XML: a suite for each target, a case for each test, and one
//! for what went wrong besides the tests.

use std::time::Duration;

use protocol::Outcome;
use protocol::event::TestFinished;
use quick_junit::{NonSuccessKind, Report, SerializeError, TestCase, TestCaseStatus, TestSuite};

use super::output_dir::TargetEnd;

/// # Errors
/// None that is known of.
pub(super) fn render(
    targets: &[TargetEnd],
    tests: &[TestFinished],
) -> Result<String, SerializeError> {
    let mut report = Report::new("kmod-integration");
    for target in targets {
        let name = &target.finished.target;
        let mut suite = TestSuite::new(name);
        suite.set_time(duration(target.finished.duration_s));
        let of_target = tests.iter().filter(|test| test.target == *name);
        suite.add_test_cases(of_target.map(case));
        if !target.reasons.is_empty() {
            suite.add_test_case(besides(target));
        }
        report.add_test_suite(suite);
    }
    report.to_string()
}

fn case(test: &TestFinished) -> TestCase {
    let mut status = match test.outcome {
        Outcome::Passed => TestCaseStatus::success(),
        Outcome::Skipped => TestCaseStatus::skipped(),
        Outcome::Failed => TestCaseStatus::non_success(NonSuccessKind::Failure),
    };
    if let Some(message) = &test.message {
        // The first line fits into an attribute, and all of it below.
        status.set_message(message.lines().next().unwrap_or_default());
        if test.outcome == Outcome::Failed {
            status.set_description(message);
        }
    }
    let mut case = TestCase::new(format!("{} {}", test.id, test.name), status);
    case.set_classname(&test.target);
    case.set_time(duration(test.duration_s));
    case
}

/// What a target says without being a test of it.
fn besides(target: &TargetEnd) -> TestCase {
    let mut status = match target.finished.outcome {
        Outcome::Failed => TestCaseStatus::non_success(NonSuccessKind::Error),
        Outcome::Passed | Outcome::Skipped => TestCaseStatus::skipped(),
    };
    let reasons = target.reasons.join("\n");
    status.set_message(reasons.lines().last().unwrap_or_default());
    status.set_description(reasons);
    let mut case = TestCase::new("besides the tests", status);
    case.set_classname(&target.finished.target);
    case
}

fn duration(seconds: f64) -> Duration {
    Duration::try_from_secs_f64(seconds).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use protocol::event::TargetFinished;

    use super::*;

    fn test(id: &str, outcome: Outcome, message: Option<&str>) -> TestFinished {
        TestFinished {
            target: "unit".to_owned(),
            category: None,
            id: id.to_owned(),
            name: "a <test>".to_owned(),
            outcome,
            duration_s: 0.25,
            filter: None,
            expected: None,
            actual: None,
            message: message.map(str::to_owned),
        }
    }

    #[test]
    fn each_test_is_a_case_and_a_target_that_broke_one_more() {
        let target = TargetEnd {
            finished: TargetFinished {
                target: "unit".to_owned(),
                outcome: Outcome::Failed,
                duration_s: 1.5,
                passed: 1,
                failed: 1,
                skipped: 1,
            },
            reasons: vec!["a.c:1: wrong".to_owned(), "make ended".to_owned()],
        };
        let tests = [
            test("1", Outcome::Passed, None),
            test("2", Outcome::Failed, Some("got 7\nwanted \u{1}8")),
            test("3", Outcome::Skipped, Some("no device")),
            TestFinished {
                target: "another".to_owned(),
                ..test("4", Outcome::Passed, None)
            },
        ];
        assert_eq!(
            render(&[target], &tests).unwrap(),
            r#"<?xml version="1.0" encoding="UTF-8"?>
<testsuites name="kmod-integration" tests="4" skipped="1" failures="1" errors="1">
    <testsuite name="unit" tests="4" skipped="1" errors="1" failures="1" time="1.500">
        <testcase name="1 a &lt;test&gt;" classname="unit" time="0.250"/>
        <testcase name="2 a &lt;test&gt;" classname="unit" time="0.250">
            <failure message="got 7">got 7
wanted 8</failure>
        </testcase>
        <testcase name="3 a &lt;test&gt;" classname="unit" time="0.250">
            <skipped message="no device"/>
        </testcase>
        <testcase name="besides the tests" classname="unit">
            <error message="make ended">a.c:1: wrong
make ended</error>
        </testcase>
    </testsuite>
</testsuites>
"#
        );
    }
}
