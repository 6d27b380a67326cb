/*-
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * Who may open and read, and what all reads together did.
 */
#include "tcpstats_core.h"
#include "tcpstats_port.h"

const struct tcpstats_limits tcpstats_limits_default = {
	.tl_max_open_fds = 16,
	.tl_max_concurrent_readers = 32,
	.tl_max_read_duration_ms = 5000,
	.tl_min_read_interval_ms = 0,
};

int
tcpstats_admit_open(struct tcpstats_admission *admission,
    const struct tcpstats_limits *limits)
{

	if (admission->ta_active_fds >= limits->tl_max_open_fds)
		return (EMFILE);
	admission->ta_active_fds++;
	return (0);
}

void
tcpstats_admit_close(struct tcpstats_admission *admission)
{

	admission->ta_active_fds--;
}

int
tcpstats_admit_read(struct tcpstats_admission *admission,
    const struct tcpstats_limits *limits)
{

	if (admission->ta_active_readers >= limits->tl_max_concurrent_readers)
		return (EBUSY);
	admission->ta_active_readers++;
	return (0);
}

void
tcpstats_admit_read_done(struct tcpstats_admission *admission)
{

	admission->ta_active_readers--;
}

void
tcpstats_counters_add(struct tcpstats_counters *counters,
    const struct tcpstats_read_stats *stats)
{

	counters->tc_reads_total++;
	counters->tc_records_emitted += stats->trs_emitted;
	counters->tc_sockets_visited += stats->trs_visited;
	for (size_t i = 0; i < TCPSTATS_NSKIPS; i++)
		counters->tc_sockets_skipped[i] += stats->trs_skipped[i];
	counters->tc_read_duration_ns_total += stats->trs_duration_ns;
	if (stats->trs_duration_ns > counters->tc_read_duration_ns_max)
		counters->tc_read_duration_ns_max = stats->trs_duration_ns;
	counters->tc_uiomove_errors += stats->trs_copy_failed;
	counters->tc_reads_timed_out += stats->trs_timed_out;
	counters->tc_reads_interrupted += stats->trs_interrupted;
}
