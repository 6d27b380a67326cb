/*-
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * The read machine: each socket once, whatever the sizes, whatever comes and
 * goes, whatever the filter.
 */
#include <errno.h>

#include "fake_table.h"
#include "support.h"
#include "tap.h"

/* ---- Sizes ---- */

static void
test_any_buffer_and_batch(void)
{
	static const size_t batches[] = { 1, 2, 3, 7, 10, 49, 50, 51, 64 };
	const size_t count = 50;
	bool good;

	for (size_t i = 0; i < NITEMS(batches); i++) {
		good = true;
		for (size_t resid = RECORD; resid <= 52 * RECORD; resid += 40) {
			begin(count, "");
			good &= read_all(resid, batches[i]) == 0;
			good &= reported_once(1, count);
			good &= totals.tc_sockets_visited == count;
		}
		tap_ok(good,
		    "50 sockets, each once, through any buffer of 320 bytes "
		    "and more and batches of %zu",
		    batches[i]);
	}
}

static void
test_small_buffers(void)
{
	struct result result;
	bool good = true;

	begin(3, "");
	for (size_t resid = 1; resid < RECORD; resid++)
		good &= read_once(resid, 4).error == EINVAL;
	tap_ok(good && world->snapshots == 0,
	    "fault: a buffer under 320 bytes is refused, not an end of file");
	result = read_once(2 * RECORD - 1, 4);
	tap_ok(result.error == 0 && result.records == 1,
	    "a buffer of 639 bytes takes one record");
	good = read_once(RECORD - 1, 4).error == EINVAL &&
	    read_once(0, 4).error == 0 && read_all(RECORD, 4) == 0;
	tap_ok(good && reported_once(1, 3),
	    "a small buffer in the middle of a snapshot loses nothing");
	begin(3, "");
	result = read_once(0, 4);
	tap_ok(result.error == 0 && result.records == 0 &&
		world->snapshots == 0,
	    "a read of 0 bytes gives 0 and fixes no snapshot");
	result = read_once(RECORD, 0);
	tap_ok(result.error == EINVAL, "a batch of no record is refused");
}

static void
test_exact_fit(void)
{
	struct result result;

	begin(8, "");
	result = read_once(8 * RECORD, 4);
	tap_ok(result.records == 8 && world->copies == 2,
	    "8 sockets fit into 8 records in two full batches");
	result = read_once(8 * RECORD, 4);
	tap_ok(result.error == 0 && result.records == 0 && reported_once(1, 8),
	    "and the read after that is the end");
	begin(9, "");
	result = read_once(8 * RECORD, 4);
	tap_ok(result.records == 8 && result.stats.trs_visited == 8,
	    "the ninth socket is not visited by a read of 8 records");
	result = read_once(8 * RECORD, 4);
	tap_ok(result.records == 1 && result.stats.trs_visited == 1,
	    "but by the next");
}

static void
test_empty_table(void)
{
	struct result result;

	begin(0, "");
	result = read_once(RECORD, 4);
	tap_ok(result.error == 0 && result.records == 0 &&
		result.stats.trs_visited == 0,
	    "no socket, no record");
}

static void
test_hundred_thousand(void)
{

	begin(MAX_SOCKETS, "");
	tap_ok(read_all(RECORD, 1) == 0 && reported_once(1, MAX_SOCKETS) &&
		totals.tc_reads_total == MAX_SOCKETS + 1,
	    "fault: 100000 sockets, each once, through a buffer of one record");
	begin(MAX_SOCKETS, "");
	tap_ok(read_all(4 << 20, 128) == 0 && reported_once(1, MAX_SOCKETS) &&
		totals.tc_reads_total == 9,
	    "100000 sockets through 4 MiB take 8 reads and the end");
}

/* ---- What comes and goes ---- */

static void
test_new_sockets(void)
{
	struct result result;

	begin(4, "");
	read_once(2 * RECORD, 2);
	add_socket(TCPSTATS_ESTABLISHED);
	tap_ok(read_all(RECORD, 2) == 0 && reported_once(1, 4) &&
		totals.tc_sockets_visited == 4,
	    "a socket made after the first read is neither reported nor "
	    "visited");
	add_socket(TCPSTATS_ESTABLISHED);
	result = read_once(RECORD, 2);
	tap_ok(result.error == 0 && result.records == 0 &&
		world->snapshots == 1,
	    "the end stays the end, whatever is made");
	tcpstats_reader_reset(&reader);
	tap_ok(read_all(RECORD, 2) == 0 && world->snapshots == 2 &&
		world->reported[1] == 2 && world->reported[5] == 1 &&
		world->reported[6] == 1,
	    "a reset starts a new snapshot, which has all");
}

/* A walker may offer what is newer than the snapshot, and what was seen. */
static void
test_newer_than_snapshot(void)
{
	struct result result;

	begin(6, "");
	world->walk_all = true;
	world->next_gencnt = 5; /* the snapshot ends at 4 */
	result = read_once(2 * RECORD, 1);
	tap_ok(result.records == 2 &&
		result.stats.trs_skipped[TCPSTATS_SKIP_GENCNT] == 2 &&
		result.stats.trs_visited == 4,
	    "sockets newer than the snapshot are skipped for their gencnt");
	result = read_once(9 * RECORD, 1);
	tap_ok(result.records == 2 && result.stats.trs_visited == 2 &&
		reported_once(1, 4),
	    "and are not visited again, nor is what was reported");
}

static void
test_removed_sockets(void)
{

	begin(6, "");
	read_once(2 * RECORD, 2);
	remove_socket(1); /* 5, at which the read stopped */
	remove_socket(1); /* 4, which would be next */
	tap_ok(read_all(RECORD, 2) == 0 && !world->misused &&
		world->reported[6] == 1 && world->reported[5] == 1 &&
		world->reported[4] == 0 && world->reported[3] == 1 &&
		world->reported[2] == 1 && world->reported[1] == 1,
	    "the cursor's socket and the next one go, the rest is reported");
}

static void
test_gone_after_match(void)
{
	struct result result;

	begin(5, "");
	world->table[2].goes = true;
	result = read_once(9 * RECORD, 2);
	tap_ok(result.records == 4 && world->reported[3] == 0 &&
		result.stats.trs_visited == 5 &&
		result.stats.trs_skipped[TCPSTATS_SKIP_GENCNT] == 1,
	    "a match that is gone is dropped, and counted as such");
}

/*
 * Of the snapshot's sockets each that is there at the end was reported once,
 * each other at most once, and none that is younger than the snapshot.
 */
static bool
churn(uint32_t seed, size_t resid, size_t batch_len)
{
	const uint64_t snapshot = 60;
	bool good;

	begin(snapshot, "");
	world->random = seed;
	world->churn = true;
	world->walk_all = seed % 2 == 0;
	good = read_all(resid, batch_len) == 0 && !world->misused;
	for (uint64_t gencnt = 0; gencnt < MAX_GENCNT; gencnt++)
		good &= world->reported[gencnt] <= (gencnt <= snapshot);
	for (size_t i = find_entry(snapshot + 1); i < world->count; i++)
		good &= world->reported[world->table[i].gencnt] == 1;
	return (good);
}

static void
test_churn(void)
{
	bool good = true;

	for (uint32_t seed = 1; seed <= 500; seed++)
		good &= churn(seed, RECORD * (1 + seed % 20), 1 + seed % 7);
	tap_ok(good,
	    "sockets come and go between batches and reads, and each "
	    "that stays is reported once");
}

/* ---- Filters ---- */

static void
test_filter(void)
{
	const struct tcpstats_filter filter = parse_good("exclude=listen");

	begin(10, "include_state=listen");
	for (size_t i = 0; i < 10; i += 3)
		world->table[i].state = TCPSTATS_LISTEN; /* 10, 7, 4, 1 */
	tap_ok(read_all(RECORD, 2) == 0 && !world->misused &&
		world->reported_total == 4 && world->reported[7] == 1 &&
		totals.tc_sockets_skipped[TCPSTATS_SKIP_STATE] == 6 &&
		totals.tc_sockets_visited == 10,
	    "a filter's skips are counted by reason, once over all reads");
	tcpstats_reader_set_filter(&reader, &filter);
	tap_ok(read_all(RECORD, 2) == 0 && world->reported_total == 10 &&
		world->snapshots == 2 && reported_once(1, 10),
	    "another filter starts a new snapshot");
}

static void
test_slices(void)
{
	struct result result;

	begin(5000, "exclude=established");
	result = read_once(RECORD, 4);
	tap_ok(result.error == 0 && result.records == 0 &&
		result.stats.trs_visited == 5000 && world->yields == 4,
	    "a walk that finds nothing yields every 1024 sockets");
	begin(10, "");
	read_once(9 * RECORD, 3);
	tap_ok(world->yields == 2 && world->copies == 3,
	    "a read yields between its batches, not after the last");
}

int
main(void)
{

	create_world();
	test_any_buffer_and_batch();
	test_small_buffers();
	test_exact_fit();
	test_empty_table();
	test_hundred_thousand();
	test_new_sockets();
	test_newer_than_snapshot();
	test_removed_sockets();
	test_gone_after_match();
	test_churn();
	test_filter();
	test_slices();
	destroy_world();
	return (tap_done());
}
