// SPDX-License-Identifier: BSD-2-Clause
//! What a scrape costs beside the bare read of the same sockets, both from the same tcpstatsd, one
//! after the other. Root, /dev/fuse and a tcpstatsd of the same profile are needed.
#![expect(clippy::expect_used, reason = "a benchmark whose means fail, fails")]

#[path = "../tests/it/support.rs"]
#[expect(dead_code, reason = "the tests use more of it")]
mod support;

use std::ops::ControlFlow;
use std::time::{Duration, Instant};

use tcpstats::device::Device;
use tcpstats::filter::Filter;
use test_host::{Crowd, Daemon};

use support::{OFTEN, with_daemon, with_exporter};

const SAMPLES: usize = 15;
/// As the exporter reads: 1 MiB, and the fields that it needs.
const READ_RECORDS: usize = (1 << 20) / 320;
const FILTER: &str = "fields=state,congestion,rtt,counters,buffers";

fn main() {
    for connections in [500, 5_000, 50_000] {
        with_daemon(|daemon| {
            let fixture = Crowd::new(connections);
            measure(daemon, fixture.tuples.len());
        });
    }
}

fn measure(daemon: &Daemon, sockets: usize) {
    let (mut bare, mut scrapes) = (Vec::new(), Vec::new());
    let mut memory_kb = (0, 0);
    with_exporter(daemon, OFTEN, |exporter| {
        let before = exporter.memory_kb("VmRSS");
        for _ in 0..SAMPLES {
            bare.push(timed(|| assert_eq!(read(daemon), sockets)));
            scrapes.push(timed(|| {
                let page = exporter.scrape();
                assert_eq!(page.get("tcpstats_sockets_total"), sockets as f64);
            }));
        }
        memory_kb = (before, exporter.memory_kb("VmHWM"));
    });
    let (bare, scrape) = (median(&mut bare), median(&mut scrapes));
    let ratio = scrape.as_secs_f64() / bare.as_secs_f64();
    println!(
        "{sockets:6} sockets: bare read {:6.1} ms, scrape {:6.1} ms, ratio {ratio:.2}; \
         exporter's memory {} kB idle, {} kB at most",
        bare.as_secs_f64() * 1e3,
        scrape.as_secs_f64() * 1e3,
        memory_kb.0,
        memory_kb.1
    );
}

/// Open, read all, close, as any reader does; gives the number of records.
fn read(daemon: &Daemon) -> usize {
    let device: Device = daemon.open();
    let filter = Filter::parse(FILTER).expect("a filter");
    device.set_filter(&filter).expect("set");
    let mut records = 0;
    device
        .for_each(READ_RECORDS, |_| {
            records += 1;
            ControlFlow::Continue(())
        })
        .expect("records");
    records
}

fn timed(work: impl FnOnce()) -> Duration {
    let start = Instant::now();
    work();
    start.elapsed()
}

fn median(samples: &mut [Duration]) -> Duration {
    samples.sort();
    samples[samples.len() / 2]
}
