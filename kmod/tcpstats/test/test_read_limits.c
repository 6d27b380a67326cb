/*-
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * The read machine where a read ends early: limits, signals, errors.
 */
#include <errno.h>

#include "fake_table.h"
#include "support.h"
#include "tap.h"

/* ---- min_read_interval_ms ---- */

static void
test_interval(void)
{
	const struct tcpstats_filter filter = parse_good("");
	struct result result;

	begin(3, "");
	limits.tl_min_read_interval_ms = 100;
	tap_ok(read_once(RECORD, 1).error == 0,
	    "the first snapshot of a descriptor is never too soon");
	tap_ok(read_once(RECORD, 1).error == 0,
	    "a read that continues a snapshot is never too soon");
	tcpstats_reader_reset(&reader);
	world->now_ns += 100 * MS - 1;
	result = read_once(RECORD, 1);
	tap_ok(result.error == EBUSY && world->snapshots == 1 &&
		result.stats.trs_visited == 0,
	    "a new snapshot 1 ns too soon is refused with EBUSY");
	world->now_ns += 1;
	tap_ok(read_all(RECORD, 1) == 0 && world->reported[3] == 2 &&
		world->reported[1] == 1,
	    "and succeeds 1 ns later, from its beginning");
	tap_ok(read_once(RECORD, 1).error == 0,
	    "the end of a snapshot is never too soon");
	tcpstats_reader_set_filter(&reader, &filter);
	tap_ok(read_once(RECORD, 1).error == EBUSY,
	    "another filter does not get round the interval");
	tcpstats_reader_init(&reader, &filter);
	tap_ok(read_once(RECORD, 1).error == 0,
	    "another descriptor has an interval of its own");
	limits.tl_min_read_interval_ms = 0;
	tcpstats_reader_reset(&reader);
	tap_ok(read_once(RECORD, 1).error == 0, "an interval of 0 is none");
}

/* ---- Signals ---- */

static void
test_signals(void)
{
	struct result result;

	begin(10, "");
	world->interrupt_at = 1;
	result = read_once(10 * RECORD, 2);
	tap_ok(result.error == EINTR && result.stats.trs_interrupted &&
		world->reported_total == 0,
	    "a signal before the first record gives EINTR");
	world->polls = NEVER;
	world->interrupt_at = 3;
	result = read_once(10 * RECORD, 2);
	tap_ok(result.error == 0 && result.records == 4 &&
		result.stats.trs_interrupted,
	    "a signal after two batches gives what was read");
	tap_ok(read_all(10 * RECORD, 2) == 0 && reported_once(1, 10) &&
		totals.tc_reads_interrupted == 2,
	    "after a signal nothing is lost and nothing repeated");
	begin(5000, "exclude=established");
	world->interrupt_at = 3;
	result = read_once(RECORD, 2);
	tap_ok(result.error == EINTR && result.stats.trs_visited == 2048,
	    "a walk that finds nothing can be interrupted");
	tap_ok(read_all(RECORD, 2) == 0 && totals.tc_sockets_visited == 5000,
	    "and goes on where it was");
}

/* ---- Copies that fail ---- */

static void
test_copy_errors(void)
{
	struct result result;

	begin(10, "");
	world->fail_copy = 1;
	result = read_once(10 * RECORD, 3);
	tap_ok(result.error == EFAULT && result.stats.trs_copy_failed &&
		result.stats.trs_visited == 0,
	    "the first copy fails: EFAULT, and nothing counted");
	tap_ok(read_all(4 * RECORD, 3) == 0 && reported_once(1, 10) &&
		totals.tc_uiomove_errors == 1 &&
		totals.tc_sockets_visited == 10,
	    "the next read has the sockets of the copy that failed");
	begin(10, "");
	world->fail_copy = 2;
	result = read_once(10 * RECORD, 3);
	tap_ok(result.error == 0 && result.records == 3 &&
		result.stats.trs_copy_failed && result.stats.trs_visited == 3,
	    "the second copy fails: what the first one took");
	tap_ok(read_all(10 * RECORD, 3) == 0 && reported_once(1, 10) &&
		totals.tc_sockets_visited == 10,
	    "and the next read has the rest");
}

/* ---- Errors of the walk and of the snapshot ---- */

static void
test_walk_errors(void)
{
	struct result result;

	begin(10, "");
	world->fail_walk = 1;
	result = read_once(10 * RECORD, 4);
	tap_ok(result.error == EIO && result.records == 0,
	    "a walk that fails at once is the read's error");
	begin(10, "");
	world->fail_walk = 2;
	world->fail_walk_after = 2;
	result = read_once(10 * RECORD, 4);
	tap_ok(result.error == 0 && result.records == 6,
	    "a walk that fails later gives what was found before");
	tap_ok(read_all(10 * RECORD, 4) == 0 && reported_once(1, 10),
	    "and the read after the failed walk has the rest");
}

static void
test_snapshot_error(void)
{

	begin(3, "");
	world->fail_snapshot = 1;
	limits.tl_min_read_interval_ms = 1000;
	tap_ok(read_once(RECORD, 1).error == ENOMEM,
	    "a snapshot that fails is the read's error");
	tap_ok(read_all(RECORD, 1) == 0 && reported_once(1, 3),
	    "and does not count as one: the next read is not too soon");
}

/* ---- max_read_duration_ms ---- */

static void
test_deadline(void)
{
	struct result result;

	begin(1000, "");
	limits.tl_max_read_duration_ms = 10;
	world->ns_per_socket = MS / 10;
	result = read_once(1000 * RECORD, 1000);
	tap_ok(result.error == 0 && result.records == 128 &&
		result.stats.trs_timed_out && result.stats.trs_visited == 128,
	    "a read of 10 ms at 0.1 ms a socket ends at the 128th, where the "
	    "clock is looked at");
	tap_ok(result.stats.trs_duration_ns == 129 * MS / 10,
	    "and its duration is measured");
	tap_ok(read_all(1000 * RECORD, 1000) == 0 && reported_once(1, 1000) &&
		totals.tc_reads_timed_out == 7 &&
		totals.tc_sockets_visited == 1000,
	    "the reads after it have the rest, each socket once");

	begin(1000, "");
	limits.tl_max_read_duration_ms = 10;
	world->ns_per_socket = MS;
	result = read_once(1000 * RECORD, 20);
	tap_ok(result.records == 20 && result.stats.trs_timed_out,
	    "the deadline is looked at between batches, too");

	begin(1000, "");
	limits.tl_max_read_duration_ms = 0;
	world->ns_per_socket = 1000 * MS;
	result = read_once(1000 * RECORD, 20);
	tap_ok(result.records == 1000 && !result.stats.trs_timed_out,
	    "a limit of 0 is none");

	begin(20, "");
	limits.tl_max_read_duration_ms = 10;
	world->ns_per_socket = MS;
	result = read_once(20 * RECORD, 20);
	tap_ok(result.records == 20 && !result.stats.trs_timed_out,
	    "a late read that is complete is not cut short");
}

/* A read of no record would be taken for the end of the snapshot. */
static void
test_deadline_without_records(void)
{
	struct result result;

	begin(5000, "include_state=listen");
	limits.tl_max_read_duration_ms = 1;
	world->ns_per_socket = MS;
	world->table[3000].state = TCPSTATS_LISTEN;
	world->table[3200].state = TCPSTATS_LISTEN;
	result = read_once(9 * RECORD, 9);
	tap_ok(result.error == 0 && result.records == 1 &&
		result.stats.trs_timed_out,
	    "a late read goes on until it has found a record, and ends then");
	tap_ok(read_all(9 * RECORD, 9) == 0 && !world->misused &&
		world->reported[2000] == 1 && world->reported[1800] == 1 &&
		world->reported_total == 2 && totals.tc_sockets_visited == 5000,
	    "the reads after it find the other, and the end");

	begin(5000, "include_state=listen");
	limits.tl_max_read_duration_ms = 1;
	world->ns_per_socket = MS;
	result = read_once(9 * RECORD, 9);
	tap_ok(result.error == 0 && result.records == 0 &&
		!result.stats.trs_timed_out && result.stats.trs_visited == 5000,
	    "a late read that finds nothing goes on to the end");
}

int
main(void)
{

	create_world();
	test_interval();
	test_signals();
	test_copy_errors();
	test_walk_errors();
	test_snapshot_error();
	test_deadline();
	test_deadline_without_records();
	destroy_world();
	return (tap_done());
}
