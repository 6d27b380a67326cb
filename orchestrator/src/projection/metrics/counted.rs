// SPDX-License-Identifier: BSD-2-Clause
//! What adds up over the life of the process, by VM and in order, so that it
//! is written as it stands; it leaves with its VM.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use metric_table::{Computed, Histogram, Sample, Text};

use super::table::{RETRIES, SCRAPE_FAILURES, SCRAPES, STAGES};
use crate::event::{ScrapeReason, Stage};
use crate::projection::Fleet;

/// The counts of every VM, shown for those of a fleet. Cloning gives the same.
#[derive(Debug, Clone)]
pub(super) struct Counted {
    fleet: Fleet,
    vms: Arc<Mutex<BTreeMap<String, OfVm>>>,
}

#[derive(Debug, Default)]
struct OfVm {
    stages: BTreeMap<Stage, Histogram>,
    /// Of stages that were begun.
    retries: BTreeMap<Stage, u64>,
    scrapes: Option<Histogram>,
    scrape_failures: BTreeMap<ScrapeReason, u64>,
}

impl Counted {
    /// None yet, of no VM but those of `fleet`.
    pub(super) fn of(fleet: Fleet) -> Self {
        Self {
            fleet,
            vms: Arc::default(),
        }
    }

    pub(super) fn stage_started(&self, vm: &str, stage: Stage, attempt: u32) {
        self.count(vm, |counts| {
            let retries = counts.retries.entry(stage).or_default();
            if attempt > 1 {
                *retries += 1;
            }
        });
    }

    pub(super) fn stage_finished(&self, vm: &str, stage: Stage, duration_s: f64) {
        self.count(vm, |counts| {
            let durations = counts.stages.entry(stage);
            let durations = durations.or_insert_with(|| STAGES.histogram());
            durations.observe(duration_s);
        });
    }

    pub(super) fn scraped(&self, vm: &str, duration_s: f64, failure: Option<ScrapeReason>) {
        self.count(vm, |counts| {
            let durations = counts.scrapes.get_or_insert_with(|| SCRAPES.histogram());
            durations.observe(duration_s);
            if let Some(reason) = failure {
                *counts.scrape_failures.entry(reason).or_default() += 1;
            }
        });
    }

    fn count(&self, vm: &str, count: impl FnOnce(&mut OfVm)) {
        let mut vms = self.vms();
        if let Some(counts) = vms.get_mut(vm) {
            count(counts);
        } else {
            count(vms.entry(vm.to_owned()).or_default());
        }
    }

    fn vms(&self) -> MutexGuard<'_, BTreeMap<String, OfVm>> {
        // Nothing that counts can panic half way.
        self.vms.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Computed for Counted {
    fn families(&self) -> Vec<Text> {
        let here = self.fleet.vms();
        let vms = self.vms();
        let vms: Vec<_> = vms.iter().filter(|(vm, _)| here.contains(*vm)).collect();
        let retries = vms.iter().flat_map(|&(vm, counts)| {
            let retries = counts.retries.iter();
            retries.map(move |(stage, number)| sample(vm, stage.as_str(), *number))
        });
        let stages = vms.iter().flat_map(|&(vm, counts)| {
            let stages = counts.stages.iter();
            stages.map(move |(stage, durations)| ([vm.into(), stage.as_str().into()], durations))
        });
        let failures = vms.iter().flat_map(|&(vm, counts)| {
            let failures = counts.scrape_failures.iter();
            failures.map(move |(reason, number)| sample(vm, reason.as_str(), *number))
        });
        let scrapes = vms
            .iter()
            .filter_map(|&(vm, counts)| Some(([vm.into()], counts.scrapes.as_ref()?)));
        vec![
            RETRIES.with(retries),
            STAGES.with_histograms(stages),
            SCRAPES.with_histograms(scrapes),
            SCRAPE_FAILURES.with(failures),
        ]
    }
}

fn sample<'a>(vm: &'a str, of: &'a str, number: u64) -> Sample<'a, 2> {
    Sample {
        labels: [vm.into(), of.into()],
        value: number as f64,
    }
}
