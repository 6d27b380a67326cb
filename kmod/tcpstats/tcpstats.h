/*-
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * The tcpstats protocol, version 1: what a program that reads /dev/tcpstats
 * shares with the device.
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

#include "tcpstats_layout.h"

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

TCPSTATS_RECORD_LAYOUT(TCPSTATS_ASSERT_SIZE, TCPSTATS_ASSERT_GROUP_FIELD);
TCPSTATS_IOCTL_LAYOUT(TCPSTATS_ASSERT_COMMAND, TCPSTATS_ASSERT_SIZE,
    TCPSTATS_ASSERT_FIELD);

#endif /* !_TCPSTATS_H_ */
