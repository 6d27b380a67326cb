// SPDX-License-Identifier: BSD-2-Clause
//! The Prometheus exposition of a run, in a registry of its own.
//!
//! What is true at the moment (gauges, and counters that were read from a VM)
//! is computed from the run's state when somebody asks, so it can't outlive
//! the VM that it is about. What adds up over the life of the process is
//! counted as the events come.
//!
//! Labels are bounded: VMs and targets by the inventory, stages and results by
//! their types, what a VM says by the limits of [`super::state`].

mod device;
mod process;
mod state;
pub(crate) mod table;

use std::collections::BTreeSet;
use std::sync::Arc;

use metric_table::{Computed, Text};
use prometheus::{Counter, CounterVec, Histogram, HistogramVec, Registry};

use super::state::RunState;
use super::{Fleet, View};
use crate::event::{Body, Event, ScrapeReason, Stage};
use crate::exit::ExitStatus;

/// Media type of [`Metrics::render`].
pub const CONTENT_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// What a run can end as.
const RESULTS: [ExitStatus; 5] = [
    ExitStatus::Success,
    ExitStatus::Regressed,
    ExitStatus::TestsFailed,
    ExitStatus::NotDriven,
    ExitStatus::Interrupted,
];

/// Every metric of the orchestrator. Cloning gives the same metrics.
#[derive(Debug, Clone)]
pub struct Metrics {
    counted: Registry,
    computed: Vec<Arc<dyn Computed>>,
    events: Counter,
    runs: CounterVec,
    retries: CounterVec,
    stages: HistogramVec,
    connects: Histogram,
    scrapes: HistogramVec,
    scrape_failures: CounterVec,
}

impl Metrics {
    /// The metrics of one run, or of the last run of each VM.
    ///
    /// # Errors
    /// Only a family of the table that is malformed or given twice.
    pub fn new(fleet: impl Into<Fleet>) -> prometheus::Result<Self> {
        let counted = Registry::new();
        let version = [env!("CARGO_PKG_VERSION")];
        table::BUILD_INFO.put(&counted, [(&version[..], 1.0)])?;
        let events = table::EVENTS_TOTAL.counters(&counted)?;
        let connects = table::CONNECTS.histograms(&counted)?;
        let metrics = Self {
            events: events.get_metric_with_label_values::<&str>(&[])?,
            runs: table::RUNS.counters(&counted)?,
            retries: table::RETRIES.counters(&counted)?,
            stages: table::STAGES.histograms(&counted)?,
            connects: connects.get_metric_with_label_values::<&str>(&[])?,
            scrapes: table::SCRAPES.histograms(&counted)?,
            scrape_failures: table::SCRAPE_FAILURES.counters(&counted)?,
            counted,
            computed: vec![Arc::new(fleet.into())],
        };
        // A counter that is there from the start shows its first increment.
        for status in RESULTS {
            metrics.runs.with_label_values(&[status.as_str()]);
        }
        Ok(metrics)
    }

    /// With what this process costs, where it is this process that is looked at.
    #[must_use]
    pub fn with_process(self) -> Self {
        self.with(process::OfProcess)
    }

    /// With other families, too.
    #[must_use]
    pub fn with(mut self, computed: impl Computed + 'static) -> Self {
        self.computed.push(Arc::new(computed));
        self
    }

    /// The exposition, in the text format of [`CONTENT_TYPE`].
    #[must_use]
    pub fn render(&self) -> String {
        let counted = self.counted.gather();
        let counted = counted.iter().map(Text::gathered);
        let computed = self
            .computed
            .iter()
            .flat_map(|computed| computed.families());
        metric_table::page(counted.chain(computed).collect())
    }

    fn forget(&self, vm: &str) {
        for stage in Stage::ALL {
            let labels = [vm, stage.as_str()];
            // A stage that the VM never came to has no series to drop.
            let _ = self.retries.remove_label_values(&labels);
            let _ = self.stages.remove_label_values(&labels);
        }
        // As above.
        let _ = self.scrapes.remove_label_values(&[vm]);
        for reason in ScrapeReason::ALL {
            let _ = self
                .scrape_failures
                .remove_label_values(&[vm, reason.as_str()]);
        }
    }

    /// What keeps these metrics up with the events.
    #[must_use]
    pub fn view(&self) -> Box<dyn View> {
        Box::new(Counting {
            metrics: self.clone(),
            vms: BTreeSet::new(),
        })
    }
}

/// Counts what adds up over the life of the process.
struct Counting {
    metrics: Metrics,
    /// VMs that have series here.
    vms: BTreeSet<String>,
}

impl Counting {
    /// Drop the series of VMs that the run which begins has no part for.
    fn forget_others(&mut self, state: &RunState) {
        self.vms.retain(|vm| {
            let stays = state.vm(vm).is_some();
            if !stays {
                self.metrics.forget(vm);
            }
            stays
        });
    }

    fn stage_started(&mut self, vm: &str, stage: Stage, attempt: u32) {
        self.vms.insert(vm.to_owned());
        let retries = self
            .metrics
            .retries
            .with_label_values(&[vm, stage.as_str()]);
        if attempt > 1 {
            retries.inc();
        }
    }

    fn stage_finished(&mut self, vm: &str, stage: Stage, duration_s: f64, succeeded: bool) {
        self.vms.insert(vm.to_owned());
        let stages = &self.metrics.stages;
        stages
            .with_label_values(&[vm, stage.as_str()])
            .observe(duration_s);
        if stage == Stage::Connect && succeeded {
            self.metrics.connects.observe(duration_s);
        }
    }
}

impl Counting {
    fn scraped(&mut self, vm: &str, duration_s: f64, failure: Option<ScrapeReason>) {
        self.vms.insert(vm.to_owned());
        let Metrics {
            scrapes,
            scrape_failures,
            ..
        } = &self.metrics;
        scrapes.with_label_values(&[vm]).observe(duration_s);
        if let Some(reason) = failure {
            scrape_failures
                .with_label_values(&[vm, reason.as_str()])
                .inc();
        }
    }
}

impl View for Counting {
    fn show(&mut self, state: &RunState, event: &Event) {
        self.metrics.events.inc();
        match &event.body {
            Body::RunStarted { .. } => self.forget_others(state),
            Body::StageStarted { vm, stage, attempt } => self.stage_started(vm, *stage, *attempt),
            Body::StageFinished {
                vm,
                stage,
                duration_s,
                cause,
                ..
            } => self.stage_finished(vm, *stage, *duration_s, cause.is_none()),
            Body::Scraped { vm, duration_s, .. } => self.scraped(vm, *duration_s, None),
            Body::ScrapeFailed {
                vm,
                duration_s,
                reason,
                ..
            } => self.scraped(vm, *duration_s, Some(*reason)),
            Body::RunFinished { .. } => {
                let result = state.exit_status().as_str();
                self.metrics.runs.with_label_values(&[result]).inc();
            }
            Body::RunResumed { .. }
            | Body::Facts { .. }
            | Body::Harness { .. }
            | Body::Output { .. }
            | Body::Console { .. }
            | Body::TargetRetried { .. }
            | Body::VmFinished { .. }
            | Body::Judged { .. }
            | Body::Compared { .. }
            | Body::Interrupted { .. }
            | Body::Unknown => {}
        }
    }
}
