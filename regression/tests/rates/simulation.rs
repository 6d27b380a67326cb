// SPDX-License-Identifier: BSD-2-Clause
//! Series as benchmarks give them, made up, and how often a judge is wrong about them.

use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution, StandardNormal};
use regression::median;

/// Runs before anything changes.
const STATIONARY: usize = 40;
/// Runs after a change until it must be found.
const SHIFTED: usize = 5;
/// Repetitions of which a run's point is the median.
const REPETITIONS: usize = 5;
/// Standard deviation of a repetition, relative.
const NOISE: f64 = 0.03;
/// How much more there is after a change.
const SHIFT: f64 = 1.1;

/// What disturbs a benchmark besides the normal noise of each repetition.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Noise {
    /// Nothing does.
    Gaussian,
    /// One run in twenty takes 10 to 30 % longer.
    Outliers,
    /// A run in ten is in a second mode, 6 % up: another placement of code or pages.
    Bimodal,
    /// A run's level depends on that of the run before it (0.5), within 2 %.
    Autocorrelated,
}

impl Noise {
    pub(crate) const ALL: [Self; 4] = [
        Self::Gaussian,
        Self::Outliers,
        Self::Bimodal,
        Self::Autocorrelated,
    ];

    /// `len` points about 100.
    fn series(self, len: usize, random: &mut ChaCha8Rng) -> Vec<f64> {
        let mut level = 0.0;
        (0..len)
            .map(|_| {
                let normal: f64 = StandardNormal.sample(random);
                level = 0.5 * level + normal * 0.02 * (1.0_f64 - 0.25).sqrt();
                let disturbance = match self {
                    Self::Gaussian => 1.0,
                    Self::Outliers if random.random_bool(0.05) => random.random_range(1.1..1.3),
                    Self::Bimodal if random.random_bool(0.1) => 1.06,
                    Self::Outliers | Self::Bimodal => 1.0,
                    Self::Autocorrelated => 1.0 + level,
                };
                100.0 * disturbance * point(random)
            })
            .collect()
    }
}

/// The median of some repetitions about 1.
fn point(random: &mut ChaCha8Rng) -> f64 {
    let repetitions: [f64; REPETITIONS] = std::array::from_fn(|_| {
        let normal: f64 = StandardNormal.sample(random);
        1.0 + NOISE * normal
    });
    median(&repetitions).unwrap_or(1.0)
}

/// Of so many series, in how many a judge was wrong and right.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Rates {
    /// At the last of the runs in which nothing changed.
    pub(crate) false_alarms: usize,
    /// At any of them: what one who looks after each run sees.
    pub(crate) ever_false: usize,
    pub(crate) found: usize,
}

/// Ask a judge for the places of changes: after each run of series in which nothing changed, and
/// once for each series in which something has.
pub(crate) fn rates(noise: Noise, series: usize, judge: impl Fn(&[f64]) -> Vec<usize>) -> Rates {
    let mut random = ChaCha8Rng::seed_from_u64(0x7463_7073_7461_7473);
    let mut rates = Rates {
        false_alarms: 0,
        ever_false: 0,
        found: 0,
    };
    for _ in 0..series {
        let mut points = noise.series(STATIONARY + SHIFTED, &mut random);
        let alarms = |end: usize| !judge(&points[..end]).is_empty();
        rates.false_alarms += usize::from(alarms(STATIONARY));
        rates.ever_false += usize::from((1..=STATIONARY).any(alarms));
        for point in &mut points[STATIONARY..] {
            *point *= SHIFT;
        }
        let near = STATIONARY - SHIFTED..=STATIONARY + SHIFTED;
        let found = judge(&points).iter().any(|index| near.contains(index));
        rates.found += usize::from(found);
    }
    rates
}
