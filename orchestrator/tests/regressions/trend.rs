// SPDX-License-Identifier: BSD-2-Clause
//! `orchestrator trend`: a benchmark over all runs.

use insta::assert_snapshot;

use crate::runs::{Runs, Slower};

const SLOWER: Slower<'_> = &[("freebsd144", "worst_case", 1.2)];

fn stepped() -> Runs {
    let mut runs = Runs::of(30);
    for _ in 0..8 {
        runs.add(SLOWER);
    }
    runs
}

#[test]
fn a_step_is_plotted_with_its_number_where_it_is() {
    let runs = stepped();
    let said = runs.orchestrator(&[
        "trend",
        "parse",
        "--vm",
        "freebsd144",
        "--workload",
        "worst_case",
    ]);
    assert_eq!((said.notes.as_str(), said.status), ("", 0));
    assert_snapshot!(said.out);
}

#[test]
fn each_series_of_the_benchmark_is_shown_unless_some_are_wanted() {
    let runs = stepped();
    let titles = |more: &[&str]| -> Vec<String> {
        let said = runs.orchestrator(&[&["trend", "parse"], more].concat());
        let lines = said.out.lines().filter(|line| line.starts_with("parse "));
        lines.map(str::to_owned).collect()
    };
    assert_eq!(titles(&[]).len(), 6);
    assert_eq!(
        titles(&["--workload", "empty"]),
        [
            "parse empty on freebsd143",
            "parse empty on freebsd144",
            "parse empty on freebsd150"
        ]
    );
    assert_eq!(titles(&["--connections", "0"]).len(), 6);
    assert_eq!(
        titles(&["--vm", "freebsd150", "--workload", "empty"]),
        ["parse empty on freebsd150"]
    );
}

#[test]
fn a_program_is_told_every_point_and_change() {
    let mut runs = stepped();
    runs.add_short();
    let shown = runs.json(&["trend", "parse", "--workload", "worst_case"]);
    let shown = shown.as_array().unwrap();
    assert_eq!(shown.len(), 3);
    let of = |vm: &str| shown.iter().find(|of| of["vm"] == vm).unwrap();
    let slower = of("freebsd144");
    assert_eq!(slower["state"], "confirmed");
    assert_eq!(slower["points"].as_array().unwrap().len(), 38);
    assert_eq!(slower["left_out"], 1);
    assert_eq!(slower["points"][3]["samples"].as_array().unwrap().len(), 7);
    let change = &slower["changes"][0];
    assert_eq!(
        (&change["index"], &change["standing"]),
        (&30.into(), &"confirmed".into())
    );
    assert_eq!(change["run"], Runs::name(30));
    for same in ["freebsd150", "freebsd143"] {
        assert_eq!(of(same)["state"], "stable");
        assert_eq!(of(same)["changes"].as_array().unwrap().len(), 0);
    }
}

#[test]
fn a_slow_machine_is_no_step_where_the_reference_was_measured() {
    let mut runs = Runs::of(0);
    for number in 0..20 {
        runs.machine = Some(if number < 10 { 1.0 } else { 1.5 });
        runs.add(&[]);
    }
    let shown = runs.json(&[
        "trend",
        "parse",
        "--workload",
        "empty",
        "--vm",
        "freebsd150",
    ]);
    assert_eq!(shown[0]["state"], "stable");
    // Ten runs each: the middle is between both.
    assert_eq!(shown[0]["reference"], 312.5);
    let points = shown[0]["points"].as_array().unwrap();
    assert_eq!(points[0]["reference"][0], 250.0);
    assert_eq!(points[19]["reference"][0], 375.0);
}

#[test]
fn what_nothing_has_measured_is_refused_with_what_there_is() {
    let runs = Runs::of(2);
    let said = runs.orchestrator(&["trend", "parses"]);
    assert_eq!(said.status, 2);
    let lack = " has measured parses as wanted; there are parse\n";
    assert!(said.notes.starts_with("error: no run in /") && said.notes.ends_with(lack));
}

#[test]
fn one_run_is_a_trend_without_a_plot() {
    let runs = Runs::of(1);
    let said = runs.orchestrator(&[
        "trend",
        "parse",
        "--vm",
        "freebsd150",
        "--workload",
        "empty",
    ]);
    assert_eq!(
        said.out,
        "parse empty on freebsd150\n  1 run, Linux 6.1.0-18-amd64 amd64\n"
    );
}
