// SPDX-License-Identifier: BSD-2-Clause
//! The kernel's `struct tcp_info` (include/uapi/linux/tcp.h) and what is kept of it.

use zerocopy::{FromBytes, FromZeros, Immutable, IntoBytes, KnownLayout};

/// The struct as of Linux 6.18, up to the last field that a record has. It only ever grows: an
/// older kernel's is shorter, and what is missing is zero here.
#[repr(C)]
#[derive(FromBytes, IntoBytes, Immutable, KnownLayout)]
struct TcpInfo {
    state: u8,
    ca_state: u8,
    retransmits: u8,
    probes: u8,
    backoff: u8,
    options: u8,
    /// Two bit fields of four bits: send scale, receive scale.
    wscale: u8,
    app_limited: u8,
    /// us
    rto: u32,
    ato: u32,
    snd_mss: u32,
    rcv_mss: u32,
    unacked: u32,
    sacked: u32,
    lost: u32,
    retrans: u32,
    fackets: u32,
    last_data_sent: u32,
    last_ack_sent: u32,
    /// ms
    last_data_recv: u32,
    /// ms
    last_ack_recv: u32,
    pmtu: u32,
    rcv_ssthresh: u32,
    /// us
    rtt: u32,
    /// us
    rttvar: u32,
    /// segments
    snd_ssthresh: u32,
    /// segments
    snd_cwnd: u32,
    advmss: u32,
    reordering: u32,
    rcv_rtt: u32,
    rcv_space: u32,
    total_retrans: u32,
    rates_and_bytes: [u64; 4],
    segs_out: u32,
    segs_in: u32,
    notsent_bytes: u32,
    /// us, all ones where nothing was measured
    min_rtt: u32,
    data_segs: [u32; 2],
    delivery_rate_and_times: [u64; 4],
    delivered: u32,
    delivered_ce: u32,
    bytes_sent: u64,
    bytes_retrans: u64,
    dsack_dups: u32,
    reord_seen: u32,
    rcv_ooopack: u32,
    /// bytes
    snd_wnd: u32,
    /// bytes
    rcv_wnd: u32,
    rehash: u32,
    rto_recoveries: [u16; 2],
    rto_time: u32,
    received_ce: u32,
    unused: u32,
}

/// What a record needs of `struct tcp_info`, in a record's units; zero where nothing is known.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Info {
    pub(super) snd_cwnd_bytes: u32,
    pub(super) snd_ssthresh_bytes: u32,
    pub(super) snd_wnd_bytes: u32,
    pub(super) rcv_wnd_bytes: u32,
    pub(super) snd_mss_bytes: u32,
    pub(super) rtt_us: u32,
    pub(super) rttvar_us: u32,
    pub(super) rto_us: u32,
    pub(super) rtt_min_us: u32,
    pub(super) snd_wscale: u8,
    pub(super) rcv_wscale: u8,
    pub(super) options: u8,
    pub(super) total_retrans: u32,
    pub(super) rcv_ooopack: u32,
    pub(super) delivered_ce: u32,
    pub(super) received_ce: u32,
    pub(super) dsack_dups: u32,
    pub(super) since_last_packet_ms: u32,
}

impl Info {
    /// From the bytes of an `INET_DIAG_INFO` attribute.
    pub(super) fn parse(attribute: &[u8]) -> Self {
        let mut info = TcpInfo::new_zeroed();
        let common = attribute.len().min(size_of::<TcpInfo>());
        info.as_mut_bytes()[..common].copy_from_slice(&attribute[..common]);
        // C leaves the order of bit fields to the ABI: from the low end on little-endian hosts.
        let (low, high) = (info.wscale & 0x0f, info.wscale >> 4);
        let (snd_wscale, rcv_wscale) = if cfg!(target_endian = "little") {
            (low, high)
        } else {
            (high, low)
        };
        Self {
            snd_cwnd_bytes: info.snd_cwnd.saturating_mul(info.snd_mss),
            snd_ssthresh_bytes: info.snd_ssthresh.saturating_mul(info.snd_mss),
            snd_wnd_bytes: info.snd_wnd,
            rcv_wnd_bytes: info.rcv_wnd,
            snd_mss_bytes: info.snd_mss,
            rtt_us: info.rtt,
            rttvar_us: info.rttvar,
            rto_us: info.rto,
            rtt_min_us: if info.min_rtt == u32::MAX {
                0
            } else {
                info.min_rtt
            },
            snd_wscale,
            rcv_wscale,
            options: info.options,
            total_retrans: info.total_retrans,
            rcv_ooopack: info.rcv_ooopack,
            delivered_ce: info.delivered_ce,
            received_ce: info.received_ce,
            dsack_dups: info.dsack_dups,
            since_last_packet_ms: info.last_data_recv.min(info.last_ack_recv),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::mem::offset_of;

    #[test]
    fn offsets_are_the_kernels() {
        assert_eq!(offset_of!(TcpInfo, rto), 8);
        assert_eq!(offset_of!(TcpInfo, rtt), 68);
        assert_eq!(offset_of!(TcpInfo, total_retrans), 100);
        assert_eq!(offset_of!(TcpInfo, segs_out), 136);
        assert_eq!(offset_of!(TcpInfo, min_rtt), 148);
        assert_eq!(offset_of!(TcpInfo, delivered_ce), 196);
        assert_eq!(offset_of!(TcpInfo, dsack_dups), 216);
        assert_eq!(offset_of!(TcpInfo, rcv_wnd), 232);
        assert_eq!(offset_of!(TcpInfo, received_ce), 248);
    }

    #[test]
    fn a_shorter_struct_of_an_older_kernel_leaves_zeros() {
        let mut bytes = vec![0u8; 104];
        bytes[6] = if cfg!(target_endian = "little") {
            0x97
        } else {
            0x79
        };
        bytes[16..20].copy_from_slice(&1448u32.to_ne_bytes());
        bytes[68..72].copy_from_slice(&250u32.to_ne_bytes());
        bytes[76..80].copy_from_slice(&0x7fff_ffffu32.to_ne_bytes());
        bytes[80..84].copy_from_slice(&10u32.to_ne_bytes());
        let info = Info::parse(&bytes);
        assert_eq!((info.snd_wscale, info.rcv_wscale), (7, 9));
        assert_eq!(info.snd_cwnd_bytes, 14480);
        assert_eq!(info.snd_ssthresh_bytes, u32::MAX);
        assert_eq!(info.rtt_us, 250);
        assert_eq!(
            (info.rtt_min_us, info.rcv_wnd_bytes, info.received_ce),
            (0, 0, 0)
        );
    }
}
