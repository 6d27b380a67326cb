// SPDX-License-Identifier: BSD-2-Clause
//! The exposition: its text, its lint, and what leaves it.

use std::collections::{BTreeMap, BTreeSet};

use assert_cmd::Command;
use insta::assert_snapshot;
use orchestrator::event::{Body, ConsoleKind, Event, Reading, ScrapeReason, Stage, VmOutcome};
use orchestrator::projection::metrics::Metrics;
use orchestrator::projection::{Fold, Projection, StateHandle};

use crate::events::{
    Story, TARGET, bring_up, cause, failed, good_run, passed, run_of_members, troubled_run,
};

/// The metrics and what feeds them.
pub(crate) fn metrics() -> (Metrics, Fold) {
    let state = StateHandle::default();
    let metrics = Metrics::new(state.clone()).unwrap();
    let fold = Fold::new(state, vec![metrics.view()]);
    (metrics, fold)
}

pub(crate) fn feed(fold: &mut Fold, events: &[Event]) {
    for event in events {
        fold.apply(event);
    }
}

pub(crate) fn exposition(story: &Story) -> String {
    let (metrics, mut fold) = metrics();
    feed(&mut fold, &story.events);
    metrics.render()
}

/// The samples of one family, without its comments.
pub(crate) fn samples<'a>(text: &'a str, family: &str) -> Vec<&'a str> {
    text.lines()
        .filter(|line| line.starts_with(family))
        .collect()
}

#[test]
fn the_exposition_of_a_troubled_run() {
    let text = exposition(&troubled_run());
    let version = format!("version=\"{}\"", env!("CARGO_PKG_VERSION"));
    assert_snapshot!(text.replace(&version, "version=\"VERSION\""));
}

#[test]
fn promtool_has_no_complaint() {
    for story in [
        Story { events: vec![] },
        good_run(),
        troubled_run(),
        run_of_members(),
        scraped_run(),
        eventful_run(),
    ] {
        let mut promtool = Command::new("promtool");
        let checked = promtool
            .args(["check", "metrics"])
            .write_stdin(exposition(&story));
        checked.assert().success().stdout("").stderr("");
    }
}

#[test]
fn a_run_is_in_progress_from_its_first_event_to_its_last() {
    let (metrics, mut fold) = metrics();
    let in_progress = || {
        let text = metrics.render();
        samples(&text, "orchestrator_run_in_progress ")[0].to_owned()
    };
    assert_eq!(in_progress(), "orchestrator_run_in_progress 0");
    let story = good_run();
    feed(&mut fold, &story.events[..1]);
    assert_eq!(in_progress(), "orchestrator_run_in_progress 1");
    feed(&mut fold, &story.events[1..]);
    assert_eq!(in_progress(), "orchestrator_run_in_progress 0");
}

#[test]
fn a_vm_has_an_outcome_and_a_duration_when_it_has_ended() {
    let mut story = Story::of(&["a", "b"]);
    bring_up(&mut story, "b");
    story.finish("a", VmOutcome::TimedOut, Some(cause("too slow")));
    let text = exposition(&story);
    assert_eq!(
        samples(&text, "orchestrator_vm_outcome"),
        ["orchestrator_vm_outcome{outcome=\"timed_out\",vm=\"a\"} 1"]
    );
    assert_eq!(
        samples(&text, "orchestrator_vm_duration_seconds"),
        ["orchestrator_vm_duration_seconds{vm=\"a\"} 12.34"]
    );
}

#[test]
fn what_a_console_showed_is_counted_by_its_kind() {
    let mut story = Story::of(&["a", "b"]);
    for kind in [
        ConsoleKind::LockOrder,
        ConsoleKind::Trap,
        ConsoleKind::LockOrder,
    ] {
        let (vm, lines) = ("a".to_owned(), vec!["said".to_owned()]);
        story.tell(Body::Console { vm, kind, lines });
    }
    assert_eq!(
        samples(&exposition(&story), "orchestrator_console_reports{"),
        [
            "orchestrator_console_reports{kind=\"trap\",vm=\"a\"} 1",
            "orchestrator_console_reports{kind=\"lock_order\",vm=\"a\"} 2",
        ]
    );
}

#[test]
fn every_event_is_counted() {
    let story = troubled_run();
    let expected = format!("orchestrator_events_total {}", story.events.len());
    let text = exposition(&story);
    assert_eq!(samples(&text, "orchestrator_events_total"), [expected]);
}

#[test]
fn a_vm_that_cannot_be_reached_failed_all_its_targets() {
    let mut story = Story::of(&["a", "b"]);
    story.fail("a", Stage::Connect, 1, true);
    story.fail("a", Stage::Connect, 2, false);
    story.finish("a", VmOutcome::Infrastructure, Some(cause("refused")));
    let text = exposition(&story);
    assert_eq!(
        samples(&text, "orchestrator_vm_up{"),
        ["orchestrator_vm_up{vm=\"a\"} 0"]
    );
    assert_eq!(
        samples(&text, "orchestrator_target_passed{"),
        [format!(
            "orchestrator_target_passed{{target=\"{TARGET}\",vm=\"a\"}} 0"
        )]
    );
    assert_eq!(
        samples(&text, "orchestrator_target_duration_seconds"),
        [""; 0]
    );
    assert_eq!(
        samples(&text, "orchestrator_retries_total{"),
        ["orchestrator_retries_total{stage=\"connect\",vm=\"a\"} 1"]
    );
    assert_eq!(
        samples(&text, "orchestrator_ssh_connect_seconds_count"),
        ["orchestrator_ssh_connect_seconds_count 0"]
    );
}

#[test]
fn a_cancelled_vm_says_nothing_of_its_targets() {
    let mut story = Story::of(&["a"]);
    story.finish("a", VmOutcome::Cancelled, Some(cause("interrupted")));
    let text = exposition(&story);
    assert_eq!(samples(&text, "orchestrator_target_passed"), [""; 0]);
    assert_eq!(samples(&text, "orchestrator_last_run"), [""; 0]);
}

#[test]
fn what_left_is_gone_and_what_adds_up_stays() {
    let (metrics, mut fold) = metrics();
    feed(&mut fold, &troubled_run().events);
    assert!(metrics.render().contains("freebsd143"));
    feed(&mut fold, &good_run().events);
    let text = metrics.render();
    assert!(!text.contains("freebsd143"), "{text}");
    assert_eq!(samples(&text, "orchestrator_test_failed"), [""; 0]);
    assert_eq!(
        samples(&text, "orchestrator_runs_total"),
        [
            "orchestrator_runs_total{result=\"failed\"} 0",
            "orchestrator_runs_total{result=\"interrupted\"} 0",
            "orchestrator_runs_total{result=\"not_driven\"} 1",
            "orchestrator_runs_total{result=\"nothing_tested\"} 0",
            "orchestrator_runs_total{result=\"passed\"} 1",
            "orchestrator_runs_total{result=\"regressed\"} 0",
        ]
    );
    assert_eq!(
        samples(&text, "orchestrator_retries_total{stage=\"connect\""),
        [
            "orchestrator_retries_total{stage=\"connect\",vm=\"freebsd144\"} 1",
            "orchestrator_retries_total{stage=\"connect\",vm=\"freebsd150\"} 0",
        ]
    );
}

#[test]
fn no_series_is_given_twice_whatever_a_vm_says() {
    let mut story = Story::of(&["a"]);
    bring_up(&mut story, "a");
    for category in [None, Some("none"), Some("")] {
        for _ in 0..2 {
            let mut test = failed("D07", 1);
            test.category = category.map(str::to_owned);
            story.test("a", test);
        }
    }
    story.test("a", passed("A01"));
    let text = exposition(&story);
    let mut names: Vec<&str> = text
        .lines()
        .filter(|line| !line.starts_with('#'))
        .filter_map(|line| line.rsplit_once(' '))
        .map(|(series, _)| series)
        .collect();
    let all = names.len();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), all, "{text}");
    assert!(
        text.contains(
            "category=\"none\",outcome=\"failed\",target=\"live_integration\",vm=\"a\"} 4"
        )
    );
}

/// Samples by family, histograms' parts apart.
fn series_by_family(text: &str) -> BTreeMap<&str, usize> {
    let mut families = BTreeMap::new();
    for line in text.lines().filter(|line| !line.starts_with('#')) {
        let name = line.split(['{', ' ']).next().unwrap();
        *families.entry(name).or_default() += 1;
    }
    families
}

#[test]
fn a_vm_cannot_make_series_without_end() {
    let mut story = Story::of(&["a"]);
    bring_up(&mut story, "a");
    for target in 0..70 {
        for category in 0..70 {
            let mut test = failed(&format!("D{category}"), 1);
            test.target = format!("t{target}");
            test.category = Some(format!("c{category}")).filter(|_| category > 0);
            story.test("a", test);
        }
    }
    for number in 0..600 {
        story.measure("a", &format!("w{number}"), "ns", 1.0);
    }
    story.counters("a", &[("surprise", 1)]);
    for kind in 0..5 {
        let name = format!("of_a_later_version_{kind}");
        story.scraped("a", &[(&name, Reading::One(1.0))]);
    }
    story.finish("a", VmOutcome::Failed, None);
    let text = exposition(&story);
    let of_vm: String = text
        .lines()
        .filter(|line| line.contains("vm=\"a\""))
        .map(|line| format!("{line}\n"))
        .collect();
    // 64 targets and 64 categories have names, the others are one.
    let expected = [
        ("orchestrator_benchmark_value", 512),
        ("orchestrator_last_run_timestamp_seconds", 65 + 1),
        ("orchestrator_last_scrape_timestamp_seconds", 1),
        ("orchestrator_retries_total", 4),
        ("orchestrator_scrape_duration_seconds_bucket", 9),
        ("orchestrator_scrape_duration_seconds_count", 1),
        ("orchestrator_scrape_duration_seconds_sum", 1),
        ("orchestrator_stage_duration_seconds_bucket", 3 * 13),
        ("orchestrator_stage_duration_seconds_count", 3),
        ("orchestrator_stage_duration_seconds_sum", 3),
        ("orchestrator_target_passed", 65 + 1),
        ("orchestrator_test_failed", 100),
        ("orchestrator_tests", 65 * 65 * 3),
        ("orchestrator_vm_duration_seconds", 1),
        ("orchestrator_vm_info", 1),
        ("orchestrator_vm_outcome", 1),
        ("orchestrator_vm_up", 1),
    ];
    assert_eq!(series_by_family(&of_vm), expected.into());
}

/// Two VMs that have something to say in every family but those of `serve` and
/// of judged benchmarks.
fn eventful_run() -> Story {
    let mut story = scraped_run();
    for vm in ["a", "b"] {
        story.fail(vm, Stage::Connect, 2, true);
        bring_up(&mut story, vm)
            .target_started(vm, Some(1))
            .test(vm, failed("D07", 14))
            .measure(vm, "empty", "ns", 40.0)
            .target_finished(vm, [0, 1, 0])
            .scrape_failed(vm, ScrapeReason::Gone)
            .tell(Body::Console {
                vm: vm.into(),
                kind: ConsoleKind::Panic,
                lines: vec!["panic: page fault".into()],
            })
            .finish(vm, VmOutcome::Crashed, None);
    }
    story.close();
    story
}

#[test]
fn every_family_is_as_the_reference_says_and_leaves_with_its_vm() {
    let reference = include_str!("../../../docs/orchestrator-metrics.md");
    let rows = reference
        .lines()
        .filter_map(|line| line.strip_prefix("| `")?.split_once("` | "));
    let rows: BTreeMap<&str, Vec<&str>> = rows
        .map(|(name, row)| (name, row.split(" | ").collect()))
        .filter(|(_, row): &(_, Vec<_>)| row.len() > 2)
        .collect();
    let (metrics, mut fold) = metrics();
    let metrics = metrics.with_process();
    feed(&mut fold, &eventful_run().events);
    let text = metrics.render();
    let mut family = "";
    let mut shown = BTreeSet::new();
    for line in text.lines().filter(|line| !line.starts_with("# HELP")) {
        if let Some(head) = line.strip_prefix("# TYPE ") {
            let (name, kind) = head.split_once(' ').unwrap();
            assert_eq!(rows[name][0], kind, "{name}");
            shown.insert(name);
            family = name;
            continue;
        }
        let (_, labels) = line.split_once('{').unwrap_or_default();
        let names = labels
            .split("\",")
            .filter_map(|label| label.split_once('='));
        let names: BTreeSet<&str> = names.map(|(name, _)| name).filter(|n| *n != "le").collect();
        let expected = rows[family][1].split(", ").filter(|name| !name.is_empty());
        assert_eq!(names, expected.collect(), "{line}");
    }
    let absent = rows.keys().filter(|name| !shown.contains(*name));
    let absent = absent.filter(|name| name.starts_with("orchestrator_"));
    assert_eq!(
        absent.copied().collect::<Vec<_>>(),
        [
            "orchestrator_benchmark_change_ratio",
            "orchestrator_benchmark_regression",
            "orchestrator_benchmark_suspect",
            "orchestrator_run_due_timestamp_seconds",
        ]
    );

    assert!(text.contains("vm=\"a\""));
    feed(&mut fold, &Story::of(&["b"]).events);
    let text = metrics.render();
    assert!(!text.contains("vm=\"a\""), "{text}");
    assert!(text.contains("orchestrator_retries_total{stage=\"connect\",vm=\"b\"} 1\n"));
}

#[test]
fn each_member_of_a_target_is_a_target_and_the_whole_is_one_too() {
    let text = exposition(&run_of_members());
    let of = |target: &str| {
        ["freebsd150", "freebsd144", "freebsd143"].map(|vm| {
            let series = format!("orchestrator_target_passed{{target=\"{target}\",vm=\"{vm}\"}} ");
            let found = samples(&text, &series);
            found.first().map(|line| line[series.len()..].to_owned())
        })
    };
    let [yes, no] = ["1", "0"].map(|value| Some(value.to_owned()));
    assert_eq!(of("unit"), [yes.clone(), yes.clone(), yes.clone()]);
    assert_eq!(of("bench"), [yes.clone(), yes.clone(), no.clone()]);
    // What was never begun is not known by its name.
    assert_eq!(of("kmod"), [yes.clone(), no.clone(), None]);
    assert_eq!(of("all"), [yes, no.clone(), no]);
}

#[test]
fn a_benchmark_is_the_median_of_its_samples() {
    let text = exposition(&run_of_members());
    let series = "orchestrator_benchmark_value{benchmark=\"parse\",connections=\"0\",unit=\"ns\",";
    assert_eq!(
        samples(&text, series),
        [
            ("freebsd150", "empty", 40),
            ("freebsd150", "worst_case", 1650),
            ("freebsd144", "empty", 60),
            ("freebsd144", "worst_case", 2475),
            ("freebsd143", "empty", 80),
            ("freebsd143", "worst_case", 3300),
        ]
        .map(|(vm, workload, value)| format!(
            "{series}vm=\"{vm}\",workload=\"{workload}\"}} {value}"
        ))
    );
}

fn scraped_run() -> Story {
    let mut story = Story::of(&["a", "b"]);
    let by = |values: &[(&str, f64)]| {
        let values = values.iter().map(|&(k, v)| (k.to_owned(), v));
        Reading::By(values.collect())
    };
    for vm in ["a", "b"] {
        story.counters(vm, &[("opens_total", 3), ("reads_total", 5)]);
        story.scraped(
            vm,
            &[
                ("tcpstats_kmod_opens_total", Reading::One(4.0)),
                ("tcpstats_kmod_limit", by(&[("max_open_fds", 64.0)])),
                ("tcpstats_sockets_total", Reading::One(12.0)),
                (
                    "tcpstats_sockets_by_state",
                    by(&[("listen", 2.0), ("established", 10.0)]),
                ),
                ("tcpstats_sys_drops_total", Reading::One(1.0)),
                ("of_another_program", Reading::One(1.0)),
            ],
        );
    }
    story
}

#[test]
fn the_last_scrape_is_republished_and_what_was_read_later_counts() {
    let mut story = scraped_run();
    story.counters("b", &[("opens_total", 9)]);
    let text = exposition(&story);
    let opens = samples(&text, "kmod_opens_total{");
    assert_eq!(
        opens,
        [
            "kmod_opens_total{vm=\"a\"} 4",
            "kmod_opens_total{vm=\"b\"} 9"
        ]
    );
    let reads = samples(&text, "kmod_reads_total{");
    assert_eq!(
        reads,
        [
            "kmod_reads_total{vm=\"a\"} 5",
            "kmod_reads_total{vm=\"b\"} 5"
        ]
    );
    let sockets = samples(&text, "tcp_sockets{");
    assert_eq!(
        sockets,
        ["tcp_sockets{vm=\"a\"} 12", "tcp_sockets{vm=\"b\"} 12"]
    );
    assert_eq!(samples(&text, "tcp_sockets_by_state{").len(), 4);
    assert!(!text.contains("of_another_program"));
}

#[test]
fn a_failed_scrape_ends_what_was_said_unless_the_exporter_has_ended() {
    let mut story = scraped_run();
    story.scrape_failed("a", ScrapeReason::Timeout);
    story.scrape_failed("b", ScrapeReason::Gone);
    let text = exposition(&story);
    assert_eq!(samples(&text, "tcp_sockets{"), ["tcp_sockets{vm=\"b\"} 12"]);
    assert_eq!(
        samples(&text, "orchestrator_scrape_failures_total{"),
        [
            "orchestrator_scrape_failures_total{reason=\"timeout\",vm=\"a\"} 1",
            "orchestrator_scrape_failures_total{reason=\"gone\",vm=\"b\"} 1",
        ]
    );
    let counts = samples(&text, "orchestrator_scrape_duration_seconds_count{");
    assert_eq!(
        counts,
        [
            "orchestrator_scrape_duration_seconds_count{vm=\"a\"} 2",
            "orchestrator_scrape_duration_seconds_count{vm=\"b\"} 2",
        ]
    );
}
