// SPDX-License-Identifier: BSD-2-Clause
//! What did not pass: tests that failed, were flaky or were skipped, and VMs
//! that were not driven to their end. What is the same for several is said once.

use std::hash::Hash;

use indexmap::IndexMap;
use maud::{Markup, html};
use protocol::event::TestFinished;

use super::{anchor, facts, quote};
use crate::projection::details::{Attempt, Details};
use crate::projection::ends::said;
use crate::projection::state::{RunState, VmState};
use crate::projection::summary;
use crate::projection::text::{count, printable, seconds};

/// Ends of tests that are shown of one kind.
const SHOWN_MAX: usize = 300;
/// VMs that are linked at one of them.
const LINKED_MAX: usize = 40;

/// A VM and its place in the run.
type Place<'a> = (usize, &'a str);

/// One test that ended in the very same way on some VMs.
struct End<'a> {
    test: &'a TestFinished,
    /// On the first of the VMs.
    attempts: Vec<Attempt<'a>>,
    vms: Vec<Place<'a>>,
}

/// Tests that failed and stayed so.
pub(super) fn failed(state: &RunState, details: &Details) -> Option<Markup> {
    let all = state.tally().failed as usize;
    listed(&kept(state, details, |target| &target.failed), all)
}

/// Tests that were skipped.
pub(super) fn skipped(state: &RunState, details: &Details) -> Option<Markup> {
    let all = state.tally().skipped as usize;
    listed(&kept(state, details, |target| &target.skipped), all)
}

/// Tests that failed and passed when their target was run again.
pub(super) fn flaky(state: &RunState, details: &Details) -> Option<Markup> {
    let of_vm = |(place, vm): (usize, &'_ VmState)| {
        let known = details.vm(vm.name())?;
        let ends = known.flaky().filter_map(move |attempts| {
            let test = attempts.last()?.test;
            Some((test, attempts, place))
        });
        Some(ends.collect::<Vec<_>>())
    };
    let ends = state.vms.iter().enumerate().filter_map(of_vm).flatten();
    let ends: Vec<_> = ends.collect();
    let all = ends.len();
    listed(&together(state, ends), all)
}

type Found<'a> = (&'a TestFinished, Vec<Attempt<'a>>, usize);

fn kept<'a>(
    state: &'a RunState,
    details: &'a Details,
    list: impl Fn(&'a crate::projection::state::TargetState) -> &'a Vec<TestFinished>,
) -> Vec<End<'a>> {
    let mut found: Vec<Found<'a>> = Vec::new();
    for (place, vm) in state.vms.iter().enumerate() {
        let known = details.vm(vm.name());
        for test in vm.targets.iter().flat_map(&list) {
            let attempts =
                known.map_or_else(Vec::new, |known| known.attempts(&test.target, &test.id));
            found.push((test, attempts, place));
        }
    }
    together(state, found)
}

fn together<'a>(state: &'a RunState, found: Vec<Found<'a>>) -> Vec<End<'a>> {
    let mut ends: IndexMap<_, End<'a>> = IndexMap::new();
    for (test, attempts, place) in found {
        let vm = (place, state.vms[place].name());
        let end = ends.entry(key(test, &attempts)).or_insert_with(|| End {
            test,
            attempts,
            vms: Vec::new(),
        });
        end.vms.push(vm);
    }
    ends.into_values().collect()
}

/// All that makes one end of a test another than the next.
fn key<'a>(test: &'a TestFinished, attempts: &[Attempt<'a>]) -> impl Eq + Hash + use<'a> {
    let each = attempts
        .iter()
        .map(|at| (at.number, at.test.outcome, said(at.test)));
    (&test.id, said(test), each.collect::<Vec<_>>())
}

fn listed(ends: &[End<'_>], all: usize) -> Option<Markup> {
    if all == 0 {
        return None;
    }
    let shown: usize = ends.iter().take(SHOWN_MAX).map(|end| end.vms.len()).sum();
    let left_out = all.saturating_sub(shown);
    Some(html! {
        @for end in ends.iter().take(SHOWN_MAX) { (end.render()) }
        @if left_out > 0 { p { "and " (left_out) " more, in the event log" } }
    })
}

impl End<'_> {
    fn render(&self) -> Markup {
        let meanwhile = self.attempts.iter().map(|at| at.meanwhile.len());
        let lines: usize = meanwhile.sum();
        html! {
            article {
                h3 {
                    code { (printable(&self.test.id)) } " " (printable(&self.test.name))
                    " " span.quiet { (printable(&self.test.target)) }
                }
                p { "on " (links(&self.vms)) }
                (self.attempts())
                @if lines > 0 {
                    details {
                        summary { "What was written during it (" (count(lines, "line")) ")" }
                        @for at in self.attempts.iter().filter(|at| !at.meanwhile.is_empty()) {
                            (quote(at.meanwhile.iter().map(String::as_str)))
                        }
                    }
                }
            }
        }
    }

    /// One attempt is the test's end, of which nothing more is to be said. Of
    /// several, the last is seen at once.
    fn attempts(&self) -> Markup {
        let (last, earlier) = match &self.attempts[..] {
            [] => return of_test(self.test),
            [only] if only.number == 1 => return of_test(only.test),
            [earlier @ .., last] => (last, earlier),
        };
        html! {
            ol.attempts {
                @for at in earlier {
                    li value=(at.number) {
                        details { summary { (how_it_ended(at)) } (of_test(at.test)) }
                    }
                }
                li value=(last.number) { (how_it_ended(last)) (of_test(last.test)) }
            }
        }
    }
}

fn how_it_ended(at: &Attempt<'_>) -> String {
    format!("{} after {}", at.test.outcome, seconds(at.test.duration_s))
}

fn of_test(test: &TestFinished) -> Markup {
    let number = |records: Option<u64>| records.map_or(String::new(), |n| format!("{n} records"));
    html! {
        (facts([
            ("filter", test.filter.clone().unwrap_or_default()),
            ("expected", number(test.expected)),
            ("actual", number(test.actual)),
        ]))
        @if let Some(message) = &test.message { (quote(message.lines())) }
    }
}

fn links(vms: &[Place<'_>]) -> Markup {
    html! {
        @for (number, (place, name)) in vms.iter().take(LINKED_MAX).enumerate() {
            @if number > 0 { ", " }
            a href={ "#" (anchor(*place)) } { (printable(name)) }
        }
        @if vms.len() > LINKED_MAX { " and " (vms.len() - LINKED_MAX) " more" }
    }
}

/// VMs that failed without a failed test, or did not come to their end.
pub(super) fn troubles(state: &RunState) -> Option<Markup> {
    let mut groups = summary::troubles(state, summary::failed_otherwise);
    groups.extend(summary::troubles(state, summary::not_driven));
    let places: IndexMap<&str, usize> = state.vms.iter().map(VmState::name).zip(0..).collect();
    (!groups.is_empty()).then(|| {
        html! {
            @for vms in &groups {
                article {
                    h3 { (summary::how_and_where(vms)) }
                    @let on = vms.iter().map(|vm| (places[vm.name()], vm.name()));
                    p { "on " (links(&on.collect::<Vec<_>>())) }
                    (cause(vms[0]))
                }
            }
        }
    })
}

/// What happened to a VM and what to do about it.
pub(super) fn cause(vm: &VmState) -> Markup {
    let cause = summary::cause(vm);
    html! {
        @if let Some(cause) = cause {
            (facts([
                ("cause", cause.what.clone()),
                ("tried", cause.tried.clone()),
                ("advice", cause.advice.clone()),
            ]))
        }
    }
}

/// How many tests did not pass, for whoever reads only the headings.
pub(super) fn heading(word: &str, number: u32) -> String {
    format!("{word} ({})", count(number as usize, "test"))
}
