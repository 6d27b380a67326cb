// SPDX-License-Identifier: BSD-2-Clause
//! A change of a series, and what it was judged by.

use std::ops::Range;

use crate::statistics::{Deviation, deviation, mad, mean, median, t_test};

/// The points at one side of a change, up to the next one.
#[derive(Debug, Clone, PartialEq)]
pub struct Side {
    /// Indexes into the series.
    pub points: Range<usize>,
    /// In the unit of the series.
    pub mean: f64,
    /// Standard deviation, in the unit of the series.
    pub deviation: f64,
}

/// From [`Change::index`] on the series has another mean.
#[derive(Debug, Clone, PartialEq)]
pub struct Change {
    /// The first point after the change.
    pub index: usize,
    /// From the change before this one.
    pub before: Side,
    /// Up to the change after this one.
    pub after: Side,
    /// How probable a difference like this is where nothing changed: a two-sided t-test's.
    pub p: f64,
    /// Median absolute deviation of both sides, each from its own median, relative to the median
    /// of what was before.
    pub noise: f64,
}

impl Change {
    /// The change at `before.end`, which is `after.start`.
    pub(crate) fn between(
        series: &[f64],
        before: Range<usize>,
        after: Range<usize>,
        kind: Deviation,
    ) -> Self {
        let (left, right) = (&series[before.clone()], &series[after.clone()]);
        let side = |points: Range<usize>, values: &[f64]| Side {
            points,
            mean: mean(values),
            deviation: deviation(values, kind),
        };
        Self {
            index: after.start,
            p: t_test(left, right, kind),
            noise: noise(left, right),
            before: side(before, left),
            after: side(after, right),
        }
    }

    /// How much more there is after it: 0.1 is ten per cent more, -0.1 ten per cent less. 0 where
    /// there was nothing before.
    #[must_use]
    pub fn ratio(&self) -> f64 {
        relative(self.before.mean, self.after.mean)
    }

    /// The larger of what it is forth and back, without its sign: halving is as large as doubling.
    #[must_use]
    pub fn magnitude(&self) -> f64 {
        let back = relative(self.after.mean, self.before.mean);
        self.ratio().abs().max(back.abs())
    }

    /// The number of points at its shorter side.
    pub(crate) fn shorter_side(&self) -> usize {
        self.before.points.len().min(self.after.points.len())
    }
}

fn relative(from: f64, to: f64) -> f64 {
    if from == 0.0 { 0.0 } else { to / from - 1.0 }
}

fn noise(left: &[f64], right: &[f64]) -> f64 {
    let Some(level) = median(left).filter(|level| *level != 0.0) else {
        return 0.0;
    };
    let residuals: Vec<f64> = [left, right]
        .into_iter()
        .flat_map(|side| {
            let middle = median(side).unwrap_or_default();
            side.iter().map(move |value| value - middle)
        })
        .collect();
    mad(&residuals).unwrap_or_default() / level.abs()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_change_tells_its_size_forth_and_back() {
        let series = [10.0, 12.0, 8.0, 20.0, 22.0, 18.0];
        let change = Change::between(&series, 0..3, 3..6, Deviation::Sample);
        assert_eq!((change.index, change.shorter_side()), (3, 3));
        assert_eq!((change.before.mean, change.after.mean), (10.0, 20.0));
        assert_eq!(
            (change.before.deviation, change.after.deviation),
            (2.0, 2.0)
        );
        assert_eq!((change.ratio(), change.magnitude()), (1.0, 1.0));
        // Distances from the medians: 0 2 2 0 2 2.
        assert_eq!(change.noise, 0.2);

        let change = Change::between(&series, 3..6, 0..3, Deviation::Sample);
        assert_eq!((change.ratio(), change.magnitude()), (-0.5, 1.0));
    }

    #[test]
    fn nothing_is_no_measure_of_a_change() {
        let change = Change::between(&[0.0, 0.0, 1.0, 1.0], 0..2, 2..4, Deviation::Sample);
        assert_eq!((change.ratio(), change.magnitude()), (0.0, 1.0));
        assert_eq!(change.noise, 0.0);
    }
}
