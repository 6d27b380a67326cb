// SPDX-License-Identifier: BSD-2-Clause
//! The page of a run: what came of it, why, and all that is worth knowing of
//! its VMs.

use maud::{Markup, html};

use super::trend::Trend;
use super::{anchor, benchmarks, class, document, facts, failures, matrix, moment, section, vms};
use crate::projection::details::Details;
use crate::projection::state::{RunHead, RunState};
use crate::projection::summary::{self, Verdict};
use crate::projection::text::{self, printable};
use crate::projection::{findings, targets};

/// The run that `state` and `details` are of, or what is known of it, with the
/// trends of what it measured.
#[must_use]
pub fn page(state: &RunState, details: &Details, trends: &[Trend]) -> String {
    let run = state.head.as_ref().map_or("", |head| head.run.as_str());
    let verdict = summary::verdict(state);
    let title = format!("{} · tcpstats run {run}", verdict.word);
    document(
        &title,
        &html! {
            (headline(state, run, &verdict))
            main {
                (section("matrix", "VMs and targets", matrix(state, details)))
                (section("trouble", "VMs in trouble", failures::troubles(state)))
                (tests(state, details))
                (found(state))
            (section("vms", "VMs", cards(state, details)))
                (section("benchmarks", "Benchmarks", benchmarks::tables(state, details)))
                (section("trends", "Trends", plots(trends)))
                (section("environment", "The run itself", Some(environment(state))))
            }
        },
    )
}

fn headline(state: &RunState, run: &str, verdict: &Verdict) -> Markup {
    let notes = summary::notes(state);
    html! {
        header class=(class(verdict.tone)) {
            p.quiet { "tcpstats run " (printable(run)) }
            h1 { (verdict.word) ": " (verdict.reason) }
            ul { @for note in &notes { li { (printable(note)) } } }
        }
    }
}

fn matrix(state: &RunState, details: &Details) -> Option<Markup> {
    let columns = columns(state);
    let rows = html! {
        @for (place, vm) in state.vms.iter().enumerate() {
            @let row = matrix::Row {
                vm,
                link: format!("#{}", anchor(place)),
                run: None,
                details: details.vm(vm.name()),
            };
            (row.render(&columns))
        }
    };
    (!state.vms.is_empty()).then(|| matrix::table(&columns, false, &rows))
}

/// What was begun on some VM, and what of the plan was on none.
fn columns(state: &RunState) -> Vec<String> {
    let begun = targets::begun(&state.vms).into_iter().map(str::to_owned);
    let members = || state.vms.iter().flat_map(|vm| &vm.targets);
    let planned = state.head.iter().flat_map(|head| &head.targets);
    let never = planned.map(|planned| &planned.target).filter(|planned| {
        !members().any(|target| target.planned == **planned || target.target == **planned)
    });
    begun.chain(never.cloned()).collect()
}

fn tests(state: &RunState, details: &Details) -> Markup {
    let tally = state.tally();
    let failed = failures::heading("Failed", tally.failed);
    let skipped = failures::heading("Skipped", tally.skipped);
    html! {
        (section("failed", &failed, failures::failed(state, details)))
        (section("flaky", "Flaky: failed, and passed when run again", failures::flaky(state, details)))
        (section("skipped", &skipped, failures::skipped(state, details)))
    }
}

/// What got slower, is suspect or got faster.
fn found(state: &RunState) -> Markup {
    html! {
        @for (heading, tone, findings) in findings::groups(state) {
            @let list = html! {
                ul {
                    @for finding in &findings {
                        li { span class=(class(tone)) { (finding.title) } ": " (finding.said) }
                    }
                }
            };
            (section(&heading.to_lowercase(), heading, Some(list)))
        }
    }
}

fn cards(state: &RunState, details: &Details) -> Option<Markup> {
    let cards = html! {
        @for (place, vm) in state.vms.iter().enumerate() {
            (vms::card(vm, place, details.vm(vm.name())))
        }
    };
    (!state.vms.is_empty()).then_some(cards)
}

fn plots(trends: &[Trend]) -> Option<Markup> {
    (!trends.is_empty()).then(|| html! { @for trend in trends { (trend.render()) } })
}

fn environment(state: &RunState) -> Markup {
    let status = state.exit_status();
    let interrupted = state.interrupted.as_ref();
    html! {
        @if let Some(head) = &state.head {
            p { "Begun " (moment(head.started)) }
            (facts([
                ("orchestrator", head.orchestrator.clone()),
                ("targets", planned(head)),
                ("connections", list(&head.live.connections)),
                ("soak", head.live.duration_s.map_or(String::new(), text::seconds)),
                ("interrupted by", interrupted.map_or(String::new(), |by| by.signal.clone())),
                ("exit status", status.code().to_string()),
            ]))
        }
    }
}

fn planned(head: &RunHead) -> String {
    let words = head
        .targets
        .iter()
        .map(|target| match target.category.as_str() {
            "all" => target.target.clone(),
            category => format!("{} (category {category})", target.target),
        });
    words.collect::<Vec<_>>().join(", ")
}

fn list(numbers: &[u32]) -> String {
    let numbers: Vec<String> = numbers.iter().map(u32::to_string).collect();
    numbers.join(", ")
}
