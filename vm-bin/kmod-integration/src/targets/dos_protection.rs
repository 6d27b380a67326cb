// SPDX-License-Identifier: BSD-2-Clause
//! `live_dos`: the limits that keep readers of the device from taking the
//! machine: descriptors, time, readers at once, snapshots a second; and signals.

use std::cell::Cell;
use std::io::Write;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use nix::sys::pthread::{pthread_kill, pthread_self};
use nix::sys::signal::Signal;
use rustix::io::Errno;
use signal_hook::consts::SIGUSR1;
use tcpstats::device::{Device, DeviceError};
use tcpstats::record::Record;
use zerocopy::FromZeros;

use super::read_bench::{STAND_LIMIT, gather, scrape, tell_difference};
use super::series::{self, Ending, Evidence, Series, TestResult, demand, demand_equal};
use super::{Session, TargetError};
use crate::framework::crowd::{Crowd, Share};
use crate::framework::echo;
use crate::framework::exporter::Exporter;
use crate::framework::limits::{Counters, alone, set_limit};

/// Connections unless --connections says otherwise.
const CONNECTIONS: u32 = 100_000;
/// With fewer, a machine may list and read them within a millisecond.
const FEW_CONNECTIONS: u32 = 10_000;
/// Records of a read: 4 MiB.
const BUFFER_RECORDS: usize = (4 << 20) / 320;
/// Descriptors that are allowed.
const ROOM: u64 = 5;
/// How long a signal or another reader is waited for.
const LIMIT: Duration = Duration::from_secs(60);
/// Between two signals.
const SIGNAL_INTERVAL: Duration = Duration::from_millis(1);
/// What a test that reads everything many times may take.
const TEST_LIMIT: Duration = Duration::from_secs(180);
/// Tests of the target.
const TESTS: usize = 6;

/// Run it, with the exporter that [`super::live_all`] has.
pub(super) fn run<W: Write>(
    session: &Session<W>,
    name: &str,
    exporter: Option<&Exporter>,
) -> Result<(), TargetError> {
    series::demand_device()?;
    echo::demand(&session.options.tcp_echo)
        .map_err(|error| TargetError::Lacking(error.to_string()))?;
    let most = session.options.connections.iter().max().copied();
    let connections = most.unwrap_or(CONNECTIONS);
    Series::run(session, name, TESTS, |series| {
        series.test(
            "emfile",
            "EMFILE at max_open_fds, room after a close",
            || descriptors(session),
        )?;
        series.test("interval", "EBUSY within min_read_interval_ms", || {
            interval(session)
        })?;
        let mut crowd = None;
        series.long_test(
            "open",
            &format!("{connections} connections stand and each is read exactly once"),
            STAND_LIMIT,
            || {
                let (standing, evidence) = gather(session, connections)?;
                crowd = Some(standing);
                Ok(evidence)
            },
        )?;
        let crowd = crowd.as_ref();
        let of_crowd = |test: fn(&Session<W>, &Crowd) -> TestResult| match crowd {
            Some(crowd) => test(session, crowd),
            None => Err(Ending::Skipped(format!(
                "{connections} connections do not stand"
            ))),
        };
        let before = scrape(session, exporter)?;
        series.long_test(
            "timeout",
            "a read out of time gives a part, the following reads the rest",
            TEST_LIMIT,
            || of_crowd(out_of_time),
        )?;
        tell_difference(session, "reads out of time", exporter, before)?;
        let before = scrape(session, exporter)?;
        series.long_test(
            "eintr",
            "EINTR for a signal, and nothing is lost",
            TEST_LIMIT,
            || of_crowd(interrupted),
        )?;
        tell_difference(session, "interrupted reads", exporter, before)?;
        series.long_test(
            "ebusy",
            "EBUSY beyond max_concurrent_readers",
            TEST_LIMIT,
            || of_crowd(busy),
        )?;
        Ok(())
    })
}

/// As many as are allowed open, not one more, and one more after a close.
fn descriptors<W: Write>(session: &Session<W>) -> TestResult {
    alone(|opener| {
        let _limit = set_limit("max_open_fds", ROOM, &session.restorer)?;
        let mut open = Vec::new();
        let refusal = loop {
            match opener.open() {
                Ok(device) => open.push(device),
                Err(error) => break error,
            }
            if open.len() as u64 > ROOM {
                return Err(Ending::failed(format!(
                    "{} descriptors are open, {ROOM} are allowed",
                    open.len()
                )));
            }
        };
        demand_errno(Errno::MFILE, &refusal)?;
        let opened = open.len() as u64;
        open.pop();
        open.push(opener.open()?);
        match opener.open() {
            Ok(_) => return Err(Ending::failed("a close made room for two")),
            Err(error) => demand_errno(Errno::MFILE, &error)?,
        }
        demand_equal("descriptors", ROOM, opened)
    })
    .map(|(evidence, _)| evidence)
}

/// A new snapshot is refused, reads that go on are not, and another descriptor
/// has its own interval.
fn interval<W: Write>(session: &Session<W>) -> TestResult {
    let _limit = set_limit("min_read_interval_ms", 3_600_000, &session.restorer)?;
    let (device, other) = (Device::open_default()?, Device::open_default()?);
    let mut one = [Record::new_zeroed()];
    device.read(&mut one)?;
    device.collect()?;
    device.reset()?;
    match device.read(&mut one) {
        Ok(_) => return Err(Ending::failed("a snapshot within the interval was given")),
        Err(error) => demand_errno(Errno::BUSY, &error)?,
    }
    other.read(&mut one)?;
    let off = set_limit("min_read_interval_ms", 0, &session.restorer)?;
    device.read(&mut one)?;
    drop(off);
    Ok(Evidence::default())
}

/// Reads of a millisecond each give every socket once in the end.
fn out_of_time<W: Write>(session: &Session<W>, crowd: &Crowd) -> TestResult {
    let device = Device::open_default()?;
    let before = Counters::now()?;
    let limit = set_limit("max_read_duration_ms", 1, &session.restorer)?;
    let mut records = vec![Record::new_zeroed(); BUFFER_RECORDS];
    let first = device.read(&mut records)?;
    records.truncate(first);
    records.extend(device.collect()?);
    drop(limit);
    let grown = Counters::now()?.since(&before);
    let timed_out = grown.get("reads_timed_out");
    if timed_out == 0 && crowd.connections() < u64::from(FEW_CONNECTIONS) {
        return Err(Ending::Skipped(format!(
            "{} connections are read within a millisecond here: name more with --connections",
            crowd.connections()
        )));
    }
    demand(timed_out > 0 && first < BUFFER_RECORDS, || {
        format!("the first read gave {first} records, {timed_out} reads were out of time")
    })?;
    grown.demand_sum().map_err(Ending::failed)?;
    each_once(crowd, &records)
}

/// Signals come while everything is read, until one gave EINTR.
fn interrupted<W: Write>(session: &Session<W>, crowd: &Crowd) -> TestResult {
    let device = Device::open_default()?;
    let before = Counters::now()?;
    let heard = Arc::new(AtomicBool::new(false));
    let handler = signal_hook::flag::register(SIGUSR1, Arc::clone(&heard))
        .map_err(|error| Ending::failed(format!("failed to handle a signal: {error}")))?;
    let reader = pthread_self();
    let done = AtomicBool::new(false);
    let result = thread::scope(|scope| {
        scope.spawn(|| {
            while !done.load(Ordering::Relaxed) {
                // The thread waits for this one.
                let _ = pthread_kill(reader, Signal::SIGUSR1);
                thread::sleep(SIGNAL_INTERVAL);
            }
        });
        let result = read_until_interrupted(session, &device, crowd);
        done.store(true, Ordering::Relaxed);
        result
    });
    signal_hook::low_level::unregister(handler);
    let evidence = result?;
    let grown = Counters::now()?.since(&before);
    grown.demand_sum().map_err(Ending::failed)?;
    demand(grown.get("reads_interrupted") > 0, || {
        "no read was counted as interrupted".to_owned()
    })?;
    Ok(evidence)
}

fn read_until_interrupted<W: Write>(
    session: &Session<W>,
    device: &Device,
    crowd: &Crowd,
) -> TestResult {
    let deadline = Instant::now() + LIMIT;
    while Instant::now() < deadline && !session.cancel.is_requested() {
        device.reset()?;
        let interruptions = Cell::new(0_u64);
        let records = collect_through_signals(device, &interruptions)?;
        let evidence = each_once(crowd, &records)?;
        if interruptions.get() > 0 {
            return Ok(evidence);
        }
    }
    Err(Ending::failed(format!(
        "no read gave EINTR within {} s of signals",
        LIMIT.as_secs()
    )))
}

fn collect_through_signals(
    device: &Device,
    interruptions: &Cell<u64>,
) -> Result<Vec<Record>, Ending> {
    let mut records = Vec::new();
    let mut buffer = vec![Record::new_zeroed(); BUFFER_RECORDS];
    loop {
        match device.read(&mut buffer) {
            Ok(0) => return Ok(records),
            Ok(count) => records.extend_from_slice(&buffer[..count]),
            Err(error) => {
                demand_errno(Errno::INTR, &error)?;
                interruptions.set(interruptions.get() + 1);
            }
        }
    }
}

/// With one reader allowed, two are refused at times, and lose nothing by it.
fn busy<W: Write>(session: &Session<W>, crowd: &Crowd) -> TestResult {
    let limit = set_limit("max_concurrent_readers", 1, &session.restorer)?;
    let (one, other) = (Device::open_default()?, Device::open_default()?);
    let done = AtomicBool::new(false);
    let refused = thread::scope(|scope| {
        let rival = scope.spawn(|| read_for_ever(&one, || done.load(Ordering::Relaxed)));
        let deadline = Instant::now() + LIMIT;
        let refused = Cell::new(false);
        let result = read_until_refused(&other, &refused, || {
            Instant::now() >= deadline || session.cancel.is_requested()
        });
        done.store(true, Ordering::Relaxed);
        rival
            .join()
            .map_err(|_| Ending::failed("a reader panicked"))??;
        result.map(|()| refused.get())
    })?;
    demand(refused, || {
        format!(
            "no read gave EBUSY within {} s of two readers where one is allowed",
            LIMIT.as_secs()
        )
    })?;
    drop(limit);
    other.reset()?;
    each_once(crowd, &other.collect()?)
}

fn read_until_refused(
    device: &Device,
    refused: &Cell<bool>,
    is_over: impl Fn() -> bool,
) -> Result<(), Ending> {
    let mut buffer = vec![Record::new_zeroed(); BUFFER_RECORDS];
    while !refused.get() && !is_over() {
        match device.read(&mut buffer) {
            Ok(0) => device.reset()?,
            Ok(_) => {}
            Err(error) => {
                demand_errno(Errno::BUSY, &error)?;
                refused.set(true);
            }
        }
    }
    Ok(())
}

/// Read snapshot after snapshot, being refused at times.
fn read_for_ever(device: &Device, is_over: impl Fn() -> bool) -> Result<(), Ending> {
    let mut buffer = vec![Record::new_zeroed(); BUFFER_RECORDS];
    while !is_over() {
        match device.read(&mut buffer) {
            Ok(0) => device.reset()?,
            Ok(_) => {}
            Err(error) => demand_errno(Errno::BUSY, &error)?,
        }
    }
    Ok(())
}

fn each_once(crowd: &Crowd, records: &[Record]) -> TestResult {
    let census = crowd.demand_each_once(records)?;
    Ok(Evidence::counts(
        crowd.records(Share::ALL),
        census.listening + census.ends,
    ))
}

fn demand_errno(wanted: Errno, error: &DeviceError) -> Result<(), Ending> {
    demand(error.errno() == Some(wanted), || {
        format!("{error}, where {wanted} was to be")
    })
}
