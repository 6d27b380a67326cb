// SPDX-License-Identifier: BSD-2-Clause
//! VMs × targets: what came of each target on each VM.

use maud::{Markup, html};

use super::Mark;
use crate::projection::details::VmDetails;
use crate::projection::state::{TargetState, VmState};
use crate::projection::targets;
use crate::projection::text::{Tone, printable, seconds};

/// One VM of the matrix.
pub(super) struct Row<'a> {
    pub(super) vm: &'a VmState,
    /// Where it is told of in full.
    pub(super) link: String,
    /// Its run and where that is shown, where rows are of several.
    pub(super) run: Option<(&'a str, String)>,
    pub(super) details: Option<VmDetails<'a>>,
}

/// The matrix around its rows, of which each has a cell for each of `targets`.
pub(super) fn table(targets: &[String], with_runs: bool, rows: &Markup) -> Markup {
    html! {
        table.cards role="table" {
            thead role="rowgroup" {
                tr role="row" {
                    th scope="col" role="columnheader" { "VM" }
                    th scope="col" role="columnheader" { "outcome" }
                    @if with_runs { th scope="col" role="columnheader" { "last run" } }
                    @for target in targets {
                        th scope="col" role="columnheader" { (printable(target)) }
                    }
                }
            }
            tbody role="rowgroup" { (rows) }
        }
    }
}

impl Row<'_> {
    pub(super) fn render(&self, targets: &[String]) -> Markup {
        let vm = self.vm;
        let time = vm.end().map(|end| seconds(end.duration_s));
        html! {
            tr role="row" {
                th scope="row" role="rowheader" {
                    a href=(self.link) { (printable(vm.name())) }
                    " " span.quiet { (system(vm)) }
                }
                td role="cell" data-label="outcome" {
                    (Mark::of_vm(vm).render())
                    @if let Some(time) = time { " " span.quiet { (time) } }
                }
                @if let Some((run, link)) = &self.run {
                    td role="cell" data-label="last run" { a href=(link) { (run) } }
                }
                @for target in targets {
                    td role="cell" data-label=(printable(target)) { (self.cell(target)) }
                }
            }
        }
    }

    fn cell(&self, target: &str) -> Markup {
        let Some(target) = self.vm.target(target) else {
            return html! { span.quiet { "not begun" } };
        };
        let tally = target.tally();
        let all = tally.done().max(target.expected.unwrap_or(0));
        html! {
            (self.mark(target).render())
            @if all > 0 { " " span.quiet { (tally.passed) " of " (all) } }
        }
    }

    fn mark(&self, target: &TargetState) -> Mark {
        let flaky = |details: VmDetails<'_>| {
            let mut flaky = details.flaky();
            flaky.any(|attempts| attempts.iter().any(|at| at.test.target == target.target))
        };
        match targets::word(target) {
            "passed" if self.details.is_some_and(flaky) => Mark {
                word: "flaky",
                tone: Tone::Warn,
            },
            "passed" => Mark {
                word: "passed",
                tone: Tone::Good,
            },
            "failed" => Mark {
                word: "failed",
                tone: Tone::Bad,
            },
            "skipped" => Mark {
                word: "skipped",
                tone: Tone::Quiet,
            },
            word => Mark {
                word,
                tone: Tone::Warn,
            },
        }
    }
}

/// What a VM says it is, or else what the inventory says.
pub(super) fn system(vm: &VmState) -> String {
    let words = match &vm.facts {
        Some(facts) => vec![&facts.os, &facts.os_release, &facts.arch],
        None => vec![&vm.planned.os, &vm.planned.arch],
    };
    let words: Vec<&str> = words.into_iter().map(String::as_str).collect();
    printable(words.join(" ").trim()).into_owned()
}
