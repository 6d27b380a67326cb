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
mod family;
mod state;

use std::collections::BTreeSet;

use prometheus::{
    Histogram, HistogramOpts, HistogramVec, IntCounterVec, IntGauge, Opts, Registry, TextEncoder,
};

use super::state::RunState;
use super::{Fleet, View};
use crate::event::{Body, Event, ScrapeReason, Stage};
use crate::exit::ExitStatus;

/// Media type of [`Metrics::render`].
pub const CONTENT_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// Bounds of the buckets for stages: from a lock to a kernel build, seconds.
const STAGE_BUCKETS: [f64; 12] = [
    0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0, 1800.0,
];
/// Bounds of the buckets for SSH connections: LAN to connect time-out, seconds.
const CONNECT_BUCKETS: [f64; 9] = [0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0];

/// Bounds of the buckets for scrapes: loopback to the scrape's limit, seconds.
const SCRAPE_BUCKETS: [f64; 8] = [0.005, 0.01, 0.025, 0.05, 0.1, 0.5, 2.5, 10.0];

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
    registry: Registry,
    runs: IntCounterVec,
    retries: IntCounterVec,
    stages: HistogramVec,
    connects: Histogram,
    scrapes: HistogramVec,
    scrape_failures: IntCounterVec,
}

impl Metrics {
    /// The metrics of one run, or of the last run of each VM.
    ///
    /// # Errors
    /// Only a name that is malformed or given twice in this module.
    pub fn new(fleet: impl Into<Fleet>) -> prometheus::Result<Self> {
        let metrics = Self {
            registry: Registry::new(),
            runs: IntCounterVec::new(
                Opts::new(
                    "orchestrator_runs_total",
                    "Runs that this process finished, by result.",
                ),
                &["result"],
            )?,
            retries: IntCounterVec::new(
                Opts::new(
                    "orchestrator_retries_total",
                    "Attempts at a stage after the first.",
                ),
                &["vm", "stage"],
            )?,
            stages: HistogramVec::new(
                HistogramOpts::new(
                    "orchestrator_stage_duration_seconds",
                    "Wall time of the attempts at a stage.",
                )
                .buckets(STAGE_BUCKETS.to_vec()),
                &["vm", "stage"],
            )?,
            connects: Histogram::with_opts(
                HistogramOpts::new(
                    "orchestrator_ssh_connect_seconds",
                    "Time to an SSH connection that stood.",
                )
                .buckets(CONNECT_BUCKETS.to_vec()),
            )?,
            scrapes: HistogramVec::new(
                HistogramOpts::new(
                    "orchestrator_scrape_duration_seconds",
                    "Wall time of the scrapes of a VM's exporter, failed ones included.",
                )
                .buckets(SCRAPE_BUCKETS.to_vec()),
                &["vm"],
            )?,
            scrape_failures: IntCounterVec::new(
                Opts::new(
                    "orchestrator_scrape_failures_total",
                    "Scrapes of a VM's exporter that gave nothing, by reason.",
                ),
                &["vm", "reason"],
            )?,
        };
        metrics.register(fleet.into())?;
        Ok(metrics)
    }

    fn register(&self, fleet: Fleet) -> prometheus::Result<()> {
        let build = IntGauge::with_opts(
            Opts::new("orchestrator_build_info", "This program; always 1.")
                .const_label("version", env!("CARGO_PKG_VERSION")),
        )?;
        build.set(1);
        self.registry.register(Box::new(build))?;
        self.registry.register(Box::new(self.runs.clone()))?;
        self.registry.register(Box::new(self.retries.clone()))?;
        self.registry.register(Box::new(self.stages.clone()))?;
        self.registry.register(Box::new(self.connects.clone()))?;
        self.registry.register(Box::new(self.scrapes.clone()))?;
        self.registry
            .register(Box::new(self.scrape_failures.clone()))?;
        self.registry
            .register(Box::new(state::StateCollector::new(fleet)?))?;
        // A counter that is there from the start shows its first increment.
        for status in RESULTS {
            self.runs.with_label_values(&[status.as_str()]);
        }
        Ok(())
    }

    /// The exposition, in the text format of [`CONTENT_TYPE`].
    ///
    /// # Errors
    /// Only a family that is inconsistent in itself.
    pub fn render(&self) -> prometheus::Result<String> {
        TextEncoder::new().encode_to_string(&self.registry.gather())
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
