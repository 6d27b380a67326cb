// SPDX-License-Identifier: BSD-2-Clause
//! The read machine: [`Reader`] is one descriptor, [`ReadEnv`] is what it needs from where it runs.
#![expect(unsafe_code, reason = "calls the C core and is called back by it")]

use std::ffi::{c_int, c_void};
use std::marker::PhantomData;
use std::net::IpAddr;
use std::slice;

use rustix::io::Errno;
use zerocopy::FromZeros;

use super::totals::{Limits, ReadStats};
use crate::ffi;
use crate::filter::Filter;
use crate::record::{Record, State};

pub(super) fn errno_result(errno: c_int) -> Result<(), Errno> {
    match errno {
        0 => Ok(()),
        errno => Err(Errno::from_raw_os_error(errno)),
    }
}

/// What a read needs from where it runs. An error ends the read.
///
/// A panic in one of these methods aborts the process: the core between has nothing to unwind.
pub trait ReadEnv {
    /// Fix a snapshot; returns the highest generation count in it.
    ///
    /// # Errors
    /// Why there can be none.
    fn snapshot(&mut self) -> Result<u64, Errno>;

    /// Offer sockets to [`Walk::visit`] in strictly descending generation count, from
    /// [`Walk::cursor`] on, until [`Walk::is_full`], a visit says [`Verdict::Stop`], or none is
    /// left, which [`Walk::end`] tells. What matched is filled and emitted with [`Walk::emit`].
    ///
    /// # Errors
    /// Why the walk cannot go on; what it found still counts.
    fn walk(&mut self, walk: &mut Walk<'_>) -> Result<(), Errno>;

    /// Hand records to the reader.
    ///
    /// # Errors
    /// The batch stays unread.
    fn copy_out(&mut self, records: &[Record]) -> Result<(), Errno>;

    /// A monotonic clock, nanoseconds.
    fn uptime_ns(&mut self) -> u64;

    /// Is a signal pending for the reader?
    fn is_interrupted(&mut self) -> bool;

    /// Called between batches: give up the CPU if it is time.
    fn yield_cpu(&mut self);
}

/// What the core says of a visited socket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It is to be reported: fill and [`Walk::emit`] it.
    Report,
    /// It is not: go on with the next.
    Skip,
    /// The read's time is over: return.
    Stop,
}

/// A socket as filters see it.
#[derive(Clone, Copy, Debug)]
pub struct Socket {
    /// Its generation count: unique, and the order of the walk.
    pub gencnt: u64,
    /// Local address; an IPv4-mapped one is given as IPv4.
    pub local_addr: IpAddr,
    /// Remote address, of the same family.
    pub remote_addr: IpAddr,
    /// Local port, host byte order.
    pub local_port: u16,
    /// Remote port, host byte order.
    pub remote_port: u16,
    /// The state.
    pub state: State,
}

/// The part of a read that collects one batch of records.
#[derive(Debug)]
pub struct Walk<'a> {
    raw: *mut ffi::Walk,
    borrow: PhantomData<&'a mut ffi::Walk>,
}

const VERDICT_TIMEOUT: c_int = 6;
const VERDICT_MATCH: c_int = 8;

impl Walk<'_> {
    /// Sockets of this generation count and above were dealt with.
    #[must_use]
    pub fn cursor(&self) -> u64 {
        // SAFETY: `raw` is the walk that the core passed to the callback that we are in.
        unsafe { ffi::tcpstats_walk_cursor(self.raw) }
    }

    /// The reader's filter.
    #[must_use]
    pub fn filter(&self) -> &Filter {
        // SAFETY: as in `cursor`; the filter is the reader's, which does not change in a read.
        unsafe { &*ffi::tcpstats_walk_filter(self.raw) }
    }

    /// Count the socket and judge it. Every socket is visible to every opener here: who may open
    /// the device is its mode's business.
    pub fn visit(&mut self, socket: &Socket) -> Verdict {
        let (local, remote) = (octets(socket.local_addr), octets(socket.remote_addr));
        let raw = ffi::Socket {
            gencnt: socket.gencnt,
            local_addr: local.as_ptr(),
            remote_addr: remote.as_ptr(),
            local_port: socket.local_port.to_be(),
            remote_port: socket.remote_port.to_be(),
            state: socket.state as u8,
            ipv6: socket.local_addr.is_ipv6(),
            visible: true,
        };
        // SAFETY: as in `cursor`; the socket and its 16-byte addresses live through the call.
        match unsafe { ffi::tcpstats_walk_visit(self.raw, &raw) } {
            VERDICT_MATCH => Verdict::Report,
            VERDICT_TIMEOUT => Verdict::Stop,
            _ => Verdict::Skip,
        }
    }

    /// Report the socket that matched last: `fill` gets its record, zero but for the header.
    pub fn emit(&mut self, fill: impl FnOnce(&mut Record)) {
        // SAFETY: as in `cursor`; the slot is in the batch of the running read, which nobody
        // else touches, and one is free because the walk was not full at the visit.
        fill(unsafe { &mut *ffi::tcpstats_walk_slot(self.raw) });
        // SAFETY: as in `cursor`.
        unsafe { ffi::tcpstats_walk_emit(self.raw) }
    }

    /// Is the batch complete?
    #[must_use]
    pub fn is_full(&self) -> bool {
        // SAFETY: as in `cursor`.
        unsafe { ffi::tcpstats_walk_full(self.raw) }
    }

    /// No socket is left.
    pub fn end(&mut self) {
        // SAFETY: as in `cursor`.
        unsafe { ffi::tcpstats_walk_end(self.raw) }
    }
}

/// The address' bytes, padded to 16.
fn octets(addr: IpAddr) -> [u8; 16] {
    match addr {
        IpAddr::V4(v4) => {
            let [a, b, c, d] = v4.octets();
            [a, b, c, d, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]
        }
        IpAddr::V6(v6) => v6.octets(),
    }
}

/// Records between two calls of [`ReadEnv::copy_out`].
#[derive(Debug)]
pub struct Batch(Vec<AlignedRecord>);

/// The C struct is aligned to 8, which a packed Rust struct cannot say of itself.
#[repr(C, align(8))]
#[derive(Clone, Debug)]
struct AlignedRecord(Record);

const _: () = assert!(size_of::<AlignedRecord>() == size_of::<Record>());

impl Batch {
    /// Room for `records` records, at least one.
    #[must_use]
    pub fn new(records: usize) -> Self {
        Self(vec![AlignedRecord(Record::new_zeroed()); records.max(1)])
    }
}

/// One descriptor: its filter and where it is in its snapshot.
pub struct Reader(ffi::Reader);

impl Reader {
    /// A descriptor of this filter that was never read.
    #[must_use]
    pub fn new(filter: &Filter) -> Self {
        let mut raw = ffi::Reader {
            filter: *filter,
            matcher: ffi::Matcher::default(),
            snapshot: 0,
            cursor: 0,
            snapshot_ns: 0,
            taken: false,
            active: false,
            exhausted: false,
        };
        // SAFETY: both are valid for the call, which keeps neither.
        unsafe { ffi::tcpstats_reader_init(&mut raw, filter) };
        Self(raw)
    }

    /// The filter.
    #[must_use]
    pub fn filter(&self) -> &Filter {
        &self.0.filter
    }

    /// Is there a snapshot with something left to read?
    #[must_use]
    pub fn has_more(&self) -> bool {
        self.0.active && !self.0.exhausted
    }

    /// Set another filter; the next read starts a new snapshot.
    ///
    /// # Errors
    /// Those of [`Filter::validate`]; nothing changed.
    pub fn set_filter(&mut self, filter: &Filter) -> Result<(), Errno> {
        filter.validate()?;
        // SAFETY: both are valid for the call, which keeps neither.
        unsafe { ffi::tcpstats_reader_set_filter(&mut self.0, filter) };
        Ok(())
    }

    /// The next read starts a new snapshot.
    pub fn reset(&mut self) {
        // SAFETY: valid for the call, which does not keep it.
        unsafe { ffi::tcpstats_reader_reset(&mut self.0) }
    }

    /// read(2) of `resid` bytes: at most so many bytes of records go to [`ReadEnv::copy_out`].
    /// Returns what the read did and how many records were copied out.
    ///
    /// # Errors
    /// With nothing copied: `EINVAL` (smaller than a record), `EBUSY` (a new snapshot too soon),
    /// `EINTR`, or what `env` returned.
    pub fn read<E: ReadEnv>(
        &mut self,
        limits: &Limits,
        env: &mut E,
        batch: &mut Batch,
        resid: usize,
    ) -> (ReadStats, Result<usize, Errno>) {
        let mut stats = ReadStats::default();
        let mut records = 0usize;
        // SAFETY: all pointers are valid through the call; `ctx` is the `E` that `Ops::<E>`
        // casts it back to, and nothing else touches `env` meanwhile; the batch has the
        // alignment and length that are given.
        let errno = unsafe {
            ffi::tcpstats_read(
                &mut self.0,
                limits,
                &Ops::<E>::TABLE,
                (&raw mut *env).cast::<c_void>(),
                batch.0.as_mut_ptr().cast::<Record>(),
                batch.0.len(),
                resid,
                &mut records,
                &mut stats,
            )
        };
        (stats, errno_result(errno).map(|()| records))
    }
}

impl std::fmt::Debug for Reader {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Reader")
            .field("filter", self.filter())
            .field("has_more", &self.has_more())
            .finish_non_exhaustive()
    }
}

/// The callbacks of the core for one kind of environment. A panic cannot leave an `extern "C"`
/// function: it aborts.
struct Ops<E>(PhantomData<E>);

impl<E: ReadEnv> Ops<E> {
    const TABLE: ffi::ReadOps = ffi::ReadOps {
        snapshot: Self::snapshot,
        walk: Self::walk,
        copyout: Self::copyout,
        uptime_ns: Self::uptime_ns,
        interrupted: Self::interrupted,
        r#yield: Self::yield_cpu,
    };

    /// # Safety
    /// `ctx` is the `E` of the running `Reader::read`, to which no other reference exists.
    unsafe fn env<'a>(ctx: *mut c_void) -> &'a mut E {
        // SAFETY: the caller's promise.
        unsafe { &mut *ctx.cast::<E>() }
    }

    unsafe extern "C" fn snapshot(ctx: *mut c_void, gencnt: *mut u64) -> c_int {
        // SAFETY: the core passes the ctx that `Reader::read` gave it.
        match unsafe { Self::env(ctx) }.snapshot() {
            Ok(highest) => {
                // SAFETY: the core passes a place to write to.
                unsafe { gencnt.write(highest) };
                0
            }
            Err(errno) => errno.raw_os_error(),
        }
    }

    unsafe extern "C" fn walk(ctx: *mut c_void, raw: *mut ffi::Walk) -> c_int {
        let mut walk = Walk {
            raw,
            borrow: PhantomData,
        };
        // SAFETY: the core passes the ctx that `Reader::read` gave it.
        to_errno(unsafe { Self::env(ctx) }.walk(&mut walk))
    }

    unsafe extern "C" fn copyout(ctx: *mut c_void, records: *const Record, count: usize) -> c_int {
        // SAFETY: the core passes `count` filled records of the batch.
        let records = unsafe { slice::from_raw_parts(records, count) };
        // SAFETY: the core passes the ctx that `Reader::read` gave it.
        to_errno(unsafe { Self::env(ctx) }.copy_out(records))
    }

    unsafe extern "C" fn uptime_ns(ctx: *mut c_void) -> u64 {
        // SAFETY: the core passes the ctx that `Reader::read` gave it.
        unsafe { Self::env(ctx) }.uptime_ns()
    }

    unsafe extern "C" fn interrupted(ctx: *mut c_void) -> bool {
        // SAFETY: the core passes the ctx that `Reader::read` gave it.
        unsafe { Self::env(ctx) }.is_interrupted()
    }

    unsafe extern "C" fn yield_cpu(ctx: *mut c_void) {
        // SAFETY: the core passes the ctx that `Reader::read` gave it.
        unsafe { Self::env(ctx) }.yield_cpu();
    }
}

fn to_errno(result: Result<(), Errno>) -> c_int {
    result.map_or_else(Errno::raw_os_error, |()| 0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::Ipv4Addr;

    /// Sockets of these generation counts, and what a read got of them.
    struct Table {
        gencnts: Vec<u64>,
        copied: Vec<u64>,
        interrupted: bool,
        copy_error: Option<Errno>,
    }

    impl Table {
        fn new(gencnts: impl DoubleEndedIterator<Item = u64>) -> Self {
            Self {
                gencnts: gencnts.rev().collect(),
                copied: Vec::new(),
                interrupted: false,
                copy_error: None,
            }
        }
    }

    impl ReadEnv for Table {
        fn snapshot(&mut self) -> Result<u64, Errno> {
            Ok(self.gencnts[0])
        }

        fn walk(&mut self, walk: &mut Walk<'_>) -> Result<(), Errno> {
            for &gencnt in &self.gencnts {
                if walk.is_full() {
                    return Ok(());
                }
                let socket = Socket {
                    gencnt,
                    local_addr: IpAddr::V4(Ipv4Addr::LOCALHOST),
                    remote_addr: IpAddr::V4(Ipv4Addr::LOCALHOST),
                    local_port: if gencnt % 2 == 0 { 80 } else { 443 },
                    remote_port: 1,
                    state: State::Established,
                };
                match walk.visit(&socket) {
                    Verdict::Report => walk.emit(|record| record.inp_gencnt = gencnt),
                    Verdict::Skip => {}
                    Verdict::Stop => return Ok(()),
                }
            }
            walk.end();
            Ok(())
        }

        fn copy_out(&mut self, records: &[Record]) -> Result<(), Errno> {
            if let Some(errno) = self.copy_error {
                return Err(errno);
            }
            self.copied
                .extend(records.iter().map(|record| record.inp_gencnt));
            Ok(())
        }

        fn uptime_ns(&mut self) -> u64 {
            0
        }

        fn is_interrupted(&mut self) -> bool {
            self.interrupted
        }

        fn yield_cpu(&mut self) {}
    }

    fn read(reader: &mut Reader, table: &mut Table, resid: usize) -> Result<usize, Errno> {
        reader
            .read(&Limits::default(), table, &mut Batch::new(3), resid)
            .1
    }

    #[test]
    fn reads_go_on_where_the_last_one_stopped() {
        let filter = Filter::parse("local_port=80").unwrap();
        let mut reader = Reader::new(&filter);
        let mut table = Table::new(1..=20);
        assert!(!reader.has_more());
        assert_eq!(read(&mut reader, &mut table, 4 * 320), Ok(4));
        assert!(reader.has_more());
        assert_eq!(read(&mut reader, &mut table, 4 * 320), Ok(4));
        assert_eq!(read(&mut reader, &mut table, 4 * 320), Ok(2));
        assert_eq!(read(&mut reader, &mut table, 4 * 320), Ok(0));
        assert!(!reader.has_more());
        assert_eq!(table.copied, [20, 18, 16, 14, 12, 10, 8, 6, 4, 2]);
    }

    #[test]
    fn errors_come_through_and_lose_nothing() {
        let mut reader = Reader::new(&Filter::default());
        let mut table = Table::new(1..=2);
        assert_eq!(read(&mut reader, &mut table, 319), Err(Errno::INVAL));
        table.interrupted = true;
        assert_eq!(read(&mut reader, &mut table, 640), Err(Errno::INTR));
        table.interrupted = false;
        table.copy_error = Some(Errno::FAULT);
        assert_eq!(read(&mut reader, &mut table, 640), Err(Errno::FAULT));
        table.copy_error = None;
        assert_eq!(read(&mut reader, &mut table, 640), Ok(2));
        assert_eq!(table.copied, [2, 1]);
    }

    #[test]
    fn statistics_add_up() {
        let mut reader = Reader::new(&Filter::parse("local_port=80").unwrap());
        let mut table = Table::new(1..=20);
        let (stats, result) =
            reader.read(&Limits::default(), &mut table, &mut Batch::new(3), 1 << 20);
        assert_eq!(result, Ok(10));
        assert_eq!((stats.visited, stats.emitted), (20, 10));
        assert_eq!(stats.skipped, [0, 0, 0, 0, 10, 0]);
    }

    #[test]
    fn an_invalid_filter_changes_nothing() {
        let filter = Filter::parse("local_port=80").unwrap();
        let mut reader = Reader::new(&filter);
        let bad = Filter {
            spare: [1; 4],
            ..filter
        };
        assert_eq!(reader.set_filter(&bad), Err(Errno::INVAL));
        assert_eq!(*reader.filter(), filter);
    }
}
