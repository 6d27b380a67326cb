// SPDX-License-Identifier: BSD-2-Clause
//! Several runs seen as one: of each VM, its last.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::StateHandle;
use super::state::{RunState, VmState};

/// The runs that some VM was part of last. Cloning gives the same fleet.
#[derive(Debug, Clone, Default)]
pub struct Fleet {
    members: Arc<Mutex<Vec<Member>>>,
    /// The VMs that it has; `None` for whichever its runs have.
    only: Option<Arc<HashSet<String>>>,
}

#[derive(Debug)]
struct Member {
    run: StateHandle,
    /// Whether this process drives it, or did; else it is known from its log
    /// only, and not going on even where its end is missing.
    own: bool,
}

/// One run of a fleet.
#[derive(Debug)]
pub struct Part<'a> {
    /// What is known of it.
    pub state: &'a RunState,
    /// Its VMs that were part of no later run.
    pub vms: Vec<&'a VmState>,
    /// Whether it goes on.
    pub in_progress: bool,
}

impl From<StateHandle> for Fleet {
    fn from(run: StateHandle) -> Self {
        let fleet = Self::default();
        fleet.add(run);
        fleet
    }
}

impl Fleet {
    /// Of these VMs and of no other that was once part of a run with them.
    #[must_use]
    pub fn of(vms: impl IntoIterator<Item = String>) -> Self {
        Self {
            members: Arc::default(),
            only: Some(Arc::new(vms.into_iter().collect())),
        }
    }

    /// A run that began after all others here, or is about to. Those that no VM
    /// was part of last are forgotten.
    pub fn add(&self, run: StateHandle) {
        self.push(Member { run, own: true });
    }

    /// The same of a run that another process drove.
    pub fn add_past(&self, run: StateHandle) {
        self.push(Member { run, own: false });
    }

    fn push(&self, member: Member) {
        let mut members = self.members();
        let mut seen = HashSet::new();
        let mut kept: Vec<Member> = members
            .drain(..)
            .rev()
            .filter(|member| {
                let is_of_use = |state: &RunState| {
                    state.head.is_none() || !self.of_no_later(state, &mut seen).is_empty()
                };
                member.run.read(is_of_use)
            })
            .collect();
        kept.reverse();
        kept.push(member);
        *members = kept;
    }

    /// Look at each run, the last first.
    pub fn each(&self, mut look: impl FnMut(&Part<'_>)) {
        let mut seen = HashSet::new();
        for Member { run, own } in self.members().iter().rev() {
            run.read(|state| {
                look(&Part {
                    state,
                    vms: self.of_no_later(state, &mut seen),
                    in_progress: *own && state.head.is_some() && state.duration_s.is_none(),
                });
            });
        }
    }

    /// The names of the VMs that are seen.
    #[must_use]
    pub fn vms(&self) -> HashSet<String> {
        let mut names = HashSet::new();
        self.each(|part| names.extend(part.vms.iter().map(|vm| vm.name().to_owned())));
        names
    }

    fn members(&self) -> MutexGuard<'_, Vec<Member>> {
        // Nothing that panics is done while it is held but looking.
        self.members.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The VMs of a run that are not `seen` yet; they are then.
    fn of_no_later<'a>(&self, state: &'a RunState, seen: &mut HashSet<String>) -> Vec<&'a VmState> {
        let is_ours = |name: &str| self.only.as_ref().is_none_or(|only| only.contains(name));
        let vms = state.vms.iter().filter(|vm| is_ours(vm.name()));
        vms.filter(|vm| seen.insert(vm.name().to_owned())).collect()
    }
}
