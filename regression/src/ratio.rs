// SPDX-License-Identifier: BSD-2-Clause
//! How many times as large one set of repetitions is as another, and how sure that is.

use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

use crate::statistics::median;

/// Repetitions that say something, at least.
pub const MIN_REPETITIONS: usize = 5;
/// Of such intervals, this share has the true ratio in it.
const CONFIDENCE: f64 = 0.99;
/// How often both sets are drawn again.
const RESAMPLES: usize = 4000;
/// The same repetitions give the same interval.
const SEED: u64 = 0x7463_7073_7461_7473;

/// A ratio of medians with its interval.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Ratio {
    /// Median of the second set through that of the first.
    pub ratio: f64,
    /// Lower end of the 99 % interval.
    pub low: f64,
    /// Upper end of the 99 % interval.
    pub high: f64,
}

impl Ratio {
    /// The ratio of `candidate`'s median to `base`'s, with the interval of a percentile bootstrap:
    /// both sets are drawn again from themselves, many times. `None` where either has fewer than
    /// [`MIN_REPETITIONS`] values, or one that is not above 0.
    ///
    /// What all repetitions of one set have in common, such as the machine's mood of that day, is
    /// in no such interval: one set a side tells a large difference from noise, not a small one.
    #[must_use]
    pub fn of_medians(base: &[f64], candidate: &[f64]) -> Option<Self> {
        let is_usable =
            |set: &[f64]| set.len() >= MIN_REPETITIONS && set.iter().all(|value| *value > 0.0);
        if !is_usable(base) || !is_usable(candidate) {
            return None;
        }
        let mut random = ChaCha8Rng::seed_from_u64(SEED);
        let mut ratios = (0..RESAMPLES)
            .map(|_| {
                let below = resampled_median(base, &mut random)?;
                Some(resampled_median(candidate, &mut random)? / below)
            })
            .collect::<Option<Vec<f64>>>()?;
        ratios.sort_unstable_by(f64::total_cmp);
        let tail = (1.0 - CONFIDENCE) / 2.0;
        Some(Self {
            ratio: median(candidate)? / median(base)?,
            low: share_below(&ratios, tail),
            high: share_below(&ratios, 1.0 - tail),
        })
    }

    /// How much more the second set is, where that is sure and at least `min_magnitude`: 0.1 is
    /// ten per cent more.
    #[must_use]
    pub fn difference(&self, min_magnitude: f64) -> Option<f64> {
        let is_sure = self.low > 1.0 || self.high < 1.0;
        let magnitude = self.ratio.max(1.0 / self.ratio) - 1.0;
        (is_sure && magnitude >= min_magnitude).then_some(self.ratio - 1.0)
    }
}

fn resampled_median(set: &[f64], random: &mut ChaCha8Rng) -> Option<f64> {
    let drawn: Vec<f64> = set
        .iter()
        .map(|_| set[random.random_range(0..set.len())])
        .collect();
    median(&drawn)
}

/// The value that the share `p` of `sorted`, which has some, is at or below.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::cast_precision_loss,
    reason = "a place in a list of some thousands"
)]
fn share_below(sorted: &[f64], p: f64) -> f64 {
    let place = ((sorted.len() - 1) as f64 * p).round() as usize;
    sorted[place]
}

#[cfg(test)]
mod tests {
    use super::*;

    const BASE: [f64; 7] = [100.0, 101.0, 99.0, 102.0, 98.0, 100.5, 99.5];

    fn times(factor: f64) -> Vec<f64> {
        BASE.iter().map(|value| value * factor).collect()
    }

    #[test]
    fn a_ratio_is_that_of_the_medians_within_its_interval() {
        let ratio = Ratio::of_medians(&BASE, &times(1.2)).unwrap();
        assert!((ratio.ratio - 1.2).abs() < 1e-12);
        // No median of repetitions drawn again is beyond the repetitions.
        assert!(1.2 * 98.0 / 102.0 <= ratio.low && ratio.low < 1.2);
        assert!(1.2 < ratio.high && ratio.high <= 1.2 * 102.0 / 98.0);
        assert_eq!(Ratio::of_medians(&BASE, &times(1.2)), Some(ratio));
    }

    #[test]
    fn a_difference_is_sure_and_large_enough_or_none() {
        let difference = |factor, least| {
            let ratio = Ratio::of_medians(&BASE, &times(factor)).unwrap();
            ratio.difference(least)
        };
        let close = |actual: Option<f64>, wanted: f64| {
            assert!((actual.unwrap() - wanted).abs() < 1e-12, "{actual:?}");
        };
        close(difference(1.2, 0.05), 0.2);
        close(difference(0.8, 0.05), -0.2);
        assert_eq!(difference(1.0, 0.0), None);
        assert_eq!(difference(1.045, 0.05), None);
        // Halving is as large as doubling.
        close(difference(0.5, 0.9), -0.5);
        let noisy = [50.0, 150.0, 60.0, 160.0, 110.0];
        let ratio = Ratio::of_medians(&BASE, &noisy).unwrap();
        assert_eq!(ratio.difference(0.05), None);
    }

    #[test]
    fn few_repetitions_and_none_above_nothing_have_no_ratio() {
        assert_eq!(Ratio::of_medians(&BASE, &BASE[..4]), None);
        assert_eq!(Ratio::of_medians(&BASE[..4], &BASE), None);
        assert_eq!(Ratio::of_medians(&[0.0; 5], &BASE), None);
        assert_eq!(Ratio::of_medians(&BASE, &[-1.0; 5]), None);
    }
}
