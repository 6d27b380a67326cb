// SPDX-License-Identifier: BSD-2-Clause
//! E-divisive: where a piece of a series is best cut in two.

use std::ops::Range;

use crate::statistics::count;

/// A window of a series, prepared for finding cuts.
#[derive(Debug)]
pub(crate) struct Window {
    len: usize,
    /// At `row * (len + 1) + column`: the sum of the distances between each of the first `row`
    /// points and each of the first `column`.
    sums: Vec<f64>,
}

impl Window {
    pub(crate) fn new(points: &[f64]) -> Self {
        let len = points.len();
        let width = len + 1;
        let mut sums = vec![0.0; width * width];
        for (row, x) in points.iter().enumerate() {
            let mut along = 0.0;
            for (column, y) in points.iter().enumerate() {
                along += (x - y).abs();
                sums[(row + 1) * width + column + 1] = sums[row * width + column + 1] + along;
            }
        }
        Self { len, sums }
    }

    /// The sum of the distances between points of `rows` and of `columns`.
    fn distances(&self, rows: &Range<usize>, columns: &Range<usize>) -> f64 {
        let sum = |row: usize, column: usize| self.sums[row * (self.len + 1) + column];
        sum(rows.end, columns.end) - sum(rows.start, columns.end) - sum(rows.end, columns.start)
            + sum(rows.start, columns.start)
    }

    /// How far `left` and `right` are from having one distribution: the energy distance, scaled
    /// by their lengths (Matteson and James, equation 7).
    fn divergence(&self, left: &Range<usize>, right: &Range<usize>) -> f64 {
        let (n, m) = (count(left.len()), count(right.len()));
        let between = 2.0 / (n + m) * self.distances(left, right);
        // Each pair is in the sum twice.
        let within = |piece: &Range<usize>, len: f64, other: f64| {
            if piece.len() < 2 {
                return 0.0;
            }
            other / (n + m) / (len - 1.0) * self.distances(piece, piece)
        };
        between - within(left, n, m) - within(right, m, n)
    }

    /// The first point after the best cut of `piece`, and how good that is. What comes after the
    /// end of the best right side is left out of the account: it may have changed again.
    pub(crate) fn best_cut(&self, piece: &Range<usize>) -> Option<(usize, f64)> {
        let mut best: Option<(usize, f64)> = None;
        for cut in piece.start + 1..piece.end {
            for end in cut + 1..=piece.end {
                let divergence = self.divergence(&(piece.start..cut), &(cut..end));
                if best.is_none_or(|(_, known)| divergence > known) {
                    best = Some((cut, divergence));
                }
            }
        }
        best
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The definition, summed up pair by pair.
    fn divergence(left: &[f64], right: &[f64]) -> f64 {
        let (n, m) = (count(left.len()), count(right.len()));
        let between: f64 = left
            .iter()
            .flat_map(|x| right.iter().map(move |y| (x - y).abs()))
            .sum();
        let pairs = |points: &[f64]| -> f64 {
            (0..points.len())
                .flat_map(|i| (i + 1..points.len()).map(move |k| (i, k)))
                .map(|(i, k)| (points[i] - points[k]).abs())
                .sum()
        };
        let mut all = 2.0 / (n + m) * between;
        if left.len() > 1 {
            all -= 2.0 * m / (n + m) / (n - 1.0) * pairs(left);
        }
        if right.len() > 1 {
            all -= 2.0 * n / (n + m) / (m - 1.0) * pairs(right);
        }
        all
    }

    #[test]
    fn sums_give_what_the_definition_gives() {
        let points = [3.0, 1.0, 4.0, 1.0, 5.0, 9.0, 2.0, 6.0];
        let window = Window::new(&points);
        for cut in 2..7 {
            for end in cut + 1..=8 {
                let expected = divergence(&points[1..cut], &points[cut..end]);
                let actual = window.divergence(&(1..cut), &(cut..end));
                assert!((actual - expected).abs() < 1e-12, "{actual} {expected}");
            }
        }
    }

    #[test]
    fn a_step_is_cut_where_it_is() {
        let points = [1.0, 1.1, 0.9, 1.0, 5.0, 5.1, 4.9, 1.0, 1.1];
        let (cut, _) = Window::new(&points).best_cut(&(0..9)).unwrap();
        assert_eq!(cut, 4);
        assert!(Window::new(&points).best_cut(&(3..4)).is_none());
    }
}
