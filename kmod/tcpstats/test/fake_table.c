/*-
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * The world that the read machine runs in under test.
 */
#include "fake_table.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "support.h"
#include "tap.h"

struct world *world;
struct tcpstats_reader reader;
struct tcpstats_limits limits;
struct tcpstats_counters totals;

void
create_world(void)
{

	world = malloc(sizeof(*world));
	if (world == NULL)
		tap_bail_out("no memory for the table of sockets");
}

void
destroy_world(void)
{

	free(world);
}

/* ---- The table ---- */

void
add_socket(uint8_t state)
{

	memmove(&world->table[1], &world->table[0],
	    world->count * sizeof(world->table[0]));
	world->table[0] = (struct entry) { world->next_gencnt++, state, false };
	world->count++;
}

void
remove_socket(size_t at)
{

	world->count--;
	memmove(&world->table[at], &world->table[at + 1],
	    (world->count - at) * sizeof(world->table[0]));
}

static void
come_and_go(void)
{

	for (uint32_t i = random_below(&world->random, 4); i > 0; i--)
		add_socket(TCPSTATS_ESTABLISHED);
	for (uint32_t i = random_below(&world->random, 4); i > 0; i--)
		if (world->count > 0)
			remove_socket(random_below(&world->random,
			    (uint32_t)world->count));
}

size_t
find_entry(uint64_t cursor)
{
	size_t low = 0, high = world->count, middle;

	while (low < high) {
		middle = low + (high - low) / 2;
		if (world->table[middle].gencnt >= cursor)
			low = middle + 1;
		else
			high = middle;
	}
	return (low);
}

/* ---- What the core calls ---- */

static int
fake_snapshot(void *ctx, uint64_t *gencnt)
{

	world->misused |= ctx != world;
	if (++world->snapshots == world->fail_snapshot)
		return (ENOMEM);
	*gencnt = world->next_gencnt - 1;
	return (0);
}

static void
fill(struct tcpstats_walk *walk, const struct entry *entry)
{
	struct tcpstats_record *record;

	if (entry->goes) {
		tcpstats_walk_drop(walk, TCPSTATS_SKIP_GENCNT);
		return;
	}
	record = tcpstats_walk_slot(walk);
	record->tsr_inp_gencnt = entry->gencnt;
	record->tsr_state = entry->state;
	tcpstats_walk_emit(walk);
}

static int
fake_walk(void *ctx, struct tcpstats_walk *walk)
{
	static const uint8_t address[4] = { 127, 0, 0, 1 };
	struct tcpstats_socket socket = {
		.ts_local_addr = address,
		.ts_remote_addr = address,
		.ts_visible = true,
	};
	enum tcpstats_verdict verdict;
	const struct entry *entry;
	size_t offered = 0;

	world->misused |= ctx != world;
	if (++world->walks > MAX_WALKS)
		tap_bail_out("a read walks again and again and gets nowhere");
	for (size_t i =
		 world->walk_all ? 0 : find_entry(tcpstats_walk_cursor(walk));
	     i < world->count; i++) {
		if (tcpstats_walk_full(walk))
			return (0);
		if (world->walks == world->fail_walk &&
		    offered++ == world->fail_walk_after)
			return (EIO);
		entry = &world->table[i];
		world->now_ns += world->ns_per_socket;
		socket.ts_gencnt = entry->gencnt;
		socket.ts_state = entry->state;
		verdict = tcpstats_walk_visit(walk, &socket);
		if (verdict == TCPSTATS_SKIP_TIMEOUT)
			return (0);
		if (verdict == TCPSTATS_MATCH)
			fill(walk, entry);
	}
	tcpstats_walk_end(walk);
	return (0);
}

static int
fake_copyout(void *ctx, const struct tcpstats_record *records, size_t count)
{
	struct tcpstats_record want;

	world->misused |= ctx != world || count == 0;
	if (++world->copies == world->fail_copy)
		return (EFAULT);
	for (size_t i = 0; i < count; i++) {
		memset(&want, 0, sizeof(want));
		want.tsr_version = 1;
		want.tsr_len = RECORD;
		want.tsr_inp_gencnt = records[i].tsr_inp_gencnt;
		want.tsr_state = records[i].tsr_state;
		world->misused |= memcmp(&records[i], &want, RECORD) != 0;
		world->reported[want.tsr_inp_gencnt]++;
		world->reported_total++;
		world->last_reported = want.tsr_inp_gencnt;
	}
	return (0);
}

static uint64_t
fake_uptime_ns(void *ctx)
{

	world->misused |= ctx != world;
	return (world->now_ns);
}

static bool
fake_interrupted(void *ctx)
{

	world->misused |= ctx != world;
	return (++world->polls == world->interrupt_at);
}

static void
fake_yield(void *ctx)
{

	world->misused |= ctx != world;
	world->yields++;
	if (world->churn)
		come_and_go();
}

static const struct tcpstats_read_ops ops = {
	.tro_snapshot = fake_snapshot,
	.tro_walk = fake_walk,
	.tro_copyout = fake_copyout,
	.tro_uptime_ns = fake_uptime_ns,
	.tro_interrupted = fake_interrupted,
	.tro_yield = fake_yield,
};

void
begin(size_t count, const char *filter_text)
{
	const struct tcpstats_filter filter = parse_good(filter_text);

	memset(world, 0, sizeof(*world));
	world->next_gencnt = count + 1;
	world->count = count;
	for (size_t i = 0; i < count; i++)
		world->table[i] = (struct entry) { count - i,
			TCPSTATS_ESTABLISHED, false };
	world->random = 3;
	world->now_ns = 1000 * MS;
	limits = tcpstats_limits_default;
	memset(&totals, 0, sizeof(totals));
	tcpstats_reader_init(&reader, &filter);
}

struct result
read_once(size_t resid, size_t batch_len)
{
	struct result result;
	struct tcpstats_record *batch;
	size_t before = world->reported_total;
	uint64_t accounted;

	batch = malloc(batch_len * sizeof(*batch));
	memset(batch, 0xa5, batch_len * sizeof(*batch));
	result.error = tcpstats_read(&reader, &limits, &ops, world, batch,
	    batch_len, resid, &result.records, &result.stats);
	free(batch);
	accounted = result.stats.trs_emitted;
	for (size_t i = 0; i < TCPSTATS_NSKIPS; i++)
		accounted += result.stats.trs_skipped[i];
	if (result.stats.trs_visited != accounted ||
	    result.stats.trs_emitted != result.records ||
	    result.records != world->reported_total - before ||
	    result.records > resid / RECORD ||
	    (result.error != 0 && result.records != 0))
		world->misused = true;
	tcpstats_counters_add(&totals, &result.stats);
	return (result);
}

int
read_all(size_t resid, size_t batch_len)
{
	struct result result;

	do {
		result = read_once(resid, batch_len);
		if (world->churn)
			come_and_go();
	} while (result.error == 0 && result.records != 0);
	return (result.error);
}

bool
reported_once(uint64_t low, uint64_t high)
{

	for (uint64_t gencnt = 0; gencnt < MAX_GENCNT; gencnt++)
		if (world->reported[gencnt] !=
		    (gencnt >= low && gencnt <= high))
			return (false);
	return (!world->misused);
}
