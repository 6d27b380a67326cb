// SPDX-License-Identifier: BSD-2-Clause
//! The page of a service, read as a browser reads it.

use jiff::Timestamp;
use orchestrator::projection::html::overview::{Listed, Overview};
use orchestrator::projection::state::Tally;
use orchestrator::projection::{Fleet, Fold, Projection, StateHandle};
use scraper::Html;

use crate::events::{Story, good_run, run_of_members};
use crate::html::{all, said, words};

const VMS: [&str; 3] = ["freebsd143", "fresh", "freebsd144"];

fn handle(story: &Story) -> StateHandle {
    let state = StateHandle::default();
    let mut fold = Fold::new(state.clone(), Vec::new());
    for event in &story.events {
        fold.apply(event);
    }
    state
}

/// `freebsd143` was in the first run, the others in the second; `fresh` in none.
fn fleet() -> Fleet {
    let fleet = Fleet::of(VMS.map(str::to_owned));
    fleet.add_past(handle(&run_of_members()));
    fleet.add(handle(&good_run()));
    fleet
}

fn overview() -> Overview {
    Overview {
        vms: VMS.map(str::to_owned).into(),
        runs: vec![
            Listed {
                run: "20261124T094900Z-aaaa".into(),
                result: "waiting".into(),
                vms: 2,
                ..Listed::default()
            },
            Listed {
                run: "20261123T094900Z-k3f9".into(),
                link: true,
                started: Some(Timestamp::UNIX_EPOCH),
                duration_s: Some(75.0),
                result: "not_driven".into(),
                targets: vec!["unit".into(), "<b>bench</b>".into()],
                vms: 3,
                tests: Tally {
                    passed: 20,
                    failed: 3,
                    skipped: 1,
                },
            },
        ],
        due: vec![(Timestamp::UNIX_EPOCH, "unit (30 3 * * *)".into())],
    }
}

fn rows(page: &Html, section: &str) -> Vec<Vec<String>> {
    let rows = all(page.root_element(), &format!("{section} tbody tr"));
    let cells = |row| all(row, "th, td").into_iter().map(said).collect();
    rows.into_iter().map(cells).collect()
}

#[test]
fn each_vm_has_its_last_run() {
    let page = Html::parse_document(&overview().page(&fleet()));
    assert_eq!(
        words(&page, "#matrix thead th"),
        [
            "VM",
            "outcome",
            "last run",
            "live_integration",
            "unit",
            "bench"
        ]
    );
    let system = "Linux 6.1.0-18-amd64 amd64";
    let run = "20261123T094900Z-k3f9";
    let [first, second] = ["freebsd143", "freebsd144"].map(|vm| format!("{vm} {system}"));
    assert_eq!(
        rows(&page, "#matrix"),
        [
            vec![
                first.as_str(),
                "! lost 12.3s",
                run,
                "not begun",
                "✓ passed 1 of 1",
                "! unfinished"
            ],
            vec!["fresh", "was part of no run"],
            vec![
                second.as_str(),
                "✓ passed 12.3s",
                run,
                "✓ passed 10 of 10",
                "not begun",
                "not begun"
            ],
        ]
    );
    let links: Vec<_> = all(page.root_element(), "#matrix th a")
        .iter()
        .map(|link| link.attr("href").unwrap())
        .collect();
    // The last of three, and the last of two.
    let place = |number| format!("/runs/{run}#vm-{number}");
    assert_eq!(links, [place(2), place(1)]);
}

#[test]
fn runs_are_listed_with_what_came_of_them() {
    let page = Html::parse_document(&overview().page(&fleet()));
    assert_eq!(
        rows(&page, "#runs"),
        [
            ["20261124T094900Z-aaaa", "– waiting", "", "", "2", ""],
            [
                "20261123T094900Z-k3f9 unit, <b>bench</b>",
                "! not all driven",
                "1970-01-01 00:00:00 UTC",
                "1m15s",
                "3",
                "20 passed, 3 failed, 1 skipped"
            ],
        ]
    );
    let links = all(page.root_element(), "#runs a");
    assert_eq!(links.len(), 1);
    assert_eq!(links[0].attr("href"), Some("/runs/20261123T094900Z-k3f9"));
    assert_eq!(
        words(&page, "#schedule li"),
        ["1970-01-01 00:00:00 UTC: unit (30 3 * * *)"]
    );
}

#[test]
fn a_service_that_ran_nothing_says_so() {
    let page = Overview {
        vms: vec!["fresh".into()],
        ..Overview::default()
    }
    .page(&Fleet::of(["fresh".to_owned()]));
    let page = Html::parse_document(&page);
    assert_eq!(rows(&page, "#matrix"), [["fresh", "was part of no run"]]);
    assert_eq!(words(&page, "h2"), ["VMs and their last runs"]);
}
