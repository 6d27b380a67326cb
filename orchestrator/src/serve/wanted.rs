// SPDX-License-Identifier: BSD-2-Clause
//! What somebody wants to be run, by the schedule or by a request.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::inventory::Inventory;
use crate::plan::{self, Overrides, Plan, PlanError, Selection};

/// Targets and VMs; what is absent is the inventory's.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Wanted {
    /// Names of VMs.
    pub(super) vms: Vec<String>,
    /// Labels that the VMs have, where no names are given.
    pub(super) labels: BTreeMap<String, String>,
    /// Targets, in their order.
    pub(super) target: Vec<String>,
    /// Categories, as in `A,B,D`.
    pub(super) category: Option<String>,
}

impl Wanted {
    /// What that means for `inventory`, with what stands over it.
    pub(super) fn plan(&self, inventory: &Inventory, over: &Overrides) -> Result<Plan, PlanError> {
        let selection = if !self.vms.is_empty() {
            Selection::Names(self.vms.clone())
        } else if !self.labels.is_empty() {
            Selection::Labels(self.labels.clone().into_iter().collect())
        } else {
            Selection::All
        };
        let overrides = Overrides {
            targets: (!self.target.is_empty()).then(|| self.target.clone()),
            category: self.category.clone(),
            ..over.clone()
        };
        plan::plan(inventory, &selection, &overrides)
    }
}
