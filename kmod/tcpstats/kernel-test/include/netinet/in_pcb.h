/*-
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * Stand-in: protocol control blocks and the walk over them.
 */
#ifndef _NETINET_IN_PCB_H_
#define _NETINET_IN_PCB_H_

#include <sys/counter.h>
#include <sys/rwlock.h>

#include <netinet/in.h>

struct socket;
struct ucred;

struct in_conninfo {
	uint16_t inc_fport;
	uint16_t inc_lport;
	union {
		struct in_addr inc_faddr;
		struct in6_addr inc6_faddr;
	};
	union {
		struct in_addr inc_laddr;
		struct in6_addr inc6_laddr;
	};
};

#define INP_IPV4 0x1
#define INP_IPV6 0x2

struct inpcbinfo;

struct inpcb {
	struct rwlock inp_lock;
	struct inpcb *inp_next_in_list; /* atomic */
	struct inpcb *inp_prev_in_list; /* for the list's writers */
	struct inpcb *inp_limbo;	/* the next that waits to be freed */
	struct inpcbinfo *inp_pcbinfo;
	struct socket *inp_socket;
	struct ucred *inp_cred;
	struct in_conninfo inp_inc;
	uint64_t inp_gencnt;
	u_int inp_refcount; /* atomic */
	u_char inp_vflag;
	bool inp_freed; /* INP_FREED, which is private to in_pcb.c */
};

struct inpcbinfo {
	struct ukern_lock ipi_lock;
	struct inpcb *ipi_first; /* atomic */
	uint64_t ipi_gencnt;
	u_int ipi_count;
};

typedef enum { INPLOOKUP_RLOCKPCB = 2, INPLOOKUP_WLOCKPCB = 4 } inp_lookup_t;
typedef bool inp_match_t(const struct inpcb *inp, void *ctx);

struct inpcb_iterator {
	const struct inpcbinfo *ipi;
	struct inpcb *inp;
	inp_match_t *match;
	void *ctx;
	inp_lookup_t lock;
};

#define INP_ITERATOR(ipi_, lock_, match_, ctx_)                  \
	{                                                        \
		.ipi = (ipi_), .match = (match_), .ctx = (ctx_), \
		.lock = (lock_)                                  \
	}

#define INP_RLOCK(inp) ukern_lock_acquire(&(inp)->inp_lock.lock, UKERN_SHARED)
#define INP_RUNLOCK(inp) ukern_lock_release(&(inp)->inp_lock.lock)
#define INP_WLOCK(inp) \
	ukern_lock_acquire(&(inp)->inp_lock.lock, UKERN_EXCLUSIVE)
#define INP_WUNLOCK(inp) ukern_lock_release(&(inp)->inp_lock.lock)
#define INP_LOCK_ASSERT(inp) ukern_lock_assert_held(&(inp)->inp_lock.lock)

struct inpcb *inp_next(struct inpcb_iterator *iterator);
void in_pcbref(struct inpcb *inp);
bool in_pcbrele_rlocked(struct inpcb *inp);
int cr_canseeinpcb(struct ucred *cred, struct inpcb *inp);

#endif /* !_NETINET_IN_PCB_H_ */
