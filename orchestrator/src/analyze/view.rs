// SPDX-License-Identifier: BSD-2-Clause
//! The verdict on a series, as a program and a person read it.

use std::io::{self, Write};

use regression::{Change, Suspicion};
use serde::Serialize;

use super::series::Series;
use crate::projection::text::{count, percent, probability};

/// What was found, by the names of the points.
#[derive(Debug, Serialize)]
pub(super) struct Verdict {
    points: usize,
    changes: Vec<FoundChange>,
    /// Whether the last point calls for measuring again.
    suspect: Option<Suspect>,
}

#[derive(Debug, Serialize)]
struct FoundChange {
    /// Of the first point after the change, from 0.
    index: usize,
    time: String,
    /// How much more there is after it, relative; `None` where there was nothing before.
    ratio: Option<f64>,
    p: f64,
    before: Side,
    after: Side,
}

#[derive(Debug, Serialize)]
struct Side {
    points: usize,
    mean: f64,
    deviation: f64,
}

#[derive(Debug, Serialize)]
struct Suspect {
    time: String,
    actual: f64,
    expected: f64,
    tolerance: f64,
}

impl Verdict {
    pub(super) fn new(series: &Series, changes: &[Change], suspicion: Option<Suspicion>) -> Self {
        let side = |side: &regression::Side| Side {
            points: side.points.len(),
            mean: side.mean,
            deviation: side.deviation,
        };
        Self {
            points: series.values.len(),
            changes: changes
                .iter()
                .map(|change| FoundChange {
                    index: change.index,
                    time: series.name(change.index),
                    ratio: (change.before.mean != 0.0).then(|| change.ratio()),
                    p: change.p,
                    before: side(&change.before),
                    after: side(&change.after),
                })
                .collect(),
            suspect: suspicion.map(|suspicion| Suspect {
                time: series.name(series.values.len().saturating_sub(1)),
                actual: suspicion.actual,
                expected: suspicion.expected,
                tolerance: suspicion.tolerance,
            }),
        }
    }

    /// A line a change, and one about the last point if it is suspect.
    ///
    /// # Errors
    /// What writing gives.
    pub(super) fn write(&self, out: &mut impl Write) -> io::Result<()> {
        let points = count(self.points, "point");
        match self.changes.len() {
            0 => writeln!(out, "no change in {points}")?,
            changes => writeln!(out, "{} in {points}", count(changes, "change"))?,
        }
        for change in &self.changes {
            writeln!(
                out,
                "  at {}: {}, {} ± {} over {} points, then {} ± {} over {} ({})",
                change.time,
                change.ratio.map_or("from 0".to_owned(), percent),
                short(change.before.mean),
                short(change.before.deviation),
                change.before.points,
                short(change.after.mean),
                short(change.after.deviation),
                change.after.points,
                probability(change.p),
            )?;
        }
        if let Some(suspect) = &self.suspect {
            writeln!(
                out,
                "  the last point, {}, is suspect: {}, expected {} ± {}; measure again",
                suspect.time,
                short(suspect.actual),
                short(suspect.expected),
                short(suspect.tolerance),
            )?;
        }
        Ok(())
    }
}

/// A number with four digits that matter.
fn short(number: f64) -> String {
    if number == 0.0 || !(1e-4..1e7).contains(&number.abs()) {
        return format!("{number:.3e}").replace("0.000e0", "0");
    }
    let whole = number.abs().log10().floor();
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "from 0 to 7"
    )]
    let digits = (3.0 - whole).max(0.0) as usize;
    format!("{number:.digits$}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_keep_the_digits_that_matter() {
        let texts = [0.0, 123.456, 1.0, 0.012_345, 98_765.4, 1.5e9, -2.5].map(short);
        assert_eq!(
            texts,
            [
                "0", "123.5", "1.000", "0.01235", "98765", "1.500e9", "-2.500"
            ]
        );
    }
}
