/*-
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * Admission, and the totals over all reads.
 */
#include <errno.h>
#include <string.h>

#include "support.h"
#include "tap.h"

static void
test_defaults(void)
{

	tap_ok(tcpstats_limits_default.tl_max_open_fds == 16 &&
		tcpstats_limits_default.tl_max_concurrent_readers == 32 &&
		tcpstats_limits_default.tl_max_read_duration_ms == 5000 &&
		tcpstats_limits_default.tl_min_read_interval_ms == 0,
	    "the limits are 16 descriptors, 32 readers, 5000 ms, no interval");
}

static void
test_opens(void)
{
	struct tcpstats_admission admission = { 0, 0 };
	struct tcpstats_limits limits = { .tl_max_open_fds = 3 };
	bool good = true;

	for (int i = 0; i < 3; i++)
		good &= tcpstats_admit_open(&admission, &limits) == 0;
	tap_ok(good && admission.ta_active_fds == 3, "three opens of three");
	tap_ok(tcpstats_admit_open(&admission, &limits) == EMFILE &&
		admission.ta_active_fds == 3,
	    "the fourth is refused with EMFILE and not counted");
	tcpstats_admit_close(&admission);
	tap_ok(tcpstats_admit_open(&admission, &limits) == 0,
	    "a close makes room for an open");
	limits.tl_max_open_fds = 1;
	tcpstats_admit_close(&admission);
	tap_ok(tcpstats_admit_open(&admission, &limits) == EMFILE &&
		admission.ta_active_fds == 2,
	    "a lower limit closes nothing and lets nothing in");
	limits.tl_max_open_fds = 0;
	admission.ta_active_fds = 0;
	tap_ok(tcpstats_admit_open(&admission, &limits) == EMFILE,
	    "a limit of 0 lets nothing in");
}

static void
test_readers(void)
{
	struct tcpstats_admission admission = { 0, 0 };
	struct tcpstats_limits limits = { .tl_max_concurrent_readers = 2 };

	tap_ok(tcpstats_admit_read(&admission, &limits) == 0 &&
		tcpstats_admit_read(&admission, &limits) == 0,
	    "two readers of two");
	tap_ok(tcpstats_admit_read(&admission, &limits) == EBUSY &&
		admission.ta_active_readers == 2,
	    "the third is refused with EBUSY and not counted");
	tcpstats_admit_read_done(&admission);
	tap_ok(tcpstats_admit_read(&admission, &limits) == 0,
	    "a reader that is done makes room for another");
}

static void
test_totals(void)
{
	struct tcpstats_read_stats first = {
		.trs_visited = 100,
		.trs_emitted = 79,
		.trs_skipped = { 1, 2, 3, 4, 5, 6 },
		.trs_duration_ns = 7000,
		.trs_timed_out = true,
	};
	struct tcpstats_read_stats second = {
		.trs_visited = 10,
		.trs_emitted = 10,
		.trs_duration_ns = 500,
		.trs_copy_failed = true,
		.trs_interrupted = true,
	};
	const struct tcpstats_counters want = {
		.tc_opens_total = 9,
		.tc_reads_total = 3,
		.tc_records_emitted = 168,
		.tc_sockets_visited = 210,
		.tc_sockets_skipped = { 2, 4, 6, 8, 10, 12 },
		.tc_read_duration_ns_total = 14500,
		.tc_read_duration_ns_max = 7000,
		.tc_uiomove_errors = 1,
		.tc_reads_timed_out = 2,
		.tc_reads_interrupted = 1,
	};
	struct tcpstats_counters counters = { .tc_opens_total = 9 };

	tcpstats_counters_add(&counters, &first);
	tcpstats_counters_add(&counters, &first);
	tcpstats_counters_add(&counters, &second);
	tap_ok(memcmp(&counters, &want, sizeof(want)) == 0,
	    "each number of a read is added to its own total");
}

int
main(void)
{

	test_defaults();
	test_opens();
	test_readers();
	test_totals();
	return (tap_done());
}
