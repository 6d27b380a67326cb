// SPDX-License-Identifier: BSD-2-Clause
//! One TCP connection as the device reports it: protocol version 1, 320 bytes.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

use crate::layout;

/// The protocol that this crate speaks.
pub const PROTOCOL_VERSION: u32 = 1;
/// Bytes of a record.
pub const RECORD_SIZE: usize = 320;

/// [`Record::flags`]: the addresses are IPv6.
pub const FLAG_IPV6: u32 = 0x1;
/// [`Record::flags`]: a listening socket.
pub const FLAG_LISTEN: u32 = 0x2;
/// [`Record::flags`]: half open, in the syncache, no socket yet.
pub const FLAG_SYNCACHE: u32 = 0x4;

/// A record: host byte order but for the addresses; padding, spare and fields of groups that the
/// filter did not ask for are zero. Names are the C header's without its `tsr_`.
#[repr(C, packed(4))]
#[derive(Clone, Copy, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[expect(
    missing_docs,
    reason = "each field's unit stands in tcpstats.h and the device's page"
)]
pub struct Record {
    pub version: u32,
    pub len: u32,
    pub flags: u32,
    pub pad0: u32,
    pub af: u8,
    pub pad1: [u8; 3],
    pub local_port: u16,
    pub remote_port: u16,
    pub local_addr: [u8; 16],
    pub remote_addr: [u8; 16],
    pub state: i32,
    pub flags_tcp: u32,
    pub snd_cwnd: u32,
    pub snd_ssthresh: u32,
    pub snd_wnd: u32,
    pub rcv_wnd: u32,
    pub maxseg: u32,
    pub cc: [u8; 16],
    pub stack: [u8; 16],
    pub rtt: u32,
    pub rttvar: u32,
    pub rto: u32,
    pub rttmin: u32,
    pub snd_wscale: u8,
    pub rcv_wscale: u8,
    pub options: u8,
    pub pad2: u8,
    pub snd_nxt: u32,
    pub snd_una: u32,
    pub snd_max: u32,
    pub rcv_nxt: u32,
    pub rcv_adv: u32,
    pub snd_rexmitpack: u32,
    pub rcv_ooopack: u32,
    pub snd_zerowin: u32,
    pub dupacks: u32,
    pub rcv_numsacks: u32,
    pub ecn: u32,
    pub delivered_ce: u32,
    pub received_ce: u32,
    pub dsack_bytes: u32,
    pub dsack_pack: u32,
    pub total_tlp: u32,
    pub total_tlp_bytes: u64,
    pub tt_rexmt: i32,
    pub tt_persist: i32,
    pub tt_keep: i32,
    pub tt_2msl: i32,
    pub tt_delack: i32,
    pub rcvtime: i32,
    pub snd_buf_cc: u32,
    pub snd_buf_hiwat: u32,
    pub rcv_buf_cc: u32,
    pub rcv_buf_hiwat: u32,
    pub so_addr: u64,
    pub uid: u32,
    pub inp_gencnt: u64,
    pub spare: [u32; 13],
}

/// A field of [`Record`], as the C headers' table of layouts has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Field {
    /// Its name in [`Record`].
    pub name: &'static str,
    /// Its first byte in the record.
    pub offset: usize,
    /// Its bytes.
    pub size: usize,
    /// What decides whether it is filled.
    pub usage: FieldUsage,
}

/// What decides whether a field is filled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FieldUsage {
    /// Nothing: it always is.
    Header,
    /// The filter, by this group.
    Group(FieldGroup),
    /// Nothing: it is zero.
    Unused,
}

impl Record {
    /// Every field, in the order of the offsets.
    pub const FIELDS: &[Field] = layout::RECORD_FIELDS;

    /// Local address and port.
    #[must_use]
    pub fn local(&self) -> SocketAddr {
        SocketAddr::new(self.ip(&self.local_addr), self.local_port)
    }

    /// Remote address and port, unspecified and 0 for a listening socket.
    #[must_use]
    pub fn remote(&self) -> SocketAddr {
        SocketAddr::new(self.ip(&self.remote_addr), self.remote_port)
    }

    /// The connection's state, `None` for a number that the protocol does not have.
    #[must_use]
    pub fn state(&self) -> Option<State> {
        State::from_number(self.state)
    }

    /// Are the addresses IPv6?
    #[must_use]
    pub fn is_ipv6(&self) -> bool {
        self.flags & FLAG_IPV6 != 0
    }

    /// Is this a listening socket?
    #[must_use]
    pub fn is_listen(&self) -> bool {
        self.flags & FLAG_LISTEN != 0
    }

    /// Is this a half-open connection that has no socket yet?
    #[must_use]
    pub fn is_syncache(&self) -> bool {
        self.flags & FLAG_SYNCACHE != 0
    }

    /// Name of the congestion control algorithm, empty where unknown or not asked for.
    #[must_use]
    pub fn cc_name(&self) -> String {
        text(&self.cc)
    }

    /// Name of the TCP stack, empty where unknown or not asked for.
    #[must_use]
    pub fn stack_name(&self) -> String {
        text(&self.stack)
    }

    fn ip(&self, bytes: &[u8; 16]) -> IpAddr {
        if self.is_ipv6() {
            IpAddr::V6(Ipv6Addr::from(*bytes))
        } else {
            let [a, b, c, d, ..] = *bytes;
            IpAddr::V4(Ipv4Addr::new(a, b, c, d))
        }
    }
}

impl fmt::Debug for Record {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Record")
            .field("local", &self.local())
            .field("remote", &self.remote())
            .field("state", &self.state())
            .field("flags", &self.flags)
            .field("inp_gencnt", &{ self.inp_gencnt })
            .finish_non_exhaustive()
    }
}

/// The text of a NUL-padded field; bytes that are not UTF-8 are replaced.
fn text(field: &[u8]) -> String {
    let end = field.iter().position(|&b| b == 0).unwrap_or(field.len());
    String::from_utf8_lossy(&field[..end]).into_owned()
}

/// A TCP state; the numbers are FreeBSD's `TCPS_*`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[repr(u8)]
#[expect(missing_docs, reason = "the states of RFC 9293")]
pub enum State {
    Closed = 0,
    Listen = 1,
    SynSent = 2,
    SynReceived = 3,
    Established = 4,
    CloseWait = 5,
    FinWait1 = 6,
    Closing = 7,
    LastAck = 8,
    FinWait2 = 9,
    TimeWait = 10,
}

impl State {
    /// Every state, in the order of the numbers.
    pub const ALL: [Self; 11] = [
        Self::Closed,
        Self::Listen,
        Self::SynSent,
        Self::SynReceived,
        Self::Established,
        Self::CloseWait,
        Self::FinWait1,
        Self::Closing,
        Self::LastAck,
        Self::FinWait2,
        Self::TimeWait,
    ];

    /// The state of this `TCPS_*` number.
    #[must_use]
    pub fn from_number(number: i32) -> Option<Self> {
        let index = usize::try_from(number).ok()?;
        Self::ALL.get(index).copied()
    }

    /// The name that filters use.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Closed => "closed",
            Self::Listen => "listen",
            Self::SynSent => "syn_sent",
            Self::SynReceived => "syn_received",
            Self::Established => "established",
            Self::CloseWait => "close_wait",
            Self::FinWait1 => "fin_wait_1",
            Self::Closing => "closing",
            Self::LastAck => "last_ack",
            Self::FinWait2 => "fin_wait_2",
            Self::TimeWait => "time_wait",
        }
    }
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// A group of record fields that a filter selects; the values are the filter's bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u32)]
#[expect(missing_docs, reason = "the groups of the device's page")]
pub enum FieldGroup {
    Identity = 0x001,
    State = 0x002,
    Congestion = 0x004,
    Rtt = 0x008,
    Sequences = 0x010,
    Counters = 0x020,
    Timers = 0x040,
    Buffers = 0x080,
    Ecn = 0x100,
    Names = 0x200,
}

impl FieldGroup {
    /// Every group, in the order of the bits.
    pub const ALL: [Self; 10] = [
        Self::Identity,
        Self::State,
        Self::Congestion,
        Self::Rtt,
        Self::Sequences,
        Self::Counters,
        Self::Timers,
        Self::Buffers,
        Self::Ecn,
        Self::Names,
    ];

    /// The group's bit in a filter's field mask.
    #[must_use]
    pub const fn bit(self) -> u32 {
        self as u32
    }

    /// The name that filters use.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Identity => "identity",
            Self::State => "state",
            Self::Congestion => "congestion",
            Self::Rtt => "rtt",
            Self::Sequences => "sequences",
            Self::Counters => "counters",
            Self::Timers => "timers",
            Self::Buffers => "buffers",
            Self::Ecn => "ecn",
            Self::Names => "names",
        }
    }
}
