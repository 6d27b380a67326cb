// SPDX-License-Identifier: BSD-2-Clause
//! Means, deviations, medians, and Student's t-test.

use statrs::distribution::{ContinuousCDF, StudentsT};

/// By what the sum of squares is divided.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Deviation {
    /// The number of values.
    Population,
    /// One less: the estimate for what the values were drawn from.
    Sample,
}

#[expect(clippy::cast_precision_loss, reason = "far below 2^52 values")]
pub(crate) fn count(values: usize) -> f64 {
    values as f64
}

/// The mean; 0 of no value.
pub(crate) fn mean(values: &[f64]) -> f64 {
    if values.is_empty() {
        return 0.0;
    }
    values.iter().sum::<f64>() / count(values.len())
}

/// The standard deviation; 0 of fewer than two values.
pub(crate) fn deviation(values: &[f64], kind: Deviation) -> f64 {
    if values.len() < 2 {
        return 0.0;
    }
    let mean = mean(values);
    let squares: f64 = values.iter().map(|value| (value - mean).powi(2)).sum();
    let divisor = match kind {
        Deviation::Population => values.len(),
        Deviation::Sample => values.len() - 1,
    };
    (squares / count(divisor)).sqrt()
}

/// The median; `None` of no value.
#[must_use]
pub fn median(values: &[f64]) -> Option<f64> {
    let mut sorted = values.to_vec();
    let middle = sorted.len() / 2;
    let even = sorted.len().is_multiple_of(2);
    if sorted.is_empty() {
        return None;
    }
    let (below, upper, _) = sorted.select_nth_unstable_by(middle, f64::total_cmp);
    let upper = *upper;
    Some(if even {
        let lower = below.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        f64::midpoint(lower, upper)
    } else {
        upper
    })
}

/// The median absolute deviation from the median; `None` of no value.
#[must_use]
pub fn mad(values: &[f64]) -> Option<f64> {
    let middle = median(values)?;
    let distances: Vec<f64> = values.iter().map(|value| (value - middle).abs()).collect();
    median(&distances)
}

/// The two-sided p-value of Student's t-test with a pooled variance; 1 where there are too few
/// values to tell.
pub(crate) fn t_test(left: &[f64], right: &[f64], kind: Deviation) -> f64 {
    let (n, m) = (left.len(), right.len());
    if n == 0 || m == 0 || n + m <= 2 {
        return 1.0;
    }
    let freedom = count(n + m - 2);
    let squares = |values: &[f64]| count(values.len() - 1) * deviation(values, kind).powi(2);
    let variance = (squares(left) + squares(right)) / freedom;
    let error = (variance * (1.0 / count(n) + 1.0 / count(m))).sqrt();
    let difference = (mean(left) - mean(right)).abs();
    if difference == 0.0 {
        return 1.0;
    }
    if error == 0.0 {
        return 0.0;
    }
    2.0 * student(freedom).map_or(0.5, |t| t.sf(difference / error))
}

/// How many deviations away from 0 Student's distribution has `p` above it.
pub(crate) fn t_quantile(p: f64, freedom: f64) -> f64 {
    student(freedom).map_or(f64::INFINITY, |t| t.inverse_cdf(1.0 - p))
}

fn student(freedom: f64) -> Option<StudentsT> {
    StudentsT::new(0.0, 1.0, freedom).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn close(actual: f64, expected: f64) {
        assert!(
            (actual - expected).abs() <= 1e-9 * expected.abs().max(1e-9),
            "{actual} is not {expected}"
        );
    }

    #[test]
    fn medians_are_those_of_the_sorted_values() {
        assert_eq!(median(&[]), None);
        assert_eq!(median(&[3.0]), Some(3.0));
        assert_eq!(median(&[9.0, 1.0]), Some(5.0));
        assert_eq!(median(&[9.0, 1.0, 2.0]), Some(2.0));
        assert_eq!(median(&[4.0, 9.0, 1.0, 2.0]), Some(3.0));
        assert_eq!(mad(&[1.0, 2.0, 4.0, 8.0, 100.0]), Some(3.0));
    }

    #[test]
    fn deviations_divide_by_their_number() {
        let values = [2.0, 4.0, 4.0, 4.0, 5.0, 5.0, 7.0, 9.0];
        close(deviation(&values, Deviation::Population), 2.0);
        close(
            deviation(&values, Deviation::Sample),
            (32.0_f64 / 7.0).sqrt(),
        );
        close(deviation(&[5.0], Deviation::Sample), 0.0);
    }

    /// Expected: scipy.stats.ttest_ind_from_stats, 1.17.
    #[test]
    fn the_t_test_gives_the_p_of_its_tables() {
        let left = [10.1, 9.8, 10.3, 10.0, 9.9];
        let right = [10.9, 11.2, 10.7, 11.1];
        close(
            t_test(&left, &right, Deviation::Sample),
            0.000_225_398_431_751_250_42,
        );
        close(
            t_test(&left, &right, Deviation::Population),
            0.000_101_141_512_996_719_81,
        );
    }

    #[test]
    fn values_without_any_spread_differ_for_certain_or_not_at_all() {
        assert_eq!(t_test(&[1.0, 1.0], &[2.0, 2.0], Deviation::Sample), 0.0);
        assert_eq!(t_test(&[1.0, 1.0], &[1.0, 1.0], Deviation::Sample), 1.0);
        assert_eq!(t_test(&[1.0], &[2.0], Deviation::Sample), 1.0);
        assert_eq!(t_test(&[], &[2.0, 3.0], Deviation::Sample), 1.0);
    }
}
