// SPDX-License-Identifier: BSD-2-Clause
//! `live_soak`: connections stand for a long time, and the device is read again
//! and again: nothing dies, nothing is lost, and no memory or descriptor with it.

use std::io::Write;
use std::ops::ControlFlow;
use std::thread;
use std::time::{Duration, Instant};

use tcpstats::device::{Device, DeviceError};
use tcpstats::sysctl::{ACTIVE_FDS, Sysctl};

use super::read_bench::{STAND_LIMIT, gather_with};
use super::series::{self, Ending, Evidence, Series, TestResult, demand, demand_equal};
use super::{Session, TargetError};
use crate::framework::crowd::{Crowd, Share};
use crate::framework::echo;
use crate::framework::limits::Counters;
use crate::framework::module;

/// Connections unless --connections says otherwise.
const CONNECTIONS: u32 = 1000;
/// Bytes that each of them sends a second.
const RATE: u32 = 16;
/// How long it goes on unless --duration says otherwise.
const DURATION: Duration = Duration::from_secs(3600);
/// Health checks are a sixtieth of the duration apart, within these bounds.
const CYCLES: u32 = 60;
const CYCLE: (Duration, Duration) = (Duration::from_millis(500), Duration::from_secs(60));
/// Fewer cycles than this have no trend.
const CYCLES_MIN: u32 = 4;
/// Records of the buffers that each cycle reads through, opening the device for
/// each.
const BUFFER_RECORDS: [usize; 4] = [1, 64, 1024, 13_107];
/// How far the number of sockets may be from that of the connections' ends.
const TOLERANCE_PERCENT: u64 = 10;
/// Growth over the whole soak that is none: a part of what is held, but at least
/// so many bytes, by which an allocator may vary.
const GROWTH_PERCENT: f64 = 10.0;
const GROWTH_BYTES: f64 = (1 << 20) as f64;
/// Samples that a trend is taken of; a longer soak is thinned out to these.
const TREND_SAMPLES: usize = 1000;
/// How often a wait looks whether the run is to stop.
const LOOK: Duration = Duration::from_millis(20);
/// What the device may take to count a closed descriptor.
const CLOSE_LIMIT: Duration = Duration::from_secs(5);

/// For as long as the options say.
pub(super) fn run<W: Write>(session: &Session<W>, name: &str) -> Result<(), TargetError> {
    run_for(session, name, session.options.duration.unwrap_or(DURATION))
}

/// For this long.
pub(super) fn run_for<W: Write>(
    session: &Session<W>,
    name: &str,
    duration: Duration,
) -> Result<(), TargetError> {
    series::demand_device()?;
    echo::demand(&session.options.tcp_echo)
        .map_err(|error| TargetError::Lacking(error.to_string()))?;
    let connections = session.options.connections.first().copied();
    let (cycles, interval) = pace(duration);
    Series::run(session, name, 3 + cycles as usize, |series| {
        let mut soak = None;
        series.long_test(
            "open",
            "the connections stand and each is read exactly once",
            STAND_LIMIT,
            || {
                let connections = connections.unwrap_or(CONNECTIONS);
                let (crowd, evidence) = gather_with(session, connections, RATE)?;
                soak = Some(Soak::begin(crowd)?);
                Ok(evidence)
            },
        )?;
        let begun = Instant::now();
        for cycle in 1..=cycles {
            wait_until(session, begun + interval * cycle);
            series.test(
                &format!("cycle-{cycle:04}"),
                "all live, all are read, what was opened is closed",
                || standing(&mut soak)?.check(),
            )?;
        }
        series.test("memory", "no memory grows from cycle to cycle", || {
            standing(&mut soak)?.demand_no_growth()
        })?;
        series.test("closed", "as many closes as opens", || {
            standing(&mut soak)?.demand_closed()
        })?;
        Ok(())
    })
}

/// How many cycles, and how far apart.
fn pace(duration: Duration) -> (u32, Duration) {
    let interval = (duration / CYCLES).clamp(CYCLE.0, CYCLE.1);
    let cycles = duration.as_nanos().div_ceil(interval.as_nanos());
    let cycles = u32::try_from(cycles).unwrap_or(u32::MAX);
    (cycles.max(CYCLES_MIN), interval)
}

fn wait_until<W: Write>(session: &Session<W>, instant: Instant) {
    while !session.cancel.is_requested() {
        let left = instant.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return;
        }
        thread::sleep(left.min(LOOK));
    }
}

fn standing(soak: &mut Option<Soak>) -> Result<&mut Soak, Ending> {
    soak.as_mut()
        .ok_or_else(|| Ending::Skipped("the connections do not stand".to_owned()))
}

/// What goes on.
struct Soak {
    crowd: Crowd,
    /// The device's process, where one serves it.
    server: Option<u32>,
    before: Counters,
    active_fds: u64,
    opens: u64,
    /// Memory of the device after each cycle, bytes.
    memory: Vec<f64>,
}

impl Soak {
    fn begin(crowd: Crowd) -> Result<Self, Ending> {
        Ok(Self {
            crowd,
            server: module::serving_process(),
            before: Counters::now()?,
            active_fds: Sysctl::new().get_u64(ACTIVE_FDS)?,
            opens: 0,
            memory: Vec::new(),
        })
    }

    /// One cycle.
    fn check(&mut self) -> TestResult {
        demand(self.crowd.is_alive(), || {
            "a process of tcp-echo has ended".to_owned()
        })?;
        let server = module::serving_process();
        demand(server == self.server, || {
            format!(
                "the device was served by process {:?} and is by {server:?}",
                self.server
            )
        })?;
        let expected = self.crowd.records(Share::ALL);
        let mut last = 0;
        for buffer_records in BUFFER_RECORDS {
            last = self.count(buffer_records)?;
            self.opens += 1;
            demand(
                last.abs_diff(expected) * 100 <= expected * TOLERANCE_PERCENT,
                || format!("{last} sockets were given, {expected} stand"),
            )?;
        }
        self.demand_active_fds()?;
        if let Some(bytes) = module::memory_bytes()? {
            self.memory.push(bytes as f64);
        }
        Ok(Evidence::counts(expected, last))
    }

    fn count(&self, buffer_records: usize) -> Result<u64, DeviceError> {
        let mut count = 0;
        Device::open_default()?.for_each(buffer_records, |record| {
            count += u64::from(self.crowd.servers().have(record));
            ControlFlow::Continue(())
        })?;
        Ok(count)
    }

    /// Other programs' descriptors come and go; in the end there are as many as
    /// at first.
    fn demand_active_fds(&self) -> Result<(), Ending> {
        let deadline = Instant::now() + CLOSE_LIMIT;
        loop {
            let active = Sysctl::new().get_u64(ACTIVE_FDS)?;
            if active == self.active_fds {
                return Ok(());
            }
            if Instant::now() >= deadline {
                return Err(Ending::failed(format!(
                    "{active} descriptors of the device are open, at first it was {}",
                    self.active_fds
                )));
            }
            thread::sleep(LOOK);
        }
    }

    fn demand_no_growth(&self) -> TestResult {
        // The first cycle fills what later ones use again.
        let samples = self.memory.get(1..).unwrap_or_default();
        if samples.len() < 2 {
            return Err(Ending::Skipped(
                "the memory of what serves the device cannot be seen".to_owned(),
            ));
        }
        let growth = growth(samples);
        let bound = GROWTH_BYTES.max(median(samples.to_vec()) * GROWTH_PERCENT / 100.0);
        demand(growth <= bound, || {
            format!(
                "the device's memory grew by {growth:.0} bytes in {} cycles, {bound:.0} are no \
                 growth",
                samples.len()
            )
        })?;
        Ok(Evidence::default())
    }

    /// An exporter may open the device, too; what it opens it closes.
    fn demand_closed(&self) -> TestResult {
        self.demand_active_fds()?;
        let now = Counters::now()?;
        let grown = now.since(&self.before);
        grown.demand_sum().map_err(Ending::failed)?;
        let opens = grown.get("opens_total");
        demand(opens >= self.opens, || {
            format!(
                "{opens} opens are counted, {} were of this test",
                self.opens
            )
        })?;
        let closes = (opens + self.active_fds).saturating_sub(now.get(ACTIVE_FDS));
        demand_equal("closes", opens, closes)
    }
}

/// By how much a series grows from its first sample to its last: the Theil–Sen
/// estimate, which a few outliers do not move.
fn growth(samples: &[f64]) -> f64 {
    let step = samples.len().div_ceil(TREND_SAMPLES).max(1);
    let points: Vec<(f64, f64)> = samples
        .iter()
        .enumerate()
        .step_by(step)
        .map(|(at, sample)| (at as f64, *sample))
        .collect();
    let slopes = points.iter().enumerate().flat_map(|(index, from)| {
        points[index + 1..]
            .iter()
            .map(move |to| (to.1 - from.1) / (to.0 - from.0))
    });
    median(slopes.collect()) * (samples.len() - 1) as f64
}

/// 0 of nothing.
fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    let middle = values.len() / 2;
    match values.len() {
        0 => 0.0,
        odd if odd % 2 == 1 => values[middle],
        _ => f64::midpoint(values[middle - 1], values[middle]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn checks_are_a_sixtieth_of_the_duration_apart_within_bounds() {
        let seconds = Duration::from_secs;
        assert_eq!(pace(seconds(3600)), (60, seconds(60)));
        assert_eq!(pace(seconds(600)), (60, seconds(10)));
        assert_eq!(pace(seconds(86_400)), (1440, seconds(60)));
        assert_eq!(pace(seconds(3)), (6, CYCLE.0));
        assert_eq!(pace(Duration::ZERO), (CYCLES_MIN, CYCLE.0));
    }

    #[test]
    fn a_steady_growth_is_seen_through_outliers() {
        let mut samples: Vec<f64> = (0..50).map(|at| 1000.0 + 10.0 * f64::from(at)).collect();
        assert_eq!(growth(&samples), 490.0);
        samples[7] = 1e9;
        samples[30] = 0.0;
        let seen = growth(&samples);
        assert!((seen - 490.0).abs() < 1.0, "{seen}");
    }

    #[test]
    fn noise_and_a_few_outliers_are_no_growth() {
        let mut samples: Vec<f64> = (0..60).map(|at| 1e6 + f64::from(at % 2)).collect();
        samples[59] = 1e9;
        assert!(growth(&samples).abs() < 60.0);
        let long: Vec<f64> = (0..5000).map(f64::from).collect();
        assert_eq!(growth(&long), 4999.0);
    }
}
