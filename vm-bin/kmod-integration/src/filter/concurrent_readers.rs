// SPDX-License-Identifier: BSD-2-Clause
//! Category H: several descriptors read at once, each with its own filter, over
//! connections that other processes hold.

use std::sync::Barrier;
use std::thread;

use tcpstats::device::Device;
use tcpstats::record::State;

use super::model::{Filter, Socket};
use super::{Case, Ending, Lab, TestResult};
use crate::framework::check::{self, Seen};
use crate::framework::echo::{Echo, EchoError};
use crate::framework::loopback::{V4_A, V4_B, V4_C, V6_A, V6_B};

/// Connections that each of the two tcp-echo pairs holds.
const CONNECTIONS: usize = 100;
/// Snapshots that each reader takes.
const ROUNDS: usize = 5;

pub(super) fn cases() -> Vec<Case> {
    vec![
        Case::new("four readers with the same filter", |lab| {
            let load = Load::start(lab)?;
            let filter = load.filters().swap_remove(0);
            load.read(lab, &vec![Reader::new(lab, filter); 4])
        }),
        Case::new("eight readers with different filters", |lab| {
            let load = Load::start(lab)?;
            let readers: Vec<Reader> = load
                .filters()
                .into_iter()
                .map(|filter| Reader::new(lab, filter))
                .collect();
            load.read(lab, &readers)
        }),
        Case::new("eight readers with different filters and buffers", |lab| {
            let load = Load::start(lab)?;
            let readers: Vec<Reader> = [1, 2, 3, 7, 50, 201, 500, 2000]
                .into_iter()
                .zip(load.filters())
                .map(|(buffer_records, filter)| Reader {
                    buffer_records,
                    filter,
                })
                .collect();
            load.read(lab, &readers)
        }),
    ]
}

#[derive(Clone)]
struct Reader {
    buffer_records: usize,
    filter: Filter,
}

impl Reader {
    fn new(lab: &Lab, filter: Filter) -> Self {
        Self {
            buffer_records: lab.buffer_records,
            filter,
        }
    }
}

/// A tcp-echo pair of each IP version.
struct Load {
    v4: Echo,
    v6: Echo,
    sockets: Vec<Socket>,
}

impl Load {
    fn start(lab: &Lab) -> Result<Self, EchoError> {
        let start = |host, source| {
            let (cancel, restorer) = (&lab.cancel, &lab.restorer);
            Echo::start(&lab.tcp_echo, host, source, CONNECTIONS, cancel, restorer)
        };
        let v4 = start(V4_A, V4_B)?;
        let v6 = start(V6_A, V6_B)?;
        let device = Device::open_default().map_err(check::ReadError::from)?;
        let mut sockets = v4.sockets(&device, lab.buffer_records)?;
        sockets.extend(v6.sockets(&device, lab.buffer_records)?);
        Ok(Self { v4, v6, sockets })
    }

    /// Eight filters that match different parts of the load; the last none of it.
    fn filters(&self) -> Vec<Filter> {
        let (v4, v6) = (self.v4.at(), self.v6.at());
        vec![
            Filter::new()
                .local_ports([v4.port()])
                .exclude([State::Listen]),
            Filter::new().remote_ports([v4.port()]),
            Filter::new().local_ports([v6.port(), v4.port()]),
            Filter::new().remote_addr(v6.ip()),
            Filter::new().local_addr(V4_B).include([State::Established]),
            Filter::new()
                .include([State::Listen])
                .local_ports([v4.port(), v6.port()]),
            Filter::new().local_addr(V6_B).remote_ports([v6.port()]),
            Filter::new().local_addr(V4_C).remote_ports([v4.port()]),
        ]
    }

    /// Let all readers read at once; the counts are those of all together.
    fn read(&self, lab: &Lab, readers: &[Reader]) -> TestResult {
        let start = Barrier::new(readers.len());
        let sockets = &self.sockets;
        let results: Vec<TestResult> = thread::scope(|scope| {
            let threads: Vec<_> = readers
                .iter()
                .map(|reader| scope.spawn(|| read_rounds(lab, sockets, reader, &start)))
                .collect();
            threads
                .into_iter()
                .map(|thread| {
                    thread
                        .join()
                        .unwrap_or_else(|_| Err(Ending::failed("a reader panicked")))
                })
                .collect()
        });
        let filters: Vec<String> = readers.iter().map(|r| r.filter.to_string()).collect();
        let mut total = Seen::nothing(filters.join(" | "));
        for result in results {
            total.add(&result?);
        }
        Ok(total)
    }
}

fn read_rounds(lab: &Lab, sockets: &[Socket], reader: &Reader, start: &Barrier) -> TestResult {
    // Every reader comes to the barrier, whatever happened to it before.
    let opened = Device::open_default();
    start.wait();
    let device = opened?;
    let mut total = Seen::nothing(reader.filter.to_string());
    for _ in 0..ROUNDS {
        if lab.cancel.is_requested() {
            return Err(Ending::failed("interrupted"));
        }
        let records = check::read_filtered(&device, &reader.filter, reader.buffer_records)?;
        total.add(&check::compare(&reader.filter, sockets, &records)?);
    }
    Ok(total)
}
