// SPDX-License-Identifier: BSD-2-Clause
//! Which of several runs said last what is to be known of a VM. A run that has
//! only begun says nothing yet, so what was known before it holds until then:
//! an alert must not end because the VM is looked at again.

use std::collections::HashMap;

use protocol::Target;

use super::state::{RunState, VmState};
use super::target_ends::target_ends;
use crate::event::Stage;

/// What is to be known of a VM.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Aspect {
    /// What it is.
    Info,
    /// Whether it was reached.
    Reach,
    /// How it ended.
    End,
    /// What its console showed.
    Console,
    /// What its exporter or its device said.
    Device,
    /// What came of the target of this name.
    Results(String),
    /// How the benchmarks of the target of this name were judged.
    Judged(String),
}

impl Aspect {
    /// Whether there is a bounded number of such: a target is one that the run
    /// planned or that is known, whatever else VMs call one.
    pub(super) fn is_bounded(&self, run: &RunState) -> bool {
        match self {
            Self::Info | Self::Reach | Self::End | Self::Console | Self::Device => true,
            Self::Results(target) | Self::Judged(target) => {
                let mut planned = run.head.iter().flat_map(|head| &head.targets);
                planned.any(|planned| planned.target == *target) || target.parse::<Target>().is_ok()
            }
        }
    }
}

/// Which run, by its place, has the last word on what.
#[derive(Debug, Default)]
pub(super) struct Latest(HashMap<String, HashMap<Aspect, Word>>);

#[derive(Debug)]
struct Word {
    run: usize,
    /// Whether the run is past the point where it says so.
    is_said: bool,
}

impl Latest {
    /// What the run at `place` says of `vm`, the runs before it having had their
    /// say.
    pub(super) fn hear(&mut self, place: usize, state: &RunState, vm: &VmState, goes_on: bool) {
        let known = self.0.entry(vm.name().to_owned()).or_default();
        for (aspect, is_said) in aspects(state, vm, goes_on) {
            let word = Word {
                run: place,
                is_said,
            };
            match known.get_mut(&aspect) {
                Some(before) if before.is_said && !is_said => {}
                Some(before) => *before = word,
                None => {
                    known.insert(aspect, word);
                }
            }
        }
    }

    /// On what the run at `place` has the last word.
    pub(super) fn of<'a>(&'a self, place: usize, vm: &str) -> impl Iterator<Item = &'a Aspect> {
        let known = self.0.get(vm).into_iter().flatten();
        known.filter_map(move |(aspect, word)| (word.run == place).then_some(aspect))
    }
}

/// What a run says of `vm` sooner or later, and whether it has said so.
fn aspects(state: &RunState, vm: &VmState, goes_on: bool) -> Vec<(Aspect, bool)> {
    let has_ended = vm.end().is_some();
    let connect = vm.stages.get(&Stage::Connect);
    let scrapes = &vm.scrapes;
    let has_read = scrapes.last.is_some() || !scrapes.failed.is_empty() || !vm.counters.is_empty();
    let mut aspects = vec![
        (Aspect::Info, true),
        (
            Aspect::Reach,
            has_ended || connect.is_some_and(|stage| stage.succeeded.is_some()),
        ),
        (Aspect::End, has_ended),
        (Aspect::Console, has_ended || !vm.console.is_empty()),
        (Aspect::Device, has_ended || has_read),
    ];
    let begun = vm.targets.iter().map(|target| (&*target.target, false));
    let ended = target_ends(state, vm);
    let ended = ended.iter().map(|end| (end.target, true));
    for (target, has_ended) in begun.chain(ended) {
        aspects.push((Aspect::Results(target.to_owned()), has_ended));
        aspects.push((Aspect::Judged(target.to_owned()), has_ended && !goes_on));
    }
    aspects
}
