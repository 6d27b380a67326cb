/*-
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * The counters below dev.tcpstats: one counter(9) each, added to once a read.
 */
#include "tcpstats_kernel.h"

#include <sys/counter.h>

#include <machine/atomic.h>

enum counter {
	OPENS_TOTAL,
	READS_TOTAL,
	RECORDS_EMITTED,
	SOCKETS_VISITED,
	SOCKETS_SKIPPED, /* the first of TCPSTATS_NSKIPS */
	READ_DURATION_NS_TOTAL = SOCKETS_SKIPPED + TCPSTATS_NSKIPS,
	UIOMOVE_ERRORS,
	READS_TIMED_OUT,
	READS_INTERRUPTED,
	NCOUNTERS,
};

static const struct {
	const char *name;
	const char *descr;
} descriptions[NCOUNTERS] = {
	[OPENS_TOTAL] = { "opens_total", "Times that a node was opened" },
	[READS_TOTAL] = { "reads_total", "Calls of read(2)" },
	[RECORDS_EMITTED] = { "records_emitted", "Records that were read" },
	[SOCKETS_VISITED] = { "sockets_visited",
	    "Sockets that reads looked at: emitted and skipped" },
	[SOCKETS_SKIPPED + TCPSTATS_SKIP_GENCNT] = { "sockets_skipped_gencnt",
	    "Skipped: newer than the snapshot, or gone" },
	[SOCKETS_SKIPPED + TCPSTATS_SKIP_CRED] = { "sockets_skipped_cred",
	    "Skipped: not visible to the opener" },
	[SOCKETS_SKIPPED + TCPSTATS_SKIP_IPVER] = { "sockets_skipped_ipver",
	    "Skipped: of the other IP version" },
	[SOCKETS_SKIPPED + TCPSTATS_SKIP_STATE] = { "sockets_skipped_state",
	    "Skipped for their state" },
	[SOCKETS_SKIPPED + TCPSTATS_SKIP_PORT] = { "sockets_skipped_port",
	    "Skipped for a port" },
	[SOCKETS_SKIPPED + TCPSTATS_SKIP_ADDR] = { "sockets_skipped_addr",
	    "Skipped for an address" },
	[READ_DURATION_NS_TOTAL] = { "read_duration_ns_total",
	    "Time spent in read(2), ns" },
	[UIOMOVE_ERRORS] = { "uiomove_errors",
	    "Reads cut short by a fault of the reader's buffer" },
	[READS_TIMED_OUT] = { "reads_timed_out",
	    "Reads cut short by max_read_duration_ms" },
	[READS_INTERRUPTED] = { "reads_interrupted",
	    "Reads cut short by a signal" },
};

static counter_u64_t counters[NCOUNTERS];
static uint64_t read_duration_ns_max;

void
tcpstats_counters_init(void)
{

	COUNTER_ARRAY_ALLOC(counters, NCOUNTERS, M_WAITOK);
}

void
tcpstats_counters_destroy(void)
{

	COUNTER_ARRAY_FREE(counters, NCOUNTERS);
}

void
tcpstats_counters_add_sysctls(struct sysctl_ctx_list *ctx,
    struct sysctl_oid_list *parent)
{

	for (size_t i = 0; i < NCOUNTERS; i++)
		SYSCTL_ADD_COUNTER_U64(ctx, parent, OID_AUTO,
		    descriptions[i].name, CTLFLAG_RD, &counters[i],
		    descriptions[i].descr);
	SYSCTL_ADD_U64(ctx, parent, OID_AUTO, "read_duration_ns_max",
	    CTLFLAG_RD, &read_duration_ns_max, 0, "The longest read(2), ns");
}

void
tcpstats_counters_count_open(void)
{

	counter_u64_add(counters[OPENS_TOTAL], 1);
}

static void
raise_max(uint64_t duration_ns)
{
	uint64_t max = atomic_load_64(&read_duration_ns_max);

	while (duration_ns > max &&
	    !atomic_fcmpset_64(&read_duration_ns_max, &max, duration_ns))
		continue;
}

void
tcpstats_counters_count_read(const struct tcpstats_read_stats *stats)
{

	counter_u64_add(counters[READS_TOTAL], 1);
	counter_u64_add(counters[RECORDS_EMITTED], stats->trs_emitted);
	counter_u64_add(counters[SOCKETS_VISITED], stats->trs_visited);
	for (size_t i = 0; i < TCPSTATS_NSKIPS; i++)
		counter_u64_add(counters[SOCKETS_SKIPPED + i],
		    stats->trs_skipped[i]);
	counter_u64_add(counters[READ_DURATION_NS_TOTAL],
	    stats->trs_duration_ns);
	counter_u64_add(counters[UIOMOVE_ERRORS], stats->trs_copy_failed);
	counter_u64_add(counters[READS_TIMED_OUT], stats->trs_timed_out);
	counter_u64_add(counters[READS_INTERRUPTED], stats->trs_interrupted);
	raise_max(stats->trs_duration_ns);
}
