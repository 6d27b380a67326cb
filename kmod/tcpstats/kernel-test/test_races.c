/*-
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * Everything at once, for the sanitizers: readers, ioctls, profiles, sysctls
 * and sockets that come and go, then also with the module unloaded from under
 * all of them.  Each thread does a number of rounds; nothing depends on who
 * is first.
 */
#include <sys/jail.h>

#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include "ktest.h"
#include "ukern_impl.h"

#define RECORD sizeof(struct tcpstats_record)
#define STAYING 300 /* sockets that are there all the time */
#define COMING 200  /* and, above these, those that come and go */
#define ROUNDS 30
#define RELOADS 40

static int shared_fd;
static bool unloading;	     /* no descriptor stays open */
static unsigned int faulty;  /* atomic */
static unsigned int running; /* threads but the churner; atomic */

static void
complain(const char *what, int error)
{

	if (__atomic_add_fetch(&faulty, 1, __ATOMIC_RELAXED) <= 10)
		tap_diag("%s: error %d", what, error);
}

/* An error that the module's going may not explain is a fault. */
static bool
good(int error, const char *what)
{

	if (error != 0 && error != EBUSY && error != EMFILE &&
	    error != ENOENT && error != ENXIO)
		complain(what, error);
	return (error == 0);
}

/* In order, and those that stay each once. */
static void
judge(const struct tcpstats_record *records, size_t count)
{
	unsigned int number, staying = 0;

	for (size_t i = 0; i < count; i++) {
		if (records[i].tsr_flags == TCPSTATS_RECORD_SYNCACHE)
			continue;
		number = records[i].tsr_remote_port - 1024U;
		staying += number < STAYING;
		if (i > 0 &&
		    records[i].tsr_inp_gencnt >= records[i - 1].tsr_inp_gencnt)
			complain("a record out of order", 0);
	}
	if (staying != STAYING)
		complain("sockets that stay missing or twice", (int)staying);
}

static void *
read_own(void *arg)
{
	const size_t len = *(const size_t *)arg;
	struct tcpstats_record *records;
	size_t count, got;
	int error, fd;

	records = ukern_calloc((STAYING + COMING + 8) * RECORD);
	for (unsigned int i = 0; i < ROUNDS; i++) {
		if (!good(ukern_open("tcpstats", FREAD, &fd), "open"))
			continue;
		count = 0;
		do {
			error = ukern_read(fd, records + count, len, &got);
			count += got / RECORD;
		} while (error == 0 && got != 0);
		if (good(error, "read"))
			judge(records, count);
		ukern_close(fd);
	}
	ukern_release(records);
	return (NULL);
}

static void *
use_shared(void *arg __unused)
{
	struct tcpstats_filter filter = filter_of("exclude=time_wait");
	struct tcpstats_version version;
	struct tcpstats_record records[20];
	size_t got;

	for (unsigned int i = 0; i < 20 * ROUNDS; i++) {
		(void)good(ukern_read(shared_fd, records, sizeof(records),
			       &got),
		    "read");
		if (i % 8 == 0)
			(void)ukern_ioctl(shared_fd, TCPSTATS_SET_FILTER,
			    &filter);
		if (i % 8 == 3)
			(void)ukern_ioctl(shared_fd, TCPSTATS_RESET, NULL);
		if (i % 8 == 5)
			(void)ukern_ioctl(shared_fd, TCPSTATS_VERSION_CMD,
			    &version);
	}
	return (NULL);
}

static void *
change_profiles(void *arg)
{
	const char *name = arg;
	char line[64], path[64], text[2048];
	size_t len;

	snprintf(path, sizeof(path), "dev.tcpstats.profiles.%s", name);
	for (unsigned int i = 0; i < ROUNDS; i++) {
		snprintf(line, sizeof(line), "%s remote_port=%u", name,
		    1024 + i);
		(void)good(write_profile_set(line), "profile_set");
		len = sizeof(text);
		(void)good(ukern_sysctl("dev.tcpstats.profile_set", text, &len,
			       NULL, 0),
		    "list");
		(void)good(ukern_sysctl(path, NULL, NULL, "local_port=443", 14),
		    "profiles.NAME");
		(void)good(i % 2 != 0 ? ukern_sysctl(path, NULL, NULL, "", 0) :
					write_profile_set(name),
		    "delete");
	}
	return (NULL);
}

static void *
open_profile(void *arg)
{
	struct tcpstats_record records[20];
	char path[64];
	size_t got;
	int fd;

	snprintf(path, sizeof(path), "tcpstats.d/%s", (const char *)arg);
	for (unsigned int i = 0; i < 5 * ROUNDS; i++) {
		if (!good(ukern_open(path, FREAD, &fd), "open"))
			continue;
		(void)good(ukern_read(fd, records, sizeof(records), &got),
		    "read");
		(void)text_of("profiles.alpha");
		ukern_close(fd);
	}
	return (NULL);
}

static void *
read_sysctls(void *arg __unused)
{
	uint32_t readers = 32;
	uint64_t value;
	size_t len;

	for (unsigned int i = 0; i < 5 * ROUNDS; i++) {
		len = sizeof(value);
		(void)good(ukern_sysctl("dev.tcpstats.sockets_visited", &value,
			       &len, NULL, 0),
		    "counter");
		len = sizeof(value);
		(void)good(ukern_sysctl("dev.tcpstats.active_fds", &value, &len,
			       NULL, 0),
		    "active_fds");
		(void)good(set_limit("max_concurrent_readers", readers),
		    "limit");
		(void)text_of("last_error");
	}
	return (NULL);
}

/* Sockets come and go and change for as long as there is anyone else. */
static void *
churn(void *arg __unused)
{
	struct inpcb *coming[COMING] = { NULL };
	struct ukern_socket spec;
	unsigned int i = 0;

	while (__atomic_load_n(&running, __ATOMIC_RELAXED) > 0) {
		i = (i + 7) % COMING;
		if (coming[i] == NULL) {
			spec = connection(STAYING + i, false);
			coming[i] = ukern_socket_new(&spec);
		} else if (i % 3 == 0) {
			ukern_socket_set_state(coming[i], TCPSTATS_TIME_WAIT);
			ukern_socket_free(coming[i]);
			coming[i] = NULL;
		} else {
			ukern_socket_free(coming[i]);
			coming[i] = NULL;
		}
		ukern_socket_set_state(sockets[i], TCPSTATS_ESTABLISHED);
	}
	for (i = 0; i < COMING; i++)
		if (coming[i] != NULL)
			ukern_socket_free(coming[i]);
	return (NULL);
}

/* So many times, or so many tries where a descriptor is open throughout. */
static void *
reload(void *arg __unused)
{

	for (unsigned int i = 0; i < RELOADS;) {
		if (ukern_kldunload(i % 2 == 0) != 0) {
			i += unloading ? 0 : 1;
			sched_yield();
			continue;
		}
		i++;
		if (ukern_kldload() != 0)
			complain("kldload", 0);
	}
	return (NULL);
}

static size_t one_record = RECORD, many_records = 50 * RECORD;
static char alpha[] = "alpha", beta[] = "beta";

static struct role {
	void *(*play)(void *arg);
	void *arg;
	bool keeps_loaded; /* has a descriptor open throughout */
} roles[] = {
	{ read_own, &one_record, false },
	{ read_own, &many_records, false },
	{ use_shared, NULL, true },
	{ use_shared, NULL, true },
	{ change_profiles, alpha, false },
	{ change_profiles, alpha, false },
	{ change_profiles, beta, false },
	{ open_profile, alpha, false },
	{ open_profile, beta, false },
	{ read_sysctls, NULL, false },
	{ reload, NULL, false },
};

static void *
play_role(void *arg)
{
	const struct role *role = arg;

	role->play(role->arg);
	__atomic_sub_fetch(&running, 1, __ATOMIC_RELAXED);
	return (NULL);
}

static void
race(const char *name)
{
	pthread_t churner, threads[nitems(roles)];
	bool plays[nitems(roles)];

	faulty = 0;
	running = 1;
	pthread_create(&churner, NULL, churn, NULL);
	for (size_t i = 0; i < nitems(roles); i++) {
		plays[i] = !unloading || !roles[i].keeps_loaded;
		if (!plays[i])
			continue;
		__atomic_add_fetch(&running, 1, __ATOMIC_RELAXED);
		pthread_create(&threads[i], NULL, play_role, &roles[i]);
	}
	for (size_t i = 0; i < nitems(roles); i++)
		if (plays[i])
			pthread_join(threads[i], NULL);
	__atomic_sub_fetch(&running, 1, __ATOMIC_RELAXED);
	pthread_join(churner, NULL);
	is(faulty, 0, name);
}

int
main(void)
{
	struct ukern_socket spec = connection(900, false);

	load_module();
	make_sockets(STAYING);
	ukern_half_open_add(&spec);
	ukern_set_contention(10);
	shared_fd = must_open("tcpstats");
	race("races: one descriptor stays open");
	ukern_close(shared_fd);
	unloading = true;
	race("races: the module goes and comes back");
	ukern_set_contention(0);
	ukern_half_open_clear(prison0.pr_vnet);
	free_sockets();
	unload_module("races");
	return (tap_done());
}
