// SPDX-License-Identifier: BSD-2-Clause
//! What is recorded of a run, and when.

use std::collections::HashSet;

use jiff::Timestamp;
use orchestrator::event::{Body, Platform, Stage, VmOutcome};
use orchestrator::history::{Ack, History, RunFilter, SeriesKey, Wanted};
use protocol::event::Better;

use crate::events::{Story, bring_up, failed, good_run, passed, run_of_members, troubled_run};
use crate::folder::Folder;

const FIRST: &str = "20261123T094900000Z-aaaaaa";
const SECOND: &str = "20261124T094900000Z-bbbbbb";
const THIRD: &str = "20261125T094900000Z-cccccc";

fn parse_series(fingerprint: &str, vm: &str, workload: &str) -> SeriesKey {
    SeriesKey {
        fingerprint: fingerprint.into(),
        vm: vm.into(),
        benchmark: "parse".into(),
        workload: workload.into(),
        connections: 0,
        unit: "ns".into(),
        better: Better::Lower,
    }
}

#[tokio::test]
async fn every_attempt_and_sample_of_a_run_is_recorded() {
    let folder = Folder::of(&[(FIRST, &troubled_run())]);
    folder.history().await.close().await;
    for (table, rows) in [
        ("sources", 1),
        ("runs", 1),
        ("planned", 1),
        ("vms", 3),
        ("fingerprints", 1),
        ("stages", 13),
        ("targets", 3),
        ("tests", 24),
        ("counters", 5),
        ("series", 0),
        ("points", 0),
        ("acks", 0),
    ] {
        assert_eq!(folder.count(table).await, rows, "{table}");
    }
    let dump = folder.dump().await.join("\n");
    let lost = "'Linux', '6.1.0-18-amd64', 'amd64', '', 0, 0, ''";
    assert!(dump.contains(lost), "{dump}");
    let failed = "'D07', 'local address, prefix of 16', 'D', 'failed', 0.05, \
                  'local_addr=127.0.0.0/16', 12, 14, 'unexpected 127.1.0.1:40000";
    assert_eq!(dump.matches(failed).count(), 2, "{dump}");
}

#[tokio::test]
async fn runs_are_listed_newest_first_and_filtered() {
    let folder = Folder::of(&[
        (FIRST, &troubled_run()),
        (SECOND, &good_run()),
        (THIRD, &run_of_members()),
    ]);
    let history = folder.history().await;
    let names = async |filter: RunFilter| {
        let runs = history.runs(&filter).await.unwrap();
        runs.into_iter().map(|run| run.run).collect::<Vec<_>>()
    };
    assert_eq!(names(RunFilter::default()).await, [THIRD, SECOND, FIRST]);
    let limit = Some(2);
    let newest = RunFilter {
        limit,
        ..RunFilter::default()
    };
    assert_eq!(names(newest).await, [THIRD, SECOND]);
    let failed = RunFilter {
        failed: true,
        ..RunFilter::default()
    };
    assert_eq!(names(failed).await, [THIRD, FIRST]);
    let of_vm = RunFilter {
        vm: Some("freebsd143".into()),
        ..RunFilter::default()
    };
    assert_eq!(names(of_vm).await, [THIRD, FIRST]);
    let of_target = RunFilter {
        target: Some("live_integration".into()),
        limit: Some(1),
        ..RunFilter::default()
    };
    assert_eq!(names(of_target).await, [SECOND]);

    let runs = history.runs(&RunFilter::default()).await.unwrap();
    let of_troubled = serde_json::to_value(&runs[2]).unwrap();
    assert_eq!(
        of_troubled,
        serde_json::json!({
            "run": FIRST,
            "started": "2026-11-23T09:49:00Z",
            "duration_s": 13.0,
            "result": "not_driven",
            "interrupted": null,
            "targets": ["live_integration"],
            "vms": [
                { "name": "freebsd150", "outcome": "failed",
                  "tests": { "passed": 9, "failed": 1, "skipped": 0 } },
                { "name": "freebsd144", "outcome": "failed",
                  "tests": { "passed": 7, "failed": 2, "skipped": 1 } },
                { "name": "freebsd143", "outcome": "lost",
                  "tests": { "passed": 4, "failed": 0, "skipped": 0 } },
            ],
        })
    );
}

#[tokio::test]
async fn a_series_has_a_point_of_every_run_with_all_samples() {
    let folder = Folder::of(&[(FIRST, &run_of_members()), (SECOND, &run_of_members())]);
    let history = folder.history().await;
    let series = history.series().await.unwrap();
    assert_eq!(series.len(), 6);
    let fingerprint = &series[0].fingerprint;
    let wanted = parse_series(fingerprint, "freebsd144", "worst_case");
    assert!(series.contains(&wanted), "{series:#?}");
    let points = history.points(&wanted).await.unwrap();
    let runs: Vec<&str> = points.iter().map(|point| point.run.as_str()).collect();
    assert_eq!(runs, [FIRST, SECOND]);
    let median = 1650.0 * 1.5;
    let samples = [0.98, 1.0, 1.01, 0.99, 1.5].map(|part| part * median);
    for point in points {
        assert_eq!((point.median, &point.samples[..]), (median, &samples[..]));
        assert_eq!(point.time.to_string(), "2026-11-23T09:49:00Z");
    }
    let unknown = parse_series(fingerprint, "nobody", "worst_case");
    assert_eq!(history.points(&unknown).await.unwrap(), []);
}

#[tokio::test]
async fn many_series_come_at_once_as_they_come_one_by_one() {
    let mut one_vm = run_of_members();
    one_vm
        .events
        .retain(|event| !matches!(&event.body, Body::Harness { vm, .. } if vm != "freebsd144"));
    for (seq, event) in (0..).zip(&mut one_vm.events) {
        event.seq = seq;
    }
    let folder = Folder::of(&[(FIRST, &run_of_members()), (SECOND, &one_vm)]);
    let history = folder.history().await;
    let mut all = Vec::new();
    for key in history.series().await.unwrap() {
        let points = history.points(&key).await.unwrap();
        all.push((key, points));
    }
    let at_once = async |wanted| {
        let mut found = Vec::new();
        let look = |key, points| found.push((key, points));
        history.each_series(wanted, look).await.unwrap();
        found.sort_by(|(a, _), (b, _)| a.place().cmp(&b.place()));
        found
    };
    let of_vms = |wanted: &[&str]| {
        let mut all = all.clone();
        all.retain(|(key, _)| wanted.contains(&key.vm.as_str()));
        all
    };
    assert_eq!(at_once(Wanted::All).await, all);
    assert_eq!(at_once(Wanted::OfRun(FIRST)).await, all);
    // Of both runs.
    let measured = at_once(Wanted::OfRun(SECOND)).await;
    assert_eq!(measured, of_vms(&["freebsd144"]));
    assert!(measured.iter().all(|(_, points)| points.len() == 2));
    let two = ["freebsd150", "freebsd143"];
    let names = HashSet::from(two.map(str::to_owned));
    assert_eq!(at_once(Wanted::OfVms(&names)).await, of_vms(&two));
    assert_eq!(of_vms(&two).len(), 4);
    let nobody = HashSet::new();
    assert_eq!(at_once(Wanted::OfVms(&nobody)).await, []);
    assert_eq!(at_once(Wanted::OfRun("none")).await, []);
}

#[tokio::test]
async fn another_fingerprint_starts_another_series() {
    let plain = run_of_members();
    let mut upgraded = run_of_members();
    for event in &mut upgraded.events {
        if let Body::Facts { facts, .. } = &mut event.body {
            facts.platform = Some(Platform {
                cpu_model: "Z80".into(),
                cpus: 3,
                memory_bytes: (1000 << 20) + 1,
                kernel: "GENERIC".into(),
            });
        }
    }
    let folder = Folder::of(&[(FIRST, &plain), (SECOND, &upgraded)]);
    let history = folder.history().await;
    let series = history.series().await.unwrap();
    let of_vm: Vec<_> = series
        .iter()
        .filter(|series| series.vm == "freebsd150" && series.workload == "empty")
        .collect();
    assert_eq!(of_vm.len(), 2, "{series:#?}");
    let mut said = Vec::new();
    for series in of_vm {
        let fingerprint = history.fingerprint(&series.fingerprint).await.unwrap();
        let runs = history.points(series).await.unwrap();
        said.push(format!("{}: {}", runs[0].run, fingerprint.unwrap()));
    }
    said.sort();
    assert_eq!(
        said,
        [
            // A log of an earlier version: its test binary said how large the VM is.
            format!("{FIRST}: Linux 6.1.0-18-amd64 amd64, 2 x, 4096 MiB"),
            format!("{SECOND}: Linux 6.1.0-18-amd64 amd64, 3 x Z80, 1024 MiB, GENERIC"),
        ]
    );
    assert_eq!(history.fingerprint("none").await.unwrap(), None);
}

#[tokio::test]
async fn recording_again_changes_nothing() {
    let folder = Folder::of(&[(FIRST, &troubled_run()), (SECOND, &run_of_members())]);
    let history = folder.history().await;
    let before = folder.dump().await;
    for run in [SECOND, FIRST, FIRST] {
        history.record(run).await.unwrap();
    }
    history.catch_up().await.unwrap();
    assert_eq!(folder.dump().await, before);
}

#[tokio::test]
async fn a_rebuilt_database_is_the_same() {
    let folder = Folder::of(&[(SECOND, &run_of_members())]);
    folder.history().await.close().await;
    // An earlier run that is recorded later, one that grew, and one that went.
    let log = folder.keep(THIRD, &good_run().lines());
    let cut: String = troubled_run().lines().lines().take(20).collect();
    folder.keep(FIRST, &cut);
    folder.history().await.close().await;
    folder.keep(FIRST, &troubled_run().lines());
    std::fs::remove_file(log).unwrap();
    let history = folder.history().await;
    history.ack(&ack("seen")).await.unwrap();
    history.close().await;
    let before = folder.dump().await;
    History::rebuild(folder.path()).await.unwrap().close().await;
    assert_eq!(folder.dump().await, before);
    std::fs::remove_file(folder.database()).unwrap();
    History::rebuild(folder.path()).await.unwrap().close().await;
    assert_eq!(folder.dump().await, before);
    assert_eq!(folder.count("runs").await, 2);
    assert_eq!(folder.count("acks").await, 1);
}

#[tokio::test]
async fn a_killed_run_is_caught_up_with_and_again_when_it_was_resumed() {
    let mut story = Story::of(&["a"]);
    bring_up(&mut story, "a")
        .target_started("a", Some(2))
        .pass("a", 1, 1);
    let folder = Folder::of(&[(FIRST, &story)]);
    let whole = story.lines();
    // The last event was cut off while it was written.
    folder.keep(FIRST, &whole[..whole.len() - 9]);
    let history = folder.history().await;
    let runs = history.runs(&RunFilter::default()).await.unwrap();
    assert_eq!((runs[0].duration_s, &runs[0].vms[0].outcome), (None, &None));
    assert_eq!(runs[0].vms[0].tests.passed, 0);
    assert_eq!(folder.count("tests").await, 0);

    story.tell(Body::RunResumed {
        orchestrator: "0.1.0".into(),
    });
    bring_up(&mut story, "a")
        .target_started("a", Some(2))
        .test("a", failed("D07", 1))
        .pass("a", 2, 2)
        .target_finished("a", [1, 1, 0])
        .end("a", Stage::Test, 1.0)
        .finish("a", VmOutcome::Failed, None)
        .close();
    folder.keep(FIRST, &story.lines());
    history.catch_up().await.unwrap();
    let runs = history.runs(&RunFilter::default()).await.unwrap();
    assert_eq!(runs.len(), 1);
    assert_eq!(runs[0].duration_s, Some(13.0));
    let tests = runs[0].vms[0].tests;
    assert_eq!((tests.passed, tests.failed), (1, 1));
    // Both attempts are there, with their tests, and the second one counts.
    let dump = folder.dump().await;
    let attempts: Vec<&str> = dump
        .iter()
        .filter(|row| row.starts_with("targets: "))
        .map(|row| row.split_once("'live_integration', ").unwrap().1)
        .collect();
    assert_eq!(attempts.len(), 2, "{attempts:?}");
    for attempt in [
        "'live_integration', 1, 0, NULL, NULL",
        "'live_integration', 2, 1, 'failed', 9.25",
    ] {
        assert!(attempts.contains(&attempt), "{attempts:?}");
    }
    assert_eq!(folder.count("tests").await, 3);
}

#[tokio::test]
async fn a_test_that_passed_at_the_second_attempt_has_both() {
    let mut story = Story::of(&["a"]);
    bring_up(&mut story, "a")
        .target_started("a", Some(1))
        .test("a", failed("A01", 1))
        .target_finished("a", [0, 1, 0])
        .target_started("a", Some(1))
        .test("a", passed("A01"))
        .target_finished("a", [1, 0, 0])
        .finish("a", VmOutcome::Flaky, None)
        .close();
    let folder = Folder::of(&[(FIRST, &story)]);
    folder.history().await.close().await;
    let dump = folder.dump().await.join("\n");
    assert!(dump.contains("1, 0, 'failed', 9.25"), "{dump}");
    assert!(dump.contains("2, 1, 'passed', 9.25"), "{dump}");
    assert_eq!(folder.count("tests").await, 2);
}

#[tokio::test]
async fn what_stands_before_a_break_of_a_log_is_recorded() {
    let folder = Folder::new();
    let mut log = good_run().lines();
    log.push_str("garbage\n");
    folder.keep(FIRST, &log);
    folder.keep(SECOND, "garbage\n");
    folder.keep(THIRD, "");
    std::fs::create_dir(folder.path().join("empty")).unwrap();
    let history = folder.history().await;
    let runs = history.runs(&RunFilter::default()).await.unwrap();
    assert_eq!(runs.len(), 1);
    assert_eq!(runs[0].result, "passed");
    let dump = folder.dump().await.join("\n");
    assert!(dump.contains("'line 47 is no event"), "{dump}");
    assert!(dump.contains("'line 1 is no event"), "{dump}");
    assert_eq!(folder.count("sources").await, 3);
}

fn ack(note: &str) -> Ack {
    Ack {
        series: parse_series("0123456789abcdef", "freebsd144", "empty"),
        run: FIRST.into(),
        who: "ada".into(),
        time: Timestamp::from_second(1_795_500_000).unwrap(),
        note: note.into(),
    }
}

#[tokio::test]
async fn what_people_said_outlives_the_database() {
    let folder = Folder::new();
    let history = folder.history().await;
    assert_eq!(history.acks().await.unwrap(), []);
    history.ack(&ack("wanted")).await.unwrap();
    // A process was killed in the middle of another.
    let path = folder.path().join("acks.ndjson");
    let mut file = std::fs::read_to_string(&path).unwrap();
    file.push_str(r#"{"series":{"fing"#);
    std::fs::write(&path, file).unwrap();
    history.ack(&ack("it's \"fine\"\n")).await.unwrap();
    let said = [ack("wanted"), ack("it's \"fine\"\n")];
    assert_eq!(history.acks().await.unwrap(), said);
    history.close().await;
    std::fs::remove_file(folder.database()).unwrap();
    let history = folder.history().await;
    assert_eq!(history.acks().await.unwrap(), said);
    std::fs::remove_file(path).unwrap();
    history.catch_up().await.unwrap();
    assert_eq!(history.acks().await.unwrap(), []);
}

#[tokio::test]
async fn what_exceeds_the_limits_of_a_vm_is_counted() {
    let mut story = Story::of(&["a", "b"]);
    for vm in ["a", "b"] {
        bring_up(&mut story, vm).target_started(vm, None);
    }
    for number in 0..5003 {
        story.test("a", passed(&format!("A{number}")));
    }
    story.test("b", passed("A01")).close();
    let folder = Folder::of(&[(FIRST, &story)]);
    let history = folder.history().await;
    assert_eq!(folder.count("tests").await, 5001);
    let runs = history.runs(&RunFilter::default()).await.unwrap();
    assert_eq!(runs[0].vms[0].tests.passed, 5003);
    let dump = folder.dump().await;
    let source = dump.iter().find(|row| row.starts_with("sources")).unwrap();
    assert!(
        source.ends_with("'3 events exceed the limits of a VM'"),
        "{source}"
    );
}
