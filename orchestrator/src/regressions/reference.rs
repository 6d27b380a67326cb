// SPDX-License-Identifier: BSD-2-Clause
//! Samples set beside the reference: work that is the same from run to run, so
//! that what it takes tells how slow the machine was at that moment.

use crate::projection::state::{median, relative};

/// What the reference usually takes, nanoseconds: the middle of the runs' own
/// middles, each run given as its samples and the reference beside them. `None`
/// where no run has it.
pub(super) fn typical<'a>(runs: impl Iterator<Item = (&'a [f64], &'a [f64])>) -> Option<f64> {
    let medians: Vec<f64> = runs
        .filter(|(samples, reference)| relative(samples, reference).is_some())
        .filter_map(|(_, reference)| median(reference))
        .collect();
    median(&medians)
}

/// What `samples` would have been had the reference taken `typical`; themselves
/// where it was not measured.
pub(super) fn adjusted(samples: &[f64], reference: &[f64], typical: Option<f64>) -> Vec<f64> {
    match (relative(samples, reference), typical) {
        (Some(relative), Some(typical)) => relative.iter().map(|part| part * typical).collect(),
        _ => samples.to_vec(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_it_usually_takes_is_that_of_most_runs() {
        let runs: [(&[f64], &[f64]); 4] = [
            (&[1.0, 1.0, 1.0], &[240.0, 250.0, 900.0]),
            (&[1.0], &[260.0]),
            (&[1.0], &[700.0]),
            // Of no use: one is missing.
            (&[1.0, 1.0], &[1.0]),
        ];
        assert_eq!(typical(runs.into_iter()), Some(260.0));
        assert_eq!(typical(runs.into_iter().skip(3)), None);
    }

    #[test]
    fn samples_are_freed_of_how_slow_the_machine_was_each_time() {
        let samples = [10.0, 30.0, 20.0];
        let reference = [100.0, 300.0, 250.0];
        assert_eq!(
            adjusted(&samples, &reference, Some(200.0)),
            [20.0, 20.0, 16.0]
        );
        assert_eq!(adjusted(&samples, &reference, None), samples);
        assert_eq!(adjusted(&samples, &reference[1..], Some(200.0)), samples);
    }
}
