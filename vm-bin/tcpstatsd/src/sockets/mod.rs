// SPDX-License-Identifier: BSD-2-Clause
//! The host's TCP sockets: what a snapshot holds, from `NETLINK_SOCK_DIAG`.

mod dump;
mod fill;
mod tcp_info;

use std::fs;
use std::net::IpAddr;

use tcpstats::core::Socket;
use tcpstats::filter::Filter;
use tcpstats::record::State;

pub(crate) use dump::DumpError;
use tcp_info::Info;

/// What of a socket is kept from the snapshot to the read: with 100,000 sockets some 20 MB for
/// each descriptor that is in the middle of a snapshot, so at most max_open_fds times that.
#[derive(Clone, Debug)]
pub(crate) struct Entry {
    /// The kernel's socket cookie: unique, the same in every dump, and not given out again. It
    /// is the generation count of the record.
    cookie: u64,
    local_addr: IpAddr,
    remote_addr: IpAddr,
    local_port: u16,
    remote_port: u16,
    state: State,
    /// A request that waits for its handshake's last segment: there is no socket yet.
    half_open: bool,
    uid: u32,
    timer: Timer,
    /// Bytes to be read and bytes to be sent or acknowledged.
    queued: (u32, u32),
    /// Bytes that the receive and the send buffer may hold.
    buffer_limits: (u32, u32),
    /// Name of the congestion control algorithm, NUL-padded.
    congestion: [u8; 16],
    info: Info,
}

const _: () = assert!(size_of::<Entry>() <= 208);

/// The timer that runs, with its milliseconds left.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Timer {
    None,
    Retransmit(u32),
    KeepAlive(u32),
    TimeWait(u32),
    Persist(u32),
}

impl Entry {
    pub(crate) fn socket(&self) -> Socket {
        Socket {
            gencnt: self.cookie,
            local_addr: self.local_addr,
            remote_addr: self.remote_addr,
            local_port: self.local_port,
            remote_port: self.remote_port,
            state: self.state,
        }
    }
}

/// The sockets that were there when a descriptor's snapshot was taken.
#[derive(Debug, Default)]
pub(crate) struct Snapshot {
    /// In strictly descending order of cookies.
    entries: Vec<Entry>,
}

impl Snapshot {
    /// Every TCP socket of this network namespace, with what `filter`'s field groups need.
    ///
    /// # Errors
    /// The kernel refuses to dump, or sockets come and go so fast that no dump is whole.
    pub(crate) fn take(filter: &Filter) -> Result<Self, DumpError> {
        let mut entries = dump::dump(&dump::extensions(filter))?;
        entries.sort_unstable_by_key(|entry| std::cmp::Reverse(entry.cookie));
        // A dump that goes on in the middle of a hash chain may give a socket twice.
        entries.dedup_by_key(|entry| entry.cookie);
        entries.shrink_to_fit();
        Ok(Self { entries })
    }

    /// The highest generation count.
    pub(crate) fn highest(&self) -> u64 {
        self.entries.first().map_or(0, |entry| entry.cookie)
    }

    /// The sockets that come after those of generation count `cursor`.
    pub(crate) fn after(&self, cursor: u64) -> &[Entry] {
        let dealt_with = self.entries.partition_point(|entry| entry.cookie >= cursor);
        &self.entries[dealt_with..]
    }
}

/// About how many TCP sockets there are, as the kernel counts them: those in use and those in
/// TIME_WAIT, without half-open ones. 0 where /proc does not say.
pub(crate) fn count_hint() -> u32 {
    let number = |file: &str, line: &str, key: &str| -> Option<u32> {
        let text = fs::read_to_string(file).ok()?;
        let numbers = text.lines().find_map(|l| l.strip_prefix(line))?;
        let mut words = numbers.split_whitespace();
        words.find(|word| *word == key)?;
        words.next()?.parse().ok()
    };
    [
        number("/proc/self/net/sockstat", "TCP:", "inuse"),
        number("/proc/self/net/sockstat", "TCP:", "tw"),
        number("/proc/self/net/sockstat6", "TCP6:", "inuse"),
    ]
    .into_iter()
    .flatten()
    .sum()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::TcpListener;

    #[test]
    fn a_snapshot_descends_strictly_and_holds_a_listener_once() {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a listener");
        let port = listener.local_addr().expect("its address").port();
        let snapshot = Snapshot::take(&Filter::default()).expect("a snapshot");
        assert!(
            snapshot
                .entries
                .windows(2)
                .all(|pair| pair[0].cookie > pair[1].cookie)
        );
        let found: Vec<_> = snapshot
            .entries
            .iter()
            .filter(|e| e.local_port == port && e.state == State::Listen)
            .collect();
        assert_eq!(found.len(), 1);
        let cookie = found[0].cookie;
        assert_eq!(snapshot.after(cookie + 1)[0].cookie, cookie);
        assert!(
            snapshot
                .after(cookie)
                .iter()
                .all(|entry| entry.cookie < cookie)
        );
        assert_eq!(snapshot.after(u64::MAX).len(), snapshot.entries.len());
        assert!(snapshot.after(0).is_empty());
    }
}
