// SPDX-License-Identifier: BSD-2-Clause
//! Real connections on loopback.

use std::collections::BTreeSet;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::mpsc::{Sender, channel};
use std::thread::{self, JoinHandle};

use tcpstats::record::Record;

use crate::raised_descriptor_limit;

/// Local and remote address.
pub type Tuple = (SocketAddr, SocketAddr);

/// The ends of each record, each of which must be there once.
pub fn tuples<'a>(records: impl IntoIterator<Item = &'a Record>) -> BTreeSet<Tuple> {
    let mut count = 0;
    let set: BTreeSet<_> = records
        .into_iter()
        .inspect(|_| count += 1)
        .map(|record| (record.local(), record.remote()))
        .collect();
    assert_eq!(set.len(), count, "each socket once");
    set
}

/// Real connections on loopback, all to one listener.
pub struct Connections {
    /// The one that all go to.
    pub listener: TcpListener,
    clients: Vec<TcpStream>,
    servers: Vec<TcpStream>,
}

impl Connections {
    /// `count` connections, of two descriptors each.
    pub fn new(count: usize) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a listener");
        let addr = listener.local_addr().expect("its address");
        let (clients, servers) = (0..count)
            .map(|_| {
                let client = TcpStream::connect(addr).expect("a connection");
                (client, listener.accept().expect("its other end").0)
            })
            .unzip();
        Self {
            listener,
            clients,
            servers,
        }
    }

    /// What the device is to report of them: two sockets a connection, and the listener.
    pub fn tuples(&self) -> BTreeSet<Tuple> {
        let listening = (self.listener.local_addr().expect("its address"), anywhere());
        self.clients
            .iter()
            .chain(&self.servers)
            .map(|s| {
                (
                    s.local_addr().expect("local"),
                    s.peer_addr().expect("remote"),
                )
            })
            .chain([listening])
            .collect()
    }
}

/// The remote address of a listener.
pub fn anywhere() -> SocketAddr {
    SocketAddr::from(([0, 0, 0, 0], 0))
}

/// More connections than one table of descriptors may hold: on threads that have one each.
pub struct Crowd {
    /// As [`Connections::tuples`], of all.
    pub tuples: BTreeSet<Tuple>,
    /// The ports of the listeners.
    pub ports: Vec<u16>,
    holders: Vec<(Sender<()>, JoinHandle<()>)>,
}

impl Crowd {
    /// `count` connections.
    pub fn new(count: usize) -> Self {
        let share = raised_descriptor_limit() / 2 - 128;
        let mut crowd = Self {
            tuples: BTreeSet::new(),
            ports: Vec::new(),
            holders: Vec::new(),
        };
        let mut left = count;
        while left > 0 {
            let part = left.min(share);
            left -= part;
            let (end, ended) = channel::<()>();
            let (report, reported) = channel();
            let holder = thread::spawn(move || {
                own_table_of_descriptors();
                let connections = Connections::new(part);
                report.send(connections.tuples()).expect("somebody waits");
                // Until the other end is dropped.
                let _ = ended.recv();
            });
            crowd.holders.push((end, holder));
            let tuples = reported.recv().expect("the connections stand");
            crowd.ports.extend(
                tuples
                    .iter()
                    .filter(|t| t.1 == anywhere())
                    .map(|t| t.0.port()),
            );
            crowd.tuples.extend(tuples);
        }
        crowd
    }
}

impl Drop for Crowd {
    fn drop(&mut self) {
        for (end, holder) in self.holders.drain(..) {
            drop(end);
            // Its panic, if any, has failed the test already.
            let _ = holder.join();
        }
    }
}

/// Give this thread a table of descriptors of its own that holds no more than the standard
/// streams: a copy of another test's device in it would keep that device open.
#[expect(unsafe_code, reason = "no crate of ours has close_range(2)")]
fn own_table_of_descriptors() {
    let flags = libc::CLOSE_RANGE_UNSHARE as libc::c_int;
    // SAFETY: what is closed is in the new table only, and this thread owns none of it.
    let result = unsafe { libc::close_range(3, libc::c_uint::MAX, flags) };
    assert_eq!(result, 0, "{}", std::io::Error::last_os_error());
}
