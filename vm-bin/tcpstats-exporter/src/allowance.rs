// SPDX-License-Identifier: BSD-2-Clause
//! How often something may be done.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// At most so many times in any window of time. A rate of 20 a second is 20 times in any second,
/// also one right after the other; one of 0.1 is once in any ten seconds.
#[derive(Debug)]
pub(crate) struct Allowance {
    times: usize,
    window: Duration,
    /// When it was last done, the oldest first; at most `times`.
    done: VecDeque<Instant>,
}

impl Allowance {
    /// A rate above 0, in times a second.
    pub(crate) fn per_second(rate: f64) -> Self {
        let times = rate.floor().max(1.0);
        Self {
            times: times as usize,
            window: Duration::from_secs_f64(times / rate),
            done: VecDeque::new(),
        }
    }

    /// Do it now.
    ///
    /// # Errors
    /// How long it has to wait; nothing is taken then.
    pub(crate) fn take(&mut self, now: Instant) -> Result<(), Duration> {
        if self.done.len() == self.times
            && let Some(&oldest) = self.done.front()
        {
            let since = now.saturating_duration_since(oldest);
            if since < self.window {
                return Err(self.window - since);
            }
            self.done.pop_front();
        }
        self.done.push_back(now);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What becomes of attempts at these milliseconds: 0, or the milliseconds to wait.
    fn waits_ms<const N: usize>(rate: f64, attempts_ms: [u64; N]) -> [u64; N] {
        let start = Instant::now();
        let mut allowance = Allowance::per_second(rate);
        attempts_ms.map(|ms| {
            let wait = allowance.take(start + Duration::from_millis(ms)).err();
            wait.map_or(0, |wait| wait.as_millis() as u64)
        })
    }

    #[test]
    fn two_a_second_are_two_in_any_second() {
        assert_eq!(
            waits_ms(2.0, [0, 0, 0, 400, 999, 1000, 1000, 1001, 2000, 2400]),
            [0, 0, 1000, 600, 1, 0, 0, 999, 0, 0]
        );
    }

    #[test]
    fn a_rate_below_one_is_once_in_a_longer_time() {
        assert_eq!(
            waits_ms(0.1, [0, 1, 9_999, 10_000, 19_999]),
            [0, 9_999, 1, 0, 1]
        );
    }

    #[test]
    fn a_broken_rate_is_kept_in_a_shorter_window() {
        assert_eq!(waits_ms(2.5, [0, 0, 799, 800]), [0, 0, 1, 0]);
    }

    #[test]
    fn twenty_a_second_may_come_at_once() {
        let mut attempts = [0; 21];
        attempts[20] = 250;
        let mut waits = [0; 21];
        waits[20] = 750;
        assert_eq!(waits_ms(20.0, attempts), waits);
    }

    #[test]
    fn over_an_hour_a_greedy_user_gets_what_the_rate_says() {
        let start = Instant::now();
        let mut allowance = Allowance::per_second(2.0);
        let taken = (0..3600 * 50)
            .filter(|step| {
                let now = start + Duration::from_millis(step * 20);
                allowance.take(now).is_ok()
            })
            .count();
        assert_eq!(taken, 7200);
    }
}
