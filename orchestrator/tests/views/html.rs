// SPDX-License-Identifier: BSD-2-Clause
//! The page of a run, read as a browser reads it.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use orchestrator::event::{Body, ConsoleKind, Stage, VmOutcome};
use orchestrator::projection::html::run::page;
use orchestrator::projection::{Details, Projection};
use protocol::event::Level;
use scraper::{ElementRef, Html, Selector};
use sha2::{Digest, Sha256};

use crate::events::{
    Story, TARGET, bring_up, cause, failed, good_run, hello, run_of_members, skipped, troubled_run,
};
use crate::outputs::flaky_run;

pub(crate) fn details(story: &Story) -> Details {
    let mut details = Details::default();
    for event in &story.events {
        details.apply(event);
    }
    details
}

/// The page of the run that the story tells.
pub(crate) fn text(story: &Story) -> String {
    page(&story.state(), &details(story), &[])
}

fn document(story: &Story) -> Html {
    Html::parse_document(&text(story))
}

pub(crate) fn all<'a>(of: ElementRef<'a>, selector: &str) -> Vec<ElementRef<'a>> {
    of.select(&Selector::parse(selector).unwrap()).collect()
}

/// The words of each element that `selector` finds.
pub(crate) fn words(document: &Html, selector: &str) -> Vec<String> {
    let found = all(document.root_element(), selector);
    found.into_iter().map(said).collect()
}

pub(crate) fn said(element: ElementRef<'_>) -> String {
    let text: String = element.text().collect();
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[test]
fn the_headline_is_the_summarys_last_word() {
    let page = document(&troubled_run());
    assert_eq!(
        words(&page, "h1"),
        ["NOT ALL DRIVEN: 0 of 3 VMs passed in 13.0s"]
    );
    assert_eq!(
        words(&page, "header li"),
        [
            "freebsd144: connect took 2 attempts",
            "slowest VM freebsd143, 12.3s: deploy 1.5s, test 3.0s",
            "tests: 20 passed, 3 failed, 1 skipped",
        ]
    );
}

#[test]
fn the_matrix_has_a_cell_for_each_target_on_each_vm() {
    let page = document(&run_of_members());
    assert_eq!(
        words(&page, "#matrix thead th"),
        ["VM", "outcome", "unit", "bench", "kmod"]
    );
    let rows: Vec<Vec<String>> = all(page.root_element(), "#matrix tbody tr")
        .into_iter()
        .map(|row| all(row, "th, td").into_iter().map(said).collect())
        .collect();
    let system = "Linux 6.1.0-18-amd64 amd64";
    let [first, second, third] =
        ["freebsd150", "freebsd144", "freebsd143"].map(|vm| format!("{vm} {system}"));
    assert_eq!(
        rows,
        [
            [
                first.as_str(),
                "✓ passed 12.3s",
                "✓ passed 1 of 1",
                "✓ passed",
                "✓ passed 1 of 1"
            ],
            [
                second.as_str(),
                "✗ failed 12.3s",
                "✓ passed 1 of 1",
                "✓ passed",
                "✗ failed 0 of 1"
            ],
            [
                third.as_str(),
                "! lost 12.3s",
                "✓ passed 1 of 1",
                "! unfinished",
                "not begun"
            ],
        ]
    );
}

#[test]
fn a_target_that_no_vm_began_has_its_column() {
    let mut story = Story::of(&["a"]);
    story.finish("a", VmOutcome::Infrastructure, Some(cause("no route")));
    let page = document(&story);
    assert_eq!(words(&page, "#matrix thead th")[2], TARGET);
    assert_eq!(words(&page, "#matrix tbody td")[1], "not begun");
}

#[test]
fn links_lead_to_what_they_name() {
    let page = document(&troubled_run());
    let links = all(page.root_element(), "a");
    assert_eq!(links.len(), 8);
    for link in links {
        let place = link.attr("href").unwrap();
        let named = words(&page, &format!("{place} > summary strong"));
        assert_eq!(named, [said(link)], "{place}");
    }
}

#[test]
fn the_same_failure_is_told_once_with_all_its_vms() {
    let page = document(&troubled_run());
    assert_eq!(words(&page, "#failed h2"), ["Failed (3 tests)"]);
    assert_eq!(
        words(&page, "#failed article h3"),
        [
            "D07 local address, prefix of 16 live_integration",
            "D08 local address, prefix of 16 live_integration",
        ]
    );
    assert_eq!(
        words(&page, "#failed article > p"),
        ["on freebsd150, freebsd144", "on freebsd144"]
    );
    assert_eq!(
        words(&page, "#failed article:first-of-type dd"),
        ["local_addr=127.0.0.0/16", "12 records", "14 records"]
    );
    assert_eq!(
        words(&page, "#failed article:first-of-type pre"),
        ["unexpected 127.1.0.1:40000 > 127.1.0.1:8080 none missing"]
    );
    assert_eq!(
        words(&page, "#skipped article pre"),
        ["this module has no profiles"]
    );
}

#[test]
fn what_was_written_during_a_test_stands_beside_its_failure() {
    let mut story = Story::of(&["a"]);
    bring_up(&mut story, "a")
        .target_started("a", Some(3))
        .output("a", "of the first test")
        .pass("a", 1, 1)
        .output("a", "of the failing one")
        .log("a", Level::Warn, "and of its log")
        .log("a", Level::Info, "not worth a line")
        .test("a", failed("D07", 1))
        .output("a", "of nobody");
    let page = document(&story);
    assert_eq!(
        words(&page, "#failed details"),
        ["What was written during it (2 lines)of the failing one and of its log"]
    );
}

#[test]
fn a_flaky_test_has_every_attempt_and_marks_its_target() {
    let page = document(&flaky_run());
    assert_eq!(
        words(&page, "#flaky h3"),
        ["A02 one local port live_integration"]
    );
    let attempts = all(page.root_element(), "#flaky ol.attempts li");
    let numbers: Vec<_> = attempts.iter().map(|at| at.attr("value")).collect();
    assert_eq!(numbers, [Some("1"), Some("2")]);
    assert_eq!(
        words(&page, "#flaky li details dd"),
        ["local_addr=127.0.0.0/16", "12 records", "7 records"]
    );
    assert!(said(attempts[1]).starts_with("passed after 0.1s"));
    assert_eq!(words(&page, "#matrix tbody td")[1], "↻ flaky 2 of 2");
    assert_eq!(words(&page, "#failed"), [""; 0]);
}

#[test]
fn a_vm_in_trouble_says_why_and_what_to_do() {
    let page = document(&troubled_run());
    assert_eq!(
        words(&page, "#trouble h3, #trouble p"),
        [
            "lost in test, live_integration, after 4 of 10 tests",
            "on freebsd143"
        ]
    );
    assert_eq!(
        words(&page, "#trouble dt, #trouble dd"),
        [
            "cause",
            "connection closed by the other side",
            "tried",
            "ssh root@freebsd143",
            "advice",
            "see whether sshd runs there",
        ]
    );
}

#[test]
fn a_card_is_open_where_its_vm_did_not_pass() {
    let mut story = good_run();
    story.events.pop();
    story.finish("freebsd144", VmOutcome::Hung, None).close();
    let page = document(&story);
    let open: Vec<bool> = all(page.root_element(), ".card")
        .iter()
        .map(|card| card.attr("open").is_some())
        .collect();
    assert_eq!(open, [false, true]);
}

#[test]
fn stages_are_bars_where_their_time_lies() {
    let mut story = Story::of(&["a"]);
    // Each event is a tenth of a second after the last.
    story
        .fail("a", Stage::Connect, 1, true)
        .begin("a", Stage::Connect, 2)
        .end("a", Stage::Connect, 0.3);
    let page = document(&story);
    assert_eq!(
        words(&page, ".card .stages tbody th"),
        ["connect", "connect"]
    );
    let bars: Vec<(&str, &str)> = all(page.root_element(), ".bar rect")
        .iter()
        .map(|bar| (bar.attr("x").unwrap(), bar.attr("width").unwrap()))
        .collect();
    // The first takes 0.5 s, the second begins after 0.2 s and takes 0.3 s.
    assert_eq!(bars, [("0", "1000"), ("400", "600")]);
    assert_eq!(words(&page, ".stages .bad"), ["failed: connection refused"]);
}

#[test]
fn a_resumed_run_has_the_stages_of_its_last_way_only() {
    let mut story = Story::of(&["a"]);
    story
        .stage("a", Stage::Connect, 0.1)
        .stage("a", Stage::Lock, 0.1)
        .tell(Body::RunResumed {
            orchestrator: "0.1.0".into(),
        })
        .stage("a", Stage::Connect, 0.1);
    let page = document(&story);
    assert_eq!(words(&page, ".card .stages tbody th"), ["connect"]);
}

#[test]
fn benchmarks_have_a_stroke_for_each_sample() {
    let page = document(&run_of_members());
    assert_eq!(
        words(&page, "#benchmarks caption"),
        ["parse empty", "parse worst_case"]
    );
    let rows = words(&page, "#benchmarks table:first-of-type tbody th");
    assert_eq!(rows, ["freebsd150", "freebsd144", "freebsd143"]);
    let values = words(&page, "#benchmarks table:first-of-type tbody .number");
    assert_eq!(
        values,
        [
            "40.00 ns ±1.0 % of 5",
            "60.00 ns ±1.0 % of 5",
            "80.00 ns ±1.0 % of 5"
        ]
    );
    let strips = all(page.root_element(), ".strip path");
    assert_eq!(strips.len(), 6);
    // From 39.2 ns on the fastest to 120 ns on the slowest.
    assert_eq!(
        strips[0].attr("d"),
        Some("M0 0v10M10 0v10M15 0v10M5 0v10M257 0v10")
    );
}

#[test]
fn a_console_report_is_quoted() {
    let mut story = Story::of(&["a"]);
    bring_up(&mut story, "a").tell(Body::Console {
        vm: "a".into(),
        kind: ConsoleKind::Panic,
        lines: vec!["panic: <b>page fault</b>".into(), "cpuid = 1".into()],
    });
    let page = document(&story);
    assert_eq!(
        words(&page, ".card h3")[0],
        "Console: panic at 2026-11-23 09:49:00 UTC"
    );
    assert_eq!(
        words(&page, ".card pre")[0],
        "panic: <b>page fault</b> cpuid = 1"
    );
}

#[test]
fn facts_and_counters_stand_with_their_vm() {
    let mut story = Story::of(&["a"]);
    bring_up(&mut story, "a")
        .harness("a", protocol::Body::Hello(hello()))
        .target_started("a", Some(1))
        .counters("a", &[("opens_total", 3), ("reads_total", 10)])
        .counters("a", &[("opens_total", 3), ("reads_total", 17)]);
    let page = document(&story);
    assert_eq!(
        words(&page, ".card > dl dd"),
        ["root@a:22", "a", "5b1b", "2", "4096 MiB", "0.1.0"]
    );
    assert_eq!(words(&page, ".card details tbody tr"), ["reads_total7"]);
}

/// Text that would be markup, an attribute's end, or a terminal's command.
const HOSTILE: &str =
    "<script>alert(1)</script>\"'><img src=x onerror=alert(1)>\u{1b}[31m&amp;\u{202e}</style>";

pub(crate) fn hostile_run() -> Story {
    let mut story = Story::of_target(&[HOSTILE], HOSTILE);
    let mut test = failed("D01", 1);
    test.id = HOSTILE.into();
    test.name = "w".repeat(900);
    test.filter = Some(HOSTILE.into());
    test.message = Some(HOSTILE.into());
    let mut skip = skipped("G01");
    skip.id = format!("{HOSTILE}2");
    skip.message = Some(HOSTILE.into());
    bring_up(&mut story, HOSTILE)
        .output(HOSTILE, HOSTILE)
        .test(HOSTILE, test)
        .test(HOSTILE, skip)
        .tell(Body::Console {
            vm: HOSTILE.into(),
            kind: ConsoleKind::Trap,
            lines: vec![HOSTILE.into()],
        })
        .finish(HOSTILE, VmOutcome::Crashed, Some(cause(HOSTILE)))
        .close();
    story
}

#[test]
fn nothing_that_anybody_said_becomes_markup() {
    let text = text(&hostile_run());
    let page = Html::parse_document(&text);
    let root = page.root_element();
    for element in ["script", "img", "iframe", "object", "link", "base", "form"] {
        assert_eq!(all(root, element).len(), 0, "{element}");
    }
    assert_eq!(all(root, "style").len(), 1);
    for element in all(root, "*") {
        for (name, _) in element.value().attrs() {
            assert!(!name.starts_with("on") && name != "style", "{name}");
        }
    }
    assert!(!text.contains(|c: char| c == '\u{202e}' || c.is_control() && c != '\n'));
    let shown = [HOSTILE
        .replace('\u{1b}', "\\u{1b}")
        .replace('\u{202e}', "\\u{202e}")];
    let name = words(&page, "#matrix tbody a");
    assert_eq!(name, shown);
    assert_eq!(words(&page, "#failed h3 code"), shown);
    assert_eq!(words(&page, "#failed article > pre"), shown);
    assert!(words(&page, ".card pre")[1].ends_with(&shown[0]));
}

#[test]
fn a_page_asks_for_nothing_and_may_apply_its_style_only() {
    let text = text(&hostile_run());
    let page = Html::parse_document(&text);
    let root = page.root_element();
    for element in all(root, "*") {
        for (name, value) in element.value().attrs() {
            let leads_out = ["src", "srcset", "data", "xlink:href", "action"].contains(&name)
                || name == "href" && !value.starts_with('#');
            assert!(!leads_out, "{name}={value}");
        }
    }
    let style: String = all(root, "style")[0].text().collect();
    assert!(!style.contains("url(") && !style.contains("@import"));
    let hash = STANDARD.encode(Sha256::digest(&style));
    let policy = all(root, "meta[http-equiv=Content-Security-Policy]")[0].attr("content");
    let expected = format!(
        "default-src 'none'; style-src 'sha256-{hash}'; base-uri 'none'; form-action 'none'"
    );
    assert_eq!(policy, Some(expected.as_str()));
}

/// As large as runs get.
fn large_run() -> Story {
    let names: Vec<String> = (0..100).map(|vm| format!("freebsd{vm:03}")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let mut story = Story::of(&names);
    for (number, vm) in (0..).zip(&names) {
        bring_up(&mut story, vm)
            .target_started(vm, Some(214))
            .pass(vm, 1, 204);
        for test in 0..10 {
            story
                .output(vm, &"x".repeat(200))
                .test(vm, failed(&format!("D{test:02}"), number));
        }
        story
            .target_finished(vm, [204, 10, 0])
            .end(vm, Stage::Test, 9.5)
            .finish(vm, VmOutcome::Failed, None);
    }
    story.close();
    story
}

#[test]
fn a_hundred_vms_are_a_page_of_a_megabyte() {
    let text = text(&large_run());
    assert!(text.len() < 1_500_000, "{} bytes", text.len());
    let page = Html::parse_document(&text);
    assert_eq!(words(&page, "#matrix tbody tr").len(), 100);
    // Each fails in its own way: the first 300 of 1,000 are told.
    assert_eq!(words(&page, "#failed article").len(), 300);
    assert_eq!(
        words(&page, "#failed > p"),
        ["and 700 more, in the event log"]
    );
}
