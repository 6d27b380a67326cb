/*-
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * A record from an inpcb.  The fields are those that getsockopt(TCP_INFO) and
 * the sysctl net.inet.tcp.pcblist show, by the same rules, but for times: here
 * every one saturates, none is negative, and the units of a stack that keeps
 * its round-trip times in microseconds are heeded.
 */
#include "tcpstats_kernel.h"

#include <sys/lock.h>
#include <sys/rwlock.h>
#include <sys/socket.h>
#include <sys/socketvar.h>
#include <sys/systm.h>
#include <sys/time.h>
#include <sys/ucred.h>

#include <netinet/in.h>
#include <netinet/in_pcb.h>
#include <netinet/tcp.h>
#include <netinet/tcp_fsm.h>
#include <netinet/tcp_seq.h>
#include <netinet/tcp_var.h>

#include "tcpstats_ends.h"

/* A timer more, and a field for it is missing here. */
_Static_assert(TT_N == 5, "TCP has five timers");
_Static_assert(TCP_NSTATES == TCPSTATS_NSTATES &&
	(int)TCPS_TIME_WAIT == (int)TCPSTATS_TIME_WAIT,
    "the protocol's states are the kernel's");

/* The count of CE marks with which a connection that uses AccECN starts. */
#define ACCECN_FIRST_CE 5

static uint32_t
saturate_u32(uint64_t value)
{

	return (value > UINT32_MAX ? UINT32_MAX : value);
}

static int32_t
saturate_i32(uint64_t value)
{

	return (value > INT32_MAX ? INT32_MAX : value);
}

/* Milliseconds left, at least 1 while the timer runs: 0 says that it is not. */
static int32_t
timer_ms(const struct tcpcb *tp, tt_which which, sbintime_t now)
{
	sbintime_t left;

	if (tp->t_timers[which] == SBT_MAX)
		return (0);
	left = tp->t_timers[which] - now;
	if (left < SBT_1MS)
		return (1);
	return (saturate_i32(left / SBT_1MS));
}

static void
fill_identity(struct tcpstats_record *record, const struct in_conninfo *ends,
    bool ipv6)
{

	record->tsr_local_port = ntohs(ends->inc_lport);
	record->tsr_remote_port = ntohs(ends->inc_fport);
	if (ipv6) {
		record->tsr_flags |= TCPSTATS_RECORD_IPV6;
		record->tsr_af = AF_INET6;
		tcpstats_copy_v6(record->tsr_local_addr, &ends->inc6_laddr);
		tcpstats_copy_v6(record->tsr_remote_addr, &ends->inc6_faddr);
	} else {
		record->tsr_af = AF_INET;
		memcpy(record->tsr_local_addr, &ends->inc_laddr,
		    sizeof(ends->inc_laddr));
		memcpy(record->tsr_remote_addr, &ends->inc_faddr,
		    sizeof(ends->inc_faddr));
	}
}

static void
fill_state(struct tcpstats_record *record, const struct tcpcb *tp)
{

	record->tsr_state = tp->t_state;
	record->tsr_flags_tcp = tp->t_flags;
}

static void
fill_congestion(struct tcpstats_record *record, const struct tcpcb *tp)
{

	record->tsr_snd_cwnd = tp->snd_cwnd;
	record->tsr_snd_ssthresh = tp->snd_ssthresh;
	record->tsr_snd_wnd = tp->snd_wnd;
	record->tsr_rcv_wnd = tp->rcv_wnd;
	record->tsr_maxseg = tp->t_maxseg;
}

/* An algorithm's and a stack's name are initializers of arrays: zero behind. */
_Static_assert(sizeof(((struct cc_algo *)NULL)->name) >=
	    sizeof(((struct tcpstats_record *)NULL)->tsr_cc) &&
	sizeof(((struct tcp_function_block *)NULL)->tfb_tcp_block_name) >=
	    sizeof(((struct tcpstats_record *)NULL)->tsr_stack),
    "names are at least as long as a record's");

static void
fill_names(struct tcpstats_record *record, const struct tcpcb *tp)
{

	memcpy(record->tsr_cc, CC_ALGO(tp)->name, sizeof(record->tsr_cc) - 1);
	memcpy(record->tsr_stack, tp->t_fb->tfb_tcp_block_name,
	    sizeof(record->tsr_stack) - 1);
}

static bool
uses_timestamps(const struct tcpcb *tp)
{

	return ((tp->t_flags & TF_REQ_TSTMP) != 0 &&
	    (tp->t_flags & TF_RCVD_TSTMP) != 0);
}

/* Of a time in units of tick_us >> shift; negative it is none. */
static uint32_t
units_to_us(int time, uint64_t tick_us, int shift)
{

	return (saturate_u32(MAX(time, 0) * tick_us >> shift));
}

/*
 * The times are in ticks, all but the lowest where timestamps measure it,
 * which is in their milliseconds then.
 */
static void
fill_rtt_in_ticks(struct tcpstats_record *record, const struct tcpcb *tp)
{
	const uint64_t tick_us = tick;

	record->tsr_rtt = units_to_us(tp->t_srtt, tick_us, TCP_RTT_SHIFT);
	record->tsr_rttvar = units_to_us(tp->t_rttvar, tick_us,
	    TCP_RTTVAR_SHIFT);
	record->tsr_rto = units_to_us(tp->t_rxtcur, tick_us, 0);
	record->tsr_rttmin = units_to_us(tp->t_rttlow,
	    uses_timestamps(tp) ? 1000 : tick_us, 0);
}

static void
fill_rtt(struct tcpstats_record *record, const struct tcpcb *tp)
{

	if (tp->t_tmr_granularity != TCP_TMR_GRANULARITY_USEC) {
		fill_rtt_in_ticks(record, tp);
		return;
	}
	record->tsr_rtt = MAX(tp->t_srtt, 0);
	record->tsr_rttvar = MAX(tp->t_rttvar, 0);
	record->tsr_rto = MAX(tp->t_rxtcur, 0);
	record->tsr_rttmin = MAX(tp->t_rttlow, 0);
}

static uint8_t
options(const struct tcpcb *tp)
{
	uint8_t bits = 0;

	if (uses_timestamps(tp))
		bits |= TCPI_OPT_TIMESTAMPS;
	if ((tp->t_flags & TF_SACK_PERMIT) != 0)
		bits |= TCPI_OPT_SACK;
	if ((tp->t_flags & TF_REQ_SCALE) != 0 &&
	    (tp->t_flags & TF_RCVD_SCALE) != 0)
		bits |= TCPI_OPT_WSCALE;
	if ((tp->t_flags2 & TF2_ACE_PERMIT) != 0)
		bits |= TCPI_OPT_ACE;
	else if ((tp->t_flags2 & TF2_ECN_PERMIT) != 0)
		bits |= TCPI_OPT_ECN;
	if ((tp->t_flags & TF_FASTOPEN) != 0)
		bits |= TCPI_OPT_TFO;
	if ((tp->t_flags & TF_TOE) != 0)
		bits |= TCPI_OPT_TOE;
	return (bits);
}

static void
fill_sequences(struct tcpstats_record *record, const struct tcpcb *tp)
{

	record->tsr_options = options(tp);
	if ((record->tsr_options & TCPI_OPT_WSCALE) != 0) {
		record->tsr_snd_wscale = tp->snd_scale;
		record->tsr_rcv_wscale = tp->rcv_scale;
	}
	record->tsr_snd_nxt = tp->snd_nxt;
	record->tsr_snd_una = tp->snd_una;
	record->tsr_snd_max = tp->snd_max;
	record->tsr_rcv_nxt = tp->rcv_nxt;
	record->tsr_rcv_adv = tp->rcv_adv;
}

static void
fill_counters(struct tcpstats_record *record, const struct tcpcb *tp)
{

	record->tsr_snd_rexmitpack = tp->t_sndrexmitpack;
	record->tsr_rcv_ooopack = tp->t_rcvoopack;
	record->tsr_snd_zerowin = tp->t_sndzerowin;
	record->tsr_dupacks = tp->t_dupacks;
	record->tsr_rcv_numsacks = tp->rcv_numsacks;
}

static void
fill_timers(struct tcpstats_record *record, const struct tcpcb *tp)
{
	sbintime_t now = getsbinuptime();
	uint32_t idle = (uint32_t)ticks - tp->t_rcvtime;

	record->tsr_tt_rexmt = timer_ms(tp, TT_REXMT, now);
	record->tsr_tt_persist = timer_ms(tp, TT_PERSIST, now);
	record->tsr_tt_keep = timer_ms(tp, TT_KEEP, now);
	record->tsr_tt_2msl = timer_ms(tp, TT_2MSL, now);
	record->tsr_tt_delack = timer_ms(tp, TT_DELACK, now);
	record->tsr_rcvtime = saturate_i32((uint64_t)idle * 1000 / hz);
}

/*
 * The counts are read without the locks of the socket's buffers, which no
 * reader of statistics need make the connection wait for.
 */
static void
fill_buffers(struct tcpstats_record *record, const struct socket *so)
{

	if (SOLISTENING(so)) {
		record->tsr_snd_buf_hiwat = so->sol_sbsnd_hiwat;
		record->tsr_rcv_buf_hiwat = so->sol_sbrcv_hiwat;
		return;
	}
	record->tsr_snd_buf_cc = so->so_snd.sb_ccc;
	record->tsr_snd_buf_hiwat = so->so_snd.sb_hiwat;
	record->tsr_rcv_buf_cc = so->so_rcv.sb_ccc;
	record->tsr_rcv_buf_hiwat = so->so_rcv.sb_hiwat;
}

static void
fill_ecn(struct tcpstats_record *record, const struct tcpcb *tp)
{
	bool ecn = (tp->t_flags2 & TF2_ECN_PERMIT) != 0;
	bool accecn = (tp->t_flags2 & TF2_ACE_PERMIT) != 0;

	record->tsr_ecn = (ecn ? 1 : 0) | (accecn ? 2 : 0);
	record->tsr_delivered_ce = tp->t_scep;
	if (ecn && accecn)
		record->tsr_delivered_ce -= ACCECN_FIRST_CE;
	record->tsr_received_ce = tp->t_rcep;
	record->tsr_dsack_bytes = tp->t_dsack_bytes;
	record->tsr_dsack_pack = tp->t_dsack_pack;
	record->tsr_total_tlp = tp->t_sndtlppack;
	record->tsr_total_tlp_bytes = tp->t_sndtlpbyte;
}

void
tcpstats_fill_inpcb(struct tcpstats_record *record, const struct inpcb *inp,
    uint32_t groups, bool show_addresses)
{
	const struct tcpcb *tp = intotcpcb(inp);
	const struct socket *so = inp->inp_socket;

	INP_LOCK_ASSERT(inp);
	fill_identity(record, &inp->inp_inc, (inp->inp_vflag & INP_IPV6) != 0);
	record->tsr_uid = inp->inp_cred->cr_uid;
	record->tsr_inp_gencnt = inp->inp_gencnt;
	if (tp->t_state == TCPS_LISTEN)
		record->tsr_flags |= TCPSTATS_RECORD_LISTEN;
	if (show_addresses)
		record->tsr_so_addr = (uintptr_t)so;
	if ((groups & TCPSTATS_FIELDS_STATE) != 0)
		fill_state(record, tp);
	if ((groups & TCPSTATS_FIELDS_CONGESTION) != 0)
		fill_congestion(record, tp);
	if ((groups & TCPSTATS_FIELDS_RTT) != 0)
		fill_rtt(record, tp);
	if ((groups & TCPSTATS_FIELDS_SEQUENCES) != 0)
		fill_sequences(record, tp);
	if ((groups & TCPSTATS_FIELDS_COUNTERS) != 0)
		fill_counters(record, tp);
	if ((groups & TCPSTATS_FIELDS_TIMERS) != 0)
		fill_timers(record, tp);
	if ((groups & TCPSTATS_FIELDS_BUFFERS) != 0)
		fill_buffers(record, so);
	if ((groups & TCPSTATS_FIELDS_ECN) != 0)
		fill_ecn(record, tp);
	if ((groups & TCPSTATS_FIELDS_NAMES) != 0)
		fill_names(record, tp);
}

void
tcpstats_fill_half_open(struct tcpstats_record *record,
    const struct in_conninfo *ends, bool ipv6, uint32_t groups)
{

	record->tsr_flags |= TCPSTATS_RECORD_SYNCACHE;
	fill_identity(record, ends, ipv6);
	if ((groups & TCPSTATS_FIELDS_STATE) != 0)
		record->tsr_state = TCPSTATS_SYN_RECEIVED;
}
