// SPDX-License-Identifier: BSD-2-Clause
//! What a run that was cut off has left to do, from its log alone.

use std::collections::HashMap;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use jiff::Timestamp;
use miette::Diagnostic;

use crate::event::{Body, Event, Live, PlannedTarget, PlannedVm, VmOutcome};
use crate::event_log::{End, ReadError, Reader};
use crate::inventory::Inventory;
use crate::pipeline::Missing;
use crate::plan::{self, Overrides, Plan, PlanError, Selection};
use crate::projection::state::{RunState, VmState};
use crate::projection::{Fold, Projection};

/// Why a run can't be gone on with.
#[derive(Debug, thiserror::Error, Diagnostic)]
pub(crate) enum Error {
    #[error("failed to open {} ({reason})", path.display())]
    Open { path: PathBuf, reason: io::Error },
    #[error("failed to read {}", path.display())]
    #[diagnostic(help(
        "a log that others have written into can't be gone on with; begin a new run"
    ))]
    Read { path: PathBuf, source: ReadError },
    #[error("{} holds no beginning of a run", path.display())]
    #[diagnostic(help("nothing was done in it; begin a new run"))]
    Empty { path: PathBuf },
    #[error(transparent)]
    #[diagnostic(transparent)]
    Plan(#[from] PlanError),
    #[error("the run had {vm} at {then}, the inventory has it at {now}")]
    #[diagnostic(help("name the inventory that the run was begun with by --inventory"))]
    Elsewhere {
        vm: String,
        then: String,
        now: String,
    },
}

/// The log of a run that is to be gone on with.
#[derive(Debug)]
pub(crate) struct Past {
    /// The log.
    pub(super) log: PathBuf,
    /// Every whole event of it.
    pub(super) events: Vec<Event>,
    /// Where the next event goes.
    pub(super) end: End,
    /// What is known at its end.
    pub(super) state: RunState,
}

impl Past {
    /// Read the log at `log`. A last line that was cut off is as if it had never
    /// been begun.
    pub(crate) fn read(log: &Path) -> Result<Self, Error> {
        let mut reader = Reader::open(log).map_err(|reason| Error::Open {
            path: log.to_owned(),
            reason,
        })?;
        let events: Vec<Event> = reader
            .by_ref()
            .collect::<Result<_, _>>()
            .map_err(|source| Error::Read {
                path: log.to_owned(),
                source,
            })?;
        let mut state = RunState::default();
        events.iter().for_each(|event| state.apply(event));
        if state.head.is_none() {
            return Err(Error::Empty {
                path: log.to_owned(),
            });
        }
        Ok(Self {
            log: log.to_owned(),
            events,
            end: reader.end(),
            state,
        })
    }

    /// The folder of the run.
    pub(crate) fn folder(&self) -> PathBuf {
        let folder = self.log.parent().unwrap_or(&self.log);
        std::path::absolute(folder).unwrap_or_else(|_| folder.to_owned())
    }

    /// The run's name.
    pub(crate) fn run(&self) -> String {
        let head = self.state.head.as_ref();
        head.map_or(String::new(), |head| head.run.clone())
    }

    /// The same plan, with the VMs as they stand in `inventory`; each must be
    /// where it was.
    pub(crate) fn plan(&self, inventory: &Inventory, over: &Overrides) -> Result<Plan, Error> {
        let planned = &self.state.vms;
        let names = planned.iter().map(|vm| vm.name().to_owned()).collect();
        let mut plan = plan::plan(inventory, &Selection::Names(names), over)?;
        plan.targets = self.targets().to_vec();
        self.check(&plan.to_event().vms)?;
        Ok(plan)
    }

    /// How often it was gone on with.
    pub(crate) fn resumptions(&self) -> usize {
        let resumed = |event: &&Event| matches!(event.body, Body::RunResumed { .. });
        self.events.iter().filter(resumed).count()
    }

    fn targets(&self) -> &[PlannedTarget] {
        let head = self.state.head.as_ref();
        head.map_or(&[], |head| &head.targets)
    }

    /// What the live targets were told.
    pub(super) fn live(&self) -> Live {
        let head = self.state.head.as_ref();
        head.map_or_else(Live::default, |head| head.live.clone())
    }

    /// That each VM is where it was.
    fn check(&self, now: &[PlannedVm]) -> Result<(), Error> {
        for vm in now {
            let then = self.state.vm(&vm.name).map(|then| &then.planned.address);
            if let Some(then) = then.filter(|then| **then != vm.address) {
                return Err(Error::Elsewhere {
                    vm: vm.name.clone(),
                    then: then.clone(),
                    now: vm.address.clone(),
                });
            }
        }
        Ok(())
    }

    /// What there is to do on each VM that did not come to its end.
    pub(super) fn missing(&self) -> HashMap<String, Missing> {
        let unfinished = self.state.vms.iter().filter(|vm| is_missing(vm));
        unfinished
            .map(|vm| (vm.name().to_owned(), missing(vm, self.targets())))
            .collect()
    }

    /// Whether all came to their ends, and the run itself.
    pub(super) fn is_complete(&self) -> bool {
        self.state.duration_s.is_some() && !self.state.vms.iter().any(is_missing)
    }

    /// Time that was spent on the run: the pauses before it was gone on with
    /// are none of it.
    pub(super) fn spent(&self) -> Duration {
        let mut spent = Duration::ZERO;
        let mut last: Option<Timestamp> = None;
        for event in &self.events {
            let resumed = matches!(event.body, Body::RunResumed { .. });
            if let Some(last) = last.filter(|_| !resumed) {
                // A clock that was set back took no time away.
                spent += event
                    .time
                    .duration_since(last)
                    .try_into()
                    .unwrap_or_default();
            }
            last = Some(event.time);
        }
        spent
    }

    /// Tell the past to `fold`.
    pub(crate) fn tell(&self, fold: &mut Fold) {
        self.events.iter().for_each(|event| fold.apply(event));
    }
}

fn is_missing(vm: &VmState) -> bool {
    vm.end()
        .is_none_or(|end| end.outcome == VmOutcome::Cancelled)
}

fn missing(vm: &VmState, planned: &[PlannedTarget]) -> Missing {
    let (done, targets): (Vec<_>, Vec<_>) = planned
        .iter()
        .cloned()
        .partition(|planned| vm.is_done(&planned.target));
    let ended_as = |outcome| {
        let mut done = done.iter();
        done.any(|planned| vm.came_to(&planned.target) == Some(outcome))
    };
    Missing {
        failed_before: ended_as(protocol::Outcome::Failed),
        passed_before: ended_as(protocol::Outcome::Passed),
        targets,
    }
}
