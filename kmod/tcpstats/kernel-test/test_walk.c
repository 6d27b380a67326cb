/*-
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * The walk along a list that changes under it, and what it costs.
 */
#include <sys/jail.h>

#include <string.h>

#include "ktest.h"

#define RECORD sizeof(struct tcpstats_record)
#define FIRST_PORT 1024

static struct tcpstats_record records[MAX_SOCKETS];
static unsigned int times[MAX_SOCKETS]; /* that a socket was reported */

/* Count how often each of make_sockets() is among the records. */
static void
count_reports(size_t count)
{
	unsigned int number;

	memset(times, 0, sizeof(times));
	for (size_t i = 0; i < count; i++) {
		number = records[i].tsr_remote_port - FIRST_PORT;
		if (number < MAX_SOCKETS)
			times[number]++;
	}
}

/* Is each of the sockets that are alive reported once? */
static bool
each_once(unsigned int count)
{

	for (unsigned int i = 0; i < count; i++)
		if (sockets[i] != NULL && times[i] != 1) {
			tap_diag("socket %u is reported %u times", i, times[i]);
			return (false);
		}
	return (true);
}

static void
test_cost(void)
{
	struct tcpstats_filter filter = filter_of("remote_port=1030");
	int fd;

	make_sockets(10000);
	fd = must_open("tcpstats");
	ukern_walk_steps = 0;
	is(read_all(fd, records, nitems(records), RECORD), 10000,
	    "cost: 10,000 sockets, a record at a time");
	is(ukern_walk_steps, 10000, "cost: each is come to once");

	ukern_walk_steps = ukern_walk_locks = 0;
	ukern_ioctl(fd, TCPSTATS_SET_FILTER, &filter);
	is(read_all(fd, records, nitems(records), sizeof(records)), 1,
	    "cost: a filter that leaves one of them");
	is(ukern_walk_steps, 10000, "cost: again each is come to once");
	/* Every 1024th is locked as the place where the walk pauses. */
	is(ukern_walk_locks, 10, "cost: but few are locked");
	ukern_close(fd);
	free_sockets();
}

/*
 * Where the walk stood is gone: it begins at the head and comes past what was
 * dealt with before, in pieces, that no SMR section gets long.
 */
static void
test_seen(void)
{
	size_t got;
	int fd;

	make_sockets(5000);
	fd = must_open("tcpstats");
	for (unsigned int i = 0; i < 3000; i += 100)
		ukern_read(fd, records, 100 * RECORD, &got);
	free_socket(2000); /* at which the read has stopped */
	ukern_walk_steps = ukern_walk_locks = 0;
	is(read_all(fd, records, nitems(records), sizeof(records)), 2000,
	    "seen: what is left of 5,000 sockets after 3,000");
	is(ukern_walk_locks, 2000 + 2, "seen: a pause every 1,024 sockets");
	ukern_close(fd);
	free_sockets();
}

/* A record was found, and then none while the reader's time runs out. */
static void
test_time(void)
{
	struct tcpstats_filter filter = filter_of("remote_port=2023");
	uint64_t visited, timed_out = number_of("reads_timed_out");
	size_t got;
	int fd;

	make_sockets(1000);
	fd = must_open("tcpstats");
	ukern_ioctl(fd, TCPSTATS_SET_FILTER, &filter);
	set_limit("max_read_duration_ms", 1);
	ukern_set_clock_step(1000000);
	visited = number_of("sockets_visited");
	ukern_read(fd, records, sizeof(records), &got);
	ukern_set_clock_step(1000);
	set_limit("max_read_duration_ms",
	    tcpstats_limits_default.tl_max_read_duration_ms);
	is(got, RECORD, "time: the newest of 1,000 sockets is read");
	is(number_of("sockets_visited") - visited, 64,
	    "time: the clock is looked at within a batch");
	is(number_of("reads_timed_out") - timed_out, 1,
	    "time: reads_timed_out");
	ukern_close(fd);
	free_sockets();
}

static void
test_snapshot(void)
{
	struct inpcb *late[10];
	struct ukern_socket spec;
	size_t count, got;
	int fd;

	make_sockets(100);
	fd = must_open("tcpstats");
	ukern_read(fd, records, 10 * RECORD, &got);
	for (unsigned int i = 0; i < nitems(late); i++) {
		spec = connection(1000 + i, false);
		late[i] = ukern_socket_new(&spec);
	}
	free_socket(90); /* at which the read has stopped */
	free_socket(89);
	free_socket(50);
	count = 10 + read_all(fd, &records[10], nitems(records) - 10, RECORD);
	is(count, 98, "snapshot: what comes later or goes is not reported");
	count_reports(count);
	times[90] = 1;
	tap_ok(each_once(100), "snapshot: each of the others is, once");
	for (unsigned int i = 0; i < nitems(late); i++)
		ukern_socket_free(late[i]);
	ukern_close(fd);
	free_sockets();
}

static unsigned int copies;

static void
churn_at_copyout(void)
{
	struct ukern_socket spec = connection(6000 + copies, false);
	unsigned int i = copies++;

	sockets[6000 + i] = ukern_socket_new(&spec);
	/* Those ahead of the walk and, every other time, where it stands. */
	free_socket(2 * i);
	if (i % 2 == 0 && i * 7 + 7 <= 2000)
		free_socket(2000 - i * 7 - 7);
}

static void
test_changes(void)
{
	size_t count;
	int fd;

	make_sockets(2000);
	fd = must_open("tcpstats");
	copies = 0;
	ukern_hook_copyout = churn_at_copyout;
	count = read_all(fd, records, nitems(records), 7 * RECORD);
	ukern_hook_copyout = NULL;
	count_reports(count);
	tap_ok(each_once(2000),
	    "changes: what lives through the snapshot is reported once");
	ukern_close(fd);
	free_sockets();
}

static unsigned int contended;

static void
free_contended(struct inpcb *inp)
{

	contended++;
	for (unsigned int i = 0; i < MAX_SOCKETS; i++)
		if (sockets[i] == inp)
			free_socket(i);
}

static void
close_contended(struct inpcb *inp)
{

	contended++;
	ukern_socket_set_state(inp, TCPSTATS_TIME_WAIT);
}

static void
test_contention(void)
{
	size_t count;
	int fd;

	make_sockets(1000);
	fd = must_open("tcpstats");
	ukern_set_contention(3);
	count = read_all(fd, records, nitems(records), 10 * RECORD);
	count_reports(count);
	tap_ok(count == 1000 && each_once(1000),
	    "contention: locks that must be waited for");
	ukern_close(fd);
	free_sockets();
}

/* Sockets go just when the walk wants their lock. */
static void
test_lost(unsigned int every)
{
	uint64_t gone = number_of("sockets_skipped_gencnt");
	uint64_t visited = number_of("sockets_visited");
	size_t count;
	int fd;

	make_sockets(1000);
	fd = must_open("tcpstats");
	contended = 0;
	ukern_set_contention(every);
	ukern_hook_contended = free_contended;
	count = read_all(fd, records, nitems(records), 10 * RECORD);
	ukern_hook_contended = NULL;
	ukern_set_contention(0);
	count_reports(count);
	tap_ok(contended > 100 && each_once(1000),
	    "lost: who stays is reported once, 1 in %u goes", every);
	gone = number_of("sockets_skipped_gencnt") - gone;
	visited = number_of("sockets_visited") - visited;
	tap_ok(gone > 0 && visited == count + gone,
	    "lost: who goes is counted as skipped, 1 in %u goes", every);
	ukern_close(fd);
	free_sockets();
}

static void
free_first_contended(struct inpcb *inp)
{

	if (contended < 3)
		free_contended(inp);
}

/*
 * The head goes as it is to be locked, and the next head, and the next: the
 * kernel's walk begins again behind what is then the head.
 */
static void
test_lost_head(void)
{
	size_t count;
	int fd;

	make_sockets(100);
	fd = must_open("tcpstats");
	contended = 0;
	ukern_set_contention(1);
	ukern_hook_contended = free_first_contended;
	count = read_all(fd, records, nitems(records), sizeof(records));
	ukern_hook_contended = NULL;
	ukern_set_contention(0);
	is(contended, 3, "lost head: three go");
	count_reports(count);
	tap_ok(count == 97 && each_once(100),
	    "lost head: the others are reported once");
	ukern_close(fd);
	free_sockets();
}

static void
test_judged_again(void)
{
	struct tcpstats_filter filter = filter_of("exclude=time_wait");
	uint64_t before = number_of("sockets_skipped_state");
	size_t count;
	int fd;

	make_sockets(100);
	fd = must_open("tcpstats");
	ukern_ioctl(fd, TCPSTATS_SET_FILTER, &filter);
	contended = 0;
	ukern_set_contention(2);
	ukern_hook_contended = close_contended;
	count = read_all(fd, records, nitems(records), sizeof(records));
	ukern_hook_contended = NULL;
	ukern_set_contention(0);
	is(count, 100 - contended, "judged again: under the lock");
	is(number_of("sockets_skipped_state") - before, contended,
	    "judged again: counted as skipped");
	ukern_close(fd);
	free_sockets();
}

static unsigned int looks;

static void
grow_syncache(void)
{
	struct ukern_socket spec;

	for (unsigned int i = 0; i < 30; i++) {
		spec = connection(100 + 30 * looks + i, false);
		ukern_half_open_add(&spec);
	}
	looks++;
}

static void
test_syncache_grows(void)
{
	int fd = must_open("tcpstats");

	ukern_hook_syncache = grow_syncache;
	tap_ok(read_all(fd, records, nitems(records), RECORD) >= 60,
	    "syncache: grows between two looks at it");
	ukern_hook_syncache = NULL;
	ukern_half_open_clear(prison0.pr_vnet);
	ukern_close(fd);
}

/* An anchor keeps memory; a descriptor that is closed must not. */
static void
test_anchor_released(void)
{
	size_t got;
	int fd;

	make_sockets(10);
	fd = must_open("tcpstats");
	ukern_read(fd, records, 3 * RECORD, &got);
	free_sockets();
	ukern_reclaim();
	is(ukern_inpcbs(), 1, "anchor: keeps one inpcb");
	ukern_close(fd);
	ukern_reclaim();
	is(ukern_inpcbs(), 0, "anchor: until the descriptor is closed");

	make_sockets(10);
	fd = must_open("tcpstats");
	ukern_read(fd, records, 3 * RECORD, &got);
	free_sockets();
	ukern_ioctl(fd, TCPSTATS_RESET, NULL);
	ukern_reclaim();
	is(ukern_inpcbs(), 0, "anchor: or reset");
	ukern_close(fd);
}

int
main(void)
{

	load_module();
	test_cost();
	test_seen();
	test_time();
	test_snapshot();
	test_changes();
	test_contention();
	test_lost(2);
	test_lost(3);
	test_lost(5);
	test_lost_head();
	test_judged_again();
	test_syncache_grows();
	test_anchor_released();
	unload_module("walk");
	return (tap_done());
}
