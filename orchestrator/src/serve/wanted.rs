// SPDX-License-Identifier: BSD-2-Clause
//! What somebody wants to be run, by the schedule or by a request.

use std::collections::BTreeMap;

use serde::de::{Deserializer, Error as _};
use serde::{Deserialize, Serialize};

use crate::inventory::Inventory;
use crate::plan::{self, Overrides, Plan, PlanError, Selection};

/// Targets and VMs; what is absent is the inventory's.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Wanted {
    /// Names of VMs.
    #[serde(deserialize_with = "names", skip_serializing_if = "Vec::is_empty")]
    pub(super) vms: Vec<String>,
    /// Labels that the VMs have, instead of names.
    pub(super) labels: BTreeMap<String, String>,
    /// Targets, in their order.
    pub(super) target: Vec<String>,
    /// Categories, as in `A,B,D`.
    pub(super) category: Option<String>,
}

impl Wanted {
    /// What that means for `inventory`, with what stands over it.
    pub(super) fn plan(&self, inventory: &Inventory, over: &Overrides) -> Result<Plan, PlanError> {
        let selection = match (&self.vms[..], self.labels.is_empty()) {
            ([], true) => Selection::All,
            ([], false) => Selection::Labels(self.labels.clone().into_iter().collect()),
            (names, true) => Selection::Names(names.to_vec()),
            (names, false) => {
                return Err(PlanError::Value {
                    origin: "vms",
                    value: names.join(", "),
                    reason: "give either names or labels".to_owned(),
                });
            }
        };
        let overrides = Overrides {
            targets: (!self.target.is_empty()).then(|| self.target.clone()),
            category: self.category.clone(),
            ..over.clone()
        };
        plan::plan(inventory, &selection, &overrides)
    }
}

/// A list of names; one that came out empty must not stand for all VMs.
pub(super) fn names<'de, D: Deserializer<'de>>(list: D) -> Result<Vec<String>, D::Error> {
    let names = Vec::deserialize(list)?;
    if names.is_empty() {
        return Err(D::Error::custom("`vms` is empty; leave it out for all VMs"));
    }
    Ok(names)
}
