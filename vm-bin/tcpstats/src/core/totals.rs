// SPDX-License-Identifier: BSD-2-Clause
//! Limits, who is admitted under them, and what all reads together did.
#![expect(unsafe_code, reason = "calls the C core")]

use rustix::io::Errno;

use super::read::errno_result;
use crate::ffi::{self, NSKIPS};

/// The limits of `dev.tcpstats`.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Descriptors of the device that may be open at once.
    pub max_open_fds: u32,
    /// Reads that may run at once.
    pub max_concurrent_readers: u32,
    /// Milliseconds after which a read returns what it has, 0 = no limit.
    pub max_read_duration_ms: u32,
    /// Milliseconds between two snapshots of one descriptor, 0 = off.
    pub min_read_interval_ms: u32,
}

impl Default for Limits {
    /// The device page's, as `tcpstats_limits_default` has them.
    fn default() -> Self {
        Self {
            max_open_fds: 16,
            max_concurrent_readers: 32,
            max_read_duration_ms: 5000,
            min_read_interval_ms: 0,
        }
    }
}

/// How many descriptors are open and how many reads run.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Admission {
    pub(crate) active_fds: u32,
    pub(crate) active_readers: u32,
}

impl Admission {
    /// Descriptors that are open.
    #[must_use]
    pub fn active_fds(&self) -> u32 {
        self.active_fds
    }

    /// One more descriptor; [`Admission::close`] gives it back.
    ///
    /// # Errors
    /// `EMFILE` at the limit.
    pub fn open(&mut self, limits: &Limits) -> Result<(), Errno> {
        // SAFETY: both are valid for the call, which keeps neither.
        errno_result(unsafe { ffi::tcpstats_admit_open(self, limits) })
    }

    /// A descriptor was closed.
    pub fn close(&mut self) {
        // SAFETY: valid for the call, which does not keep it.
        unsafe { ffi::tcpstats_admit_close(self) }
    }

    /// One more read; [`Admission::read_done`] gives it back.
    ///
    /// # Errors
    /// `EBUSY` at the limit.
    pub fn read(&mut self, limits: &Limits) -> Result<(), Errno> {
        // SAFETY: both are valid for the call, which keeps neither.
        errno_result(unsafe { ffi::tcpstats_admit_read(self, limits) })
    }

    /// A read is over.
    pub fn read_done(&mut self) {
        // SAFETY: valid for the call, which does not keep it.
        unsafe { ffi::tcpstats_admit_read_done(self) }
    }
}

/// What one read did.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ReadStats {
    /// Sockets looked at.
    pub visited: u64,
    /// Records copied out.
    pub emitted: u64,
    /// Sockets left out, by reason: gencnt, cred, ipver, state, port, addr.
    pub skipped: [u64; NSKIPS],
    /// Nanoseconds.
    pub duration_ns: u64,
    /// The reader's memory could not be written.
    pub copy_failed: bool,
    /// `max_read_duration_ms` ended it.
    pub timed_out: bool,
    /// A signal ended it.
    pub interrupted: bool,
}

/// Totals since the start.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    /// Successful opens.
    pub opens_total: u64,
    /// Reads that were admitted.
    pub reads_total: u64,
    /// Records copied out.
    pub records_emitted: u64,
    /// Sockets looked at: emitted and skipped.
    pub sockets_visited: u64,
    /// Sockets left out, by reason: gencnt, cred, ipver, state, port, addr.
    pub sockets_skipped: [u64; NSKIPS],
    /// Nanoseconds in all reads.
    pub read_duration_ns_total: u64,
    /// Nanoseconds of the longest read.
    pub read_duration_ns_max: u64,
    /// Reads whose memory could not be written.
    pub uiomove_errors: u64,
    /// Reads ended by `max_read_duration_ms`.
    pub reads_timed_out: u64,
    /// Reads ended by a signal.
    pub reads_interrupted: u64,
}

impl Counters {
    /// Add what one read did.
    pub fn add(&mut self, stats: &ReadStats) {
        // SAFETY: both are valid for the call, which keeps neither.
        unsafe { ffi::tcpstats_counters_add(self, stats) }
    }
}
