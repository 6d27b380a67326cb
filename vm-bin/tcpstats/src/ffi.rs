// SPDX-License-Identifier: BSD-2-Clause
//! The C core's interface, declared as `kmod/tcpstats/core/tcpstats_core.h` has it.
//!
//! `layout.rs` holds the structures against those of C.
#![expect(unsafe_code, reason = "declares the functions of the C core")]

use std::ffi::{c_char, c_int, c_void};

use crate::core::{Admission, Counters, Limits, ReadStats};
use crate::filter::Filter;
use crate::record::Record;

pub(crate) const ERRMSG_SIZE: usize = 128;
pub(crate) const FILTER_MAXLEN: usize = 511;
pub(crate) const NSKIPS: usize = 6;
pub(crate) const MAX_PROFILES: usize = 16;
pub(crate) const PROFILE_NAMELEN: usize = 31;

#[repr(C)]
pub(crate) struct FilterError {
    pub(crate) offset: u32,
    pub(crate) length: u32,
    pub(crate) message: [u8; ERRMSG_SIZE],
}

/// An opaque walk; lives on the stack of `tcpstats_read()`.
#[repr(C)]
pub(crate) struct Walk {
    _opaque: [u8; 0],
}

#[repr(C)]
pub(crate) struct Socket {
    pub(crate) gencnt: u64,
    pub(crate) local_addr: *const u8,
    pub(crate) remote_addr: *const u8,
    pub(crate) local_port: u16,
    pub(crate) remote_port: u16,
    pub(crate) state: u8,
    pub(crate) ipv6: bool,
    pub(crate) visible: bool,
}

/// A prepared filter, the core's own business.
#[repr(C)]
#[derive(Clone, Copy, Default)]
pub(crate) struct Matcher {
    opaque: [u64; 17],
}

#[repr(C)]
pub(crate) struct Reader {
    pub(crate) filter: Filter,
    pub(crate) matcher: Matcher,
    pub(crate) snapshot: u64,
    pub(crate) cursor: u64,
    pub(crate) snapshot_ns: u64,
    pub(crate) taken: bool,
    pub(crate) active: bool,
    pub(crate) exhausted: bool,
}

#[repr(C)]
pub(crate) struct ReadOps {
    pub(crate) snapshot: unsafe extern "C" fn(ctx: *mut c_void, gencnt: *mut u64) -> c_int,
    pub(crate) walk: unsafe extern "C" fn(ctx: *mut c_void, walk: *mut Walk) -> c_int,
    pub(crate) copyout:
        unsafe extern "C" fn(ctx: *mut c_void, records: *const Record, count: usize) -> c_int,
    pub(crate) uptime_ns: unsafe extern "C" fn(ctx: *mut c_void) -> u64,
    pub(crate) interrupted: unsafe extern "C" fn(ctx: *mut c_void) -> bool,
    pub(crate) r#yield: unsafe extern "C" fn(ctx: *mut c_void),
}

#[repr(C)]
#[derive(Clone, Copy)]
pub(crate) struct Profile {
    pub(crate) name: [u8; PROFILE_NAMELEN + 1],
    pub(crate) text: [u8; FILTER_MAXLEN + 1],
    pub(crate) filter: Filter,
}

#[repr(C)]
pub(crate) struct Profiles {
    pub(crate) slots: [Profile; MAX_PROFILES],
}

unsafe extern "C" {
    pub(crate) fn tcpstats_filter_init(filter: *mut Filter);
    pub(crate) fn tcpstats_filter_parse(
        text: *const c_char,
        len: usize,
        filter: *mut Filter,
        error: *mut FilterError,
    ) -> c_int;
    pub(crate) fn tcpstats_filter_validate(filter: *const Filter) -> c_int;
    pub(crate) fn tcpstats_filter_print(
        filter: *const Filter,
        buf: *mut c_char,
        size: usize,
    ) -> usize;

    pub(crate) fn tcpstats_reader_init(reader: *mut Reader, filter: *const Filter);
    pub(crate) fn tcpstats_reader_set_filter(reader: *mut Reader, filter: *const Filter);
    pub(crate) fn tcpstats_reader_reset(reader: *mut Reader);
    pub(crate) fn tcpstats_read(
        reader: *mut Reader,
        limits: *const Limits,
        ops: *const ReadOps,
        ctx: *mut c_void,
        batch: *mut Record,
        batch_len: usize,
        resid: usize,
        records: *mut usize,
        stats: *mut ReadStats,
    ) -> c_int;

    pub(crate) fn tcpstats_walk_cursor(walk: *const Walk) -> u64;
    pub(crate) fn tcpstats_walk_filter(walk: *const Walk) -> *const Filter;
    pub(crate) fn tcpstats_walk_visit(walk: *mut Walk, socket: *const Socket) -> c_int;
    pub(crate) fn tcpstats_walk_slot(walk: *mut Walk) -> *mut Record;
    pub(crate) fn tcpstats_walk_emit(walk: *mut Walk);
    pub(crate) fn tcpstats_walk_full(walk: *const Walk) -> bool;
    pub(crate) fn tcpstats_walk_end(walk: *mut Walk);

    pub(crate) fn tcpstats_admit_open(admission: *mut Admission, limits: *const Limits) -> c_int;
    pub(crate) fn tcpstats_admit_close(admission: *mut Admission);
    pub(crate) fn tcpstats_admit_read(admission: *mut Admission, limits: *const Limits) -> c_int;
    pub(crate) fn tcpstats_admit_read_done(admission: *mut Admission);
    pub(crate) fn tcpstats_counters_add(counters: *mut Counters, stats: *const ReadStats);

    pub(crate) fn tcpstats_profile_set(
        profiles: *mut Profiles,
        name: *const c_char,
        name_len: usize,
        text: *const c_char,
        text_len: usize,
        change: *mut c_int,
        error: *mut FilterError,
    ) -> c_int;
    pub(crate) fn tcpstats_profile_delete(
        profiles: *mut Profiles,
        name: *const c_char,
        name_len: usize,
        error: *mut FilterError,
    ) -> c_int;
    pub(crate) fn tcpstats_profile_command(
        profiles: *mut Profiles,
        line: *const c_char,
        len: usize,
        change: *mut c_int,
        name: *mut c_char,
        error: *mut FilterError,
    ) -> c_int;
}
