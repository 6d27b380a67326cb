// SPDX-License-Identifier: BSD-2-Clause
//! Several runs seen as one: of each VM, what was said last.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::StateHandle;
use super::latest::{Aspect, Latest};
use super::state::{RunState, VmState};

/// The runs that have the last word on something. Cloning gives the same fleet.
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

impl Member {
    fn goes_on(&self, state: &RunState) -> bool {
        self.own && state.head.is_some() && state.duration_s.is_none()
    }
}

/// One run of a fleet.
#[derive(Debug)]
pub struct Part<'a> {
    /// What is known of it.
    pub state: &'a RunState,
    /// Its VMs that were part of no later run.
    pub vms: Vec<&'a VmState>,
    /// Those of its VMs on which it has the last word in something, and in what.
    pub latest: Vec<(&'a VmState, HashSet<&'a Aspect>)>,
    /// Whether it goes on.
    pub in_progress: bool,
}

impl<'a> Part<'a> {
    /// The VMs on which it has the last word in `aspect`.
    pub fn latest_in(&self, aspect: &Aspect) -> impl Iterator<Item = &'a VmState> {
        let vms = self.latest.iter();
        vms.filter_map(move |(vm, aspects)| aspects.contains(aspect).then_some(*vm))
    }
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

    /// A run that began after all others here, or is about to. Those that have
    /// the last word on nothing are forgotten.
    pub fn add(&self, run: StateHandle) {
        self.push(Member { run, own: true });
    }

    /// The same of a run that another process drove.
    pub fn add_past(&self, run: StateHandle) {
        self.push(Member { run, own: false });
    }

    fn push(&self, member: Member) {
        let mut members = self.members();
        let latest = self.latest(&members);
        let is_kept = |place: usize, state: &RunState| {
            let mut words = self.ours(state).flat_map(|vm| latest.of(place, vm.name()));
            state.head.is_none() || words.any(|aspect| aspect.is_bounded(state))
        };
        let mut places = 0..;
        members.retain(|member| {
            let kept = |place| member.run.read(|state| is_kept(place, state));
            places.next().is_some_and(kept)
        });
        members.push(member);
    }

    /// Look at each run, the last first.
    pub fn each(&self, mut look: impl FnMut(&Part<'_>)) {
        let members = self.members();
        let latest = self.latest(&members);
        let mut seen = HashSet::new();
        for (place, member) in members.iter().enumerate().rev() {
            member.run.read(|state| {
                let words = self.ours(state);
                let words = words.map(|vm| (vm, latest.of(place, vm.name()).collect()));
                look(&Part {
                    state,
                    vms: self.of_no_later(state, &mut seen),
                    latest: words.collect(),
                    in_progress: member.goes_on(state),
                });
            });
        }
    }

    fn latest(&self, members: &[Member]) -> Latest {
        let mut latest = Latest::default();
        for (place, member) in members.iter().enumerate() {
            member.run.read(|state| {
                for vm in self.ours(state) {
                    latest.hear(place, state, vm, member.goes_on(state));
                }
            });
        }
        latest
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

    /// The VMs of a run that the fleet has.
    fn ours<'a>(&self, state: &'a RunState) -> impl Iterator<Item = &'a VmState> {
        let is_ours = |name: &str| self.only.as_ref().is_none_or(|only| only.contains(name));
        state.vms.iter().filter(move |vm| is_ours(vm.name()))
    }

    /// Of those the ones that are not `seen` yet; they are then.
    fn of_no_later<'a>(&self, state: &'a RunState, seen: &mut HashSet<String>) -> Vec<&'a VmState> {
        let vms = self.ours(state);
        vms.filter(|vm| seen.insert(vm.name().to_owned())).collect()
    }
}
