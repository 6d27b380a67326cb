// SPDX-License-Identifier: BSD-2-Clause
//! What a run is to do, as its first event says.

use std::collections::BTreeSet;

use protocol::event::TestFinished;
use serde::{Deserialize, Serialize};

/// What a run is going to do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Plan {
    /// The VMs, in the inventory's order.
    pub vms: Vec<PlannedVm>,
    /// The targets, in the order in which each VM runs them.
    pub targets: Vec<PlannedTarget>,
}

/// How much the live targets do, and how long.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Live {
    /// Connections to open, one number after the other; none for the targets'
    /// own choice.
    pub connections: Vec<u32>,
    /// How long live_soak goes on; `None` for its own choice.
    pub duration_s: Option<f64>,
}

/// One VM of a plan.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlannedVm {
    /// Unique name.
    pub name: String,
    /// `user@host:port`.
    pub address: String,
    /// The inventory's word for the system, such as `FreeBSD 15.0`; may be empty.
    pub os: String,
    /// The inventory's word for the processor, such as `amd64`; may be empty.
    pub arch: String,
    /// Tests that are expected to fail, as `TARGET/ID`.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub expected_failures: BTreeSet<String>,
}

impl PlannedVm {
    /// How `test` is called among the [`Self::expected_failures`].
    #[must_use]
    pub fn name_of(test: &TestFinished) -> String {
        format!("{}/{}", test.target, test.id)
    }
}

/// One target of a plan.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlannedTarget {
    /// Name of a target of the test binary.
    pub target: String,
    /// `all`, or letters with commas between, such as `A,B,D`.
    pub category: String,
}
