// SPDX-License-Identifier: BSD-2-Clause
//! From an entry of a snapshot to a record: the groups that the filter selects, and what Linux
//! does not know stays zero.

use std::net::IpAddr;

use tcpstats::filter::Filter;
use tcpstats::record::{FLAG_IPV6, FLAG_LISTEN, FLAG_SYNCACHE, FieldGroup, Record, State};

use super::{Entry, Timer};

/// `TCPI_OPT_` bits that mean the same on both systems: timestamps, SACK, window scale, ECN and
/// (Linux: data in the SYN was acknowledged) fast open.
const COMMON_OPTIONS: u8 = 0x01 | 0x02 | 0x04 | OPTION_ECN | 0x20;
const OPTION_ECN: u8 = 0x08;

impl Entry {
    /// Fill a zeroed record.
    pub(crate) fn fill(&self, record: &mut Record, filter: &Filter) {
        type Fill = fn(&Entry, &mut Record);
        const GROUPS: [(FieldGroup, Fill); 9] = [
            (FieldGroup::State, Entry::fill_state),
            (FieldGroup::Congestion, Entry::fill_congestion),
            (FieldGroup::Rtt, Entry::fill_rtt),
            (FieldGroup::Sequences, Entry::fill_sequences),
            (FieldGroup::Counters, Entry::fill_counters),
            (FieldGroup::Timers, Entry::fill_timers),
            (FieldGroup::Buffers, Entry::fill_buffers),
            (FieldGroup::Ecn, Entry::fill_ecn),
            (FieldGroup::Names, Entry::fill_names),
        ];
        self.fill_identity(record);
        for (group, fill) in GROUPS {
            if filter.selects(group) {
                fill(self, record);
            }
        }
    }

    fn fill_identity(&self, record: &mut Record) {
        record.flags = self.flags();
        record.af = match self.local_addr {
            IpAddr::V4(_) => libc::AF_INET as u8,
            IpAddr::V6(_) => libc::AF_INET6 as u8,
        };
        record.local_port = self.local_port;
        record.remote_port = self.remote_port;
        store(&mut record.local_addr, self.local_addr);
        store(&mut record.remote_addr, self.remote_addr);
        record.uid = self.uid;
        record.inp_gencnt = self.cookie;
    }

    fn flags(&self) -> u32 {
        let mut flags = 0;
        if self.local_addr.is_ipv6() {
            flags |= FLAG_IPV6;
        }
        if self.state == State::Listen {
            flags |= FLAG_LISTEN;
        }
        if self.half_open {
            flags |= FLAG_SYNCACHE;
        }
        flags
    }

    fn fill_state(&self, record: &mut Record) {
        record.state = self.state as i32;
    }

    fn fill_congestion(&self, record: &mut Record) {
        record.snd_cwnd = self.info.snd_cwnd_bytes;
        record.snd_ssthresh = self.info.snd_ssthresh_bytes;
        record.snd_wnd = self.info.snd_wnd_bytes;
        record.rcv_wnd = self.info.rcv_wnd_bytes;
        record.maxseg = self.info.snd_mss_bytes;
    }

    fn fill_rtt(&self, record: &mut Record) {
        record.rtt = self.info.rtt_us;
        record.rttvar = self.info.rttvar_us;
        record.rto = self.info.rto_us;
        record.rttmin = self.info.rtt_min_us;
    }

    fn fill_sequences(&self, record: &mut Record) {
        record.snd_wscale = self.info.snd_wscale;
        record.rcv_wscale = self.info.rcv_wscale;
        record.options = self.info.options & COMMON_OPTIONS;
    }

    fn fill_counters(&self, record: &mut Record) {
        record.snd_rexmitpack = self.info.total_retrans;
        record.rcv_ooopack = self.info.rcv_ooopack;
    }

    fn fill_timers(&self, record: &mut Record) {
        // 0 means that the timer does not run, so one that is due has a millisecond left.
        let left = |ms: u32| i32::try_from(ms.max(1)).unwrap_or(i32::MAX);
        match self.timer {
            Timer::None => {}
            Timer::Retransmit(ms) => record.tt_rexmt = left(ms),
            Timer::KeepAlive(ms) => record.tt_keep = left(ms),
            Timer::TimeWait(ms) => record.tt_2msl = left(ms),
            Timer::Persist(ms) => record.tt_persist = left(ms),
        }
        record.rcvtime = i32::try_from(self.info.since_last_packet_ms).unwrap_or(i32::MAX);
    }

    fn fill_buffers(&self, record: &mut Record) {
        // A listening socket's queues are counted in connections, not in bytes.
        if self.state != State::Listen {
            (record.rcv_buf_cc, record.snd_buf_cc) = self.queued;
        }
        (record.rcv_buf_hiwat, record.snd_buf_hiwat) = self.buffer_limits;
    }

    fn fill_ecn(&self, record: &mut Record) {
        record.ecn = u32::from(self.info.options & OPTION_ECN != 0);
        record.delivered_ce = self.info.delivered_ce;
        record.received_ce = self.info.received_ce;
        record.dsack_pack = self.info.dsack_dups;
    }

    fn fill_names(&self, record: &mut Record) {
        record.cc = self.congestion;
    }
}

fn store(field: &mut [u8; 16], addr: IpAddr) {
    match addr {
        IpAddr::V4(v4) => field[..4].copy_from_slice(&v4.octets()),
        IpAddr::V6(v6) => *field = v6.octets(),
    }
}
