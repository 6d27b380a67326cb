// SPDX-License-Identifier: BSD-2-Clause
//! Trouble of this process with the history of runs.

use metric_table::{Computed, Sample, Text};

use super::table::HISTORY_FAILURES;
use crate::history::Reason;

/// The counts, looked at when somebody asks.
#[derive(Debug)]
pub(super) struct OfHistory;

impl Computed for OfHistory {
    fn families(&self) -> Vec<Text> {
        // One that is there from the start shows its first increment.
        let counts = Reason::ALL.map(|reason| Sample {
            labels: [reason.as_str().into()],
            value: reason.count() as f64,
        });
        vec![HISTORY_FAILURES.with(counts)]
    }
}
