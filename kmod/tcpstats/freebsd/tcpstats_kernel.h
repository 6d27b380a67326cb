/*-
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * What the files of the FreeBSD module share.
 *
 * Locks, in the order in which they are taken:
 *
 *	a descriptor's lock (sx)	one read or ioctl at a time
 *	the profiles' lock (sx)		the registry, its nodes, last_error
 *	the gate's mutex		who is open, who reads
 *	an inpcb's lock, for reading	one at a time, from the walk alone
 *
 * No two of them are held together but a descriptor's lock with one of the
 * others.  User memory is touched with at most the descriptor's lock held.
 */
#ifndef _TCPSTATS_KERNEL_H_
#define _TCPSTATS_KERNEL_H_

#include <sys/param.h>

#include <sys/kernel.h>
#include <sys/malloc.h>
#include <sys/sysctl.h>

#include "../core/tcpstats_core.h"

struct cdev;
struct in_conninfo;
struct inpcb;
struct tcpstats_node;
struct ucred;

MALLOC_DECLARE(M_TCPSTATS);
SYSCTL_DECL(_dev_tcpstats);
SYSCTL_DECL(_dev_tcpstats_profiles);

/* ---- The gate: limits, and who is in (tcpstats_gate.c) ---- */

/* Set by sysctl; a reader takes what it finds. */
extern struct tcpstats_limits tcpstats_limits;

void tcpstats_gate_init(void);
void tcpstats_gate_destroy(void);
/* Shut at first; from now on opens are let in. */
void tcpstats_gate_lift(void);
/* Let an open in.  Returns 0, EMFILE, or ENXIO while the gate is shut. */
int tcpstats_gate_open(void);
void tcpstats_gate_close(void);
/* Let a read in.  Returns 0 or EBUSY. */
int tcpstats_gate_read(void);
void tcpstats_gate_read_done(void);
/* So that the module can go.  Returns 0, or EBUSY while one is open. */
int tcpstats_gate_shut(void);
/* Returns 0, or EBUSY while a descriptor is open. */
int tcpstats_gate_idle(void);
/* The sysctl active_fds. */
uint32_t *tcpstats_gate_active_fds(void);

/* ---- Counters, per CPU (tcpstats_counters.c) ---- */

void tcpstats_counters_init(void);
void tcpstats_counters_destroy(void);
void tcpstats_counters_add_sysctls(struct sysctl_ctx_list *ctx,
    struct sysctl_oid_list *parent);
void tcpstats_counters_count_open(void);
void tcpstats_counters_count_read(const struct tcpstats_read_stats *stats);

/* ---- Half-open connections (tcpstats_half_open.c) ---- */

struct tcpstats_half_open_entry;

struct tcpstats_half_open {
	struct tcpstats_half_open_entry *tho_entries; /* NULL: there are none */
	size_t tho_count;
};

/*
 * Copy what the syncache of the current vnet shows to cred.  May sleep.  What
 * does not fit after several tries, as the cache grows, is left out.
 */
void tcpstats_half_open_collect(struct tcpstats_half_open *half_open,
    struct ucred *cred);
void tcpstats_half_open_release(struct tcpstats_half_open *half_open);

/* ---- Records (tcpstats_fill.c) ---- */

/*
 * Into a record that is zero.  From an inpcb that is locked, with the field
 * groups of the mask groups.
 */
void tcpstats_fill_inpcb(struct tcpstats_record *record,
    const struct inpcb *inp, uint32_t groups, bool show_addresses);
void tcpstats_fill_half_open(struct tcpstats_record *record,
    const struct in_conninfo *ends, bool ipv6, uint32_t groups);

/* ---- The walk over the sockets of one descriptor (tcpstats_walk.c) ---- */

struct tcpstats_walker {
	struct ucred *tw_cred;	   /* the opener's; its vnet is walked */
	bool tw_show_addresses;	   /* kernel addresses, to the super-user */
	struct inpcb *tw_anchor;   /* where to go on: a reference, or NULL */
	uint64_t tw_anchor_cursor; /* the cursor that it belongs to */
	struct tcpstats_half_open tw_half_open; /* of the snapshot */
};

/* Takes a reference to cred. */
void tcpstats_walker_init(struct tcpstats_walker *walker, struct ucred *cred);
void tcpstats_walker_destroy(struct tcpstats_walker *walker);
/* The snapshot is over: release what is held of it. */
void tcpstats_walker_forget(struct tcpstats_walker *walker);
/* tro_snapshot and tro_walk of the core's struct tcpstats_read_ops. */
int tcpstats_walker_snapshot(struct tcpstats_walker *walker, uint64_t *newest);
int tcpstats_walker_walk(struct tcpstats_walker *walker,
    struct tcpstats_walk *walk);
/* How many records a read may expect, about. */
uint32_t tcpstats_walker_count_hint(const struct tcpstats_walker *walker);

/* ---- Device nodes (tcpstats_dev.c) ---- */

/* /dev/tcpstats and /dev/tcpstats-full.  Returns an errno, and then none. */
int tcpstats_dev_create(void);
void tcpstats_dev_destroy(void);
/* /dev/tcpstats.d/NAME.  Returns an errno; may sleep. */
int tcpstats_dev_create_profile(const char *name, struct tcpstats_node *node,
    struct cdev **dev);

/* ---- Profiles: registry, nodes, sysctls (tcpstats_nodes.c) ---- */

/* Returns an errno. */
int tcpstats_nodes_init(void);
/* Deletes every profile.  Nothing may be open, nor profile_set be there. */
void tcpstats_nodes_destroy(void);
/* An open of the profile's node; fills *filter.  Returns 0 or ENXIO. */
int tcpstats_node_open(struct tcpstats_node *node,
    struct tcpstats_filter *filter);
void tcpstats_node_close(struct tcpstats_node *node);
int tcpstats_sysctl_profile_set(SYSCTL_HANDLER_ARGS);
int tcpstats_sysctl_last_error(SYSCTL_HANDLER_ARGS);

/* ---- The sysctl tree (tcpstats_sysctl.c) ---- */

/* All below dev.tcpstats but profiles.NAME. */
void tcpstats_sysctl_create(void);
/* Returns when no handler runs any more. */
void tcpstats_sysctl_destroy(void);

#endif /* !_TCPSTATS_KERNEL_H_ */
