/*-
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * The tcpstats protocol, version 1: what a program that reads /dev/tcpstats
 * shares with the device.  Every size and offset below is asserted here and,
 * against the same numbers, in the Rust crate vm-bin/tcpstats.
 */
#ifndef _TCPSTATS_H_
#define _TCPSTATS_H_

#include <sys/types.h>
#ifdef _KERNEL
#include <sys/ioccom.h>
#include <sys/stddef.h>
#else
#include <sys/ioctl.h>

#include <stddef.h>
#include <stdint.h>
#endif

#define TCPSTATS_PROTOCOL_VERSION 1
#define TCPSTATS_FILTER_VERSION 2

/* tsr_flags */
#define TCPSTATS_RECORD_IPV6 0x1U     /* addresses are IPv6 */
#define TCPSTATS_RECORD_LISTEN 0x2U   /* a listening socket */
#define TCPSTATS_RECORD_SYNCACHE 0x4U /* half open, no socket yet */

/* tsr_state and the bits of tsf_state_mask: FreeBSD's TCPS_* numbers. */
enum tcpstats_state {
	TCPSTATS_CLOSED = 0,
	TCPSTATS_LISTEN = 1,
	TCPSTATS_SYN_SENT = 2,
	TCPSTATS_SYN_RECEIVED = 3,
	TCPSTATS_ESTABLISHED = 4,
	TCPSTATS_CLOSE_WAIT = 5,
	TCPSTATS_FIN_WAIT_1 = 6,
	TCPSTATS_CLOSING = 7,
	TCPSTATS_LAST_ACK = 8,
	TCPSTATS_FIN_WAIT_2 = 9,
	TCPSTATS_TIME_WAIT = 10,
};
#define TCPSTATS_NSTATES 11
#define TCPSTATS_STATE_MASK_ALL 0xffffU

/* Field groups, tsf_field_mask. */
#define TCPSTATS_FIELDS_IDENTITY 0x001U
#define TCPSTATS_FIELDS_STATE 0x002U
#define TCPSTATS_FIELDS_CONGESTION 0x004U
#define TCPSTATS_FIELDS_RTT 0x008U
#define TCPSTATS_FIELDS_SEQUENCES 0x010U
#define TCPSTATS_FIELDS_COUNTERS 0x020U
#define TCPSTATS_FIELDS_TIMERS 0x040U
#define TCPSTATS_FIELDS_BUFFERS 0x080U
#define TCPSTATS_FIELDS_ECN 0x100U /* with DSACK and TLP */
#define TCPSTATS_FIELDS_NAMES 0x200U
#define TCPSTATS_FIELDS_ALL 0x3ffU
#define TCPSTATS_FIELDS_DEFAULT 0x08fU

/* tsf_flags; bits 0..10 exclude the state of that number. */
#define TCPSTATS_FILTER_EXCLUDE_MASK 0x7ffU
#define TCPSTATS_FILTER_STATE_INCLUDE 0x1000U
#define TCPSTATS_FILTER_LOCAL_PORT 0x2000U
#define TCPSTATS_FILTER_REMOTE_PORT 0x4000U
#define TCPSTATS_FILTER_LOCAL_ADDR 0x8000U
#define TCPSTATS_FILTER_REMOTE_ADDR 0x10000U
#define TCPSTATS_FILTER_IPV4_ONLY 0x20000U
#define TCPSTATS_FILTER_IPV6_ONLY 0x40000U
#define TCPSTATS_FILTER_LOCAL_IS_V6 0x80000U
#define TCPSTATS_FILTER_REMOTE_IS_V6 0x100000U
#define TCPSTATS_FILTER_FLAGS_ALL 0x1ff7ffU

#define TCPSTATS_FORMAT_COMPACT 0U
#define TCPSTATS_FORMAT_FULL 1U

#define TCPSTATS_MAX_PORTS 8

/*
 * One TCP connection.  Host byte order but for the addresses.  Padding, spare
 * and the fields of groups that were not asked for are zero.
 */
struct tcpstats_record {
	uint32_t tsr_version;
	uint32_t tsr_len;
	uint32_t tsr_flags;
	uint32_t tsr_pad0;
	/* identity: always filled */
	uint8_t tsr_af;
	uint8_t tsr_pad1[3];
	uint16_t tsr_local_port;
	uint16_t tsr_remote_port;
	uint8_t tsr_local_addr[16];
	uint8_t tsr_remote_addr[16];
	/* state */
	int32_t tsr_state;
	uint32_t tsr_flags_tcp;
	/* congestion */
	uint32_t tsr_snd_cwnd;
	uint32_t tsr_snd_ssthresh;
	uint32_t tsr_snd_wnd;
	uint32_t tsr_rcv_wnd;
	uint32_t tsr_maxseg;
	/* names */
	char tsr_cc[16];
	char tsr_stack[16];
	/* rtt, us */
	uint32_t tsr_rtt;
	uint32_t tsr_rttvar;
	uint32_t tsr_rto;
	uint32_t tsr_rttmin;
	/* sequences */
	uint8_t tsr_snd_wscale;
	uint8_t tsr_rcv_wscale;
	uint8_t tsr_options;
	uint8_t tsr_pad2;
	uint32_t tsr_snd_nxt;
	uint32_t tsr_snd_una;
	uint32_t tsr_snd_max;
	uint32_t tsr_rcv_nxt;
	uint32_t tsr_rcv_adv;
	/* counters */
	uint32_t tsr_snd_rexmitpack;
	uint32_t tsr_rcv_ooopack;
	uint32_t tsr_snd_zerowin;
	uint32_t tsr_dupacks;
	uint32_t tsr_rcv_numsacks;
	/* ecn, dsack, tlp */
	uint32_t tsr_ecn;
	uint32_t tsr_delivered_ce;
	uint32_t tsr_received_ce;
	uint32_t tsr_dsack_bytes;
	uint32_t tsr_dsack_pack;
	uint32_t tsr_total_tlp;
	uint64_t tsr_total_tlp_bytes;
	/* timers, ms left, 0 = not running */
	int32_t tsr_tt_rexmt;
	int32_t tsr_tt_persist;
	int32_t tsr_tt_keep;
	int32_t tsr_tt_2msl;
	int32_t tsr_tt_delack;
	int32_t tsr_rcvtime; /* ms since the last packet */
	/* buffers, bytes */
	uint32_t tsr_snd_buf_cc;
	uint32_t tsr_snd_buf_hiwat;
	uint32_t tsr_rcv_buf_cc;
	uint32_t tsr_rcv_buf_hiwat;
	/* identity of the socket: always filled */
	uint64_t tsr_so_addr; /* the super-user's eyes only, else 0 */
	uint32_t tsr_uid;
	uint64_t tsr_inp_gencnt;
	uint32_t tsr_spare[13];
} __attribute__((packed, aligned(8)));

#define TCPSTATS_RECORD_SIZE 320

struct tcpstats_version {
	uint32_t tsv_protocol_version;
	uint32_t tsv_record_size;
	uint32_t tsv_record_count_hint;
	uint32_t tsv_flags;
};

/* Ports and addresses are in network byte order; port 0 ends a list. */
struct tcpstats_filter {
	uint32_t tsf_version;
	uint16_t tsf_state_mask;
	uint16_t tsf_pad0;
	uint32_t tsf_flags;
	uint16_t tsf_local_ports[TCPSTATS_MAX_PORTS];
	uint16_t tsf_remote_ports[TCPSTATS_MAX_PORTS];
	uint32_t tsf_local_addr_v4;
	uint32_t tsf_local_mask_v4;
	uint32_t tsf_remote_addr_v4;
	uint32_t tsf_remote_mask_v4;
	uint8_t tsf_local_addr_v6[16];
	uint8_t tsf_local_prefix_v6;
	uint8_t tsf_pad1[3];
	uint8_t tsf_remote_addr_v6[16];
	uint8_t tsf_remote_prefix_v6;
	uint8_t tsf_pad2[3];
	uint32_t tsf_field_mask;
	uint32_t tsf_format;
	uint32_t tsf_spare[4];
};

#define TCPSTATS_VERSION_CMD _IOR('T', 1, struct tcpstats_version)
#define TCPSTATS_SET_FILTER _IOW('T', 2, struct tcpstats_filter)
#define TCPSTATS_RESET _IO('T', 3)

#define TCPSTATS_AT(type, field, offset)                         \
	_Static_assert(offsetof(struct type, field) == (offset), \
	    #field " is not at " #offset)

_Static_assert(sizeof(struct tcpstats_record) == TCPSTATS_RECORD_SIZE,
    "a record is 320 bytes");
TCPSTATS_AT(tcpstats_record, tsr_af, 16);
TCPSTATS_AT(tcpstats_record, tsr_local_port, 20);
TCPSTATS_AT(tcpstats_record, tsr_remote_port, 22);
TCPSTATS_AT(tcpstats_record, tsr_local_addr, 24);
TCPSTATS_AT(tcpstats_record, tsr_remote_addr, 40);
TCPSTATS_AT(tcpstats_record, tsr_state, 56);
TCPSTATS_AT(tcpstats_record, tsr_flags_tcp, 60);
TCPSTATS_AT(tcpstats_record, tsr_snd_cwnd, 64);
TCPSTATS_AT(tcpstats_record, tsr_snd_ssthresh, 68);
TCPSTATS_AT(tcpstats_record, tsr_snd_wnd, 72);
TCPSTATS_AT(tcpstats_record, tsr_rcv_wnd, 76);
TCPSTATS_AT(tcpstats_record, tsr_maxseg, 80);
TCPSTATS_AT(tcpstats_record, tsr_cc, 84);
TCPSTATS_AT(tcpstats_record, tsr_stack, 100);
TCPSTATS_AT(tcpstats_record, tsr_rtt, 116);
TCPSTATS_AT(tcpstats_record, tsr_rttvar, 120);
TCPSTATS_AT(tcpstats_record, tsr_rto, 124);
TCPSTATS_AT(tcpstats_record, tsr_rttmin, 128);
TCPSTATS_AT(tcpstats_record, tsr_snd_wscale, 132);
TCPSTATS_AT(tcpstats_record, tsr_rcv_wscale, 133);
TCPSTATS_AT(tcpstats_record, tsr_options, 134);
TCPSTATS_AT(tcpstats_record, tsr_snd_nxt, 136);
TCPSTATS_AT(tcpstats_record, tsr_snd_una, 140);
TCPSTATS_AT(tcpstats_record, tsr_snd_max, 144);
TCPSTATS_AT(tcpstats_record, tsr_rcv_nxt, 148);
TCPSTATS_AT(tcpstats_record, tsr_rcv_adv, 152);
TCPSTATS_AT(tcpstats_record, tsr_snd_rexmitpack, 156);
TCPSTATS_AT(tcpstats_record, tsr_rcv_ooopack, 160);
TCPSTATS_AT(tcpstats_record, tsr_snd_zerowin, 164);
TCPSTATS_AT(tcpstats_record, tsr_dupacks, 168);
TCPSTATS_AT(tcpstats_record, tsr_rcv_numsacks, 172);
TCPSTATS_AT(tcpstats_record, tsr_ecn, 176);
TCPSTATS_AT(tcpstats_record, tsr_delivered_ce, 180);
TCPSTATS_AT(tcpstats_record, tsr_received_ce, 184);
TCPSTATS_AT(tcpstats_record, tsr_dsack_bytes, 188);
TCPSTATS_AT(tcpstats_record, tsr_dsack_pack, 192);
TCPSTATS_AT(tcpstats_record, tsr_total_tlp, 196);
TCPSTATS_AT(tcpstats_record, tsr_total_tlp_bytes, 200);
TCPSTATS_AT(tcpstats_record, tsr_tt_rexmt, 208);
TCPSTATS_AT(tcpstats_record, tsr_tt_persist, 212);
TCPSTATS_AT(tcpstats_record, tsr_tt_keep, 216);
TCPSTATS_AT(tcpstats_record, tsr_tt_2msl, 220);
TCPSTATS_AT(tcpstats_record, tsr_tt_delack, 224);
TCPSTATS_AT(tcpstats_record, tsr_rcvtime, 228);
TCPSTATS_AT(tcpstats_record, tsr_snd_buf_cc, 232);
TCPSTATS_AT(tcpstats_record, tsr_snd_buf_hiwat, 236);
TCPSTATS_AT(tcpstats_record, tsr_rcv_buf_cc, 240);
TCPSTATS_AT(tcpstats_record, tsr_rcv_buf_hiwat, 244);
TCPSTATS_AT(tcpstats_record, tsr_so_addr, 248);
TCPSTATS_AT(tcpstats_record, tsr_uid, 256);
TCPSTATS_AT(tcpstats_record, tsr_inp_gencnt, 260);
TCPSTATS_AT(tcpstats_record, tsr_spare, 268);

_Static_assert(sizeof(struct tcpstats_filter) == 124, "a filter is 124 bytes");
TCPSTATS_AT(tcpstats_filter, tsf_state_mask, 4);
TCPSTATS_AT(tcpstats_filter, tsf_flags, 8);
TCPSTATS_AT(tcpstats_filter, tsf_local_ports, 12);
TCPSTATS_AT(tcpstats_filter, tsf_remote_ports, 28);
TCPSTATS_AT(tcpstats_filter, tsf_local_addr_v4, 44);
TCPSTATS_AT(tcpstats_filter, tsf_local_mask_v4, 48);
TCPSTATS_AT(tcpstats_filter, tsf_remote_addr_v4, 52);
TCPSTATS_AT(tcpstats_filter, tsf_remote_mask_v4, 56);
TCPSTATS_AT(tcpstats_filter, tsf_local_addr_v6, 60);
TCPSTATS_AT(tcpstats_filter, tsf_local_prefix_v6, 76);
TCPSTATS_AT(tcpstats_filter, tsf_remote_addr_v6, 80);
TCPSTATS_AT(tcpstats_filter, tsf_remote_prefix_v6, 96);
TCPSTATS_AT(tcpstats_filter, tsf_field_mask, 100);
TCPSTATS_AT(tcpstats_filter, tsf_format, 104);
TCPSTATS_AT(tcpstats_filter, tsf_spare, 108);

_Static_assert(sizeof(struct tcpstats_version) == 16,
    "a version answer is 16 bytes");

#endif /* !_TCPSTATS_H_ */
