// SPDX-License-Identifier: BSD-2-Clause
//! Many sockets: each once, through any buffer, with time running out and signals coming in, in
//! bounded memory.

use std::collections::BTreeSet;
use std::fs;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use nix::sys::pthread::{pthread_kill, pthread_self};
use nix::sys::signal::Signal;
use rustix::io::Errno;
use tcpstats::device::Device;
use tcpstats::filter::Filter;
use tcpstats::record::Record;
use zerocopy::FromZeros;

use crate::support::{Crowd, DEADLINE, Daemon, Tuple, eventually, tuples, with_daemon};

/// Records that one read can give: FUSE splits at 1 MiB, or some bytes less where the buffer does
/// not begin at a page's start.
const READ_RECORDS: usize = (1 << 20) / 320;

/// Read on to the end through a buffer of `records`.
fn collect(device: &Device, records: usize) -> BTreeSet<Tuple> {
    let mut all = Vec::new();
    device
        .for_each(records, |record| {
            all.push(*record);
            std::ops::ControlFlow::Continue(())
        })
        .expect("records");
    tuples(&all)
}

/// A field of the daemon's /proc/PID/status, kB.
fn memory_kb(daemon: &Daemon, field: &str) -> u64 {
    let status = fs::read_to_string(format!("/proc/{}/status", daemon.pid())).expect("status");
    status
        .lines()
        .find_map(|line| line.strip_prefix(field)?.strip_prefix(':'))
        .and_then(|rest| rest.split_whitespace().next()?.parse().ok())
        .expect("a number of kB")
}

#[test]
fn a_hundred_thousand_sockets_are_read_each_once_in_bounded_memory() {
    with_daemon(|daemon| {
        let fixture = Crowd::new(50_000);
        let expected = &fixture.tuples;
        assert_eq!(expected.len(), 100_000 + fixture.ports.len());
        let device = daemon.open();
        for records in [1, 3, 128, READ_RECORDS, 4 * READ_RECORDS] {
            device.reset().expect("reset");
            assert!(
                collect(&device, records) == *expected,
                "through {records} records"
            );
        }
        daemon.assert_counters_add_up();
        assert_eq!(daemon.number("sockets_visited"), 5 * expected.len() as u64);
        assert_eq!(daemon.number("reads_timed_out"), 0);

        // As sockets/mod.rs states: 21 MB for a snapshot, and its growing takes as much again.
        let most = memory_kb(daemon, "VmHWM");
        assert!(most < 80_000, "{most} kB at most");
        let others: Vec<_> = (0..4).map(|_| daemon.open()).collect();
        let begin = |device: &Device| {
            let mut one = [Record::new_zeroed()];
            assert_eq!(device.read(&mut one).expect("a snapshot"), 1);
        };
        // All at once, from many of the daemon's threads.
        thread::scope(|scope| {
            for other in &others {
                scope.spawn(|| begin(other));
            }
        });
        assert!(
            memory_kb(daemon, "VmRSS") > 50_000,
            "four snapshots are kept"
        );
        for other in &others {
            assert_eq!(collect(other, READ_RECORDS).len(), expected.len() - 1);
        }
        let left = memory_kb(daemon, "VmRSS");
        assert!(
            left < 20_000,
            "exhausted snapshots are freed, and {left} kB are left"
        );
    });
}

#[test]
fn a_read_out_of_time_returns_what_it_has_and_the_next_goes_on() {
    with_daemon(|daemon| {
        let fixture = Crowd::new(10_000);
        let device = daemon.open();
        daemon.set("max_read_duration_ms", 1);
        let mut buffer = vec![Record::new_zeroed(); READ_RECORDS];
        // Listing 20,001 sockets alone takes longer than that.
        let first = device.read(&mut buffer).expect("a partial result");
        assert!((1..READ_RECORDS).contains(&first), "{first} records");
        assert_eq!(daemon.number("reads_timed_out"), 1);
        let mut all = buffer[..first].to_vec();
        all.extend(device.collect().expect("the rest"));
        assert!(tuples(&all) == fixture.tuples);
        daemon.assert_counters_add_up();
        // 0 is no limit.
        daemon.set("max_read_duration_ms", 0);
        device.reset().expect("reset");
        let full = device.read(&mut buffer[..1000]).expect("a full buffer");
        assert_eq!(full, 1000);
    });
}

#[test]
fn a_read_out_of_time_that_found_nothing_yet_goes_on_to_a_record() {
    with_daemon(|daemon| {
        let fixture = Crowd::new(10_000);
        let device = daemon.open();
        let filter = Filter::parse("include_state=listen").expect("a filter");
        device.set_filter(&filter).expect("set");
        daemon.set("max_read_duration_ms", 1);
        let listening = device.collect().expect("records");
        assert_eq!(listening.len(), fixture.ports.len());
        assert_eq!(daemon.number("sockets_skipped_state"), 20_000);
    });
}

#[test]
fn a_signal_ends_a_read_and_loses_nothing() {
    with_daemon(|daemon| {
        let fixture = Crowd::new(10_000);
        let expected = &fixture.tuples;
        let device = daemon.open();
        let seen = Arc::new(AtomicBool::new(false));
        signal_hook::flag::register(signal_hook::consts::SIGUSR1, Arc::clone(&seen))
            .expect("a handler");
        let reader = pthread_self();
        let done = AtomicBool::new(false);
        let interrupted = thread::scope(|scope| {
            scope.spawn(|| {
                while !done.load(Ordering::Relaxed) {
                    pthread_kill(reader, Signal::SIGUSR1).expect("sent");
                    thread::sleep(Duration::from_micros(200));
                }
            });
            let mut interrupted = 0;
            let result = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
                eventually("EINTR", || {
                    device.reset().expect("reset");
                    let (records, interruptions) = collect_through_signals(&device);
                    interrupted += interruptions;
                    assert!(tuples(&records) == *expected);
                    (interruptions > 0).then_some(())
                });
            }));
            done.store(true, Ordering::Relaxed);
            result
                .map(|()| interrupted)
                .unwrap_or_else(|panic| std::panic::resume_unwind(panic))
        });
        assert!(seen.load(Ordering::Relaxed));
        // Others ended with a partial result.
        assert!(daemon.number("reads_interrupted") >= interrupted);
        daemon.assert_counters_add_up();
    });
}

fn collect_through_signals(device: &Device) -> (Vec<Record>, u64) {
    let (mut records, mut interrupted) = (Vec::new(), 0);
    let mut buffer = vec![Record::new_zeroed(); READ_RECORDS];
    loop {
        match device.read(&mut buffer) {
            Ok(0) => return (records, interrupted),
            Ok(count) => records.extend_from_slice(&buffer[..count]),
            Err(error) => {
                assert_eq!(error.errno(), Some(Errno::INTR));
                interrupted += 1;
            }
        }
    }
}

#[test]
fn more_than_the_allowed_readers_at_once_are_busy() {
    with_daemon(|daemon| {
        let fixture = Crowd::new(10_000);
        daemon.set("max_concurrent_readers", 1);
        let (one, other) = (daemon.open(), daemon.open());
        let done = AtomicBool::new(false);
        thread::scope(|scope| {
            let endless = scope.spawn(|| {
                let mut buffer = vec![Record::new_zeroed(); READ_RECORDS];
                let mut busy = 0u64;
                while !done.load(Ordering::Relaxed) {
                    match one.read(&mut buffer) {
                        Ok(0) => one.reset().expect("reset"),
                        Ok(_) => {}
                        Err(error) => {
                            assert_eq!(error.errno(), Some(Errno::BUSY));
                            busy += 1;
                        }
                    }
                }
                busy
            });
            let start = std::time::Instant::now();
            let mut buffer = vec![Record::new_zeroed(); READ_RECORDS];
            let mut refused = None;
            while refused.is_none() && start.elapsed() < DEADLINE {
                match other.read(&mut buffer) {
                    Ok(0) => other.reset().expect("reset"),
                    Ok(_) => {}
                    Err(error) => refused = error.errno(),
                }
            }
            done.store(true, Ordering::Relaxed);
            endless.join().expect("no other error");
            assert_eq!(refused, Some(Errno::BUSY));
        });
        other.reset().expect("reset");
        assert!(tuples(&other.collect().expect("alone")) == fixture.tuples);
        daemon.assert_counters_add_up();
    });
}

#[test]
fn many_readers_at_once_see_the_same_sockets() {
    with_daemon(|daemon| {
        let fixture = Crowd::new(2_000);
        let expected = &fixture.tuples;
        let devices: Vec<_> = (0..16).map(|_| daemon.open()).collect();
        thread::scope(|scope| {
            for (index, device) in devices.iter().enumerate() {
                scope.spawn(move || assert!(collect(device, 1 + index * 40) == *expected));
            }
        });
        daemon.assert_counters_add_up();
        assert_eq!(daemon.number("records_emitted"), 16 * expected.len() as u64);
    });
}
