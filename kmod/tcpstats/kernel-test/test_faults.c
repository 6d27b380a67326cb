/*-
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * The faults of the older implementation, by the last section of the device's
 * contract: for each the test that finds it.
 */
#include <sys/jail.h>
#include <sys/systm.h>
#include <sys/ucred.h>

#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include "ktest.h"

#define RECORD sizeof(struct tcpstats_record)
#define SHARED_SOCKETS 3000

static struct tcpstats_record records[MAX_SOCKETS];

/* "Profiles are made at tcpstats/NAME: the kernel panics." */
static void
profile_node_below_a_node(void)
{
	int fd;

	is((uint64_t)write_profile_set("web local_port=443"), 0,
	    "fault, node below a node: a profile is made");
	tap_ok(ukern_find_node("tcpstats.d/web") != NULL,
	    "fault, node below a node: its node is in tcpstats.d");
	fd = must_open("tcpstats.d/web");
	ukern_close(fd);
	is((uint64_t)write_profile_set("web"), 0,
	    "fault, node below a node: it is deleted");
}

static unsigned int copies, yields;

static void
count_copy(void)
{
	copies++;
}

static void
count_yield(void)
{
	yields++;
}

/* "uiomove and kern_yield run with the inpcb read lock held." */
static void
lock_held_at_copy_or_yield(void)
{
	int fd;

	make_sockets(500);
	fd = must_open("tcpstats");
	ukern_hook_copyout = count_copy;
	ukern_hook_yield = count_yield;
	is(read_all(fd, records, nitems(records), sizeof(records)), 500,
	    "fault, locks held: a read larger than a batch");
	ukern_hook_copyout = NULL;
	ukern_hook_yield = NULL;
	is(copies, 8, "fault, locks held: nothing is at any copy");
	is(yields, 7, "fault, locks held: nor where the CPU is given up");
	ukern_close(fd);
	free_sockets();
}

/* "What does not fit in the first buffer is lost [...]." */
static void
records_lost_behind_the_buffer(void)
{
	size_t got,
	    sizes[] = { RECORD, 7 * RECORD + 5, 64 * RECORD, 65 * RECORD,
		    13000 * RECORD };
	bool descending = true;
	size_t count;
	int fd;

	make_sockets(MAX_SOCKETS);
	for (size_t i = 0; i < nitems(sizes); i++) {
		fd = must_open("tcpstats");
		count = read_all(fd, records, nitems(records), sizes[i]);
		for (size_t j = 1; j < count; j++)
			descending = descending &&
			    records[j].tsr_inp_gencnt ==
				records[j - 1].tsr_inp_gencnt - 1;
		if (!tap_ok(count == MAX_SOCKETS && descending,
			"fault, lost records: buffer of %zu bytes", sizes[i]))
			tap_diag("%zu records", count);
		ukern_close(fd);
	}
	fd = must_open("tcpstats");
	is((uint64_t)ukern_read(fd, records, RECORD - 1, &got), EINVAL,
	    "fault, lost records: too small a buffer is no end of file");
	ukern_close(fd);
	free_sockets();
}

/* "The profile's sysctl node keeps a pointer into the freed profile [...]." */
static void
sysctl_outlives_profile(void)
{
	char text[64];
	size_t len = sizeof(text);

	(void)write_profile_set("gone local_port=1");
	tap_ok(strcmp(text_of("profiles.gone"), "local_port=1") == 0,
	    "fault, sysctl kept: a profile has one");
	(void)write_profile_set("gone");
	is((uint64_t)ukern_sysctl("dev.tcpstats.profiles.gone", text, &len,
	       NULL, 0),
	    ENOENT, "fault, sysctl kept: it goes with the profile");
	tap_ok(ukern_find_node("tcpstats.d/gone") == NULL,
	    "fault, sysctl kept: as does the device node");
}

static void *
delete_late(void *arg __unused)
{

	(void)write_profile_set("late");
	return (NULL);
}

static void *
await_deletion(void *arg __unused)
{

	while (strcmp(text_of("profiles.late"), "(none)") != 0)
		sched_yield();
	return (NULL);
}

static pthread_t deleter;

/* The write waits for user memory, and in that time the profile is deleted. */
static void
delete_during_write(void)
{
	pthread_t watcher;

	ukern_hook_copyin = NULL;
	pthread_create(&deleter, NULL, delete_late, NULL);
	pthread_create(&watcher, NULL, await_deletion, NULL);
	pthread_join(watcher, NULL);
}

/* "[...] keeps a pointer into the freed profile", as a handler may too. */
static void
profile_goes_under_its_handler(void)
{
	int error;

	(void)write_profile_set("late local_port=1");
	ukern_hook_copyin = delete_during_write;
	error = ukern_sysctl("dev.tcpstats.profiles.late", NULL, NULL,
	    "local_port=2", strlen("local_port=2"));
	pthread_join(deleter, NULL);
	is((uint64_t)error, ENOENT,
	    "fault, sysctl kept: a write finds that the profile is gone");
	tap_ok(ukern_find_node("tcpstats.d/late") == NULL,
	    "fault, sysctl kept: and it stays so");
}

static size_t
count_matches(const char *text)
{
	struct tcpstats_filter filter = filter_of(text);
	size_t count;
	int fd = must_open("tcpstats");

	if (ukern_ioctl(fd, TCPSTATS_SET_FILTER, &filter) != 0)
		tap_bail_out("a good filter is refused");
	count = read_all(fd, records, nitems(records), sizeof(records));
	ukern_close(fd);
	return (count);
}

/* "An IPv4 address filter lets every IPv6 socket through [...]." */
static void
address_of_the_other_family(void)
{
	struct ukern_socket spec;

	for (unsigned int i = 0; i < 10; i++) {
		spec = connection(i, i >= 4);
		sockets[i] = ukern_socket_new(&spec);
	}
	is(count_matches("local_addr=10.0.0.1"), 4,
	    "fault, other family: IPv4 address");
	is(count_matches("local_addr=fd00::1"), 6,
	    "fault, other family: IPv6 address");
	is(count_matches("local_addr=0.0.0.0/0"), 4,
	    "fault, other family: every IPv4 address");
	is(count_matches("local_addr=::/0"), 6,
	    "fault, other family: every IPv6 address");
	free_sockets();
}

/* "ioctl filters are copied in unchecked [...]." */
static void
unchecked_filter(void)
{
	struct tcpstats_filter filter, good = filter_of("");
	int fd = must_open("tcpstats");

	filter = good;
	filter.tsf_version = 1;
	is((uint64_t)ukern_ioctl(fd, TCPSTATS_SET_FILTER, &filter), ENOTSUP,
	    "fault, unchecked ioctl: another version");
	filter = good;
	filter.tsf_flags = 0x800;
	is((uint64_t)ukern_ioctl(fd, TCPSTATS_SET_FILTER, &filter), EINVAL,
	    "fault, unchecked ioctl: unknown flags");
	filter = good;
	filter.tsf_flags = TCPSTATS_FILTER_LOCAL_ADDR;
	filter.tsf_local_mask_v4 = htonl(0xff00ff00);
	is((uint64_t)ukern_ioctl(fd, TCPSTATS_SET_FILTER, &filter), EINVAL,
	    "fault, unchecked ioctl: a mask with holes");
	filter = good;
	filter.tsf_spare[3] = 1;
	is((uint64_t)ukern_ioctl(fd, TCPSTATS_SET_FILTER, &filter), EINVAL,
	    "fault, unchecked ioctl: spare");
	is((uint64_t)ukern_ioctl(fd, TCPSTATS_SET_FILTER, &good), 0,
	    "fault, unchecked ioctl: a good one passes");
	ukern_close(fd);
}

/* "[...] a kernel address is shown to every reader." */
static void
kernel_address_shown(void)
{
	struct ucred *user = ukern_new_cred(1001, 69, &prison0);
	int fd;

	make_sockets(1);
	fd = must_open("tcpstats-full");
	read_all(fd, records, nitems(records), RECORD);
	tap_ok(records[0].tsr_so_addr != 0,
	    "fault, kernel address: the super-user sees it");
	ukern_close(fd);
	ukern_set_cred(user);
	fd = must_open("tcpstats-full");
	read_all(fd, records, nitems(records), RECORD);
	is(records[0].tsr_so_addr, 0, "fault, kernel address: nobody else");
	ukern_set_cred(NULL);
	ukern_close(fd);
	free_sockets();
	crfree(user);
}

/* "The profile sysctl refuses every write [...]." */
static void
profile_sysctl_refuses_writes(void)
{

	(void)write_profile_set("one local_port=1");
	is((uint64_t)ukern_sysctl("dev.tcpstats.profiles.one", NULL, NULL,
	       "local_port=22", strlen("local_port=22")),
	    0, "fault, write refused: profiles.NAME is written");
	tap_ok(strcmp(text_of("profiles.one"), "local_port=22") == 0,
	    "fault, write refused: and reads so");
	is((uint64_t)ukern_sysctl("dev.tcpstats.profiles.one", NULL, NULL, "",
	       1),
	    0, "fault, write refused: nothing deletes it");
	tap_ok(strcmp(text_of("profiles.one"), "(none)") == 0,
	    "fault, write refused: and it is gone");
}

/* "[...] listing profiles reads past a stack buffer [...]." */
static void
long_list(void)
{
	char line[640], name[8];
	size_t len;

	for (unsigned int i = 0; i < TCPSTATS_MAX_PROFILES; i++) {
		snprintf(line, sizeof(line), "p%02u local_port=1%*s", i,
		    TCPSTATS_FILTER_MAXLEN - 12, "");
		if (write_profile_set(line) != 0)
			tap_diag("%s", text_of("last_error"));
	}
	len = strlen(text_of("profile_set"));
	is(len, 16 * (4 + 511) + 15,
	    "fault, list too long: 16 profiles of the greatest length");
	is((uint64_t)write_profile_set("p16 local_port=1"), ENOSPC,
	    "fault, list too long: and no more");
	for (unsigned int i = 0; i < TCPSTATS_MAX_PROFILES; i++) {
		snprintf(name, sizeof(name), "p%02u", i);
		(void)write_profile_set(name);
	}
	is(strlen(text_of("profile_set")), 0, "fault, list too long: emptied");
}

static void *
make_profiles(void *arg)
{
	unsigned int *made = arg;
	int error = 0;

	while (error == 0) {
		error = write_profile_set("racer local_port=1");
		if (error == 0)
			error = write_profile_set("racer");
		__atomic_add_fetch(made, 1, __ATOMIC_RELAXED);
	}
	return (NULL);
}

/* "[...] unloading races with profile creation [...]." */
static void
unload_while_profiles_are_made(void)
{
	unsigned int made, goal = 5;
	pthread_t thread;

	for (unsigned int i = 0; i < 10; i++) {
		made = 0;
		pthread_create(&thread, NULL, make_profiles, &made);
		while (__atomic_load_n(&made, __ATOMIC_RELAXED) < goal)
			sched_yield();
		while (ukern_kldunload(false) != 0)
			sched_yield();
		pthread_join(thread, NULL);
		is(ukern_allocations(), 0, "fault, unload race: nothing left");
		load_module();
	}
}

struct share {
	int fd;
	size_t count;
	struct tcpstats_record records[SHARED_SOCKETS];
};

static void *
read_share(void *arg)
{
	struct share *share = arg;

	share->count = read_all(share->fd, share->records,
	    nitems(share->records), 5 * RECORD);
	return (NULL);
}

/* "[...] one descriptor used by two threads is unguarded." */
static void
two_threads_one_descriptor(void)
{
	static struct share shares[2];
	static bool seen[SHARED_SOCKETS];
	bool once = true;
	pthread_t threads[2];
	unsigned int number;

	make_sockets(SHARED_SOCKETS);
	shares[0].fd = shares[1].fd = must_open("tcpstats");
	for (unsigned int i = 0; i < 2; i++)
		pthread_create(&threads[i], NULL, read_share, &shares[i]);
	for (unsigned int i = 0; i < 2; i++)
		pthread_join(threads[i], NULL);
	for (unsigned int i = 0; i < 2; i++)
		for (size_t j = 0; j < shares[i].count; j++) {
			number = shares[i].records[j].tsr_remote_port - 1024U;
			once = once && number < SHARED_SOCKETS && !seen[number];
			if (number < SHARED_SOCKETS)
				seen[number] = true;
		}
	is(shares[0].count + shares[1].count, SHARED_SOCKETS,
	    "fault, shared descriptor: all records, between two threads");
	tap_ok(once, "fault, shared descriptor: each once");
	ukern_close(shares[0].fd);
	free_sockets();
}

/* "The parser takes [...]." */
static void
parser_takes_anything(void)
{
	static const char *const refused[] = { "local_addr=1:2:3:4:5:6:7:8:9",
		"local_addr=12345::", "local_addr=:::1", "local_addr=fd00::/0",
		"exclude=,", "ipv4_only ipv4_only" };
	char line[128];

	for (size_t i = 0; i < nitems(refused); i++) {
		snprintf(line, sizeof(line), "bad %s", refused[i]);
		if (!tap_ok(write_profile_set(line) == EINVAL,
			"fault, lax parser: %s", refused[i]))
			(void)write_profile_set("bad");
		else
			tap_diag("%s", text_of("last_error"));
	}
	tap_ok(strcmp(text_of("last_error"), "(none)") != 0 &&
		strlen(text_of("last_error")) > 0,
	    "fault, lax parser: last_error says why");
}

/* "format=full is never looked at, so /dev/tcpstats-full is /dev/tcpstats." */
static void
full_is_not_full(void)
{
	static const char *const nodes[] = { "tcpstats", "tcpstats-full",
		"tcpstats.d/full" };
	int fd;

	make_sockets(1);
	(void)write_profile_set("full format=full");
	for (size_t i = 0; i < nitems(nodes); i++) {
		fd = must_open(nodes[i]);
		read_all(fd, records, nitems(records), RECORD);
		tap_ok((records[0].tsr_cc[0] != '\0') == (i > 0) &&
			(records[0].tsr_snd_nxt != 0) == (i > 0) &&
			records[0].tsr_snd_cwnd != 0,
		    "fault, full is not full: %s", nodes[i]);
		ukern_close(fd);
	}
	(void)write_profile_set("full");
	free_sockets();
}

/* "The statistics need a special build [...]." */
static void
no_statistics(void)
{
	uint64_t emitted = number_of("records_emitted");
	int fd;

	make_sockets(10);
	fd = must_open("tcpstats");
	read_all(fd, records, nitems(records), RECORD);
	is(number_of("records_emitted") - emitted, 10,
	    "fault, no statistics: this build counts");
	ukern_close(fd);
	free_sockets();
}

/* "Filtering happens after locking each socket." */
static void
locks_what_it_drops(void)
{
	unsigned long before;

	make_sockets(500);
	before = ukern_walk_locks;
	is(count_matches("remote_port=1030"), 1,
	    "fault, late filter: one of 500 sockets");
	is(ukern_walk_locks - before, 1,
	    "fault, late filter: is the only one locked");
	free_sockets();
}

int
main(void)
{

	load_module();
	profile_node_below_a_node();
	lock_held_at_copy_or_yield();
	records_lost_behind_the_buffer();
	sysctl_outlives_profile();
	profile_goes_under_its_handler();
	address_of_the_other_family();
	unchecked_filter();
	kernel_address_shown();
	profile_sysctl_refuses_writes();
	long_list();
	unload_while_profiles_are_made();
	two_threads_one_descriptor();
	parser_takes_anything();
	full_is_not_full();
	no_statistics();
	locks_what_it_drops();
	unload_module("faults");
	return (tap_done());
}
