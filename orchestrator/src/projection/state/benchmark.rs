// SPDX-License-Identifier: BSD-2-Clause
//! What is kept of a measured quantity, however many repetitions it had.

use protocol::event::{Benchmark, Better};

use super::clip::clip;
use crate::event::Quantity;

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
}

impl BenchmarkState {
    /// `None` without a sample.
    pub(crate) fn of(benchmark: &Benchmark) -> Option<Self> {
        let [lower, median, upper] = quartiles(&benchmark.samples)?;
        Some(Self {
            name: clip(&benchmark.name),
            workload: clip(&benchmark.workload),
            connections: benchmark.connections,
            unit: clip(&benchmark.unit),
            better: benchmark.better,
            samples: benchmark.samples.len(),
            median,
            quartiles: [lower, upper],
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
        BenchmarkState::of(&Benchmark {
            target: "bench".into(),
            name: "parse".into(),
            workload: "empty".into(),
            connections: 0,
            unit: "ns".into(),
            better: Better::Lower,
            samples: samples.to_vec(),
            reference: Vec::new(),
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
    fn one_sample_has_no_spread_and_none_is_no_benchmark() {
        assert_eq!(of(&[7.0]).unwrap().spread(), 0.0);
        assert_eq!(of(&[0.0, 0.0]).unwrap().spread(), 0.0);
        assert_eq!(of(&[]), None);
    }
}
