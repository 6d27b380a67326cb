// SPDX-License-Identifier: BSD-2-Clause
//! The socket options that no library wraps.
#![expect(unsafe_code, reason = "getsockopt(2) and setsockopt(2)")]

use std::io;
use std::mem::size_of;
use std::os::fd::{AsFd, AsRawFd};

use tcpstats::record::State;

/// The state that the kernel says this socket is in.
///
/// A socket that went into time-wait says `TimeWait` on FreeBSD, and `Closed` on
/// Linux, where another object stands in its place.
///
/// # Errors
/// What getsockopt(2) gives, or a state that the system's header does not have.
pub(crate) fn state(socket: impl AsFd) -> io::Result<State> {
    // `tcpi_state` is the first byte of struct tcp_info on both systems, and a
    // shorter buffer gets as much as fits.
    let mut number = 0_u8;
    let mut len = size_of::<u8>() as libc::socklen_t;
    // SAFETY: the buffer is of the length that is passed, both outlive the call.
    let result = unsafe {
        libc::getsockopt(
            socket.as_fd().as_raw_fd(),
            libc::IPPROTO_TCP,
            libc::TCP_INFO,
            (&raw mut number).cast(),
            &raw mut len,
        )
    };
    if result != 0 {
        return Err(io::Error::last_os_error());
    }
    from_native(number).ok_or_else(|| {
        io::Error::other(format!("the kernel reports the unknown TCP state {number}"))
    })
}

/// Linux numbers its states otherwise (include/net/tcp_states.h).
#[cfg(target_os = "linux")]
fn from_native(number: u8) -> Option<State> {
    Some(match number {
        1 => State::Established,
        2 => State::SynSent,
        3 => State::SynReceived,
        4 => State::FinWait1,
        5 => State::FinWait2,
        6 => State::TimeWait,
        7 => State::Closed,
        8 => State::CloseWait,
        9 => State::LastAck,
        10 => State::Listen,
        11 => State::Closing,
        _ => return None,
    })
}

/// The record's numbers are FreeBSD's.
#[cfg(target_os = "freebsd")]
fn from_native(number: u8) -> Option<State> {
    State::from_number(i32::from(number))
}

/// Keep connections half open until their first data comes, for `seconds`.
///
/// # Errors
/// What setsockopt(2) gives.
#[cfg(target_os = "linux")]
pub(crate) fn defer_accept(listener: impl AsFd, seconds: libc::c_int) -> io::Result<()> {
    // SAFETY: the value is of the length that is passed and outlives the call.
    let result = unsafe {
        libc::setsockopt(
            listener.as_fd().as_raw_fd(),
            libc::IPPROTO_TCP,
            libc::TCP_DEFER_ACCEPT,
            (&raw const seconds).cast(),
            size_of::<libc::c_int>() as libc::socklen_t,
        )
    };
    if result == 0 {
        Ok(())
    } else {
        Err(io::Error::last_os_error())
    }
}
