// SPDX-License-Identifier: BSD-2-Clause
//! The published method gives what its authors' program gives.

use regression::Method;

/// A line of `published.txt`.
enum Line {
    Series { method: Method, values: Vec<f64> },
    Change { index: usize, numbers: [f64; 3] },
}

/// How many of each there are.
const SERIES: usize = 60;
const CHANGES: usize = 96;

fn lines() -> impl Iterator<Item = Line> {
    include_str!("published.txt")
        .lines()
        .filter(|line| !line.starts_with('#'))
        .map(|line| {
            let mut words = line.split(' ');
            let kind = words.next();
            let numbers: Vec<f64> = words.filter_map(|word| word.parse().ok()).collect();
            match kind {
                Some("series") => Line::Series {
                    method: Method::hunter(whole(numbers[0]), numbers[1], numbers[2]),
                    values: numbers[3..].to_vec(),
                },
                _ => Line::Change {
                    index: whole(numbers[0]),
                    numbers: [numbers[1], numbers[2], numbers[3]],
                },
            }
        })
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "small whole numbers"
)]
fn whole(number: f64) -> usize {
    number as usize
}

#[test]
fn every_series_has_the_changes_that_the_published_program_finds() {
    let mut found = Vec::new().into_iter();
    let (mut series, mut changes) = (0, 0);
    for line in lines() {
        match line {
            Line::Series { method, values } => {
                assert!(found.next().is_none(), "too many in series {series}");
                found = method.changes(&values).into_iter();
                series += 1;
            }
            Line::Change { index, numbers } => {
                let change = found.next().expect("a change");
                assert_eq!(change.index, index, "series {series}");
                let actual = [change.before.mean, change.after.mean, change.p];
                for (actual, expected) in actual.into_iter().zip(numbers) {
                    assert!(
                        (actual - expected).abs() <= 1e-7 * expected.abs(),
                        "series {series}: {actual} is not {expected}"
                    );
                }
                changes += 1;
            }
        }
    }
    assert!(found.next().is_none(), "too many in the last");
    assert_eq!((series, changes), (SERIES, CHANGES));
}
