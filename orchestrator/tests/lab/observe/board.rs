// SPDX-License-Identifier: BSD-2-Clause
//! Every panel with what Prometheus answered to its queries.

use std::collections::BTreeSet;

use super::panels::{Panel, panels};
use super::watch::{Labels, Sample, Watch};

/// Panels that have no data whatever is broken, and why.
const WITHOUT_DATA: [(&str, &str, &str); 1] = [(
    "trends",
    "Other benchmarks",
    "no target measures anything but times",
)];

/// What was asked, and the series that were found.
type Answer = (String, Vec<Sample>);

/// A panel, and an answer to each of its queries that had one.
struct Place {
    panel: Panel,
    answers: Vec<Option<Answer>>,
}

impl Place {
    fn name(&self) -> String {
        format!("{}: {}", self.panel.dashboard, self.panel.title)
    }

    fn is_without_data(&self) -> bool {
        let place = (self.panel.dashboard.as_str(), self.panel.title.as_str());
        WITHOUT_DATA
            .iter()
            .any(|(dashboard, title, _)| (*dashboard, *title) == place)
    }

    fn is_answered(&self) -> bool {
        self.answers.iter().all(Option::is_some)
    }

    /// Ask what is not answered yet.
    fn ask(&mut self, watch: &Watch, vms: &[String]) {
        for (query, answer) in self.panel.queries.iter().zip(&mut self.answers) {
            if answer.is_none() {
                let asked = query.expressions(vms).into_iter();
                let mut answers = asked.map(|expression| {
                    let samples = watch.query(&expression);
                    (expression, samples)
                });
                *answer = answers.find(|(_, samples)| !samples.is_empty());
            }
        }
    }

    fn samples(&self, query: usize) -> &[Sample] {
        self.answers[query]
            .as_ref()
            .map_or(&[], |(_, samples)| samples)
    }

    /// Demand that what is shown can be told apart by the labels that name it.
    fn assert_named(&self) {
        let place = self.name();
        for (at, query) in self.panel.queries.iter().enumerate() {
            let mut names = BTreeSet::new();
            for sample in self.samples(at) {
                let name = query.legend.iter().map(|label| {
                    let value = sample.labels.get(label).filter(|value| !value.is_empty());
                    value.unwrap_or_else(|| panic!("{place}: no {label} in {sample:?}"))
                });
                // The rows of a table are told apart by its columns.
                assert!(
                    names.insert(name.collect::<Vec<_>>()) || !self.panel.columns.is_empty(),
                    "{place}: two series have the same legend: {sample:?}"
                );
            }
        }
        for column in &self.panel.columns {
            let mut all = (0..self.answers.len()).flat_map(|at| self.samples(at));
            assert!(
                all.any(|sample| sample.labels.contains_key(column)),
                "{place}: no query has the column {column}"
            );
        }
    }

    fn print(&self) {
        for (at, answer) in self.answers.iter().enumerate() {
            let samples = self.samples(at);
            let telling = samples.iter().find(|sample| sample.value != "0");
            let sample = telling.or(samples.last());
            let expression = answer.as_ref().map_or("", |(expression, _)| expression);
            println!(
                "| {} | {} | `{}` | {} | {} |",
                self.panel.dashboard,
                self.panel.title,
                expression.split_whitespace().collect::<Vec<_>>().join(" "),
                samples.len(),
                sample.map(shown).unwrap_or_default()
            );
        }
    }
}

/// Labels and value; not those that every series here has.
fn shown(Sample { labels, value }: &Sample) -> String {
    let mut labels: Labels = labels.clone();
    labels.retain(|name, _| !matches!(name.as_str(), "__name__" | "instance" | "job"));
    let labels = labels
        .iter()
        .map(|(name, value)| format!("{name}={value} "));
    labels.collect::<String>() + value
}

/// All panels.
pub(super) struct Board(Vec<Place>);

impl Board {
    /// Of the dashboards, with nothing asked yet.
    pub(super) fn new() -> Self {
        let places = panels().into_iter().map(|panel| Place {
            answers: panel.queries.iter().map(|_| None).collect(),
            panel,
        });
        Self(places.collect())
    }

    /// Ask what is not answered yet; the panels of which something is not then.
    /// Where one VM is to be chosen, any of `vms` will do.
    pub(super) fn ask(&mut self, watch: &Watch, vms: &[String]) -> Vec<String> {
        self.0.iter_mut().for_each(|place| place.ask(watch, vms));
        let missing = self.0.iter().filter(|place| !place.is_answered());
        let missing = missing.filter(|place| !place.is_without_data());
        missing.map(Place::name).collect()
    }

    /// Ask again what had an answer: by now more has happened.
    pub(super) fn refresh(&mut self, watch: &Watch) {
        let answers = self.0.iter_mut().flat_map(|place| &mut place.answers);
        for (expression, samples) in answers.flatten() {
            let now = watch.query(expression);
            if !now.is_empty() {
                *samples = now;
            }
        }
    }

    /// Demand of every panel what its legend or its columns need, and that the
    /// exceptions still are some.
    pub(super) fn assert_named(&self) {
        for place in &self.0 {
            place.assert_named();
            let has_data = place.is_answered();
            assert_eq!(has_data, !place.is_without_data(), "{}", place.name());
        }
    }

    pub(super) fn print(&self) {
        println!("| dashboard | panel | query | series | a sample |\n|---|---|---|---|---|");
        self.0.iter().for_each(Place::print);
    }
}
