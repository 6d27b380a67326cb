// SPDX-License-Identifier: BSD-2-Clause
//! From proposals to changes: windows propose, a merge pass keeps what stands.

use std::ops::Range;

use crate::change::Change;
use crate::divisive::Window;
use crate::hampel::Hampel;
use crate::statistics::Deviation;
use crate::suspect::MIN_MAGNITUDE;

/// What a change has to have besides its significance.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Demands {
    /// A change's magnitude is larger than this, and
    pub min_magnitude: f64,
    /// than so many times the noise about it.
    pub min_noises: f64,
    /// Points at either side, at least.
    pub min_side: usize,
    /// Points of the series, at least.
    pub min_points: usize,
}

/// A way to find the changes of a series.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Method {
    /// What is done about outliers before anything else, for the analysis alone.
    pub hampel: Option<Hampel>,
    /// Points of the windows that propose; each begins half a window after the one before.
    pub window: usize,
    /// A change has a smaller p-value than this.
    pub max_p: f64,
    /// Standard deviations are those of this kind.
    pub deviation: Deviation,
    /// What else a change must have.
    pub demands: Demands,
    /// Which statistics are made anew when the merge pass removed a proposal: of the one after it
    /// and of the next one, as the published program does; or of its neighbours at both sides.
    pub published_merge: bool,
}

impl Method {
    /// What regressions are judged by.
    #[must_use]
    pub fn robust() -> Self {
        Self {
            hampel: Some(Hampel {
                window: 15,
                deviations: 3.0,
                level: 3,
            }),
            window: 50,
            max_p: 0.001,
            deviation: Deviation::Sample,
            demands: Demands {
                min_magnitude: MIN_MAGNITUDE,
                min_noises: 2.0,
                min_side: 3,
                min_points: 10,
            },
            published_merge: false,
        }
    }

    /// The published method with its three settings.
    #[must_use]
    pub fn hunter(window: usize, max_p: f64, min_magnitude: f64) -> Self {
        Self {
            hampel: None,
            window,
            max_p,
            deviation: Deviation::Population,
            demands: Demands {
                min_magnitude,
                min_noises: 0.0,
                min_side: 1,
                min_points: 0,
            },
            published_merge: true,
        }
    }

    /// The changes of the series, in its order.
    #[must_use]
    pub fn changes(&self, series: &[f64]) -> Vec<Change> {
        if series.len() < self.demands.min_points {
            return Vec::new();
        }
        let filtered = self.hampel.map(|hampel| hampel.filter(series));
        let series = filtered.as_deref().unwrap_or(series);
        let proposals = self.propose(series);
        self.merge(series, proposals)
    }

    /// Whether a change that was found at `before` is the one that is found at `now`: more points
    /// may move it, by less than what two changes are apart.
    #[must_use]
    pub fn is_same(&self, before: usize, now: usize) -> bool {
        before.abs_diff(now) < self.demands.min_side
    }

    /// The weaker p-value that a proposal needs: it is judged by its window alone, and again when
    /// all are known.
    fn weak_p(&self) -> f64 {
        match self.max_p {
            p if p < 0.05 => p * 10.0,
            p if p < 0.5 => p * 2.0,
            p => p,
        }
    }

    /// Where windows over the series find changes, in its order.
    fn propose(&self, series: &[f64]) -> Vec<usize> {
        let mut proposals = Vec::new();
        let mut start = 0;
        while start < series.len() {
            let end = (start + self.window).min(series.len());
            let cuts = self.cuts(&series[start..end]);
            proposals.extend(cuts.iter().map(|cut| start + cut));
            // The next window begins at a change where there is one: it shall see one level.
            let last = cuts.last().map_or(0, |cut| start + cut);
            start = last.max(start + (self.window / 2).max(1));
        }
        proposals.sort_unstable();
        proposals.dedup();
        proposals
    }

    /// Cut the points in two, the better piece again, until the best cut is not significant.
    fn cuts(&self, points: &[f64]) -> Vec<usize> {
        let window = Window::new(points);
        let whole = 0..points.len();
        let mut pieces = vec![whole];
        loop {
            let best = pieces
                .iter()
                .enumerate()
                .filter_map(|(place, piece)| {
                    let (cut, divergence) = window.best_cut(piece)?;
                    Some((place, cut, divergence))
                })
                .reduce(|best, next| if next.2 > best.2 { next } else { best });
            let Some((place, cut, _)) = best else { break };
            let (before, after) = (pieces[place].start..cut, cut..pieces[place].end);
            let change = Change::between(points, before.clone(), after.clone(), self.deviation);
            if change.p > self.weak_p() {
                break;
            }
            pieces.splice(place..=place, [before, after]);
        }
        pieces.iter().skip(1).map(|piece| piece.start).collect()
    }

    /// Remove the weakest proposal, until all that are left meet the demands.
    fn merge(&self, series: &[f64], proposals: Vec<usize>) -> Vec<Change> {
        let mut kept = proposals;
        let mut changes: Vec<Change> = (0..kept.len())
            .map(|place| self.change(series, &kept, place))
            .collect();
        while let Some(weakest) = self.weakest(&changes) {
            kept.remove(weakest);
            changes.remove(weakest);
            let stale = if self.published_merge {
                weakest..weakest + 2
            } else {
                weakest.saturating_sub(1)..weakest + 1
            };
            for (place, change) in changes.iter_mut().enumerate() {
                if stale.contains(&place) {
                    *change = self.change(series, &kept, place);
                }
            }
        }
        changes
    }

    /// The change at `kept[place]`, between its neighbours.
    fn change(&self, series: &[f64], kept: &[usize], place: usize) -> Change {
        let start = if place == 0 { 0 } else { kept[place - 1] };
        let end = kept.get(place + 1).copied().unwrap_or(series.len());
        let (before, after): (Range<usize>, _) = (start..kept[place], kept[place]..end);
        Change::between(series, before, after, self.deviation)
    }

    /// The place of the change to give up next, if any: one with a short side, else the least
    /// significant, else the smallest.
    fn weakest(&self, changes: &[Change]) -> Option<usize> {
        let short = first_least(changes, Change::shorter_side)?;
        if changes[short].shorter_side() < self.demands.min_side {
            return Some(short);
        }
        let doubtful = first_least(changes, |change| -change.p)?;
        if changes[doubtful].p >= self.max_p {
            return Some(doubtful);
        }
        let small = first_least(changes, |change| change.magnitude() - self.limit(change))?;
        (changes[small].magnitude() <= self.limit(&changes[small])).then_some(small)
    }

    /// The magnitude that a change has to exceed.
    fn limit(&self, change: &Change) -> f64 {
        let noises = self.demands.min_noises * change.noise;
        self.demands.min_magnitude.max(noises)
    }
}

/// The place of the first change with the least value.
fn first_least<T: PartialOrd>(changes: &[Change], value: impl Fn(&Change) -> T) -> Option<usize> {
    changes
        .iter()
        .map(value)
        .enumerate()
        .reduce(|least, next| if next.1 < least.1 { next } else { least })
        .map(|(place, _)| place)
}
