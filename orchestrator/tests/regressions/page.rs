// SPDX-License-Identifier: BSD-2-Clause
//! The trends in a run's page.

use scraper::{ElementRef, Html, Selector};

use crate::runs::Runs;

fn page(runs: &Runs, run: &str) -> Html {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("page.html");
    let said = runs.orchestrator(&["report", run, "--html", file.to_str().unwrap()]);
    assert_eq!((said.notes.as_str(), said.status), ("", 0));
    Html::parse_document(&std::fs::read_to_string(file).unwrap())
}

fn words(of: ElementRef<'_>, selector: &str) -> Vec<String> {
    let selector = Selector::parse(selector).unwrap();
    let text = |found: ElementRef<'_>| found.text().collect::<String>();
    of.select(&selector).map(text).collect()
}

#[test]
fn a_page_shows_each_series_up_to_its_run_with_the_changes() {
    let mut runs = Runs::of(30);
    let last_good = Runs::name(29);
    for _ in 0..8 {
        runs.add(&[("freebsd144", "worst_case", 1.2)]);
    }
    let shown = page(&runs, "latest");
    let figures = Selector::parse("#trends figure").unwrap();
    let figures: Vec<ElementRef<'_>> = shown.select(&figures).collect();
    assert_eq!(figures.len(), 6);
    for figure in figures {
        let title = words(figure, "figcaption").concat();
        assert_eq!(words(figure, "summary"), ["38 runs"], "{title}");
        let is_it = title.starts_with("parse worst_case freebsd144,");
        let changes = words(figure, "li");
        assert_eq!(changes.len(), usize::from(is_it), "{title}: {changes:?}");
        if is_it {
            let began = format!("✗ confirmed: +19.5 % since {}, ", Runs::name(30));
            assert!(changes[0].starts_with(&began), "{changes:?}");
            // Its points are 0 to 37 on a width of 1000; it is between 29 and 30.
            let mark = Selector::parse("path.change.bad").unwrap();
            let mark = figure.select(&mark).next().unwrap();
            assert_eq!(mark.attr("d"), Some("M797.3 0v200"));
        }
    }

    let before = page(&runs, &last_good);
    let root = before.root_element();
    assert_eq!(words(root, "#trends summary"), ["30 runs"; 6]);
    assert_eq!(words(root, "#trends li"), [""; 0]);
}

#[test]
fn one_run_is_no_trend() {
    let runs = Runs::of(1);
    let shown = page(&runs, "latest");
    assert_eq!(words(shown.root_element(), "#trends"), [""; 0]);
    assert_eq!(
        words(shown.root_element(), "#benchmarks h2"),
        ["Benchmarks"]
    );
}
