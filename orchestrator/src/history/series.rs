// SPDX-License-Identifier: BSD-2-Clause
//! What can be compared from run to run, and its points.

use jiff::Timestamp;
use protocol::event::Better;
use serde::{Deserialize, Serialize};

use super::id;
use crate::projection::state::BenchmarkState;

/// What tells one series from all others.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SeriesKey {
    /// Id of the VM's fingerprint.
    pub fingerprint: String,
    /// The VM's name.
    pub vm: String,
    /// What was measured.
    pub benchmark: String,
    /// Under which load.
    pub workload: String,
    /// Connections that stood meanwhile.
    pub connections: u64,
    /// Unit of the samples.
    pub unit: String,
    /// Which direction is an improvement.
    pub better: Better,
}

/// What one run measured of a series.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Point {
    /// The run's name.
    pub run: String,
    /// When the run began.
    pub time: Timestamp,
    /// Half of the samples are at most this.
    pub median: f64,
    /// Every repetition, in order.
    pub samples: Vec<f64>,
}

impl SeriesKey {
    pub(crate) fn of(fingerprint: &str, vm: &str, benchmark: &BenchmarkState) -> Self {
        Self {
            fingerprint: fingerprint.to_owned(),
            vm: vm.to_owned(),
            benchmark: benchmark.name.clone(),
            workload: benchmark.workload.clone(),
            connections: benchmark.connections,
            unit: benchmark.unit.clone(),
            better: benchmark.better,
        }
    }

    /// Where it stands where series are listed: by VM, then by what is measured.
    #[must_use]
    pub fn place(&self) -> impl Ord + use<'_> {
        (
            &self.vm,
            &self.benchmark,
            &self.workload,
            self.connections,
            &self.unit,
            better(self.better),
            &self.fingerprint,
        )
    }

    /// Its number in the history.
    #[must_use]
    pub fn id(&self) -> i64 {
        id::of(&[
            &self.fingerprint,
            &self.vm,
            &self.benchmark,
            &self.workload,
            &self.connections.to_string(),
            &self.unit,
            better(self.better),
        ])
    }
}

/// As it stands in the history.
pub(super) fn better(better: Better) -> &'static str {
    match better {
        Better::Lower => "lower",
        Better::Higher => "higher",
    }
}

/// Of what stands in the history.
pub(super) fn parse_better(text: &str) -> Better {
    if text == better(Better::Higher) {
        Better::Higher
    } else {
        Better::Lower
    }
}
