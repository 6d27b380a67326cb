// SPDX-License-Identifier: BSD-2-Clause
//! What was found of a VM's benchmarks at the end of the run.

use super::clip::clip;
use super::target::KEPT_BENCHMARKS;
use crate::event::{Compared, Judged, Quantity};

/// A VM's benchmarks beside their history and beside another run.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Findings {
    /// Beside their history, a series each.
    pub judged: Vec<Judged>,
    /// Beside the run that was named for that.
    pub compared: Vec<Compared>,
}

impl Findings {
    /// Whether the run counts as regressed for one of them.
    #[must_use]
    pub fn fail_run(&self) -> bool {
        self.judged.iter().any(|judged| judged.fails_run)
            || self.compared.iter().any(|compared| compared.fails_run)
    }

    pub(super) fn judge(&mut self, judged: &Judged) {
        let judged = Judged {
            quantity: clip_quantity(&judged.quantity),
            ..judged.clone()
        };
        keep(&mut self.judged, judged, |known| &known.quantity);
    }

    pub(super) fn compare(&mut self, compared: &Compared) {
        let compared = Compared {
            quantity: clip_quantity(&compared.quantity),
            ..compared.clone()
        };
        keep(&mut self.compared, compared, |known| &known.quantity);
    }
}

/// What is said of a quantity last holds.
fn keep<T>(known: &mut Vec<T>, new: T, quantity: impl Fn(&T) -> &Quantity) {
    if let Some(old) = known.iter_mut().find(|old| quantity(old) == quantity(&new)) {
        *old = new;
    } else if known.len() < KEPT_BENCHMARKS {
        known.push(new);
    }
}

fn clip_quantity(quantity: &Quantity) -> Quantity {
    Quantity {
        benchmark: clip(&quantity.benchmark),
        workload: clip(&quantity.workload),
        unit: clip(&quantity.unit),
        ..quantity.clone()
    }
}
