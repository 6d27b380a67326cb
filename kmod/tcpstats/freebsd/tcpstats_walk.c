/*-
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * The walk over the TCP sockets of a vnet: those that have an inpcb, and then
 * the half-open connections as they were when the snapshot was taken.
 */
#include "tcpstats_kernel.h"

#include <sys/jail.h>
#include <sys/priv.h>
#include <sys/proc.h>
#include <sys/socket.h>
#include <sys/socketvar.h>
#include <sys/systm.h>
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

	if (cursor <= TCPSTATS_POSITION_HALF_OPEN)
		i = TCPSTATS_POSITION_HALF_OPEN - cursor + 1;
	for (; i < half_open->tho_count; i++) {
		if (tcpstats_walk_full(walk))
			return (false);
		socket = socket_of(&half_open->tho_entries[i],
		    TCPSTATS_POSITION_HALF_OPEN - i);
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

	tcpstats_list_forget(walker);
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
	*newest = TCPSTATS_POSITION_INPCB + V_tcbinfo.ipi_gencnt;
	tcpstats_half_open_collect(&walker->tw_half_open, walker->tw_cred);
	CURVNET_RESTORE();
	return (0);
}

int
tcpstats_walker_walk(struct tcpstats_walker *walker, struct tcpstats_walk *walk)
{
	bool ended = true;

	CURVNET_SET(CRED_TO_VNET(walker->tw_cred));
	if (tcpstats_walk_cursor(walk) > TCPSTATS_POSITION_HALF_OPEN)
		ended = tcpstats_list_walk(walker, walk);
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
