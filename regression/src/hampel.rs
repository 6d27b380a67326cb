// SPDX-License-Identifier: BSD-2-Clause
//! The Hampel filter: values far from their neighbours' median become that median, unless there
//! are enough of them in a row to be a level of their own.

use crate::statistics::{mad, median};

/// The median absolute deviation of a normal distribution, times this, is its standard deviation.
const NORMAL: f64 = 1.4826;

/// How outliers are told from what is about them.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Hampel {
    /// Points of the window, the judged one in the middle; at the ends of the series fewer.
    pub window: usize,
    /// Standard deviations, estimated by the median absolute deviation, beyond which a value is
    /// an outlier.
    pub deviations: f64,
    /// So many outliers in a row, at one side, are none.
    pub level: usize,
}

impl Hampel {
    /// The series with its isolated outliers replaced.
    #[must_use]
    pub fn filter(&self, series: &[f64]) -> Vec<f64> {
        let outliers: Vec<Option<Outlier>> = (0..series.len())
            .map(|index| self.outlier(series, index))
            .collect();
        let mut filtered = series.to_vec();
        let mut start = 0;
        // Outliers one after the other, all above or all below, are a level.
        for row in outliers.chunk_by(|a, b| side(a.as_ref()) == side(b.as_ref())) {
            if row.len() < self.level {
                for (value, outlier) in filtered[start..].iter_mut().zip(row) {
                    *value = outlier.as_ref().map_or(*value, |outlier| outlier.median);
                }
            }
            start += row.len();
        }
        filtered
    }

    /// Is the value at `index` one?
    fn outlier(&self, series: &[f64], index: usize) -> Option<Outlier> {
        let half = self.window / 2;
        let end = (index + half + 1).min(series.len());
        let neighbours = &series[index.saturating_sub(half)..end];
        let median = median(neighbours)?;
        let limit = self.deviations * NORMAL * mad(neighbours)?;
        let above = series[index] > median;
        ((series[index] - median).abs() > limit).then_some(Outlier { median, above })
    }
}

/// A value far from its neighbours.
#[derive(Debug)]
struct Outlier {
    median: f64,
    above: bool,
}

fn side(outlier: Option<&Outlier>) -> Option<bool> {
    outlier.map(|outlier| outlier.above)
}

#[cfg(test)]
mod tests {
    use super::*;

    const HAMPEL: Hampel = Hampel {
        window: 15,
        deviations: 3.0,
        level: 3,
    };

    #[test]
    fn a_single_outlier_becomes_the_median() {
        let mut series: Vec<f64> = (0..30).map(|i| 100.0 + f64::from(i % 3)).collect();
        series[12] = 150.0;
        let filtered = HAMPEL.filter(&series);
        assert_eq!(filtered[12], 101.0);
        for index in (0..30).filter(|index| *index != 12) {
            assert_eq!(filtered[index], series[index], "{index}");
        }
    }

    #[test]
    fn a_short_level_stays_and_what_is_shorter_goes() {
        let with = |values: &[f64]| {
            let mut series: Vec<f64> = (0..30).map(|i| 100.0 + f64::from(i % 3)).collect();
            series[20..20 + values.len()].copy_from_slice(values);
            let replaced = HAMPEL.filter(&series) != series;
            (replaced, HAMPEL.filter(&series)[20])
        };
        assert_eq!(with(&[150.0, 151.0, 149.0]), (false, 150.0));
        assert_eq!(with(&[150.0, 151.0]), (true, 101.0));
        // One above and two below are no level.
        assert_eq!(with(&[150.0, 51.0, 49.0]), (true, 101.0));
    }

    #[test]
    fn a_step_stays_where_it_is() {
        let series: Vec<f64> = (0..30)
            .map(|i| if i < 15 { 100.0 } else { 120.0 } + f64::from(i % 3))
            .collect();
        assert_eq!(HAMPEL.filter(&series), series);
    }
}
