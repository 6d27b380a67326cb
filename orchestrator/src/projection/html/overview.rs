// SPDX-License-Identifier: BSD-2-Clause
//! The page of a service: of each VM its last run, and the runs that there are.

use std::collections::HashMap;

use indexmap::IndexSet;
use maud::{Markup, html};

use super::{anchor, document, matrix, section};
use crate::projection::text::printable;
use crate::projection::{Fleet, targets};

/// What an overview tells beside the fleet.
#[derive(Debug, Clone, Default)]
pub struct Overview {
    /// Names of the VMs that there are, in their order.
    pub vms: Vec<String>,
    /// Names of runs, the newest first, and how each stands: `running`.
    pub runs: Vec<(String, String)>,
    /// What comes next: when, and what.
    pub due: Vec<(jiff::Timestamp, String)>,
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
                ul { @for (time, what) in &self.due { li { (super::moment(*time)) ": " (printable(what)) } } }
            }
        })
    }

    fn list(&self) -> Option<Markup> {
        (!self.runs.is_empty()).then(|| {
            html! {
                ul {
                    @for (run, standing) in &self.runs {
                        li { a href={ "/runs/" (run) } { (run) } " " span.quiet { (standing) } }
                    }
                }
            }
        })
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
