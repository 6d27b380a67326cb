// SPDX-License-Identifier: BSD-2-Clause
//! What earlier processes left: of each VM its last run, from the event logs.

use std::collections::HashSet;
use std::io;
use std::path::Path;

use crate::event::Event;
use crate::event_log::{self, Reader};
use crate::inventory::Inventory;
use crate::projection::state::RunState;
use crate::projection::{Details, Fleet, Fold, Projection, StateHandle};
use crate::runs;

/// Runs that are looked at, the newest first.
const RUNS_MAX: usize = 500;

/// What the log of `run` says, as far as it can be read; `None` where that is
/// nothing.
pub(super) fn read(runs_dir: &Path, run: &str) -> Option<StateHandle> {
    let state = StateHandle::default();
    let mut fold = Fold::new(state.clone(), Vec::new());
    each_event(runs_dir, run, |event| fold.apply(event))?;
    state.read(|state| state.head.is_some()).then_some(state)
}

/// All that the log of `run` says; `None` where that is nothing.
pub(super) fn in_full(runs_dir: &Path, run: &str) -> Option<(RunState, Details)> {
    let mut state = RunState::default();
    let mut details = Details::default();
    each_event(runs_dir, run, |event| {
        state.apply(event);
        details.apply(event);
    })?;
    state.head.is_some().then_some((state, details))
}

/// `None` where there is no log.
fn each_event(runs_dir: &Path, run: &str, mut take: impl FnMut(&Event)) -> Option<()> {
    let log = runs_dir.join(run).join(event_log::FILE_NAME);
    // What stands before a break is good.
    let events = Reader::open(&log).ok()?.map_while(Result::ok);
    for event in events {
        take(&event);
    }
    Some(())
}

/// Add the last runs of the inventory's VMs to `fleet`: the names of those
/// that were cut off, the oldest first.
pub(super) fn load(
    runs_dir: &Path,
    inventory: &Inventory,
    fleet: &Fleet,
) -> io::Result<Vec<String>> {
    let mut missing: HashSet<&str> = inventory.vms.iter().map(|vm| vm.name.as_str()).collect();
    let mut found = Vec::new();
    for name in runs::names(runs_dir)?.into_iter().take(RUNS_MAX) {
        if missing.is_empty() {
            break;
        }
        let Some(run) = read(runs_dir, &name) else {
            continue;
        };
        let is_last = |state: &RunState| {
            let before = missing.len();
            missing.retain(|vm| state.vm(vm).is_none());
            missing.len() < before
        };
        if run.read(is_last) {
            found.push((name, run));
        }
    }
    let mut cut = Vec::new();
    for (name, run) in found.into_iter().rev() {
        if run.read(|state| state.duration_s.is_none()) {
            cut.push(name);
        }
        fleet.add_past(run);
    }
    Ok(cut)
}
