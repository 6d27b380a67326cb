// SPDX-License-Identifier: BSD-2-Clause
//! A series of measurements as a plot in a page.

use std::process::Command;

use jiff::{SignedDuration, Timestamp};
use orchestrator::projection::html::run::page;
use orchestrator::projection::html::trend::{Change, Point, Trend};
use orchestrator::projection::text::Tone;
use protocol::event::Better;
use scraper::Html;

use crate::events::good_run;
use crate::html::{all, details, hostile_run, said, words};

fn trend() -> Trend {
    let point = |number: i64, median: f64| Point {
        run: format!("run{number}"),
        time: Timestamp::UNIX_EPOCH + SignedDuration::from_hours(number),
        median,
        quartiles: [median - 1.0, median + 1.0],
    };
    Trend {
        vm: "freebsd150".into(),
        title: "parse <worst_case>".into(),
        unit: "ns".into(),
        better: Better::Lower,
        points: (0..)
            .zip([40.0, 40.0, 50.0, 50.0, 50.0])
            .map(|(number, median)| point(number, median))
            .collect(),
        changes: vec![Change {
            at: 2,
            standing: (Tone::Bad, "confirmed"),
            said: "+25.0 % since run2".into(),
        }],
    }
}

fn document_of_trend(trend: Trend) -> Html {
    let story = good_run();
    Html::parse_document(&page(&story.state(), &details(&story), &[trend]))
}

#[test]
fn a_trend_is_a_plot_with_words_and_its_changes() {
    let page = document_of_trend(trend());
    let root = page.root_element();
    let one = |selector: &str| all(root, selector)[0];
    assert_eq!(
        said(one("#trends figcaption")),
        "parse <worst_case> freebsd150, lower is better"
    );
    assert_eq!(
        said(one("#trends desc")),
        "5 medians in ns, from 39.00 ns to 51.00 ns, last 50.00 ns; 1 change"
    );
    // 8 % are free at both ends; 12 ns are on the other 84 % of 200.
    assert_eq!(
        one("#trends .line").attr("d"),
        Some("M0.0 170.0L250.0 170.0L500.0 30.0L750.0 30.0L1000.0 30.0")
    );
    assert_eq!(one("#trends .change").attr("d"), Some("M375.0 0v200"));
    assert_eq!(one("#trends .change").attr("class"), Some("change bad"));
    assert_eq!(
        words(&page, "#trends li"),
        ["✗ confirmed: +25.0 % since run2"]
    );
    assert_eq!(words(&page, "#trends tbody th").len(), 5);
}

#[test]
fn the_direction_and_an_improvement_are_told_in_words_and_colour() {
    let mut trend = Trend {
        better: Better::Higher,
        ..trend()
    };
    trend.changes[0].standing = (Tone::Good, "improved");
    let page = document_of_trend(trend);
    assert_eq!(
        words(&page, "#trends figcaption .quiet"),
        ["freebsd150, higher is better"]
    );
    assert_eq!(words(&page, "#trends li .good"), ["✓ improved"]);
    let changes = all(page.root_element(), "#trends .change.good");
    assert_eq!(changes.len(), 1);
}

#[test]
fn a_long_trend_shows_its_last_points_and_their_changes() {
    let mut trend = trend();
    let first = trend.points[0].clone();
    trend.points = vec![first; 700];
    let change = trend.changes[0].clone();
    trend.changes.push(Change { at: 600, ..change });
    let page = document_of_trend(trend);
    assert_eq!(words(&page, "#trends tbody th").len(), 200);
    assert_eq!(words(&page, "#trends li").len(), 1);
    let x = all(page.root_element(), "#trends .change")[0]
        .attr("d")
        .unwrap();
    // Between points 99 and 100 of 199.
    assert_eq!(x, "M500.0 0v200");
}

#[test]
fn a_validator_finds_nothing() {
    let story = hostile_run();
    let text = page(&story.state(), &details(&story), &[trend()]);
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("page.html");
    std::fs::write(&file, text).unwrap();
    let tidy = Command::new("tidy").args(["-e", "-q"]).arg(&file).output();
    let tidy = tidy.expect("tidy is there, as scripts/setup.sh installs it");
    let said = String::from_utf8_lossy(&tidy.stderr);
    assert_eq!((tidy.status.code(), said.as_ref()), (Some(0), ""));
}
