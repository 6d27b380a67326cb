// SPDX-License-Identifier: BSD-2-Clause
//! One open descriptor of the device: its reader, its snapshot, and a read on them.

use std::sync::{Condvar, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use rustix::io::Errno;
use tcpstats::core::{Batch, Limits, ReadEnv, ReadStats, Reader, Verdict, Walk};
use tcpstats::filter::Filter;
use tcpstats::record::Record;
use zerocopy::IntoBytes;

use crate::complain;
use crate::fuse::Request;
use crate::sockets::Snapshot;

/// Records that are filled before they are handed over: 40 kB.
const BATCH_RECORDS: usize = 128;
/// How often a request that waits for another on the same descriptor looks for a signal.
const SIGNAL_INTERVAL: Duration = Duration::from_millis(10);

/// One open descriptor. One request at a time works on it; others wait, and a signal ends their
/// waiting.
#[derive(Debug)]
pub(crate) struct Descriptor {
    /// `None` while a request has it.
    stream: Mutex<Option<Stream>>,
    returned: Condvar,
}

#[derive(Debug)]
struct Stream {
    reader: Reader,
    snapshot: Snapshot,
}

impl Descriptor {
    pub(crate) fn new(filter: &Filter) -> Self {
        let stream = Stream {
            reader: Reader::new(filter),
            snapshot: Snapshot::default(),
        };
        Self {
            stream: Mutex::new(Some(stream)),
            returned: Condvar::new(),
        }
    }

    /// read(2) into `buf`; returns what it did and how many bytes were filled.
    pub(crate) fn read(
        &self,
        request: &Request,
        limits: &Limits,
        buf: &mut [u8],
    ) -> (Option<ReadStats>, Result<usize, Errno>) {
        match self.with_stream(request, |stream| stream.read(request, limits, buf)) {
            Ok((stats, result)) => (Some(stats), result),
            Err(errno) => (None, Err(errno)),
        }
    }

    /// # Errors
    /// Those of [`Filter::validate`], or `EINTR` while another request has the descriptor.
    pub(crate) fn set_filter(&self, request: &Request, filter: &Filter) -> Result<(), Errno> {
        self.with_stream(request, |stream| {
            stream.reader.set_filter(filter)?;
            stream.snapshot = Snapshot::default();
            Ok(())
        })?
    }

    /// # Errors
    /// `EINTR` while another request has the descriptor.
    pub(crate) fn reset(&self, request: &Request) -> Result<(), Errno> {
        self.with_stream(request, |stream| {
            stream.reader.reset();
            stream.snapshot = Snapshot::default();
        })
    }

    fn with_stream<T>(
        &self,
        request: &Request,
        work: impl FnOnce(&mut Stream) -> T,
    ) -> Result<T, Errno> {
        let mut slot = self.stream.lock().unwrap_or_else(PoisonError::into_inner);
        let mut stream = loop {
            if let Some(stream) = slot.take() {
                break stream;
            }
            if request.is_interrupted() {
                return Err(Errno::INTR);
            }
            slot = self
                .returned
                .wait_timeout(slot, SIGNAL_INTERVAL)
                .unwrap_or_else(PoisonError::into_inner)
                .0;
        };
        drop(slot);
        // A panic in here ends the process, so the stream always comes back.
        let result = work(&mut stream);
        *self.stream.lock().unwrap_or_else(PoisonError::into_inner) = Some(stream);
        self.returned.notify_one();
        Ok(result)
    }
}

impl Stream {
    fn read(
        &mut self,
        request: &Request,
        limits: &Limits,
        buf: &mut [u8],
    ) -> (ReadStats, Result<usize, Errno>) {
        let resid = buf.len();
        let filter = *self.reader.filter();
        let mut batch = Batch::new(BATCH_RECORDS.min(resid / size_of::<Record>()));
        let mut env = Env {
            request,
            filter,
            snapshot: &mut self.snapshot,
            buf,
            filled: 0,
        };
        let (stats, result) = self.reader.read(limits, &mut env, &mut batch, resid);
        let filled = env.filled;
        if !self.reader.has_more() {
            self.snapshot = Snapshot::default();
        }
        (stats, result.map(|_| filled))
    }
}

/// Where the core's read machine runs here.
struct Env<'a> {
    request: &'a Request,
    filter: Filter,
    snapshot: &'a mut Snapshot,
    buf: &'a mut [u8],
    filled: usize,
}

impl ReadEnv for Env<'_> {
    /// Listing the sockets is not ended by a signal: the read is, right after it, and the next
    /// one goes on with the snapshot. So a reader with a fast timer gets on.
    fn snapshot(&mut self) -> Result<u64, Errno> {
        match Snapshot::take(&self.filter) {
            Ok(snapshot) => {
                *self.snapshot = snapshot;
                Ok(self.snapshot.highest())
            }
            Err(error) => {
                complain(&error);
                Err(error.errno())
            }
        }
    }

    fn walk(&mut self, walk: &mut Walk<'_>) -> Result<(), Errno> {
        let filter = self.filter;
        for entry in self.snapshot.after(walk.cursor()) {
            if walk.is_full() {
                return Ok(());
            }
            match walk.visit(&entry.socket()) {
                Verdict::Report => walk.emit(|record| entry.fill(record, &filter)),
                Verdict::Skip => {}
                Verdict::Stop => return Ok(()),
            }
        }
        walk.end();
        Ok(())
    }

    fn copy_out(&mut self, records: &[Record]) -> Result<(), Errno> {
        let bytes = records.as_bytes();
        let end = self.filled + bytes.len();
        self.buf
            .get_mut(self.filled..end)
            .ok_or(Errno::FAULT)?
            .copy_from_slice(bytes);
        self.filled = end;
        Ok(())
    }

    fn uptime_ns(&mut self) -> u64 {
        // A u64 of nanoseconds lasts 584 years.
        u64::try_from(started().elapsed().as_nanos()).unwrap_or(u64::MAX)
    }

    fn is_interrupted(&mut self) -> bool {
        self.request.is_interrupted()
    }

    fn yield_cpu(&mut self) {
        thread::yield_now();
    }
}

/// The instant that uptimes are counted from.
fn started() -> Instant {
    static STARTED: std::sync::OnceLock<Instant> = std::sync::OnceLock::new();
    *STARTED.get_or_init(Instant::now)
}
