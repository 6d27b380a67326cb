// SPDX-License-Identifier: BSD-2-Clause
//! How a series stands: which of its changes are for the worse, and what became of them.

use crate::change::Change;
use crate::method::Method;
use crate::suspect::{Expectation, MIN_MAGNITUDE, Suspicion, suspicion};

/// Which way the values of a series get worse.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Worse {
    /// More is worse, as of times.
    Up,
    /// Less is worse, as of rates.
    Down,
}

impl Worse {
    /// Whether a relative difference is one for the worse: 0.1 is ten per cent more.
    #[must_use]
    pub fn is(self, ratio: f64) -> bool {
        match self {
            Self::Up => ratio > 0.0,
            Self::Down => ratio < 0.0,
        }
    }

    /// Whether `level` is about as good as `reference`, or better: no worse by a size that counts.
    fn is_as_good(self, level: f64, reference: f64) -> bool {
        let room = MIN_MAGNITUDE * reference.abs();
        match self {
            Self::Up => level <= reference + room,
            Self::Down => level >= reference - room,
        }
    }
}

/// What a change is to whoever looks after the series.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// It is for the better.
    Improved,
    /// It is for the worse, and nobody said that this is known.
    Confirmed,
    /// It is for the worse, and a person knows.
    Acknowledged,
    /// It was for the worse, and a later change took it back.
    Recovered,
}

/// A change and how it stands.
#[derive(Debug, Clone, PartialEq)]
pub struct JudgedChange {
    /// The change.
    pub change: Change,
    /// How it stands.
    pub standing: Standing,
}

/// How a series as a whole stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// Nothing is to be said of it.
    Stable,
    /// Its last point is not what the others let expect.
    Suspect,
    /// It got worse, and nobody said that this is known.
    Confirmed,
    /// It got worse, and a person knows.
    Acknowledged,
    /// It got worse once, and is as good as before.
    Recovered,
    /// Its last change is for the better.
    Improved,
}

/// All that is found in a series.
#[derive(Debug, Clone, PartialEq)]
pub struct Judgement {
    /// Its changes, in its order.
    pub changes: Vec<JudgedChange>,
    /// What makes its last point suspect, if it is.
    pub suspicion: Option<Suspicion>,
    /// What its next point is to be.
    pub next: Option<Expectation>,
}

impl Judgement {
    /// Judge `series`, which gets worse as `worse` says, by `method`. A person knows of the changes
    /// at the points `acknowledged`.
    #[must_use]
    pub fn of(series: &[f64], worse: Worse, method: &Method, acknowledged: &[usize]) -> Self {
        let changes = method.changes(series);
        let suspicion = suspicion(series, &changes);
        let next = Expectation::after(series, &changes);
        let is_known = |change: &Change| {
            let is_it = |known: &usize| method.is_same(*known, change.index);
            acknowledged.iter().any(is_it)
        };
        let standing = |place: usize, change: &Change| {
            let recovers = |later: &Change| worse.is_as_good(later.after.mean, change.before.mean);
            if !worse.is(change.after.mean - change.before.mean) {
                Standing::Improved
            } else if changes[place + 1..].iter().any(recovers) {
                Standing::Recovered
            } else if is_known(change) {
                Standing::Acknowledged
            } else {
                Standing::Confirmed
            }
        };
        let standings: Vec<Standing> = changes
            .iter()
            .enumerate()
            .map(|(place, change)| standing(place, change))
            .collect();
        let changes = changes
            .into_iter()
            .zip(standings)
            .map(|(change, standing)| JudgedChange { change, standing })
            .collect();
        Self {
            changes,
            suspicion,
            next,
        }
    }

    /// How the series stands. What alarms comes first: a suspect last point is told before what is
    /// known or over.
    #[must_use]
    pub fn state(&self) -> State {
        match self.principal().map(|judged| judged.standing) {
            Some(Standing::Confirmed) => State::Confirmed,
            _ if self.suspicion.is_some() => State::Suspect,
            Some(Standing::Acknowledged) => State::Acknowledged,
            Some(Standing::Recovered) => State::Recovered,
            Some(Standing::Improved) if self.has(Standing::Recovered) => State::Recovered,
            Some(Standing::Improved) => State::Improved,
            None => State::Stable,
        }
    }

    /// The change that the state is about: the last confirmed one, else the last acknowledged one,
    /// else the last of all.
    #[must_use]
    pub fn principal(&self) -> Option<&JudgedChange> {
        [Standing::Confirmed, Standing::Acknowledged]
            .into_iter()
            .find_map(|wanted| {
                self.changes
                    .iter()
                    .rfind(|judged| judged.standing == wanted)
            })
            .or_else(|| self.changes.last())
    }

    fn has(&self, standing: Standing) -> bool {
        self.changes
            .iter()
            .any(|judged| judged.standing == standing)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Ten points about each level, one up and down.
    fn series(levels: &[f64]) -> Vec<f64> {
        let about = |level: &f64| {
            let level = *level;
            (0..10).map(move |i| level + f64::from(i % 3) - 1.0)
        };
        levels.iter().flat_map(about).collect()
    }

    fn judged(levels: &[f64], worse: Worse, known: &[usize]) -> (State, Vec<(usize, Standing)>) {
        let judgement = Judgement::of(&series(levels), worse, &Method::robust(), known);
        let changes = judgement.changes.iter();
        let standings = changes.map(|judged| (judged.change.index, judged.standing));
        (judgement.state(), standings.collect())
    }

    #[test]
    fn what_is_worse_depends_on_the_unit() {
        let (state, changes) = judged(&[100.0, 120.0], Worse::Up, &[]);
        assert_eq!(state, State::Confirmed);
        assert_eq!(changes, [(10, Standing::Confirmed)]);
        let (state, changes) = judged(&[100.0, 120.0], Worse::Down, &[]);
        assert_eq!(state, State::Improved);
        assert_eq!(changes, [(10, Standing::Improved)]);
        assert_eq!(
            judged(&[100.0, 100.0], Worse::Up, &[]),
            (State::Stable, vec![])
        );
    }

    #[test]
    fn an_acknowledged_change_may_move_a_little() {
        for (known, state) in [
            (7, State::Confirmed),
            (8, State::Acknowledged),
            (10, State::Acknowledged),
            (12, State::Acknowledged),
            (13, State::Confirmed),
        ] {
            assert_eq!(
                judged(&[100.0, 120.0], Worse::Up, &[known]).0,
                state,
                "{known}"
            );
        }
        // The next one is not known of.
        let (state, changes) = judged(&[100.0, 120.0, 150.0], Worse::Up, &[10]);
        assert_eq!(state, State::Confirmed);
        assert_eq!(
            changes,
            [(10, Standing::Acknowledged), (20, Standing::Confirmed)]
        );
    }

    #[test]
    fn only_a_way_back_to_the_old_level_recovers() {
        use Standing::{Confirmed, Improved, Recovered};
        let up = |levels: &[f64]| judged(levels, Worse::Up, &[]);
        assert_eq!(
            up(&[100.0, 130.0, 103.0]),
            (State::Recovered, vec![(10, Recovered), (20, Improved)])
        );
        assert_eq!(
            up(&[100.0, 130.0, 115.0]),
            (State::Confirmed, vec![(10, Confirmed), (20, Improved)])
        );
        // Back to between: the second one is over, the first one is not.
        let changes = vec![(10, Confirmed), (20, Recovered), (30, Improved)];
        assert_eq!(
            up(&[100.0, 120.0, 150.0, 121.0]),
            (State::Confirmed, changes)
        );
        // What comes after the recovery is a change of its own.
        let changes = vec![(10, Recovered), (20, Improved), (30, Confirmed)];
        assert_eq!(
            up(&[100.0, 130.0, 100.0, 130.0]),
            (State::Confirmed, changes)
        );
    }

    #[test]
    fn a_suspect_point_is_told_unless_something_is_confirmed() {
        let mut points = series(&[100.0, 120.0]);
        points.push(140.0);
        let state =
            |known: &[usize]| Judgement::of(&points, Worse::Up, &Method::robust(), known).state();
        assert_eq!(state(&[]), State::Confirmed);
        assert_eq!(state(&[10]), State::Suspect);
    }
}
