// SPDX-License-Identifier: BSD-2-Clause
//! `orchestrator compare`: two runs beside each other.

use crate::runs::Runs;

#[test]
fn benchmarks_that_differ_for_sure_and_tests_that_ended_differently_are_told() {
    let mut runs = Runs::of(1);
    let slower = runs.add(&[
        ("freebsd150", "empty", 1.2),
        ("freebsd143", "worst_case", 0.8),
    ]);
    let first = Runs::name(0);
    let shown = runs.json(&["compare", &first, &slower]);
    let verdicts: Vec<(&str, &str, &str)> = shown
        .as_array()
        .unwrap()
        .iter()
        .flat_map(|vm| {
            let name = vm["vm"].as_str().unwrap();
            let benchmarks = vm["benchmarks"].as_array().unwrap().iter();
            benchmarks.map(move |of| {
                let text = |field: &str| of[field].as_str().unwrap();
                (name, text("workload"), text("verdict"))
            })
        })
        .collect();
    assert_eq!(
        verdicts,
        [
            ("freebsd150", "empty", "worse"),
            ("freebsd150", "worst_case", "same"),
            ("freebsd144", "empty", "same"),
            ("freebsd144", "worst_case", "same"),
            ("freebsd143", "empty", "same"),
            ("freebsd143", "worst_case", "better"),
        ]
    );
    let worse = &shown[0]["benchmarks"][0];
    let ratio = worse["ratio"].as_f64().unwrap();
    assert!((1.1..1.3).contains(&ratio), "{ratio}");
    let [low, high] = [0, 1].map(|end| worse["interval"][end].as_f64().unwrap());
    assert!(1.05 < low && low < ratio && ratio < high, "{low} {high}");
    assert_eq!(worse["baseline"], first.as_str());
    assert_eq!(worse["before"]["samples"], 7);

    let said = runs.orchestrator(&["compare", &first, &slower]);
    assert_eq!((said.notes.as_str(), said.status), ("", 0));
    let end = "6 benchmarks on 3 VMs: 1 worse, 1 better, 4 the same; 0 tests ended differently\n";
    assert!(said.out.ends_with(end), "{}", said.out);
}

#[test]
fn a_machine_that_was_slower_in_one_of_the_runs_is_no_difference() {
    let mut runs = Runs::of(0);
    let [first, second] = [1.0, 1.5].map(|machine| {
        runs.machine = Some(machine);
        runs.add(&[])
    });
    let shown = runs.json(&["compare", &first, &second]);
    let benchmark = &shown[0]["benchmarks"][0];
    assert_eq!(benchmark["verdict"], "same");
    let median = |of: &str| benchmark[of]["median"].as_f64().unwrap();
    assert!((55.0..65.0).contains(&median("before")), "{benchmark}");
    assert!((55.0..65.0).contains(&median("after")), "{benchmark}");
    let said = runs.orchestrator(&["compare", &first, &second]);
    assert!(
        said.out.contains("0 worse, 0 better, 6 the same"),
        "{said:?}"
    );

    // One without the reference is compared as it is.
    runs.machine = None;
    let bare = runs.add(&[("freebsd150", "empty", 1.5)]);
    let shown = runs.json(&["compare", &first, &bare]);
    assert_eq!(shown[0]["benchmarks"][0]["verdict"], "worse");
}

#[test]
fn a_test_that_ended_differently_is_told_with_both_ends() {
    let mut runs = Runs::of(1);
    let failing = runs.add_failing();
    let said = runs.orchestrator(&["compare", &Runs::name(0), &failing]);
    let told = "Tests that ended differently
  live_integration D07 one local port on freebsd150: passed, then failed
  live_integration D07 one local port on freebsd144: passed, then failed
  live_integration D07 one local port on freebsd143: passed, then failed
";
    assert!(said.out.contains(told), "{}", said.out);
    assert!(
        said.out.ends_with("; 3 tests ended differently\n"),
        "{}",
        said.out
    );
}

#[test]
fn few_repetitions_are_counted_and_not_compared() {
    let mut runs = Runs::of(1);
    let short = runs.add_short();
    let said = runs.orchestrator(&["compare", &Runs::name(0), &short]);
    assert!(
        said.out
            .ends_with("\n6 more have too few repetitions to compare\n"),
        "{}",
        said.out
    );
}

#[test]
fn a_run_that_is_none_is_named() {
    let runs = Runs::of(1);
    let said = runs.orchestrator(&["compare", &Runs::name(0), "nobody"]);
    assert_eq!(said.status, 2);
    assert!(said.notes.contains(" has no run nobody; "), "{said:?}");
}
