// SPDX-License-Identifier: BSD-2-Clause
//! `shim.h`, declared for Rust.
#![expect(unsafe_code, reason = "declares the functions of the shim")]

use std::ffi::{c_char, c_int, c_uint, c_void};

pub(super) const NAMELEN: usize = 255;

#[repr(C)]
pub(super) struct Session {
    _opaque: [u8; 0],
}

#[repr(C)]
pub(super) struct Request {
    _opaque: [u8; 0],
}

#[repr(C)]
pub(super) struct Attr {
    pub(super) ino: u64,
    pub(super) mode: u32,
    pub(super) nlink: u32,
    pub(super) uid: u32,
    pub(super) gid: u32,
    pub(super) time: i64,
}

#[repr(C)]
pub(super) struct Opened {
    pub(super) handle: u64,
    pub(super) nonseekable: bool,
}

#[repr(C)]
pub(super) struct Ops {
    pub(super) ready: unsafe extern "C" fn(ctx: *mut c_void),
    pub(super) lookup: unsafe extern "C" fn(
        ctx: *mut c_void,
        parent: u64,
        name: *const c_char,
        attr: *mut Attr,
    ) -> c_int,
    pub(super) getattr: unsafe extern "C" fn(ctx: *mut c_void, ino: u64, attr: *mut Attr) -> c_int,
    pub(super) truncate: unsafe extern "C" fn(ctx: *mut c_void, ino: u64, attr: *mut Attr) -> c_int,
    pub(super) entry: unsafe extern "C" fn(
        ctx: *mut c_void,
        ino: u64,
        index: u64,
        name: *mut c_char,
        attr: *mut Attr,
    ) -> c_int,
    pub(super) open: unsafe extern "C" fn(
        ctx: *mut c_void,
        ino: u64,
        flags: c_int,
        opened: *mut Opened,
    ) -> c_int,
    pub(super) flush: unsafe extern "C" fn(ctx: *mut c_void, handle: u64),
    pub(super) release: unsafe extern "C" fn(ctx: *mut c_void, handle: u64),
    pub(super) read: unsafe extern "C" fn(
        ctx: *mut c_void,
        request: *mut Request,
        handle: u64,
        offset: u64,
        buf: *mut u8,
        size: usize,
        len: *mut usize,
    ) -> c_int,
    pub(super) write:
        unsafe extern "C" fn(ctx: *mut c_void, handle: u64, buf: *const u8, size: usize) -> c_int,
    pub(super) ioctl: unsafe extern "C" fn(
        ctx: *mut c_void,
        request: *mut Request,
        handle: u64,
        cmd: u32,
        input: *const u8,
        input_size: usize,
        output: *mut u8,
        output_size: usize,
    ) -> c_int,
}

unsafe extern "C" {
    pub(super) fn shim_mount(
        mountpoint: *const c_char,
        ops: *const Ops,
        ctx: *mut c_void,
    ) -> *mut Session;
    pub(super) fn shim_serve(session: *mut Session, max_threads: c_uint) -> c_int;
    pub(super) fn shim_unmount(session: *mut Session);
    pub(super) fn shim_interrupted(request: *mut Request) -> bool;
}
