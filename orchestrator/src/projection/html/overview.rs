// SPDX-License-Identifier: BSD-2-Clause
//! The page of a service: of each VM its last run, and the runs that there are.

use std::collections::HashMap;

use indexmap::IndexSet;
use maud::{Markup, html};

use super::{Mark, anchor, document, matrix, moment, section};
use crate::projection::state::Tally;
use crate::projection::text::{self, Tone, printable, seconds};
use crate::projection::{Fleet, targets};

/// What an overview tells beside the fleet.
#[derive(Debug, Clone, Default)]
pub struct Overview {
    /// Names of the VMs that there are, in their order.
    pub vms: Vec<String>,
    /// The newest first.
    pub runs: Vec<Listed>,
    /// What comes next: when, and what.
    pub due: Vec<(jiff::Timestamp, String)>,
}

/// One run among others.
#[derive(Debug, Clone, Default)]
pub struct Listed {
    /// Its name.
    pub run: String,
    /// Whether it has a page.
    pub link: bool,
    /// When it began; absent before that.
    pub started: Option<jiff::Timestamp>,
    /// Wall time, seconds; absent before its end.
    pub duration_s: Option<f64>,
    /// How it stands or what came of it, in a word, such as `not_driven`.
    pub result: String,
    /// What each VM was to run.
    pub targets: Vec<String>,
    /// How many VMs it has.
    pub vms: usize,
    /// Their tests.
    pub tests: Tally,
}

impl Overview {
    /// The whole page.
    #[must_use]
    pub fn page(&self, fleet: &Fleet) -> String {
        document(
            "tcpstats",
            &html! {
                header {
                    h1 { "tcpstats" }
                    p {
                        a href="/metrics" { "metrics" } " for Prometheus; "
                        "the API is at " code { "/api/v1/runs" } ", "
                        code { "/api/v1/vms" } " and " code { "/api/v1/schedule" }
                    }
                }
                main {
                    (section("matrix", "VMs and their last runs", self.matrix(fleet)))
                    (section("schedule", "What comes next", self.schedule()))
                    (section("runs", "Runs", self.list()))
                }
            },
        )
    }

    fn matrix(&self, fleet: &Fleet) -> Option<Markup> {
        let mut columns: IndexSet<String> = IndexSet::new();
        fleet.each(|part| {
            let begun = targets::begun(part.vms.iter().copied());
            columns.extend(begun.into_iter().map(str::to_owned));
        });
        let columns: Vec<String> = columns.into_iter().collect();
        let mut rows: HashMap<String, Markup> = HashMap::new();
        fleet.each(|part| {
            let run = part.state.head.as_ref().map_or("", |head| &head.run);
            for vm in &part.vms {
                let place = part
                    .state
                    .vms
                    .iter()
                    .position(|other| other.name() == vm.name());
                let link = format!("/runs/{run}");
                let row = matrix::Row {
                    vm,
                    link: format!("{link}#{}", anchor(place.unwrap_or(0))),
                    run: Some((run, link)),
                    details: None,
                };
                rows.insert(vm.name().to_owned(), row.render(&columns));
            }
        });
        let rows = html! {
            @for vm in &self.vms {
                @if let Some(row) = rows.get(vm) { (row) } @else { (never(vm, columns.len())) }
            }
        };
        (!self.vms.is_empty()).then(|| matrix::table(&columns, true, &rows))
    }

    fn schedule(&self) -> Option<Markup> {
        (!self.due.is_empty()).then(|| {
            html! {
                ul { @for (time, what) in &self.due { li { (moment(*time)) ": " (printable(what)) } } }
            }
        })
    }

    fn list(&self) -> Option<Markup> {
        (!self.runs.is_empty()).then(|| {
            html! {
                table.cards role="table" {
                    thead role="rowgroup" {
                        tr role="row" {
                            @for head in ["run", "result", "begun", "time", "VMs", "tests"] {
                                th scope="col" role="columnheader" { (head) }
                            }
                        }
                    }
                    tbody role="rowgroup" {
                        @for run in &self.runs { (run.render()) }
                    }
                }
            }
        })
    }
}

impl Listed {
    fn render(&self) -> Markup {
        html! {
            tr role="row" {
                th scope="row" role="rowheader" {
                    @if self.link { a href={ "/runs/" (self.run) } { (self.run) } }
                    @else { (self.run) }
                    " " span.quiet { (printable(&self.targets.join(", "))) }
                }
                td role="cell" data-label="result" { (self.mark()) }
                td role="cell" data-label="begun" {
                    @if let Some(started) = self.started { (moment(started)) }
                }
                td role="cell" data-label="time" {
                    @if let Some(duration_s) = self.duration_s { (seconds(duration_s)) }
                }
                td role="cell" data-label="VMs" { (self.vms) }
                td role="cell" data-label="tests" {
                    @if self.tests.done() > 0 { (text::tally(self.tests)) }
                }
            }
        }
    }

    fn mark(&self) -> Markup {
        let (word, tone) = match self.result.as_str() {
            "passed" => ("passed", Tone::Good),
            "failed" => ("failed", Tone::Bad),
            "regressed" => ("regressed", Tone::Bad),
            "nothing_tested" => ("nothing tested", Tone::Warn),
            "not_driven" => ("not all driven", Tone::Warn),
            "running" => ("running", Tone::Quiet),
            "waiting" => ("waiting", Tone::Quiet),
            _ => ("interrupted", Tone::Warn),
        };
        Mark { word, tone }.render()
    }
}

fn never(vm: &str, columns: usize) -> Markup {
    html! {
        tr role="row" {
            th scope="row" role="rowheader" { (printable(vm)) }
            td role="cell" colspan=(columns + 2) { span.quiet { "was part of no run" } }
        }
    }
}
