// SPDX-License-Identifier: BSD-2-Clause
//! Doing something in other namespaces than the program's own.
//!
//! Namespaces belong to threads. So each of these functions starts a thread,
//! moves it, calls what it was given, and lets the thread end; the rest of the
//! program stays where it is. Processes that the thread starts live on there.
#![expect(unsafe_code, reason = "unshare(2) is unsafe in rustix")]

use std::io;
use std::os::fd::BorrowedFd;
use std::thread;

use rustix::thread::{
    ThreadNameSpaceType, UnshareFlags, move_into_thread_name_spaces, unshare_unsafe,
};

/// The kinds of namespaces a host has of its own, as in /proc/PID/ns.
pub(super) const KINDS: [&str; 5] = ["ipc", "mnt", "net", "pid", "uts"];

/// Call `action` with every kind of a host's namespaces new. The first process
/// that it starts is process 1 of them.
///
/// # Errors
/// The kernel refuses; `action` was not called.
pub(super) fn in_new<T: Send>(action: impl FnOnce() -> T + Send) -> io::Result<T> {
    in_thread(|| {
        let flags = UnshareFlags::NEWIPC
            | UnshareFlags::NEWNS
            | UnshareFlags::NEWNET
            | UnshareFlags::NEWPID
            | UnshareFlags::NEWUTS;
        // SAFETY: the table of descriptors stays shared; that alone is what
        // could harm other threads.
        unsafe { unshare_unsafe(flags) }?;
        Ok(action())
    })
}

/// Call `action` in the namespaces of the process that `pidfd` refers to.
///
/// # Errors
/// The process has ended, or the kernel refuses; `action` was not called.
pub(super) fn in_those_of<T: Send>(
    pidfd: BorrowedFd<'_>,
    action: impl FnOnce() -> T + Send,
) -> io::Result<T> {
    in_thread(|| {
        // A thread that shares its working directory may not change its mount
        // namespace.
        // SAFETY: as above.
        unsafe { unshare_unsafe(UnshareFlags::FS) }?;
        let kinds = ThreadNameSpaceType::INTER_PROCESS_COMMUNICATION
            | ThreadNameSpaceType::MOUNT
            | ThreadNameSpaceType::NETWORK
            | ThreadNameSpaceType::PROCESS_ID
            | ThreadNameSpaceType::HOST_NAME_AND_NIS_DOMAIN_NAME;
        move_into_thread_name_spaces(pidfd, kinds)?;
        Ok(action())
    })
}

fn in_thread<T: Send>(body: impl FnOnce() -> io::Result<T> + Send) -> io::Result<T> {
    thread::scope(|scope| {
        thread::Builder::new()
            .name("namespaces".to_owned())
            .spawn_scoped(scope, body)?
            .join()
            .unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    })
}
