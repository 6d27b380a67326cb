// SPDX-License-Identifier: BSD-2-Clause
//! Whether the last point gives reason to measure again at once.

use crate::change::Change;
use crate::statistics::{Deviation, count, deviation, mean, t_quantile};

/// Of what is drawn from one distribution, this share is within the interval.
const PROBABILITY: f64 = 0.999;
/// A smaller relative difference is worth no measurement, and none that counts.
pub const MIN_MAGNITUDE: f64 = 0.05;
/// Points that an interval is computed from, at least.
const MIN_POINTS: usize = 5;

/// The last point is not what those before it let expect.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Suspicion {
    /// Mean of the points since the last change, without the last one.
    pub expected: f64,
    /// Half the width of the interval about it in which the last point should be.
    pub tolerance: f64,
    /// What it is.
    pub actual: f64,
}

/// What the next point of a series is to be.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Expectation {
    /// Mean of the points since the last change.
    mean: f64,
    /// Half the width of the interval about it.
    tolerance: f64,
}

impl Expectation {
    /// After `series` with its `changes`; `None` where too few points say so.
    #[must_use]
    pub fn after(series: &[f64], changes: &[Change]) -> Option<Self> {
        let start = changes.last().map_or(0, |change| change.index);
        let level = series.get(start..)?;
        if level.len() < MIN_POINTS {
            return None;
        }
        let n = count(level.len());
        let quantile = t_quantile((1.0 - PROBABILITY) / 2.0, n - 1.0);
        let deviation = deviation(level, Deviation::Sample);
        Some(Self {
            mean: mean(level),
            tolerance: quantile * deviation * (1.0 + 1.0 / n).sqrt(),
        })
    }

    /// What makes `actual` suspect, if it is.
    #[must_use]
    pub fn suspicion(&self, actual: f64) -> Option<Suspicion> {
        let Self { mean, tolerance } = *self;
        let difference = (actual - mean).abs();
        let unexpected = difference > tolerance && difference > MIN_MAGNITUDE * mean.abs();
        unexpected.then_some(Suspicion {
            expected: mean,
            tolerance,
            actual,
        })
    }
}

/// Judge the last point of a series by the points since its last change.
#[must_use]
pub fn suspicion(series: &[f64], changes: &[Change]) -> Option<Suspicion> {
    let (actual, earlier) = series.split_last()?;
    Expectation::after(earlier, changes)?.suspicion(*actual)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_last_point_beyond_the_interval_is_suspect() {
        let mut series = vec![100.0, 101.0, 99.0, 100.0, 101.0, 99.0, 0.0];
        // t(0.9995, 5 degrees) = 6.8688, deviation 0.8944, so 6.636 about 100.
        for (last, suspect) in [(106.7, true), (106.6, false), (93.3, true), (93.4, false)] {
            series[6] = last;
            let suspicion = suspicion(&series, &[]);
            assert_eq!(suspicion.is_some(), suspect, "{last}: {suspicion:?}");
        }
    }

    #[test]
    fn a_small_difference_is_not_suspect_however_sure() {
        let series = [100.0, 100.0, 100.0, 100.0, 100.0, 105.0];
        assert_eq!(suspicion(&series, &[]), None);
        let series = [100.0, 100.0, 100.0, 100.0, 100.0, 105.1];
        let found = suspicion(&series, &[]).unwrap();
        assert_eq!((found.expected, found.tolerance), (100.0, 0.0));
    }

    #[test]
    fn too_few_points_tell_nothing() {
        assert_eq!(suspicion(&[], &[]), None);
        assert_eq!(suspicion(&[1.0, 1.0, 1.0, 1.0, 9.0], &[]), None);
        let series = [1.0, 1.0, 1.0, 2.0, 2.0, 2.0, 2.0, 9.0];
        let change = Change::between(&series, 0..3, 3..8, Deviation::Sample);
        assert_eq!(suspicion(&series, &[change]), None);
    }
}
