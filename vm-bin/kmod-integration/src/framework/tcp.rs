// SPDX-License-Identifier: BSD-2-Clause
//! The socket options that no library wraps.
#![expect(unsafe_code, reason = "getsockopt(2) and setsockopt(2)")]

use std::io;
use std::mem::size_of;
use std::net::IpAddr;
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

/// Hops that a segment must have left to be heard by a deaf socket: more than
/// both systems give to what they send, which is 64 unless they were told
/// otherwise.
const UNHEARD_OF_HOPS: libc::c_int = 255;

/// Can a socket with this address be made deaf? FreeBSD counts an IPv6
/// segment's hops too, but has no option to set their minimum.
pub(crate) fn can_be_deaf(addr: IpAddr) -> bool {
    addr.is_ipv4() || cfg!(target_os = "linux")
}

/// Have the socket at `addr` discard whatever comes, without an answer.
///
/// # Errors
/// What setsockopt(2) gives; one where [`can_be_deaf`] says no.
pub(crate) fn deafen(socket: impl AsFd, addr: IpAddr) -> io::Result<()> {
    let (level, name) = match addr {
        IpAddr::V4(_) => (libc::IPPROTO_IP, libc::IP_MINTTL),
        #[cfg(target_os = "linux")]
        IpAddr::V6(_) => (libc::IPPROTO_IPV6, libc::IPV6_MINHOPCOUNT),
        #[cfg(not(target_os = "linux"))]
        IpAddr::V6(_) => return Err(io::ErrorKind::Unsupported.into()),
    };
    set(socket, level, name, &UNHEARD_OF_HOPS.to_ne_bytes())
}

/// `IPV6_DSTOPTS` of RFC 3542.
#[cfg(target_os = "linux")]
const DESTINATION_OPTIONS: libc::c_int = libc::IPV6_DSTOPTS;
/// The same, from sys/netinet6/in6.h.
#[cfg(target_os = "freebsd")]
const DESTINATION_OPTIONS: libc::c_int = 50;

/// Have every receiver discard what the IPv6 socket sends, without an answer: it
/// all carries an option that none knows, one of those set aside for experiments
/// (RFC 4727), whose type tells them to (RFC 8200, section 4.2). Needs root.
///
/// # Errors
/// What setsockopt(2) gives.
pub(crate) fn mute(socket: impl AsFd) -> io::Result<()> {
    // Next header and length, both left to the kernel or 0; then the option's
    // type and length, and its data up to a multiple of 8 bytes.
    let header = [0, 0, 0x5e, 4, 0, 0, 0, 0];
    set(socket, libc::IPPROTO_IPV6, DESTINATION_OPTIONS, &header)
}

fn set(socket: impl AsFd, level: libc::c_int, name: libc::c_int, value: &[u8]) -> io::Result<()> {
    // SAFETY: the value is of the length that is passed and outlives the call.
    let result = unsafe {
        libc::setsockopt(
            socket.as_fd().as_raw_fd(),
            level,
            name,
            value.as_ptr().cast(),
            value.len() as libc::socklen_t,
        )
    };
    if result == 0 {
        Ok(())
    } else {
        Err(io::Error::last_os_error())
    }
}
