// SPDX-License-Identifier: BSD-2-Clause
//! The targets of a run that had several: what came of each on the VMs.

use indexmap::IndexSet;

use super::state::{RunState, Tally, TargetState, VmState};
use super::summary::{Look, names, table};
use super::text::{self, printable, seconds};

/// One line a target; `None` where there is only one, of which the table of
/// VMs says it all.
pub(super) fn section(state: &RunState, look: Look) -> Option<String> {
    let targets = begun(&state.vms);
    if targets.len() < 2 {
        return None;
    }
    let header = ["target", "outcome", "passed", "failed", "skipped", "time"];
    let rows = targets.iter().map(|target| row(state, target));
    Some(table(look, header, rows, 2))
}

/// The targets that were begun on any of `vms`.
pub(super) fn begun<'a>(vms: impl IntoIterator<Item = &'a VmState>) -> IndexSet<&'a str> {
    let targets = vms.into_iter().flat_map(|vm| &vm.targets);
    targets.map(|target| target.target.as_str()).collect()
}

/// How a target ended, in a word.
pub(super) fn word(target: &TargetState) -> &'static str {
    let end = target.end.as_ref();
    end.map_or("unfinished", |end| end.outcome.as_str())
}

fn row(state: &RunState, target: &str) -> Vec<String> {
    let on: Vec<(&VmState, &TargetState)> = state
        .vms
        .iter()
        .filter_map(|vm| Some((vm, vm.target(target)?)))
        .collect();
    let tally: Tally = on.iter().map(|(_, target)| target.tally()).sum();
    let times = on.iter().filter_map(|(_, target)| target.end.as_ref());
    let longest = times
        .map(|end| end.duration_s)
        .max_by(f64::total_cmp)
        .map_or(String::new(), seconds);
    vec![
        printable(target).into_owned(),
        outcomes(&on),
        tally.passed.to_string(),
        tally.failed.to_string(),
        tally.skipped.to_string(),
        longest,
    ]
}

/// `passed`, or `failed on a, b; passed on 3 VMs`.
fn outcomes(on: &[(&VmState, &TargetState)]) -> String {
    const WORDS: [&str; 4] = ["failed", "unfinished", "skipped", "passed"];
    let parts: Vec<String> = WORDS
        .iter()
        .filter_map(|wanted| {
            let vms = on.iter().filter(|(_, target)| word(target) == *wanted);
            let vms: Vec<&str> = vms.map(|(vm, _)| vm.name()).collect();
            match vms.len() {
                0 => None,
                number if number == on.len() => Some((*wanted).to_owned()),
                number if *wanted == "passed" => {
                    Some(format!("{wanted} on {}", text::count(number, "VM")))
                }
                _ => Some(format!("{wanted} on {}", names(&vms))),
            }
        })
        .collect();
    parts.join("; ")
}
