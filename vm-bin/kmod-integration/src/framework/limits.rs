// SPDX-License-Identifier: BSD-2-Clause
//! The device's counters as differences, and its limits as changes that are put
//! back.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use tcpstats::device::{Device, DeviceError};
use tcpstats::sysctl::{ACTIVE_FDS, Sysctl, SysctlError};

use super::restore::{Guard, Restorer};

/// Names of the reasons for which a socket is not reported begin with this.
const SKIPPED: &str = "sockets_skipped_";
/// How long a moment is waited for in which nobody else reads the device.
const QUIET_LIMIT: Duration = Duration::from_secs(20);
/// How often it is looked for.
const LOOK: Duration = Duration::from_millis(5);

/// The device's numbers at a moment, or how they have grown between two.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Counters(BTreeMap<String, u64>);

impl Counters {
    /// As they are now. Each is read by itself, so they are read until none has
    /// changed meanwhile: then they are of one moment.
    ///
    /// # Errors
    /// The device's.
    pub(crate) fn now() -> Result<Self, SysctlError> {
        let read = || Sysctl::new().counters().map(Self);
        let deadline = Instant::now() + QUIET_LIMIT;
        let mut last = read()?;
        loop {
            let now = read()?;
            if now == last || Instant::now() >= deadline {
                return Ok(now);
            }
            last = now;
        }
    }

    /// How they have grown since `before`; of one that has shrunk, 0.
    pub(crate) fn since(&self, before: &Self) -> Self {
        let grown = |(name, now): (&String, &u64)| {
            let growth = now.saturating_sub(before.get(name));
            (name.clone(), growth)
        };
        Self(self.0.iter().map(grown).collect())
    }

    /// One of them; 0 where the device has none of this name.
    pub(crate) fn get(&self, name: &str) -> u64 {
        self.0.get(name).copied().unwrap_or_default()
    }

    /// The reasons for which sockets were not reported, with their numbers.
    pub(crate) fn skipped(&self) -> impl Iterator<Item = (&str, u64)> {
        self.0
            .iter()
            .filter_map(|(name, number)| Some((name.strip_prefix(SKIPPED)?, *number)))
    }

    /// Demand that visited = emitted + the sum of skipped.
    ///
    /// # Errors
    /// The equation with its numbers.
    pub(crate) fn demand_sum(&self) -> Result<(), String> {
        let (visited, emitted) = (self.get("sockets_visited"), self.get("records_emitted"));
        let skipped: u64 = self.skipped().map(|(_, number)| number).sum();
        if visited == emitted + skipped {
            return Ok(());
        }
        let reasons: Vec<String> = self
            .skipped()
            .map(|(reason, number)| format!("{reason} {number}"))
            .collect();
        Err(format!(
            "{visited} sockets visited, {emitted} emitted and {skipped} skipped ({})",
            reasons.join(", ")
        ))
    }
}

/// Opens the device for a test and counts how often.
#[derive(Default)]
pub(crate) struct Opener(AtomicU64);

impl Opener {
    /// Open the device.
    ///
    /// # Errors
    /// The device's.
    pub(crate) fn open(&self) -> Result<Device, DeviceError> {
        let device = Device::open_default()?;
        self.0.fetch_add(1, Ordering::Relaxed);
        Ok(device)
    }
}

/// Run `test` while nobody else has the device open, again where somebody had:
/// an exporter may be scraped at any time. Gives what it gave, and by how much
/// the counters have grown by it. Where others read all the time, that is what
/// the counters show.
///
/// # Errors
/// The test's, and those of reading the counters.
pub(crate) fn alone<T, E: From<SysctlError>>(
    mut test: impl FnMut(&Opener) -> Result<T, E>,
) -> Result<(T, Counters), E> {
    let deadline = Instant::now() + QUIET_LIMIT;
    loop {
        let before = Counters::now()?;
        if before.get(ACTIVE_FDS) > 0 && Instant::now() < deadline {
            thread::sleep(LOOK);
            continue;
        }
        let opener = Opener::default();
        let result = test(&opener);
        let grown = Counters::now()?.since(&before);
        let is_alone = grown.get("opens_total") == opener.0.load(Ordering::Relaxed);
        if is_alone || Instant::now() >= deadline {
            return result.map(|result| (result, grown));
        }
    }
}

/// Set a limit; it is what it was when the guard is dropped.
///
/// # Errors
/// The device's.
pub(crate) fn set_limit(
    name: &'static str,
    value: u64,
    restorer: &Restorer,
) -> Result<Guard, SysctlError> {
    let sysctl = Sysctl::new();
    let before = sysctl.get(name)?;
    let guard = restorer.guard(move || {
        Sysctl::new()
            .set(name, &before)
            .map_err(|error| error.to_string())
    });
    sysctl.set(name, &value.to_string())?;
    Ok(guard)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counters(pairs: &[(&str, u64)]) -> Counters {
        Counters(
            pairs
                .iter()
                .map(|(name, number)| ((*name).to_owned(), *number))
                .collect(),
        )
    }

    #[test]
    fn the_sum_is_demanded_of_the_growth() {
        let before = counters(&[
            ("sockets_visited", 10),
            ("records_emitted", 10),
            ("sockets_skipped_port", 0),
            ("sockets_skipped_addr", 0),
        ]);
        let mut after = counters(&[
            ("sockets_visited", 17),
            ("records_emitted", 12),
            ("sockets_skipped_port", 4),
            ("sockets_skipped_addr", 1),
        ]);
        let grown = after.since(&before);
        assert_eq!(grown.demand_sum(), Ok(()));
        assert_eq!(grown.get("sockets_visited"), 7);
        after.0.insert("sockets_skipped_addr".to_owned(), 2);
        assert_eq!(
            after.since(&before).demand_sum().unwrap_err(),
            "7 sockets visited, 2 emitted and 6 skipped (addr 2, port 4)"
        );
    }
}
