/*-
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * The tcpstats module: one record for each TCP connection, by read(2) on
 * /dev/tcpstats.  See tcpstats(4).
 */
#include "tcpstats_kernel.h"

#include <sys/conf.h>
#include <sys/errno.h>
#include <sys/module.h>

MALLOC_DEFINE(M_TCPSTATS, "tcpstats", "TCP connection statistics device");

static bool loaded;

/* All but the device nodes, in the order in which they need one another. */
static int
set_up(void)
{
	int error;

	tcpstats_gate_init();
	tcpstats_counters_init();
	error = tcpstats_nodes_init();
	if (error != 0) {
		tcpstats_counters_destroy();
		tcpstats_gate_destroy();
		return (error);
	}
	tcpstats_sysctl_create();
	return (0);
}

/*
 * The gate is shut, so nothing is open nor will be.  First goes what others
 * can still come in by: profile_set, by which profiles are made, then these,
 * with their nodes and sysctls; each returns when no thread is in it.
 */
static void
tear_down(void)
{

	tcpstats_sysctl_destroy();
	tcpstats_nodes_destroy();
	tcpstats_dev_destroy();
	tcpstats_counters_destroy();
	tcpstats_gate_destroy();
}

static int
load(void)
{
	int error;

	error = set_up();
	if (error != 0)
		return (error);
	error = tcpstats_dev_create();
	if (error != 0) {
		tear_down();
		return (error);
	}
	loaded = true;
	tcpstats_gate_lift();
	return (0);
}

/* The kernel also calls this after a load that failed. */
static int
unload(void)
{
	int error;

	if (!loaded)
		return (0);
	error = tcpstats_gate_shut();
	if (error != 0)
		return (error);
	tear_down();
	loaded = false;
	return (0);
}

static int
modevent(module_t mod __unused, int type, void *data __unused)
{

	switch (type) {
	case MOD_LOAD:
		return (load());
	case MOD_QUIESCE:
		return (tcpstats_gate_idle());
	case MOD_UNLOAD:
		return (unload());
	default:
		return (EOPNOTSUPP);
	}
}

DEV_MODULE(tcpstats, modevent, NULL);
MODULE_VERSION(tcpstats, 1);
