// SPDX-License-Identifier: BSD-2-Clause
//! A FUSE file system as a trait, over Debian's libfuse.
//!
//! libfuse and not a Rust implementation of the protocol, because a reader's signal must end its
//! read: that takes `FUSE_INTERRUPT`, which those answer with `ENOSYS`.
#![expect(
    unsafe_code,
    reason = "calls the shim over libfuse and is called back by it"
)]

mod ffi;
mod layout;

use std::ffi::{CStr, CString, c_char, c_int, c_void};
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::slice;

use rustix::io::Errno;

/// The root directory's inode number, which FUSE fixes.
pub(crate) const ROOT_INO: u64 = 1;

/// What stat(2) says of a file; its size is always 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Attr {
    pub(crate) ino: u64,
    /// With the file type.
    pub(crate) mode: u32,
    pub(crate) nlink: u32,
    pub(crate) uid: u32,
    pub(crate) gid: u32,
    /// Of the last change, seconds.
    pub(crate) time: i64,
}

/// An opened file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Opened {
    /// Comes back in every call on the descriptor.
    pub(crate) handle: u64,
    pub(crate) nonseekable: bool,
}

/// A request that is being answered.
#[derive(Debug)]
pub(crate) struct Request {
    raw: *mut ffi::Request,
}

impl Request {
    /// Is a signal pending for the process that asked?
    pub(crate) fn is_interrupted(&self) -> bool {
        // SAFETY: the request is answered only after the callback that we are in.
        unsafe { ffi::shim_interrupted(self.raw) }
    }
}

/// A file system, asked by many threads at once. A panic in one of these methods aborts the
/// process: it cannot pass libfuse.
pub(crate) trait Filesystem: Sync {
    /// Requests are served from now on.
    fn ready(&self);
    fn lookup(&self, parent: u64, name: &str) -> Result<Attr, Errno>;
    fn getattr(&self, ino: u64) -> Result<Attr, Errno>;
    /// truncate(2) to any length.
    fn truncate(&self, ino: u64) -> Result<Attr, Errno>;
    /// The `index`-th entry of a directory, `None` behind the last one.
    fn entry(&self, ino: u64, index: u64) -> Result<Option<(String, Attr)>, Errno>;
    fn open(&self, ino: u64, flags: c_int) -> Result<Opened, Errno>;
    /// close(2) of a copy of the descriptor, maybe the last one.
    fn flush(&self, handle: u64);
    fn release(&self, handle: u64);
    /// Fill the front of `buf`; returns how many bytes.
    fn read(
        &self,
        request: &Request,
        handle: u64,
        offset: u64,
        buf: &mut [u8],
    ) -> Result<usize, Errno>;
    /// All of `data` or nothing.
    fn write(&self, handle: u64, data: &[u8]) -> Result<(), Errno>;
    /// The lengths of `input` and `output` are those that `command` encodes.
    fn ioctl(
        &self,
        request: &Request,
        handle: u64,
        command: u32,
        input: &[u8],
        output: &mut [u8],
    ) -> Result<(), Errno>;
}

/// A mounted file system.
pub(crate) struct Session<'fs> {
    raw: *mut ffi::Session,
    // The shim holds a pointer to the file system.
    _filesystem: std::marker::PhantomData<&'fs ()>,
}

impl<'fs> Session<'fs> {
    /// Mount at an existing directory.
    ///
    /// # Errors
    /// libfuse cannot mount; it has said why on stderr.
    pub(crate) fn mount<F: Filesystem>(mountpoint: &Path, filesystem: &'fs F) -> io::Result<Self> {
        let path = CString::new(mountpoint.as_os_str().as_bytes())?;
        // SAFETY: the table is static, and the file system outlives the session by its lifetime.
        // The shim hands the pointer back to the callbacks, which only ever share it.
        let raw = unsafe {
            ffi::shim_mount(
                path.as_ptr(),
                Callbacks::<F>::TABLE,
                std::ptr::from_ref(filesystem).cast_mut().cast::<c_void>(),
            )
        };
        if raw.is_null() {
            return Err(io::Error::other("libfuse refused"));
        }
        Ok(Self {
            raw,
            _filesystem: std::marker::PhantomData,
        })
    }

    /// Serve until the file system is unmounted, by at most `max_threads` threads.
    ///
    /// # Errors
    /// The connection to the kernel broke.
    pub(crate) fn serve(&mut self, max_threads: u32) -> Result<(), Errno> {
        // SAFETY: the session is mounted, and `&mut self` lets one loop run.
        errno_result(unsafe { ffi::shim_serve(self.raw, max_threads) })
    }
}

impl Drop for Session<'_> {
    fn drop(&mut self) {
        // SAFETY: the session is not used after this, and no loop runs on it.
        unsafe { ffi::shim_unmount(self.raw) }
    }
}

fn errno_result(errno: c_int) -> Result<(), Errno> {
    match errno {
        0 => Ok(()),
        errno => Err(Errno::from_raw_os_error(errno)),
    }
}

fn to_errno(result: Result<(), Errno>) -> c_int {
    result.map_or_else(Errno::raw_os_error, |()| 0)
}

/// The shim's callbacks for one kind of file system. `extern "C"` functions abort on a panic.
struct Callbacks<F>(std::marker::PhantomData<F>);

impl<F: Filesystem> Callbacks<F> {
    const TABLE: &'static ffi::Ops = &ffi::Ops {
        ready: Self::ready,
        lookup: Self::lookup,
        getattr: Self::getattr,
        truncate: Self::truncate,
        entry: Self::entry,
        open: Self::open,
        flush: Self::flush,
        release: Self::release,
        read: Self::read,
        write: Self::write,
        ioctl: Self::ioctl,
    };

    /// # Safety
    /// `ctx` is the file system that `Session::mount` gave to the shim.
    unsafe fn filesystem<'a>(ctx: *mut c_void) -> &'a F {
        // SAFETY: the caller's promise; the session's lifetime keeps it alive.
        unsafe { &*ctx.cast::<F>() }
    }

    /// # Safety
    /// `place` is writable.
    unsafe fn store(place: *mut ffi::Attr, result: Result<Attr, Errno>) -> c_int {
        to_errno(result.map(|attr| {
            let raw = ffi::Attr {
                ino: attr.ino,
                mode: attr.mode,
                nlink: attr.nlink,
                uid: attr.uid,
                gid: attr.gid,
                time: attr.time,
            };
            // SAFETY: the caller's promise.
            unsafe { place.write(raw) }
        }))
    }

    unsafe extern "C" fn ready(ctx: *mut c_void) {
        // SAFETY: the shim passes the ctx that it was given.
        unsafe { Self::filesystem(ctx) }.ready();
    }

    unsafe extern "C" fn lookup(
        ctx: *mut c_void,
        parent: u64,
        name: *const c_char,
        attr: *mut ffi::Attr,
    ) -> c_int {
        // SAFETY: the shim passes a terminated name.
        let name = unsafe { CStr::from_ptr(name) };
        let Ok(name) = name.to_str() else {
            return Errno::NOENT.raw_os_error();
        };
        // SAFETY: the shim passes the ctx that it was given, and a place to write to.
        unsafe { Self::store(attr, Self::filesystem(ctx).lookup(parent, name)) }
    }

    unsafe extern "C" fn getattr(ctx: *mut c_void, ino: u64, attr: *mut ffi::Attr) -> c_int {
        // SAFETY: the shim passes the ctx that it was given, and a place to write to.
        unsafe { Self::store(attr, Self::filesystem(ctx).getattr(ino)) }
    }

    unsafe extern "C" fn truncate(ctx: *mut c_void, ino: u64, attr: *mut ffi::Attr) -> c_int {
        // SAFETY: the shim passes the ctx that it was given, and a place to write to.
        unsafe { Self::store(attr, Self::filesystem(ctx).truncate(ino)) }
    }

    unsafe extern "C" fn entry(
        ctx: *mut c_void,
        ino: u64,
        index: u64,
        name: *mut c_char,
        attr: *mut ffi::Attr,
    ) -> c_int {
        // SAFETY: the shim passes the ctx that it was given.
        let (text, found) = match unsafe { Self::filesystem(ctx) }.entry(ino, index) {
            Ok(Some(entry)) if entry.0.len() <= ffi::NAMELEN => entry,
            Ok(Some(_)) => return Errno::NAMETOOLONG.raw_os_error(),
            Ok(None) => return Errno::NOENT.raw_os_error(),
            Err(errno) => return errno.raw_os_error(),
        };
        // SAFETY: the shim's place has room for NAMELEN bytes and the terminator.
        unsafe {
            name.copy_from_nonoverlapping(text.as_ptr().cast::<c_char>(), text.len());
            name.add(text.len()).write(0);
        }
        // SAFETY: the shim passes a place to write to.
        unsafe { Self::store(attr, Ok(found)) }
    }

    unsafe extern "C" fn open(
        ctx: *mut c_void,
        ino: u64,
        flags: c_int,
        opened: *mut ffi::Opened,
    ) -> c_int {
        // SAFETY: the shim passes the ctx that it was given.
        let result = unsafe { Self::filesystem(ctx) }.open(ino, flags);
        to_errno(result.map(|file| {
            let raw = ffi::Opened {
                handle: file.handle,
                nonseekable: file.nonseekable,
            };
            // SAFETY: the shim passes a place to write to.
            unsafe { opened.write(raw) }
        }))
    }

    unsafe extern "C" fn flush(ctx: *mut c_void, handle: u64) {
        // SAFETY: the shim passes the ctx that it was given.
        unsafe { Self::filesystem(ctx) }.flush(handle);
    }

    unsafe extern "C" fn release(ctx: *mut c_void, handle: u64) {
        // SAFETY: the shim passes the ctx that it was given.
        unsafe { Self::filesystem(ctx) }.release(handle);
    }

    unsafe extern "C" fn read(
        ctx: *mut c_void,
        request: *mut ffi::Request,
        handle: u64,
        offset: u64,
        buf: *mut u8,
        size: usize,
        len: *mut usize,
    ) -> c_int {
        // SAFETY: the shim passes an initialised buffer of this size that nobody else uses.
        let buf = unsafe { slice::from_raw_parts_mut(buf, size) };
        let request = Request { raw: request };
        // SAFETY: the shim passes the ctx that it was given.
        let result = unsafe { Self::filesystem(ctx) }.read(&request, handle, offset, buf);
        // SAFETY: the shim passes a place to write to.
        to_errno(result.map(|count| unsafe { len.write(count.min(size)) }))
    }

    unsafe extern "C" fn write(
        ctx: *mut c_void,
        handle: u64,
        buf: *const u8,
        size: usize,
    ) -> c_int {
        // SAFETY: the shim passes `size` readable bytes.
        let data = unsafe { bytes(buf, size) };
        // SAFETY: the shim passes the ctx that it was given.
        to_errno(unsafe { Self::filesystem(ctx) }.write(handle, data))
    }

    unsafe extern "C" fn ioctl(
        ctx: *mut c_void,
        request: *mut ffi::Request,
        handle: u64,
        command: u32,
        input: *const u8,
        input_size: usize,
        output: *mut u8,
        output_size: usize,
    ) -> c_int {
        // SAFETY: the shim passes `input_size` readable bytes.
        let input = unsafe { bytes(input, input_size) };
        // SAFETY: the shim passes `output_size` zeroed bytes that nobody else uses.
        let output = unsafe { slice::from_raw_parts_mut(output, output_size) };
        let request = Request { raw: request };
        // SAFETY: the shim passes the ctx that it was given.
        let filesystem = unsafe { Self::filesystem(ctx) };
        to_errno(filesystem.ioctl(&request, handle, command, input, output))
    }
}

/// # Safety
/// `data` has `size` bytes that stay readable for `'a`; it may be null where `size` is 0.
unsafe fn bytes<'a>(data: *const u8, size: usize) -> &'a [u8] {
    if size == 0 {
        return &[];
    }
    // SAFETY: the caller's promise.
    unsafe { slice::from_raw_parts(data, size) }
}
