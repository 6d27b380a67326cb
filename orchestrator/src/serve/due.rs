// SPDX-License-Identifier: BSD-2-Clause
//! By when the schedule wants the next run of each of its targets on each of
//! its VMs to have begun, as a metric: one that lies in the past is overdue,
//! whatever keeps it from beginning.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use jiff::Timestamp;
use metric_table::{Computed, Sample, Text};

use super::clockwork;
use super::config::Entry;
use crate::event::{Body, Event, Plan};
use crate::inventory::Inventory;
use crate::plan::Overrides;
use crate::projection::metrics::table::RUN_DUE;
use crate::projection::state::RunState;
use crate::projection::{Fleet, View};

/// When what is due. Cloning gives the same.
#[derive(Debug, Clone)]
pub(super) struct Due {
    entries: Arc<[(Entry, Plan)]>,
    /// By VM and target.
    times: Arc<Mutex<BTreeMap<(String, String), Timestamp>>>,
}

impl Due {
    /// What `entries` want since the last runs of `fleet` and, where a VM has
    /// had none, since `now`. An entry that can't be planned is never run.
    pub(super) fn new(
        entries: &[Entry],
        inventory: &Inventory,
        overrides: &Overrides,
        fleet: &Fleet,
        now: Timestamp,
    ) -> Self {
        let entries = entries.iter().filter_map(|entry| {
            let plan = entry.wanted.plan(inventory, overrides).ok()?;
            Some((entry.clone(), plan.to_event()))
        });
        let due = Self {
            entries: entries.collect(),
            times: Arc::default(),
        };
        for (_, plan) in due.entries.iter() {
            due.begun(now, plan.vms.iter().map(|vm| vm.name.as_str()), plan);
        }
        fleet.each(|part| {
            if let Some(head) = &part.state.head {
                let plan = Plan {
                    vms: Vec::new(),
                    targets: head.targets.clone(),
                };
                due.begun(head.started, part.vms.iter().map(|vm| vm.name()), &plan);
            }
        });
        due
    }

    /// What keeps it up with the events of a run.
    pub(super) fn view(&self) -> Box<dyn View> {
        Box::new(self.clone())
    }

    /// The targets of `plan` were begun on `vms` at `time`.
    fn begun<'a>(&self, time: Timestamp, vms: impl Iterator<Item = &'a str>, plan: &Plan) {
        let next: Vec<_> = self
            .entries
            .iter()
            .map(|(entry, wanted)| (clockwork::next(&entry.times, time), wanted))
            .collect();
        let mut times = self.times();
        for vm in vms {
            for target in &plan.targets {
                let wanting = next.iter().filter(|(_, wanted)| {
                    wanted.vms.iter().any(|wanted| wanted.name == vm)
                        && wanted.targets.iter().any(|t| t.target == target.target)
                });
                if let Some(first) = wanting.filter_map(|(time, _)| *time).min() {
                    times.insert((vm.to_owned(), target.target.clone()), first);
                }
            }
        }
    }

    fn times(&self) -> MutexGuard<'_, BTreeMap<(String, String), Timestamp>> {
        // Whole after each change.
        self.times.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl View for Due {
    fn show(&mut self, _: &RunState, event: &Event) {
        if let Body::RunStarted { plan, .. } = &event.body {
            self.begun(event.time, plan.vms.iter().map(|vm| vm.name.as_str()), plan);
        }
    }
}

impl Computed for Due {
    fn families(&self) -> Vec<Text> {
        let times = self.times();
        let samples = times.iter().map(|((vm, target), time)| Sample {
            labels: [vm.into(), target.into()],
            value: time.as_second() as f64,
        });
        vec![RUN_DUE.with(samples)]
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::super::wanted::Wanted;
    use super::*;
    use crate::event::{Live, PlannedTarget, PlannedVm, VERSION};
    use crate::inventory;
    use crate::projection::{Fold, Projection, StateHandle};

    fn at(time: &str) -> Timestamp {
        format!("2026-11-23T{time}Z").parse().unwrap()
    }

    fn entry(cron: &str, target: &str, vms: &[&str]) -> Entry {
        Entry {
            cron: cron.into(),
            times: cron.parse().unwrap(),
            wanted: Wanted {
                target: vec![target.into()],
                vms: vms.iter().map(|vm| (*vm).into()).collect(),
                ..Wanted::default()
            },
        }
    }

    fn due(entries: &[Entry], fleet: &Fleet, now: &str) -> Due {
        let vms = "[[vm]]\nname = \"a\"\nhost = \"h\"\n[[vm]]\nname = \"b\"\nhost = \"i\"\n";
        let inventory = inventory::parse("vms.toml", vms, Path::new("/")).unwrap();
        Due::new(entries, &inventory, &Overrides::default(), fleet, at(now))
    }

    fn nothing_yet() -> Fleet {
        Fleet::of([])
    }

    fn times(due: &Due) -> Vec<(String, Timestamp)> {
        let times = due.times();
        let each = times.iter();
        each.map(|((vm, target), time)| (format!("{vm} {target}"), *time))
            .collect()
    }

    fn begin(time: &str, vm: &str, target: &str) -> Event {
        let vms = vec![PlannedVm {
            name: vm.into(),
            address: String::new(),
            os: String::new(),
            arch: String::new(),
            expected_failures: std::collections::BTreeSet::new(),
        }];
        let targets = vec![PlannedTarget {
            target: target.into(),
            category: "all".into(),
        }];
        Event {
            v: VERSION,
            seq: 0,
            time: at(time),
            body: Body::RunStarted {
                run: "r".into(),
                orchestrator: "0.1.0".into(),
                plan: Plan { vms, targets },
                live: Live::default(),
            },
        }
    }

    #[test]
    fn the_first_time_of_any_entry_after_the_last_beginning_counts() {
        let entries = [
            entry("0 * * * *", "unit", &[]),
            entry("30 4 * * *", "unit", &["a"]),
            entry("0 12 * * *", "live_all", &["b"]),
        ];
        let mut due = due(&entries, &nothing_yet(), "03:10:00");
        let before = [
            ("a unit".to_owned(), at("04:00:00")),
            ("b live_all".to_owned(), at("12:00:00")),
            ("b unit".to_owned(), at("04:00:00")),
        ];
        assert_eq!(times(&due), before);
        // Neither a target that nobody scheduled nor one of another VM counts.
        for event in [
            begin("04:00:00.3", "a", "unit"),
            begin("04:00:00.3", "a", "live_all"),
            begin("04:10:00", "b", "soak"),
        ] {
            due.show(&RunState::default(), &event);
        }
        assert_eq!(times(&due)[0], ("a unit".to_owned(), at("04:30:00")));
        assert_eq!(times(&due)[1..], before[1..]);
    }

    #[test]
    fn after_a_restart_what_ran_before_counts() {
        let state = StateHandle::default();
        Fold::new(state.clone(), Vec::new()).apply(&begin("02:59:30", "a", "unit"));
        let fleet = Fleet::from(state);
        let due = due(&[entry("0 * * * *", "unit", &[])], &fleet, "03:10:00");
        let expected = [
            ("a unit".to_owned(), at("03:00:00")),
            ("b unit".to_owned(), at("04:00:00")),
        ];
        assert_eq!(times(&due), expected);
    }

    #[test]
    fn what_is_never_wanted_is_never_due() {
        let entries = [entry("0 0 30 2 *", "unit", &[])];
        assert_eq!(
            times(&due(&entries, &nothing_yet(), "03:10:00")),
            Vec::new()
        );
    }
}
