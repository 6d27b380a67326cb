// SPDX-License-Identifier: BSD-2-Clause
//! How often each method is wrong and right, and what judging a long series costs.

#[path = "../tests/rates/simulation.rs"]
mod simulation;

use std::time::Instant;

use regression::{Change, Method};
use simulation::{Noise, rates};

const SERIES: usize = 1000;

fn main() {
    println!(
        "{:24} {:16} {:>12} {:>6} {:>7}",
        "method", "noise", "false alarms", "ever", "found"
    );
    let fixed = |points: &[f64]| {
        let Some((last, earlier)) = points.split_last() else {
            return Vec::new();
        };
        let mean = earlier.iter().sum::<f64>() / earlier.len().max(1) as f64;
        if earlier.len() >= 9 && (last / mean - 1.0).abs() > 0.1 {
            vec![40]
        } else {
            Vec::new()
        }
    };
    let robust = Method::robust();
    let hunter = Method::hunter(50, 0.001, 0.05);
    for noise in Noise::ALL {
        table("robust", noise, |points| indexes(&robust.changes(points)));
        table("hunter", noise, |points| indexes(&hunter.changes(points)));
        table("fixed", noise, fixed);
    }
    let series: Vec<f64> = (0..10_000)
        .map(|i| f64::from(100 + i * 7919 % 13 + i / 500 % 2 * 20))
        .collect();
    let start = Instant::now();
    let found = robust.changes(&series).len();
    println!(
        "10,000 points: {found} changes in {:.3} s",
        start.elapsed().as_secs_f64()
    );
}

fn indexes(changes: &[Change]) -> Vec<usize> {
    changes.iter().map(|change| change.index).collect()
}

fn table(method: &str, noise: Noise, judge: impl Fn(&[f64]) -> Vec<usize>) {
    let rates = rates(noise, SERIES, judge);
    let share = |count: usize| count as f64 / SERIES as f64;
    println!(
        "{method:24} {:16} {:12.3} {:6.3} {:7.3}",
        format!("{noise:?}"),
        share(rates.false_alarms),
        share(rates.ever_false),
        share(rates.found)
    );
}
