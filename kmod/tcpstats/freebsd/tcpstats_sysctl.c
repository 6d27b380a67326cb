/*-
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * The sysctl tree dev.tcpstats.
 *
 * Only nodes are static.  The kernel counts the handlers that run on a sysctl
 * and waits for them when it is removed, but does both for dynamic ones
 * alone: with static leaves the module could be unloaded from under a reader.
 */
#include "tcpstats_kernel.h"

SYSCTL_NODE(_dev, OID_AUTO, tcpstats, CTLFLAG_RW | CTLFLAG_MPSAFE, NULL,
    "TCP connection statistics");
SYSCTL_NODE(_dev_tcpstats, OID_AUTO, profiles, CTLFLAG_RW | CTLFLAG_MPSAFE,
    NULL, "Filters of the nodes in /dev/tcpstats.d");

static struct sysctl_ctx_list ctx;

static void
add_limits(struct sysctl_oid_list *parent)
{

	SYSCTL_ADD_UINT(&ctx, parent, OID_AUTO, "max_open_fds", CTLFLAG_RW,
	    &tcpstats_limits.tl_max_open_fds, 0,
	    "Descriptors that may be open at a time");
	SYSCTL_ADD_UINT(&ctx, parent, OID_AUTO, "max_concurrent_readers",
	    CTLFLAG_RW, &tcpstats_limits.tl_max_concurrent_readers, 0,
	    "Reads that may be under way at a time");
	SYSCTL_ADD_UINT(&ctx, parent, OID_AUTO, "max_read_duration_ms",
	    CTLFLAG_RW, &tcpstats_limits.tl_max_read_duration_ms, 0,
	    "Time after which a read returns what it has, ms (0: no limit)");
	SYSCTL_ADD_UINT(&ctx, parent, OID_AUTO, "min_read_interval_ms",
	    CTLFLAG_RW, &tcpstats_limits.tl_min_read_interval_ms, 0,
	    "Time between two snapshots of one descriptor, ms (0: off)");
	SYSCTL_ADD_UINT(&ctx, parent, OID_AUTO, "active_fds", CTLFLAG_RD,
	    tcpstats_gate_active_fds(), 0, "Descriptors that are open");
}

static void
add_profile_sysctls(struct sysctl_oid_list *parent)
{

	SYSCTL_ADD_PROC(&ctx, parent, OID_AUTO, "profile_set",
	    CTLTYPE_STRING | CTLFLAG_RW | CTLFLAG_MPSAFE, NULL, 0,
	    tcpstats_sysctl_profile_set, "A",
	    "Create or update a profile (NAME FILTER), delete it (NAME)");
	SYSCTL_ADD_PROC(&ctx, parent, OID_AUTO, "last_error",
	    CTLTYPE_STRING | CTLFLAG_RD | CTLFLAG_MPSAFE, NULL, 0,
	    tcpstats_sysctl_last_error, "A",
	    "What was wrong with the filter that was refused last");
}

void
tcpstats_sysctl_create(void)
{
	struct sysctl_oid_list *parent = SYSCTL_STATIC_CHILDREN(_dev_tcpstats);

	sysctl_ctx_init(&ctx);
	add_limits(parent);
	tcpstats_counters_add_sysctls(&ctx, parent);
	add_profile_sysctls(parent);
}

void
tcpstats_sysctl_destroy(void)
{

	(void)sysctl_ctx_free(&ctx);
}
