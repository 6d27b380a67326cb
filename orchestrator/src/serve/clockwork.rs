// SPDX-License-Identifier: BSD-2-Clause
//! When the schedule's entries are due. What was missed, while the machine
//! slept or its clock jumped, is not caught up with: it would only pile up.

use chrono::{DateTime, Utc};
use croner::Cron;
use jiff::Timestamp;

use super::config::Entry;

/// The entries and their next times.
#[derive(Debug)]
pub(super) struct Clockwork {
    entries: Vec<(Entry, Option<Timestamp>)>,
    last: Timestamp,
}

impl Clockwork {
    /// From `now` on.
    pub(super) fn new(entries: Vec<Entry>, now: Timestamp) -> Self {
        let entries = entries.into_iter().map(|entry| {
            let next = next(&entry.times, now);
            (entry, next)
        });
        Self {
            entries: entries.collect(),
            last: now,
        }
    }

    /// The entries that are due at `now`, with their numbers.
    pub(super) fn due(&mut self, now: Timestamp) -> Vec<(usize, Entry)> {
        let was_set_back = now < self.last;
        self.last = now;
        let mut due = Vec::new();
        for (number, (entry, at)) in self.entries.iter_mut().enumerate() {
            let is_due = at.is_some_and(|at| at <= now);
            if is_due {
                due.push((number, entry.clone()));
            }
            if is_due || was_set_back {
                *at = next(&entry.times, now);
            }
        }
        due
    }

    /// Each entry with its next time.
    pub(super) fn entries(&self) -> impl Iterator<Item = (&Entry, Option<Timestamp>)> {
        self.entries.iter().map(|(entry, next)| (entry, *next))
    }
}

/// The first of `times` after that moment; `None` for one that never comes, such as the 30th of February.
pub(super) fn next(times: &Cron, after: Timestamp) -> Option<Timestamp> {
    let after: DateTime<Utc> = DateTime::from_timestamp(after.as_second(), 0)?;
    let next = times.find_next_occurrence(&after, false).ok()?;
    Timestamp::from_second(next.timestamp()).ok()
}

#[cfg(test)]
mod tests {
    use super::super::wanted::Wanted;
    use super::*;

    fn at(time: &str) -> Timestamp {
        format!("2026-11-23T{time}Z").parse().unwrap()
    }

    fn clockwork(cron: &str, now: Timestamp) -> Clockwork {
        let entry = Entry {
            cron: cron.into(),
            times: cron.parse().unwrap(),
            wanted: Wanted::default(),
        };
        Clockwork::new(vec![entry], now)
    }

    fn next_of(clockwork: &Clockwork) -> Option<Timestamp> {
        clockwork.entries().next().unwrap().1
    }

    #[test]
    fn an_entry_is_due_once_at_its_time() {
        let mut clockwork = clockwork("30 3 * * *", at("03:29:59"));
        assert!(clockwork.due(at("03:29:59")).is_empty());
        assert_eq!(clockwork.due(at("03:30:00")).len(), 1);
        assert!(clockwork.due(at("03:30:00.5")).is_empty());
        assert!(clockwork.due(at("23:59:59")).is_empty());
        let tomorrow: Timestamp = "2026-11-24T03:30:00Z".parse().unwrap();
        assert_eq!(next_of(&clockwork), Some(tomorrow));
    }

    #[test]
    fn what_was_missed_is_due_once() {
        let mut clockwork = clockwork("*/10 * * * *", at("03:00:00"));
        assert_eq!(clockwork.due(at("05:01:00")).len(), 1);
        assert_eq!(next_of(&clockwork), Some(at("05:10:00")));
    }

    #[test]
    fn a_clock_that_is_set_back_makes_nothing_late() {
        let mut clockwork = clockwork("*/10 * * * *", at("05:01:00"));
        assert!(clockwork.due(at("03:00:30")).is_empty());
        assert_eq!(next_of(&clockwork), Some(at("03:10:00")));
    }

    #[test]
    fn a_time_that_never_comes_is_never_due() {
        assert_eq!(next_of(&clockwork("0 0 30 2 *", at("03:00:00"))), None);
    }
}
