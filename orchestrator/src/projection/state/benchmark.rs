// SPDX-License-Identifier: BSD-2-Clause
//! What is kept of a measured quantity, however many repetitions it had.

use std::ops::RangeInclusive;

use protocol::event::{Benchmark, Better};

use super::clip::clip;
use crate::event::Quantity;

/// What any work takes on any machine, nanoseconds.
const REFERENCE_NS: RangeInclusive<f64> = 1.0..=1e12;

/// One measured quantity of one target on one VM.
#[derive(Debug, Clone, PartialEq)]
pub struct BenchmarkState {
    /// What was measured.
    pub name: String,
    /// Under which load.
    pub workload: String,
    /// Connections that stood meanwhile.
    pub connections: u64,
    /// Unit of the samples.
    pub unit: String,
    /// Which direction is an improvement.
    pub better: Better,
    /// Repetitions.
    pub samples: usize,
    /// Half of the samples are at most this.
    pub median: f64,
    /// A quarter and three quarters of the samples are at most these.
    pub quartiles: [f64; 2],
    /// Half of the samples are at most so many times what the reference took
    /// beside them; `None` where that was not measured.
    pub relative: Option<f64>,
}

impl BenchmarkState {
    /// `None` without a sample.
    pub(crate) fn of(benchmark: &Benchmark) -> Option<Self> {
        let [lower, middle, upper] = quartiles(&benchmark.samples)?;
        Some(Self {
            name: clip(&benchmark.name),
            workload: clip(&benchmark.workload),
            connections: benchmark.connections,
            unit: clip(&benchmark.unit),
            better: benchmark.better,
            samples: benchmark.samples.len(),
            median: middle,
            quartiles: [lower, upper],
            relative: relative(&benchmark.samples, &benchmark.reference)
                .and_then(|relative| median(&relative)),
        })
    }

    /// Whether both are the same quantity, so that one replaces the other.
    #[must_use]
    pub fn is_same_series(&self, other: &Self) -> bool {
        self.key() == other.key()
    }

    /// What tells it from all others of its VM.
    #[must_use]
    pub fn key(&self) -> (&str, &str, u64, &str) {
        (&self.name, &self.workload, self.connections, &self.unit)
    }

    /// What was measured, without its values.
    #[must_use]
    pub fn quantity(&self) -> Quantity {
        Quantity {
            benchmark: self.name.clone(),
            workload: self.workload.clone(),
            connections: self.connections,
            unit: self.unit.clone(),
            better: self.better,
        }
    }

    /// The median, had the reference taken `reference` nanoseconds; as it was
    /// where one of both is not known.
    pub(crate) fn median_at(&self, reference: Option<f64>) -> f64 {
        match (self.relative, reference) {
            (Some(relative), Some(reference)) => relative * reference,
            _ => self.median,
        }
    }

    /// Half of the distance between the quartiles, as a part of the median; 0
    /// where the median is.
    #[must_use]
    pub fn spread(&self) -> f64 {
        let [lower, upper] = self.quartiles;
        if self.median == 0.0 {
            0.0
        } else {
            (upper - lower) / 2.0 / self.median.abs()
        }
    }
}

/// Each of `samples` through what the reference took beside it; `None` where
/// that was not measured beside each, or can't be true.
pub(crate) fn relative(samples: &[f64], reference: &[f64]) -> Option<Vec<f64>> {
    let is_usable = samples.len() == reference.len()
        && !reference.is_empty()
        && reference.iter().all(|took| REFERENCE_NS.contains(took));
    let pairs = samples.iter().zip(reference);
    is_usable.then(|| pairs.map(|(sample, took)| sample / took).collect())
}

/// The value that half of `samples` are at most; `None` without a sample.
pub(crate) fn median(samples: &[f64]) -> Option<f64> {
    Some(quartiles(samples)?[1])
}

/// The values below which a quarter, half and three quarters of `samples` are;
/// `None` without a sample.
pub(crate) fn quartiles(samples: &[f64]) -> Option<[f64; 3]> {
    let mut sorted = samples.to_vec();
    sorted.sort_by(f64::total_cmp);
    Some([
        quantile(&sorted, 0.25)?,
        quantile(&sorted, 0.5)?,
        quantile(&sorted, 0.75)?,
    ])
}

/// The value below which the part `p` of `sorted` is, between two samples in
/// proportion; `None` without a sample.
fn quantile(sorted: &[f64], p: f64) -> Option<f64> {
    let place = sorted.len().checked_sub(1)? as f64 * p;
    let lower = *sorted.get(place.floor() as usize)?;
    let upper = *sorted.get(place.ceil() as usize)?;
    Some(lower + (upper - lower) * place.fract())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(samples: &[f64]) -> Option<BenchmarkState> {
        beside(samples, &[])
    }

    fn beside(samples: &[f64], reference: &[f64]) -> Option<BenchmarkState> {
        BenchmarkState::of(&Benchmark {
            target: "bench".into(),
            name: "parse".into(),
            workload: "empty".into(),
            connections: 0,
            unit: "ns".into(),
            better: Better::Lower,
            samples: samples.to_vec(),
            reference: reference.to_vec(),
        })
    }

    #[test]
    fn median_and_spread_do_not_depend_on_the_order() {
        let kept = of(&[40.0, 10.0, 30.0, 20.0, 50.0]).unwrap();
        assert_eq!((kept.samples, kept.median), (5, 30.0));
        assert_eq!(kept.quartiles, [20.0, 40.0]);
        assert!((kept.spread() - 1.0 / 3.0).abs() < 1e-12);
    }

    #[test]
    fn between_two_samples_the_middle_counts() {
        let kept = of(&[1.0, 2.0]).unwrap();
        assert_eq!(kept.median, 1.5);
        assert_eq!(kept.quartiles, [1.25, 1.75]);
    }

    #[test]
    fn beside_a_reference_the_median_is_relative_to_it_unless_it_can_t_be_true() {
        let relative = |reference: &[f64]| beside(&[300.0, 500.0], reference).unwrap().relative;
        assert_eq!(relative(&[100.0, 250.0]), Some(2.5));
        let measured = beside(&[300.0, 500.0], &[100.0, 250.0]).unwrap();
        assert_eq!(measured.median_at(Some(200.0)), 500.0);
        assert_eq!(measured.median_at(None), 400.0);
        assert_eq!(of(&[300.0, 500.0]).unwrap().median_at(Some(200.0)), 400.0);
        for untrue in [
            &[][..],
            &[100.0],
            &[100.0; 3],
            &[100.0, 0.0],
            &[100.0, -1.0],
            &[100.0, 1e300],
        ] {
            assert_eq!(relative(untrue), None, "{untrue:?}");
        }
    }

    #[test]
    fn one_sample_has_no_spread_and_none_is_no_benchmark() {
        assert_eq!(of(&[7.0]).unwrap().spread(), 0.0);
        assert_eq!(of(&[0.0, 0.0]).unwrap().spread(), 0.0);
        assert_eq!(of(&[]), None);
    }
}
