/*-
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * Stand-in: TCP's control block, and what is exported of one.
 */
#ifndef _NETINET_TCP_VAR_H_
#define _NETINET_TCP_VAR_H_

#include <sys/time.h>

#include <netinet/in_pcb.h>

typedef enum {
	TT_REXMT,
	TT_PERSIST,
	TT_KEEP,
	TT_2MSL,
	TT_DELACK,
	TT_N
} tt_which;

struct cc_algo {
	char name[16];
};

struct tcp_function_block {
	char tfb_tcp_block_name[32];
};

/* The inpcb is its first part: one piece of memory. */
struct tcpcb {
	struct inpcb t_inpcb;
	struct tcp_function_block *t_fb;
	const struct cc_algo *t_cc;
	int t_state;
	u_int t_flags;
	u_int t_flags2;
	uint32_t snd_cwnd;
	uint32_t snd_ssthresh;
	uint32_t snd_wnd;
	uint32_t rcv_wnd;
	u_int t_maxseg;
	uint8_t t_tmr_granularity;
	int t_srtt;
	int t_rttvar;
	int t_rxtcur;
	int t_rttlow;
	uint8_t snd_scale;
	uint8_t rcv_scale;
	uint32_t snd_nxt;
	uint32_t snd_una;
	uint32_t snd_max;
	uint32_t rcv_nxt;
	uint32_t rcv_adv;
	uint32_t t_sndrexmitpack;
	uint32_t t_rcvoopack;
	uint32_t t_sndzerowin;
	uint32_t t_dupacks;
	uint32_t rcv_numsacks;
	u_int t_rcvtime;
	sbintime_t t_timers[TT_N];
	uint32_t t_scep;
	uint32_t t_rcep;
	uint32_t t_dsack_bytes;
	uint32_t t_dsack_pack;
	uint32_t t_sndtlppack;
	uint64_t t_sndtlpbyte;
};

#define TF_REQ_SCALE 0x00000020
#define TF_RCVD_SCALE 0x00000040
#define TF_REQ_TSTMP 0x00000080
#define TF_RCVD_TSTMP 0x00000100
#define TF_SACK_PERMIT 0x00000200
#define TF_TOE 0x02000000
#define TF_FASTOPEN 0x80000000
#define TF2_ECN_PERMIT 0x00000020
#define TF2_ACE_PERMIT 0x00000040

#define TCP_TMR_GRANULARITY_TICKS 1
#define TCP_TMR_GRANULARITY_USEC 2
#define TCP_RTT_SHIFT 5
#define TCP_RTTVAR_SHIFT 4

#define CC_ALGO(tp) ((tp)->t_cc)
#define intotcpcb(inp) __containerof((inp), struct tcpcb, t_inpcb)

struct xinpcb {
	struct in_conninfo inp_inc;
	u_char inp_vflag;
};

struct xtcpcb {
	struct xinpcb xt_inp;
};

#define V_tcbinfo (ukern_curvnet()->tcbinfo)
#define V_tcps_states (ukern_curvnet()->tcps_states)

#include <net/vnet.h>

#endif /* !_NETINET_TCP_VAR_H_ */
