/*-
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * Half-open connections.  They have no inpcb: the syncache has them, which
 * shows them through one exported function, made for a sysctl.  It is called
 * with a request of our own, whose output function collects them.
 */
#include "tcpstats_kernel.h"

#include <sys/proc.h>
#include <sys/socket.h>
#include <sys/socketvar.h>
#include <sys/systm.h>
#include <sys/ucred.h>

#include <netinet/in.h>
#include <netinet/in_pcb.h>
#include <netinet/tcp.h>
#include <netinet/tcp_seq.h>
#include <netinet/tcp_var.h>

/* Not complete without tcp_var.h before it. */
#include <netinet/tcp_syncache.h>

#include "tcpstats_ends.h"

/* Room is made for what was there a moment ago and some more. */
#define COLLECT_TRIES 4
#define COLLECT_SLACK 16

struct collection {
	struct tcpstats_half_open_entry *entries;
	size_t capacity;
	size_t seen; /* also those for which there was no room */
};

static void
copy_entry(struct tcpstats_half_open_entry *entry, const struct xinpcb *xi)
{

	entry->thoe_ends = xi->inp_inc;
	entry->thoe_ipv6 = (xi->inp_vflag & INP_IPV6) != 0;
	if (entry->thoe_ipv6) {
		in6_clearscope(&entry->thoe_ends.inc6_laddr);
		in6_clearscope(&entry->thoe_ends.inc6_faddr);
	}
}

/* Called with a mutex of the syncache held: neither sleeps nor fails. */
static int
collect_entry(struct sysctl_req *req, const void *entry, size_t len)
{
	struct collection *collection = req->oldptr;
	const struct xtcpcb *xt = entry;

	KASSERT(len == sizeof(*xt), ("%s: %zu bytes", __func__, len));
	if (collection->seen < collection->capacity)
		copy_entry(&collection->entries[collection->seen], &xt->xt_inp);
	collection->seen++;
	return (0);
}

/*
 * The syncache asks the credential of the thread what may be seen, and the
 * opener's is the one that counts: lend it to the thread, as vfs_aio.c does.
 */
static void
collect(struct collection *collection, struct ucred *cred)
{
	struct thread *td = curthread;
	struct ucred *own_cred = td->td_ucred;
	struct sysctl_req req = {
		.td = td,
		.oldptr = collection,
		.oldfunc = collect_entry,
	};

	collection->seen = 0;
	td->td_ucred = cred;
	(void)syncache_pcblist(&req);
	td->td_ucred = own_cred;
}

void
tcpstats_half_open_collect(struct tcpstats_half_open *half_open,
    struct ucred *cred)
{
	struct collection collection = { .capacity = 0 };

	collect(&collection, cred);
	for (int i = 0;
	     i < COLLECT_TRIES && collection.seen > collection.capacity; i++) {
		free(collection.entries, M_TCPSTATS);
		collection.capacity = collection.seen + collection.seen / 4 +
		    COLLECT_SLACK;
		collection.entries = mallocarray(collection.capacity,
		    sizeof(*collection.entries), M_TCPSTATS, M_WAITOK);
		collect(&collection, cred);
	}
	half_open->tho_entries = collection.entries;
	half_open->tho_count = MIN(collection.seen, collection.capacity);
}

void
tcpstats_half_open_release(struct tcpstats_half_open *half_open)
{

	free(half_open->tho_entries, M_TCPSTATS);
	half_open->tho_entries = NULL;
	half_open->tho_count = 0;
}
