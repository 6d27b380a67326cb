/*-
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * The walk over the TCP sockets of a vnet, in pieces.
 *
 * inp_next() goes along the list of all inpcbs, newest first, and hands them
 * over locked for reading.  Its match callback sees an entry before that,
 * without a lock, within an SMR section: what the filter drops is dropped
 * there and never locked.  What matches is judged again under its lock, where
 * also its credential may be looked at.
 *
 * A piece ends when the core's batch is full, the reader's time is up, or the
 * SMR section, which is a critical section, gets long.  A walk from the head
 * would then have to pass everything that was dealt with again, so that a
 * reader with a small buffer would pay for the square of the table.  Hence
 * the anchor: where a piece ends, a reference to that inpcb is kept, and the
 * next piece goes on from there if it still is in the list, in O(sockets) for
 * the whole snapshot whatever the buffer.  Only if that very connection is
 * gone meanwhile does the walk begin at the head, to come, past entries at
 * which the core says TCPSTATS_SEEN, to where it was: entries go into the
 * list at its head with a rising inp_gencnt, so what is older than the cursor
 * stands behind it.  The anchor belongs to the cursor that the core had when
 * it was set; a batch that could not be handed over takes the cursor back,
 * and then the anchor does not count.
 *
 * An anchor keeps the memory of one inpcb, not the connection.  It is released
 * with the snapshot.  It needs its vnet to be there, which the descriptor's
 * credential sees to: it holds the prison that the vnet belongs to.
 */
#include "tcpstats_kernel.h"

#include <sys/errno.h>
#include <sys/jail.h>
#include <sys/lock.h>
#include <sys/priv.h>
#include <sys/proc.h>
#include <sys/rwlock.h>
#include <sys/smr.h>
#include <sys/socket.h>
#include <sys/socketvar.h>
#include <sys/systm.h>
#include <sys/time.h>
#include <sys/ucred.h>

#include <net/vnet.h>

#include <netinet/in.h>
#include <netinet/in_pcb.h>
#include <netinet/in_systm.h>
#include <netinet/tcp.h>
#include <netinet/tcp_fsm.h>
#include <netinet/tcp_seq.h>
#include <netinet/tcp_var.h>

#include "tcpstats_ends.h"
#include "tcpstats_probe.h"

/*
 * An SMR section ends after so many entries that were dealt with before; those
 * that are dealt with in it the core counts.
 */
#define PIECE_SEEN 1024

/*
 * The core orders sockets by a 64-bit position.  Inpcbs have the upper part,
 * in the order of their inp_gencnt, half-open connections the part below it,
 * so that a walk meets them last.
 */
#define POSITION_INPCB (UINT64_C(1) << 32)
#define POSITION_HALF_OPEN (POSITION_INPCB - 1)

/* What is noted of the entry that was offered last, or of the piece. */
#define NOTE_ASKED 0x1U	  /* it is to be locked */
#define NOTE_MATCHED 0x2U /* as the core counted it a match, to be reported */
#define NOTE_STOPPED 0x4U /* as the place to go on from */
/* One may have been missed: go through them again. */
#define NOTE_RESTART 0x8U

/* A piece of a walk along the list. */
struct piece {
	struct tcpstats_walker *walker;
	struct tcpstats_walk *walk;
	const struct tcpstats_matcher *matcher;
	uint32_t groups;   /* of fields, for the records */
	unsigned int seen; /* entries dealt with before */
	unsigned int notes;
	bool from_head; /* inp_next() has no entry to go on from */
};

static uint64_t
position_of(const struct inpcb *inp)
{

	return (POSITION_INPCB + inp->inp_gencnt);
}

static inline bool
is_ipv6(const struct inpcb *inp)
{

	return ((inp->inp_vflag & INP_IPV6) != 0);
}

static inline enum tcpstats_verdict
match_but_addresses(const struct tcpstats_matcher *matcher,
    const struct inpcb *inp)
{

	return (tcpstats_match_but_addresses(matcher, is_ipv6(inp),
	    intotcpcb(inp)->t_state, inp->inp_inc.inc_lport,
	    inp->inp_inc.inc_fport));
}

static inline enum tcpstats_verdict
match_addresses_v4(const struct tcpstats_matcher *matcher,
    const struct inpcb *inp)
{

	return (tcpstats_match_addresses_v4(matcher, &inp->inp_inc.inc_laddr,
	    &inp->inp_inc.inc_faddr));
}

static enum tcpstats_verdict
match_addresses_v6(const struct tcpstats_matcher *matcher,
    const struct inpcb *inp)
{
	uint8_t local[16], remote[16];

	tcpstats_copy_v6(local, &inp->inp_inc.inc6_laddr);
	tcpstats_copy_v6(remote, &inp->inp_inc.inc6_faddr);
	return (tcpstats_match_addresses_v6(matcher, local, remote));
}

/* ---- The anchor ---- */

/* Keep a locked inpcb as the place to go on from, and unlock it. */
static void
set_anchor(struct tcpstats_walker *walker, struct inpcb *inp, uint64_t cursor)
{

	in_pcbref(inp);
	INP_RUNLOCK(inp);
	walker->tw_anchor = inp;
	walker->tw_anchor_cursor = cursor;
}

/*
 * Give the anchor's reference back.  Returns it locked, or NULL if there is
 * none or it was freed.  in_pcbfree() takes an inpcb from the list and from
 * its socket under the same hold of its lock, so one with a socket is in the
 * list; INP_FREED, which would say the same, is private.
 */
static struct inpcb *
take_anchor(struct tcpstats_walker *walker)
{
	struct inpcb *inp = walker->tw_anchor;

	if (inp == NULL)
		return (NULL);
	walker->tw_anchor = NULL;
	INP_RLOCK(inp);
	if (in_pcbrele_rlocked(inp))
		return (NULL);
	if (inp->inp_socket == NULL) {
		INP_RUNLOCK(inp);
		return (NULL);
	}
	return (inp);
}

static void
drop_anchor(struct tcpstats_walker *walker)
{
	struct inpcb *inp = take_anchor(walker);

	if (inp != NULL)
		INP_RUNLOCK(inp);
}

/* ---- A piece of the list ---- */

/*
 * The entry that was asked for was freed before it could be locked.  Where
 * inp_next() then has nothing to go on from, it begins again behind the head,
 * which by now may be an entry not yet dealt with.
 */
static void
note_lost(struct piece *piece, const struct inpcb *inp)
{
	const unsigned int notes = piece->notes;

	piece->notes &= ~(NOTE_ASKED | NOTE_MATCHED | NOTE_RESTART);
	if (piece->from_head)
		piece->notes |= NOTE_RESTART;
	if ((notes & NOTE_MATCHED) == 0)
		return;
	tcpstats_walk_drop(piece->walk, TCPSTATS_SKIP_GENCNT);
	SDT_PROBE2(tcpstats, , filter, skip, inp, TCPSTATS_SKIP_GENCNT);
}

/* Returns false, as the entry is not to be locked. */
static __noinline bool
tell_skip(const struct inpcb *inp, enum tcpstats_verdict verdict)
{

	SDT_PROBE2(tcpstats, , filter, skip, inp, verdict);
	return (false);
}

/* Returns whether the entry is to be locked. */
static inline bool
conclude(struct piece *piece, const struct inpcb *inp,
    enum tcpstats_verdict verdict)
{

	if (verdict == TCPSTATS_MATCH) {
		piece->notes |= NOTE_ASKED | NOTE_MATCHED;
		return (true);
	}
	tcpstats_walk_drop(piece->walk, verdict);
	return (SDT_PROBES_ENABLED() && tell_skip(inp, verdict));
}

static __noinline bool
pass_seen(struct piece *piece)
{

	if (++piece->seen == PIECE_SEEN)
		piece->notes |= NOTE_STOPPED;
	return (false);
}

static __noinline bool
consider_addresses_v6(struct piece *piece, const struct inpcb *inp)
{

	return (conclude(piece, inp, match_addresses_v6(piece->matcher, inp)));
}

/*
 * Offer an entry to the core and its filter, which look at it while it may
 * change: a connection about to get its addresses passes or not, as it would
 * a moment earlier or later.  The entry's memory is sound, as inpcbs are freed
 * by SMR and a tcpcb is one with its inpcb, but no pointer in it may be
 * followed.
 */
static __always_inline bool
consider(struct piece *piece, const struct inpcb *inp)
{
	enum tcpstats_verdict verdict;

	verdict = tcpstats_walk_reach(piece->walk, position_of(inp));
	if (verdict == TCPSTATS_SEEN)
		return (pass_seen(piece));
	if (verdict == TCPSTATS_MATCH)
		verdict = match_but_addresses(piece->matcher, inp);
	if (verdict == TCPSTATS_MATCH && piece->matcher->tm_has_addr) {
		if (is_ipv6(inp))
			return (consider_addresses_v6(piece, inp));
		verdict = match_addresses_v4(piece->matcher, inp);
	}
	return (conclude(piece, inp, verdict));
}

/* offer() where there is more to it than the entry. */
static __noinline bool
offer_with_care(struct piece *piece, const struct inpcb *inp)
{

	if ((piece->notes & NOTE_ASKED) != 0)
		note_lost(piece, inp);
	if (tcpstats_walk_full(piece->walk))
		piece->notes |= NOTE_STOPPED;
	if (piece->notes == 0 && tcpstats_walk_time_is_up(piece->walk)) {
		piece->notes |= NOTE_STOPPED;
		SDT_PROBE2(tcpstats, , filter, skip, inp,
		    TCPSTATS_SKIP_TIMEOUT);
	}
	if (piece->notes == 0)
		return (consider(piece, inp));
	piece->notes |= NOTE_ASKED;
	return (true);
}

/*
 * The match callback of inp_next(): is this entry to be locked?  What is rare
 * is apart, as nothing else is done as often as this.
 */
static bool
offer(const struct inpcb *inp, void *arg)
{
	struct piece *piece = arg;

	if (__predict_false(
		piece->notes != 0 || tcpstats_walk_clock_is_due(piece->walk)))
		return (offer_with_care(piece, inp));
	return (consider(piece, inp));
}

/* The next entry that offer() asked for, locked, or NULL at the end. */
static __always_inline struct inpcb *
next_entry(struct piece *piece, struct inpcb_iterator *iterator)
{
	struct inpcb *inp;

	for (;;) {
		piece->notes &= NOTE_STOPPED;
		piece->from_head = iterator->inp == NULL;
		inp = inp_next(iterator);
		if (inp == NULL && (piece->notes & NOTE_ASKED) != 0)
			note_lost(piece, NULL);
		if (__predict_true((piece->notes & NOTE_RESTART) == 0))
			return (inp);
		if (inp != NULL) {
			INP_RUNLOCK(inp);
			iterator->inp = NULL;
		}
	}
}

static struct inpcb *
first_entry(struct piece *piece, struct inpcb_iterator *iterator)
{
	struct tcpstats_walker *walker = piece->walker;

	if (walker->tw_anchor_cursor != tcpstats_walk_cursor(piece->walk))
		drop_anchor(walker);
	iterator->inp = take_anchor(walker);
	if (iterator->inp != NULL && offer(iterator->inp, piece))
		return (iterator->inp);
	return (next_entry(piece, iterator));
}

/* Judge a locked match again. */
static enum tcpstats_verdict
judge(const struct piece *piece, struct inpcb *inp)
{
	enum tcpstats_verdict verdict;

	if (cr_canseeinpcb(piece->walker->tw_cred, inp) != 0)
		return (TCPSTATS_SKIP_CRED);
	verdict = match_but_addresses(piece->matcher, inp);
	if (verdict == TCPSTATS_MATCH && piece->matcher->tm_has_addr)
		verdict = is_ipv6(inp) ?
		    match_addresses_v6(piece->matcher, inp) :
		    match_addresses_v4(piece->matcher, inp);
	return (verdict);
}

static void
fill(const struct piece *piece, const struct inpcb *inp)
{

	tcpstats_fill_inpcb(tcpstats_walk_slot(piece->walk), inp, piece->groups,
	    piece->walker->tw_show_addresses);
	tcpstats_walk_emit(piece->walk);
}

/* The clock is read for the probe alone. */
static __noinline void
fill_probed(const struct piece *piece, const struct inpcb *inp)
{
	const sbintime_t start = sbinuptime();

	SDT_PROBE1(tcpstats, , filter, match, inp);
	fill(piece, inp);
	SDT_PROBE2(tcpstats, , fill, done, sbttons(sbinuptime() - start),
	    TCPSTATS_RECORD_SIZE);
}

static void
report(struct piece *piece, struct inpcb *inp)
{
	enum tcpstats_verdict verdict = judge(piece, inp);

	piece->notes &= ~NOTE_MATCHED;
	if (verdict != TCPSTATS_MATCH) {
		tcpstats_walk_drop(piece->walk, verdict);
		SDT_PROBE2(tcpstats, , filter, skip, inp, verdict);
	} else if (SDT_PROBES_ENABLED()) {
		fill_probed(piece, inp);
	} else {
		fill(piece, inp);
	}
}

/* Returns whether the list's end was reached. */
static bool
walk_list(struct tcpstats_walker *walker, struct tcpstats_walk *walk)
{
	struct piece piece = {
		.walker = walker,
		.walk = walk,
		.matcher = tcpstats_walk_matcher(walk),
		.groups = tcpstats_walk_filter(walk)->tsf_field_mask,
	};
	struct inpcb_iterator iterator = INP_ITERATOR(&V_tcbinfo,
	    INPLOOKUP_RLOCKPCB, offer, &piece);
	struct inpcb *inp;

	for (inp = first_entry(&piece, &iterator); inp != NULL;
	     inp = next_entry(&piece, &iterator)) {
		if ((piece.notes & NOTE_MATCHED) != 0)
			report(&piece, inp);
		if ((piece.notes & NOTE_STOPPED) != 0 ||
		    tcpstats_walk_full(walk)) {
			set_anchor(walker, inp, tcpstats_walk_cursor(walk));
			return (false);
		}
	}
	return (true);
}

/* ---- Half-open connections ---- */

static void
report_half_open(struct tcpstats_walk *walk,
    const struct tcpstats_half_open_entry *entry)
{

	SDT_PROBE1(tcpstats, , filter, match, NULL);
	tcpstats_fill_half_open(tcpstats_walk_slot(walk), &entry->thoe_ends,
	    entry->thoe_ipv6, tcpstats_walk_filter(walk)->tsf_field_mask);
	tcpstats_walk_emit(walk);
}

static struct tcpstats_socket
socket_of(const struct tcpstats_half_open_entry *entry, uint64_t position)
{
	const struct in_conninfo *ends = &entry->thoe_ends;

	return ((struct tcpstats_socket) {
	    .ts_gencnt = position,
	    .ts_local_addr = entry->thoe_ipv6 ?
		(const void *)&ends->inc6_laddr :
		(const void *)&ends->inc_laddr,
	    .ts_remote_addr = entry->thoe_ipv6 ?
		(const void *)&ends->inc6_faddr :
		(const void *)&ends->inc_faddr,
	    .ts_local_port = ends->inc_lport,
	    .ts_remote_port = ends->inc_fport,
	    .ts_state = TCPSTATS_SYN_RECEIVED,
	    .ts_ipv6 = entry->thoe_ipv6,
	    .ts_visible = true,
	});
}

/* Returns whether they are all dealt with. */
static bool
walk_half_open(const struct tcpstats_half_open *half_open,
    struct tcpstats_walk *walk)
{
	uint64_t cursor = tcpstats_walk_cursor(walk);
	struct tcpstats_socket socket;
	enum tcpstats_verdict verdict;
	size_t i = 0;

	if (cursor <= POSITION_HALF_OPEN)
		i = POSITION_HALF_OPEN - cursor + 1;
	for (; i < half_open->tho_count; i++) {
		if (tcpstats_walk_full(walk))
			return (false);
		socket = socket_of(&half_open->tho_entries[i],
		    POSITION_HALF_OPEN - i);
		verdict = tcpstats_walk_visit(walk, &socket);
		if (verdict == TCPSTATS_MATCH) {
			report_half_open(walk, &half_open->tho_entries[i]);
			continue;
		}
		SDT_PROBE2(tcpstats, , filter, skip, NULL, verdict);
		if (verdict == TCPSTATS_SKIP_TIMEOUT)
			return (false);
	}
	return (true);
}

/* ---- The walker ---- */

/*
 * Kernel addresses are for the super-user outside of jails, who has
 * PRIV_DRIVER.  PRIV_KMEM_READ would be the name, but everybody has it: it is
 * left to the modes of /dev/mem and its kin.
 */
void
tcpstats_walker_init(struct tcpstats_walker *walker, struct ucred *cred)
{

	*walker = (struct tcpstats_walker) {
		.tw_cred = crhold(cred),
		.tw_show_addresses = priv_check_cred(cred, PRIV_DRIVER) == 0,
	};
}

void
tcpstats_walker_destroy(struct tcpstats_walker *walker)
{

	tcpstats_walker_forget(walker);
	crfree(walker->tw_cred);
}

void
tcpstats_walker_forget(struct tcpstats_walker *walker)
{

	drop_anchor(walker);
	tcpstats_half_open_release(&walker->tw_half_open);
}

/*
 * The inpcbs' part is fixed first: a handshake that is completed in between
 * is in neither, as if it had been a moment later, and none is in both.
 */
int
tcpstats_walker_snapshot(struct tcpstats_walker *walker, uint64_t *newest)
{

	tcpstats_walker_forget(walker);
	CURVNET_SET(CRED_TO_VNET(walker->tw_cred));
	*newest = POSITION_INPCB + V_tcbinfo.ipi_gencnt;
	tcpstats_half_open_collect(&walker->tw_half_open, walker->tw_cred);
	CURVNET_RESTORE();
	return (0);
}

int
tcpstats_walker_walk(struct tcpstats_walker *walker, struct tcpstats_walk *walk)
{
	bool ended = true;

	CURVNET_SET(CRED_TO_VNET(walker->tw_cred));
	if (tcpstats_walk_cursor(walk) > POSITION_HALF_OPEN)
		ended = walk_list(walker, walk);
	if (ended && walk_half_open(&walker->tw_half_open, walk))
		tcpstats_walk_end(walk);
	CURVNET_RESTORE();
	return (0);
}

uint32_t
tcpstats_walker_count_hint(const struct tcpstats_walker *walker)
{
	uint32_t hint;

	CURVNET_SET(CRED_TO_VNET(walker->tw_cred));
	hint = V_tcbinfo.ipi_count +
	    counter_u64_fetch(V_tcps_states[TCPS_SYN_RECEIVED]);
	CURVNET_RESTORE();
	return (hint);
}
