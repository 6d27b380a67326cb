// SPDX-License-Identifier: BSD-2-Clause
//! A dump of the kernel's TCP sockets through `NETLINK_SOCK_DIAG`.
//!
//! The answers are decoded here and not by netlink-packet-sock-diag: its header has no expiry of
//! TIME_WAIT, and it allocates for every attribute of every socket.
//!
//! A dump is not one moment. The kernel pauses in it every 32 KiB and goes on by the position in a
//! hash chain: where just that chain changes just then, a neighbour of the change may come twice
//! (one cookie, dropped by the snapshot) or not at all, and a connection that enters TIME_WAIT may
//! come as both of the sockets that it is.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use netlink_packet_core::{
    DecodeError, NLM_F_DUMP, NLM_F_DUMP_INTR, NLM_F_REQUEST, NLMSG_DONE, NLMSG_ERROR,
    NetlinkBuffer, NetlinkHeader, NetlinkMessage, NetlinkPayload, NlasIterator,
};
use netlink_packet_sock_diag::SockDiagMessage;
use netlink_packet_sock_diag::constants::{
    AF_INET, AF_INET6, INET_DIAG_CONG, INET_DIAG_INFO, INET_DIAG_SHUTDOWN, INET_DIAG_SKMEMINFO,
    IPPROTO_TCP, SOCK_DIAG_BY_FAMILY,
};
use netlink_packet_sock_diag::inet::{ExtensionFlags, InetRequest, SocketId, StateFlags};
use netlink_sys::{Socket, SocketAddr, protocols::NETLINK_SOCK_DIAG};
use tcpstats::filter::Filter;
use tcpstats::record::{FieldGroup, State};
use zerocopy::{FromBytes, Immutable, KnownLayout, Unaligned};

use super::tcp_info::Info;
use super::{Entry, Timer};

/// The kernel fills datagrams of up to 32 KiB for a dump.
const DATAGRAM_BYTES: usize = 64 * 1024;
/// Bytes that the kernel may queue for us.
const RECEIVE_BUFFER_BYTES: usize = 4 << 20;
/// Dumps until one is whole; each is only lost to a change in its very moment.
const ATTEMPTS: usize = 8;

/// Why the kernel's sockets could not be listed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum DumpError {
    /// A call on the netlink socket failed.
    #[error("failed to {operation} the kernel's tcp sockets over netlink: {source}")]
    System {
        /// What was tried.
        operation: &'static str,
        /// The system's answer.
        source: io::Error,
    },
    /// An answer that this program does not understand.
    #[error("failed to decode the kernel's list of tcp sockets: {0}")]
    Decode(DecodeError),
    /// Each attempt was disturbed.
    #[error("failed to list the kernel's tcp sockets: {ATTEMPTS} dumps in a row were disturbed")]
    Disturbed,
}

impl DumpError {
    /// As read(2) reports it.
    pub(crate) fn errno(&self) -> rustix::io::Errno {
        match self {
            Self::System { source, .. } => {
                rustix::io::Errno::from_io_error(source).unwrap_or(rustix::io::Errno::IO)
            }
            Self::Decode(_) => rustix::io::Errno::IO,
            Self::Disturbed => rustix::io::Errno::AGAIN,
        }
    }
}

/// What the filter's field groups need beyond the sockets' identity: each costs the kernel time.
pub(super) fn extensions(filter: &Filter) -> ExtensionFlags {
    let info = [
        FieldGroup::Congestion,
        FieldGroup::Rtt,
        FieldGroup::Sequences,
        FieldGroup::Counters,
        FieldGroup::Timers,
        FieldGroup::Ecn,
    ];
    let mut flags = ExtensionFlags::empty();
    flags.set(
        ExtensionFlags::INFO,
        info.into_iter().any(|group| filter.selects(group)),
    );
    flags.set(
        ExtensionFlags::SKMEMINFO,
        filter.selects(FieldGroup::Buffers),
    );
    flags.set(ExtensionFlags::CONG, filter.selects(FieldGroup::Names));
    flags
}

/// All TCP sockets of this network namespace, in no order; one may be in it twice.
pub(super) fn dump(extensions: &ExtensionFlags) -> Result<Vec<Entry>, DumpError> {
    let mut entries = Vec::new();
    for family in [AF_INET, AF_INET6] {
        let start = entries.len();
        let mut whole = false;
        for _ in 0..ATTEMPTS {
            entries.truncate(start);
            whole = dump_family(family, extensions, &mut entries)?;
            if whole {
                break;
            }
        }
        if !whole {
            return Err(DumpError::Disturbed);
        }
    }
    Ok(entries)
}

/// One dump of one family; false where the kernel says that it is not whole.
fn dump_family(
    family: u8,
    extensions: &ExtensionFlags,
    entries: &mut Vec<Entry>,
) -> Result<bool, DumpError> {
    let system = |operation| move |source| DumpError::System { operation, source };
    let socket = Socket::new(NETLINK_SOCK_DIAG).map_err(system("ask for"))?;
    socket
        .set_rx_buf_sz(RECEIVE_BUFFER_BYTES)
        .map_err(system("ask for"))?;
    socket
        .send_to(&request(family, extensions), &SocketAddr::new(0, 0), 0)
        .map_err(system("ask for"))?;

    let mut datagram = Vec::with_capacity(DATAGRAM_BYTES);
    let mut whole = true;
    loop {
        datagram.clear();
        match socket.recv(&mut datagram, libc::MSG_TRUNC) {
            Ok(length) if length > datagram.len() => {
                return Err(DumpError::Decode(
                    format!("a datagram of {length} bytes").into(),
                ));
            }
            Ok(_) => {}
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) if error.raw_os_error() == Some(libc::ENOBUFS) => return Ok(false),
            Err(error) => return Err(system("receive")(error)),
        }
        match take_datagram(&datagram, entries)? {
            Progress::More => {}
            Progress::Disturbed => whole = false,
            Progress::Done => return Ok(whole),
        }
    }
}

/// Asks for sockets in every state; bits that a kernel does not know change nothing. Beyond TCP's
/// states there is one (bit 13, Linux 6.8) for sockets that are only bound, which come as closed.
fn request(family: u8, extensions: &ExtensionFlags) -> Vec<u8> {
    let mut header = NetlinkHeader::default();
    header.flags = NLM_F_REQUEST | NLM_F_DUMP;
    let mut message = NetlinkMessage::new(
        header,
        NetlinkPayload::InnerMessage(SockDiagMessage::InetRequest(InetRequest {
            family,
            protocol: IPPROTO_TCP,
            extensions: extensions.clone(),
            states: StateFlags::from_bits_retain(u32::MAX),
            socket_id: SocketId::new_v4(),
        })),
    );
    message.finalize();
    let mut bytes = vec![0; message.buffer_len()];
    message.serialize(&mut bytes);
    bytes
}

enum Progress {
    More,
    /// More comes, but something is missing.
    Disturbed,
    Done,
}

fn take_datagram(mut rest: &[u8], entries: &mut Vec<Entry>) -> Result<Progress, DumpError> {
    let mut progress = Progress::More;
    while !rest.is_empty() {
        let message = NetlinkBuffer::new_checked(rest).map_err(DumpError::Decode)?;
        if message.flags() & NLM_F_DUMP_INTR != 0 {
            progress = Progress::Disturbed;
        }
        match message.message_type() {
            SOCK_DIAG_BY_FAMILY => entries.push(entry(message.payload())?),
            NLMSG_DONE | NLMSG_ERROR => {
                status(message.payload())?;
                return Ok(Progress::Done);
            }
            _ => {}
        }
        let length = (message.length() as usize).next_multiple_of(4);
        rest = rest.get(length..).unwrap_or_default();
    }
    Ok(progress)
}

/// The errno, negated, that begins a message which ends a dump.
fn status(payload: &[u8]) -> Result<(), DumpError> {
    match i32::read_from_prefix(payload) {
        Ok((code, _)) if code < 0 => Err(DumpError::System {
            operation: "list",
            source: io::Error::from_raw_os_error(-code),
        }),
        _ => Ok(()),
    }
}

/// `struct inet_diag_msg` of linux/inet_diag.h; ports and addresses in network byte order.
#[repr(C, packed)]
#[derive(FromBytes, Immutable, KnownLayout, Unaligned)]
struct Message {
    family: u8,
    state: u8,
    timer: u8,
    retransmits: u8,
    local_port: [u8; 2],
    remote_port: [u8; 2],
    local_addr: [u8; 16],
    remote_addr: [u8; 16],
    interface: u32,
    /// The low half first, whatever the host's order.
    cookie: [u32; 2],
    /// ms
    expires: u32,
    receive_queue: u32,
    send_queue: u32,
    uid: u32,
    inode: u32,
}

const _: () = assert!(size_of::<Message>() == 72);

fn entry(payload: &[u8]) -> Result<Entry, DumpError> {
    let (message, attributes) = Message::ref_from_prefix(payload)
        .map_err(|_| DumpError::Decode(format!("a socket in {} bytes", payload.len()).into()))?;
    let cookie = message.cookie;
    let (local_addr, remote_addr) = addresses(message);
    let mut entry = Entry {
        cookie: u64::from(cookie[1]) << 32 | u64::from(cookie[0]),
        local_addr,
        remote_addr,
        local_port: u16::from_be_bytes(message.local_port),
        remote_port: u16::from_be_bytes(message.remote_port),
        state: state(message.state)?,
        half_open: false,
        uid: message.uid,
        timer: timer(message.timer, message.expires),
        queued: (message.receive_queue, message.send_queue),
        buffer_limits: (0, 0),
        congestion: [0; 16],
        info: Info::default(),
    };
    let is_socket = take_attributes(&mut entry, attributes)?;
    entry.half_open = entry.state == State::SynReceived && !is_socket;
    Ok(entry)
}

/// Take over what the attributes say. Returns whether this is a full socket: every one has
/// `INET_DIAG_SHUTDOWN`, which a request in the SYN queue and a TIME_WAIT have not.
fn take_attributes(entry: &mut Entry, attributes: &[u8]) -> Result<bool, DumpError> {
    let mut is_socket = false;
    for attribute in NlasIterator::new(attributes) {
        let attribute = attribute.map_err(DumpError::Decode)?;
        let value = attribute.value();
        match attribute.kind() {
            INET_DIAG_INFO => entry.info = Info::parse(value),
            INET_DIAG_SKMEMINFO => entry.buffer_limits = buffer_limits(value),
            INET_DIAG_CONG => {
                // The last byte stays NUL, as the record's text is terminated.
                let length = value.len().min(entry.congestion.len() - 1);
                entry.congestion[..length].copy_from_slice(&value[..length]);
            }
            INET_DIAG_SHUTDOWN => is_socket = true,
            _ => {}
        }
    }
    Ok(is_socket)
}

/// `SK_MEMINFO_RCVBUF` and `SK_MEMINFO_SNDBUF` of linux/sock_diag.h.
fn buffer_limits(value: &[u8]) -> (u32, u32) {
    match <[u32; 4]>::read_from_prefix(value) {
        Ok(([_, receive, _, send], _)) => (receive, send),
        Err(_) => (0, 0),
    }
}

/// Local and remote address. An IPv4-mapped IPv6 socket counts as IPv4; where it listens, its
/// remote address is `::`.
fn addresses(message: &Message) -> (IpAddr, IpAddr) {
    let v4 = |bytes: &[u8; 16]| {
        let [a, b, c, d, ..] = *bytes;
        IpAddr::V4(Ipv4Addr::new(a, b, c, d))
    };
    if message.family == AF_INET {
        return (v4(&message.local_addr), v4(&message.remote_addr));
    }
    let local = Ipv6Addr::from(message.local_addr);
    let remote = Ipv6Addr::from(message.remote_addr);
    match (local.to_ipv4_mapped(), remote.to_ipv4_mapped()) {
        (Some(local), Some(remote)) => (IpAddr::V4(local), IpAddr::V4(remote)),
        (Some(local), None) if remote.is_unspecified() => {
            (IpAddr::V4(local), IpAddr::V4(Ipv4Addr::UNSPECIFIED))
        }
        _ => (IpAddr::V6(local), IpAddr::V6(remote)),
    }
}

/// From the kernel's numbers, `TCP_ESTABLISHED` 1 to `TCP_CLOSING` 11.
fn state(number: u8) -> Result<State, DumpError> {
    const STATES: [State; 11] = [
        State::Established,
        State::SynSent,
        State::SynReceived,
        State::FinWait1,
        State::FinWait2,
        State::TimeWait,
        State::Closed,
        State::CloseWait,
        State::LastAck,
        State::Listen,
        State::Closing,
    ];
    usize::from(number)
        .checked_sub(1)
        .and_then(|index| STATES.get(index).copied())
        .ok_or_else(|| DumpError::Decode(format!("a socket in state {number}").into()))
}

/// `idiag_timer` with its milliseconds left.
fn timer(kind: u8, expires_ms: u32) -> Timer {
    match kind {
        1 => Timer::Retransmit(expires_ms),
        2 => Timer::KeepAlive(expires_ms),
        3 => Timer::TimeWait(expires_ms),
        4 => Timer::Persist(expires_ms),
        _ => Timer::None,
    }
}
