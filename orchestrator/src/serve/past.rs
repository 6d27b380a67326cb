// SPDX-License-Identifier: BSD-2-Clause
//! What earlier processes left: of each VM what was said last, from the event
//! logs.

use std::collections::{HashMap, HashSet};
use std::io;
use std::path::Path;

use crate::event::{Body, Event, Plan};
use crate::event_log::{self, Reader};
use crate::inventory::Inventory;
use crate::projection::state::RunState;
use crate::projection::target_ends::target_ends;
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
pub(super) fn in_full(runs_dir: &Path, run: &str) -> Option<Details> {
    let mut details = Details::default();
    each_event(runs_dir, run, |event| details.apply(event))?;
    details.state().head.is_some().then_some(details)
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

/// Add the runs to `fleet` that have the last word on something of the
/// inventory's VMs: the names of those that are the last of a VM and were cut
/// off, the oldest first.
pub(super) fn load(
    runs_dir: &Path,
    inventory: &Inventory,
    fleet: &Fleet,
) -> io::Result<Vec<String>> {
    let mut known = Known::of(inventory);
    let mut found = Vec::new();
    for name in runs::names(runs_dir)?.into_iter().take(RUNS_MAX) {
        // Most say nothing that a later one does not; their logs may be long.
        if !plan(runs_dir, &name).is_some_and(|plan| known.lacks(&plan)) {
            continue;
        }
        if let Some(run) = read(runs_dir, &name) {
            let is_last = run.read(|state| known.add(state));
            found.push((name, run, is_last));
        }
    }
    let mut cut = Vec::new();
    for (name, run, is_last) in found.into_iter().rev() {
        if is_last && run.read(|state| state.duration_s.is_none()) {
            cut.push(name);
        }
        fleet.add_past(run);
    }
    Ok(cut)
}

/// What the run was going to do; `None` where its log does not begin with that.
fn plan(runs_dir: &Path, run: &str) -> Option<Plan> {
    let log = runs_dir.join(run).join(event_log::FILE_NAME);
    match Reader::open(&log).ok()?.next()?.ok()?.body {
        Body::RunStarted { plan, .. } => Some(plan),
        _ => None,
    }
}

/// Which targets ended in the runs that were read, on each VM of the inventory;
/// `None` where no run was of it.
struct Known(HashMap<String, Option<HashSet<String>>>);

impl Known {
    fn of(inventory: &Inventory) -> Self {
        let vms = inventory.vms.iter();
        Self(vms.map(|vm| (vm.name.clone(), None)).collect())
    }

    fn lacks(&self, plan: &Plan) -> bool {
        let mut vms = plan.vms.iter().filter_map(|vm| self.0.get(&vm.name));
        vms.any(|ended| {
            let lacks = |target: &str| ended.as_ref().is_none_or(|known| !known.contains(target));
            plan.targets.iter().any(|planned| lacks(&planned.target))
        })
    }

    /// Whether it is the last run of some VM.
    fn add(&mut self, state: &RunState) -> bool {
        let mut is_last = false;
        for vm in &state.vms {
            if let Some(known) = self.0.get_mut(vm.name()) {
                is_last |= known.is_none();
                let ends = target_ends(state, vm).into_iter();
                let ended = ends.map(|end| end.target.to_owned());
                known.get_or_insert_default().extend(ended);
            }
        }
        is_last
    }
}
