// SPDX-License-Identifier: BSD-2-Clause
//! Distributions that are kept by their owner, beside what else it knows of the same thing.

use crate::family::{Family, Kind};

/// Observed values of one series.
#[derive(Clone, Debug)]
pub struct Histogram {
    pub(crate) bounds: &'static [f64],
    /// Values in each bucket, those above the last bound at the end.
    counts: Vec<u64>,
    pub(crate) sum: f64,
}

impl Family {
    /// One without a value yet; a family of another type has no bucket but the last.
    #[must_use]
    pub fn histogram(&self) -> Histogram {
        let bounds = match self.kind {
            Kind::Histogram(bounds) => bounds,
            Kind::Counter | Kind::Gauge => &[],
        };
        Histogram {
            bounds,
            counts: vec![0; bounds.len() + 1],
            sum: 0.0,
        }
    }
}

impl Histogram {
    /// Count `value` in.
    pub fn observe(&mut self, value: f64) {
        let bucket = self.bounds.partition_point(|bound| *bound < value);
        self.counts[bucket] += 1;
        self.sum += value;
    }

    /// How many values are at most each bound; the last is all of them.
    pub(crate) fn cumulative(&self) -> impl Iterator<Item = u64> {
        self.counts.iter().scan(0, |sum, count| {
            *sum += count;
            Some(*sum)
        })
    }

    /// All values.
    pub(crate) fn count(&self) -> u64 {
        self.counts.iter().sum()
    }
}
