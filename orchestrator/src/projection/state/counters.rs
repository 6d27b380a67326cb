// SPDX-License-Identifier: BSD-2-Clause
//! What the counters of a VM's device say of a target.

use std::collections::BTreeMap;

use super::clip::clip;

/// Counters of one VM, and of one target.
pub(super) const KEPT_COUNTERS: usize = 256;

/// Counters that were read several times in a target.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Counters {
    first: BTreeMap<String, u64>,
    last: BTreeMap<String, u64>,
}

impl Counters {
    pub(super) fn read(&mut self, values: &BTreeMap<String, u64>) {
        self.last = clipped(values);
        if self.first.is_empty() {
            self.first.clone_from(&self.last);
        }
    }

    /// By how much each grew from the first reading to the last. What fell is
    /// left out: it is no counter, or began anew with its module; and so is the
    /// largest value of something, of which a difference says nothing.
    pub fn growth(&self) -> impl Iterator<Item = (&str, u64)> {
        let counters = self.last.iter().filter(|(name, _)| !name.ends_with("_max"));
        counters.filter_map(|(name, last)| {
            let grown = last.checked_sub(*self.first.get(name)?)?;
            Some((name.as_str(), grown))
        })
    }
}

/// The first of them, with names of a bounded length.
pub(crate) fn clipped(values: &BTreeMap<String, u64>) -> BTreeMap<String, u64> {
    let kept = values.iter().take(KEPT_COUNTERS);
    kept.map(|(name, value)| (clip(name), *value)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_counts_grows() {
        let reading = |values: [(&str, u64); 3]| {
            let named = values.map(|(name, value)| (name.to_owned(), value));
            BTreeMap::from(named)
        };
        let mut counters = Counters::default();
        counters.read(&reading([
            ("reads_total", 5),
            ("ns_max", 70),
            ("opens_total", 9),
        ]));
        counters.read(&reading([
            ("reads_total", 8),
            ("ns_max", 90),
            ("opens_total", 2),
        ]));
        let growth: Vec<_> = counters.growth().collect();
        assert_eq!(growth, [("reads_total", 3)]);
    }
}
