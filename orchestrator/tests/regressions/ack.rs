// SPDX-License-Identifier: BSD-2-Clause
//! `orchestrator ack`: what is open, and what is known.

use serde_json::Value;

use crate::runs::{Runs, Slower};

const SLOWER: Slower<'_> = &[("freebsd144", "worst_case", 1.2)];

/// Run after run until something is open: how many it took, and what it is.
fn until_found(runs: &mut Runs) -> (usize, Value) {
    for slow in 1..=5 {
        runs.add(SLOWER);
        let found = runs.json(&["ack"]);
        if found != Value::Array(Vec::new()) {
            return (slow, found);
        }
    }
    panic!("nothing was found in five runs");
}

#[test]
fn thirty_runs_of_one_commit_are_quiet_and_a_fifth_more_is_found_in_five_with_its_run() {
    let mut runs = Runs::of(30);
    let said = runs.orchestrator(&["ack"]);
    assert!(said.out.starts_with("nothing got slower in "), "{said:?}");
    assert_eq!((said.notes.as_str(), said.status), ("", 0));

    let (slow, found) = until_found(&mut runs);
    assert!((3..=5).contains(&slow), "{slow}");
    let found = found.as_array().unwrap();
    assert_eq!(found.len(), 1, "{found:?}");
    let of = &found[0]["of"];
    assert_eq!(
        (&of["vm"], &of["benchmark"], &of["workload"]),
        (&"freebsd144".into(), &"parse".into(), &"worst_case".into())
    );
    let change = &found[0]["change"];
    assert_eq!(change["run"], Runs::name(30));
    let ratio = change["ratio"].as_f64().unwrap();
    assert!((0.17..0.23).contains(&ratio), "{ratio}");
    assert_eq!(change["before"]["runs"], 30);
    assert_eq!(change["after"]["runs"], slow);
    assert_eq!(found[0]["ack"], Value::Null);
}

#[test]
fn a_person_acknowledges_a_change_which_holds_while_more_runs_come() {
    let mut runs = Runs::of(30);
    let (_, found) = until_found(&mut runs);
    let series = found[0]["series"].as_str().unwrap();
    let change = format!("{series}/{}", Runs::name(30));

    let said = runs.orchestrator(&["ack", &change, "--note", "the new matcher"]);
    let expected = format!("{change} is known now: the new matcher\n");
    assert_eq!((said.out, said.status), (expected, 0), "{}", said.notes);
    for _ in 0..3 {
        runs.add(SLOWER);
        let known = runs.json(&["ack"]);
        assert_eq!(known.as_array().unwrap().len(), 1);
        assert_eq!(known[0]["ack"]["note"], "the new matcher");
        let who = known[0]["ack"]["who"].as_str().unwrap();
        assert!(who.starts_with("tester@"), "{who}");
    }
    let listed = runs.orchestrator(&["ack"]).out;
    let lines: Vec<&str> = listed.lines().collect();
    assert_eq!(lines[0], change);
    assert!(lines[1].starts_with("  parse worst_case on freebsd144: +"));
    assert!(lines[2].starts_with("  known to tester@"), "{listed}");
    assert!(lines[2].ends_with(": the new matcher"), "{listed}");

    // It is known already, so no open one is left for the series alone.
    let said = runs.orchestrator(&["ack", series, "--note", "again"]);
    assert_eq!(said.status, 2);
    assert_eq!(
        said.notes,
        format!(
            "error: {series} names no change for the worse that stands; \
             orchestrator ack alone lists what there is\n"
        )
    );
}

#[test]
fn the_series_alone_names_its_only_open_change_and_what_recovered_is_gone() {
    let mut runs = Runs::of(12);
    let (_, found) = until_found(&mut runs);
    let series = found[0]["series"].as_str().unwrap();
    let said = runs.orchestrator(&["ack", series, "--note", "by its series"]);
    assert_eq!(said.status, 0, "{said:?}");
    assert_eq!(runs.json(&["ack"])[0]["ack"]["note"], "by its series");

    for _ in 0..10 {
        runs.add(&[]);
    }
    assert_eq!(runs.json(&["ack"]), Value::Array(Vec::new()));
}

#[test]
fn a_note_is_demanded_and_an_unknown_series_is_refused() {
    let runs = Runs::of(1);
    let said = runs.orchestrator(&["ack", "0123456789abcdef/nothing"]);
    assert_eq!(said.status, 2);
    assert!(said.notes.contains("--note <TEXT>"), "{said:?}");
    let said = runs.orchestrator(&["ack", "0123456789abcdef/nothing", "--note", "x"]);
    assert_eq!(said.status, 2);
    assert!(
        said.notes
            .contains("names no change for the worse that stands"),
        "{said:?}"
    );
}
