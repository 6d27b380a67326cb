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

mod counted;
mod device;
mod history;
mod process;
mod state;
pub(crate) mod table;

use std::sync::Arc;

use metric_table::{Computed, Text};
use prometheus::{Counter, CounterVec, Histogram, Registry};

use super::state::RunState;
use super::{Fleet, View};
use crate::event::{Body, Event, Stage};
use crate::exit::ExitStatus;
use counted::Counted;

/// Media type of [`Metrics::render`].
pub const CONTENT_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// What a run can end as.
const RESULTS: [ExitStatus; 6] = [
    ExitStatus::Success,
    ExitStatus::Regressed,
    ExitStatus::TestsFailed,
    ExitStatus::NothingTested,
    ExitStatus::NotDriven,
    ExitStatus::Interrupted,
];

/// Every metric of the orchestrator. Cloning gives the same metrics.
#[derive(Debug, Clone)]
pub struct Metrics {
    registry: Registry,
    computed: Vec<Arc<dyn Computed>>,
    events: Counter,
    runs: CounterVec,
    connects: Histogram,
    counted: Counted,
}

impl Metrics {
    /// The metrics of one run, or of the last run of each VM.
    ///
    /// # Errors
    /// Only a family of the table that is malformed or given twice.
    pub fn new(fleet: impl Into<Fleet>) -> prometheus::Result<Self> {
        let registry = Registry::new();
        let version = [env!("CARGO_PKG_VERSION")];
        table::BUILD_INFO.put(&registry, [(&version[..], 1.0)])?;
        let events = table::EVENTS_TOTAL.counters(&registry)?;
        let connects = table::CONNECTS.histograms(&registry)?;
        let fleet: Fleet = fleet.into();
        let counted = Counted::of(fleet.clone());
        let metrics = Self {
            events: events.get_metric_with_label_values::<&str>(&[])?,
            runs: table::RUNS.counters(&registry)?,
            connects: connects.get_metric_with_label_values::<&str>(&[])?,
            registry,
            counted: counted.clone(),
            computed: vec![Arc::new(fleet), Arc::new(counted)],
        };
        // A counter that is there from the start shows its first increment.
        for status in RESULTS {
            metrics.runs.with_label_values(&[status.as_str()]);
        }
        Ok(metrics)
    }

    /// With what this process costs and what trouble it has with the history, where
    /// it is this process that is looked at.
    #[must_use]
    pub fn with_process(self) -> Self {
        self.with(process::OfProcess).with(history::OfHistory)
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
        let gathered = self.registry.gather();
        let gathered = gathered.iter().map(Text::gathered);
        let computed = self
            .computed
            .iter()
            .flat_map(|computed| computed.families());
        metric_table::page(gathered.chain(computed).collect())
    }

    /// What keeps these metrics up with the events.
    #[must_use]
    pub fn view(&self) -> Box<dyn View> {
        Box::new(self.clone())
    }
}

impl View for Metrics {
    fn show(&mut self, state: &RunState, event: &Event) {
        self.events.inc();
        match &event.body {
            Body::StageStarted { vm, stage, attempt } => {
                self.counted.stage_started(vm, *stage, *attempt);
            }
            Body::StageFinished {
                vm,
                stage,
                duration_s,
                cause,
                ..
            } => {
                self.counted.stage_finished(vm, *stage, *duration_s);
                if *stage == Stage::Connect && cause.is_none() {
                    self.connects.observe(*duration_s);
                }
            }
            Body::Scraped { vm, duration_s, .. } => self.counted.scraped(vm, *duration_s, None),
            Body::ScrapeFailed {
                vm,
                duration_s,
                reason,
                ..
            } => self.counted.scraped(vm, *duration_s, Some(*reason)),
            Body::RunFinished { .. } => {
                let result = state.exit_status().as_str();
                self.runs.with_label_values(&[result]).inc();
            }
            Body::RunStarted { .. }
            | Body::RunResumed { .. }
            | Body::Facts { .. }
            | Body::Harness { .. }
            | Body::Output { .. }
            | Body::Note { .. }
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
