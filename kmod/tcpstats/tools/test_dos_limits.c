/*-
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * Do the device's limits hold where a reader exhausts them, and is the device
 * whole afterwards?  test_dos_limits [-d device] [-n connections], as root.
 * TAP on stdout; loads the host with connections of its own, and puts the
 * limits back however it ends.
 */
#include <sys/time.h>

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "../test/tap.h"
#include "args.h"
#include "connections.h"
#include "device.h"
#include "limits.h"
#include "nodes.h"

/* Enough that a read of all lasts longer than the shortest limit, 1 ms. */
#define CONNECTIONS_DEFAULT 9000
/* The filter names the port of each process that holds some. */
#define MAX_PROCESSES TCPSTATS_MAX_PORTS
#define NPORTS 65536
#define BUFFER_SIZE ((size_t)4 << 20)
#define NREADERS 4
#define DEADLINE_S 30

/* The device, and what it must report: one end of each connection. */
static const char *path;
static uint32_t nconnections;
static uint16_t ports[MAX_PROCESSES];
static struct tcpstats_filter ends; /* lets those ends through */
static struct tcpstats_filter none; /* lets nothing through */

static struct tcpstats_record *buffer;
/* How often each end was read since the snapshot began, by its ports. */
static uint32_t seen[MAX_PROCESSES][NPORTS];

static void
set_limit(const char *name, uint32_t value)
{
	int error = node_set(name, value);

	if (error == 0)
		return;
	tap_diag("dev.tcpstats.%s: %s", name, strerror(error));
	tap_bail_out("a limit cannot be set: is this root?");
}

static double
uptime_s(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return ((double)now.tv_sec + (double)now.tv_nsec / 1e9);
}

/* ---- One descriptor ---- */

/* Returns -1 with errno set where the device refuses. */
static int
open_device(void)
{

	return (open(path, O_RDONLY | O_CLOEXEC));
}

static int
open_or_bail_out(const struct tcpstats_filter *filter)
{
	int fd = open_device();

	if (fd < 0 || ioctl(fd, TCPSTATS_SET_FILTER, filter) != 0) {
		tap_diag("%s: %s", path, strerror(errno));
		tap_bail_out("a descriptor that a test needs is refused");
	}
	return (fd);
}

/* Begin a new snapshot. */
static void
reset(int fd)
{

	memset(seen, 0, sizeof(seen));
	if (ioctl(fd, TCPSTATS_RESET) != 0)
		tap_bail_out("TCPSTATS_RESET is refused");
}

static void
note_seen(const struct tcpstats_record *record)
{

	for (size_t i = 0; i < MAX_PROCESSES; i++)
		if (ports[i] == record->tsr_local_port)
			seen[i][record->tsr_remote_port]++;
}

/* Returns the number of records, or -1 with errno set. */
static ssize_t
read_some(int fd, size_t size)
{
	ssize_t len = read(fd, buffer, size);

	if (len < 0)
		return (-1);
	for (size_t i = 0; i < (size_t)len / TCPSTATS_RECORD_SIZE; i++)
		note_seen(&buffer[i]);
	return (len / TCPSTATS_RECORD_SIZE);
}

/* Read to the end of the snapshot.  Returns false on an error. */
static bool
read_rest(int fd)
{
	ssize_t count;

	while ((count = read_some(fd, BUFFER_SIZE)) > 0)
		continue;
	if (count < 0)
		tap_diag("read: %s", strerror(errno));
	return (count == 0);
}

/* Was each end read once, and nothing else? */
static bool
seen_once(void)
{
	uint32_t once = 0, repeated = 0;

	for (size_t i = 0; i < MAX_PROCESSES; i++)
		for (size_t port = 0; port < NPORTS; port++) {
			once += seen[i][port] == 1;
			repeated += seen[i][port] > 1;
		}
	if (once == nconnections && repeated == 0)
		return (true);
	tap_diag("%" PRIu32 " of %" PRIu32 " ends read once, %" PRIu32
		 " more than once",
	    once, nconnections, repeated);
	return (false);
}

/* ---- max_open_fds ---- */

static void
test_open_limit(void)
{
	const uint32_t before = (uint32_t)node_get("active_fds");
	int fds[3];

	set_limit("max_open_fds", before + 3);
	for (size_t i = 0; i < 3; i++)
		fds[i] = open_device();
	tap_ok(fds[0] >= 0 && fds[1] >= 0 && fds[2] >= 0,
	    "three opens below a limit of three succeed");
	tap_ok(open_device() == -1 && errno == EMFILE,
	    "the fourth gets EMFILE");
	tap_ok(node_get("active_fds") == before + 3,
	    "active_fds counts the three");
	close(fds[1]);
	fds[1] = open_device();
	tap_ok(fds[1] >= 0, "after a close the device opens again");
	set_limit("max_open_fds", before + 1);
	tap_ok(read(fds[0], buffer, TCPSTATS_RECORD_SIZE) ==
		TCPSTATS_RECORD_SIZE,
	    "a limit below what is open leaves the open ones alone");
	close(fds[0]);
	tap_ok(open_device() == -1 && errno == EMFILE,
	    "and refuses more until enough are closed");
	close(fds[1]);
	close(fds[2]);
	tap_ok(node_get("active_fds") == before, "after all closes none is");
	set_limit("max_open_fds", before + NREADERS);
}

/* ---- max_read_duration_ms ---- */

static void
test_read_duration(void)
{
	const int fd = open_or_bail_out(&ends);
	uint64_t timed_out = node_get("reads_timed_out");
	ssize_t count;

	set_limit("max_read_duration_ms", 1);
	reset(fd);
	count = read_some(fd, BUFFER_SIZE);
	if (!tap_ok(count > 0 && count < nconnections &&
		    node_get("reads_timed_out") == timed_out + 1,
		"a read of 1 ms gives a part, and is counted"))
		tap_diag("%zd of %" PRIu32 " records; raise -n if all", count,
		    nconnections);
	tap_ok(read_rest(fd) && seen_once(),
	    "the reads after it give the rest, each connection once");

	set_limit("max_read_duration_ms", 0);
	timed_out = node_get("reads_timed_out");
	reset(fd);
	tap_ok(read_rest(fd) && seen_once() &&
		node_get("reads_timed_out") == timed_out,
	    "without a limit no read is cut short");
	close(fd);
}

/* ---- min_read_interval_ms ---- */

static void
test_read_interval(void)
{
	const int fd = open_or_bail_out(&ends);
	int other;

	set_limit("min_read_interval_ms", 3600 * 1000);
	reset(fd);
	tap_ok(read_some(fd, TCPSTATS_RECORD_SIZE) == 1 && read_rest(fd) &&
		seen_once(),
	    "reads that continue a snapshot are never too soon");
	reset(fd);
	tap_ok(read_some(fd, BUFFER_SIZE) == -1 && errno == EBUSY,
	    "a second snapshot within the interval gets EBUSY");
	other = open_or_bail_out(&ends);
	tap_ok(read_some(other, TCPSTATS_RECORD_SIZE) == 1,
	    "another descriptor has an interval of its own");
	close(other);
	set_limit("min_read_interval_ms", 0);
	reset(fd);
	tap_ok(read_rest(fd) && seen_once(),
	    "with an interval of 0 the snapshot is given");
	close(fd);
}

/* ---- max_concurrent_readers ---- */

static struct {
	atomic_bool stop;
	atomic_uint completed;
	atomic_uint refused; /* with EBUSY */
	atomic_uint failed;  /* with another error */
} hammering;

/* Take snapshot after snapshot. */
static void *
hammer(void *arg)
{
	const int *fd = arg;
	struct tcpstats_record *records = device_buffer(BUFFER_SIZE);

	while (!hammering.stop) {
		if (ioctl(*fd, TCPSTATS_RESET) != 0)
			hammering.failed++;
		else if (read(*fd, records, BUFFER_SIZE) > 0)
			hammering.completed++;
		else if (errno == EBUSY)
			hammering.refused++;
		else
			hammering.failed++;
	}
	free(records);
	return (NULL);
}

static void
hammer_until_refused(void)
{
	const double deadline = uptime_s() + DEADLINE_S;
	const struct timespec pause = { .tv_nsec = 1000000 };
	pthread_t threads[NREADERS];
	int fds[NREADERS];

	for (size_t i = 0; i < NREADERS; i++) {
		fds[i] = open_or_bail_out(&ends);
		if (pthread_create(&threads[i], NULL, hammer, &fds[i]) != 0)
			tap_bail_out("a thread cannot be started");
	}
	while ((hammering.completed == 0 || hammering.refused == 0) &&
	    uptime_s() < deadline)
		nanosleep(&pause, NULL);
	hammering.stop = true;
	for (size_t i = 0; i < NREADERS; i++) {
		pthread_join(threads[i], NULL);
		close(fds[i]);
	}
	tap_ok(hammering.completed > 0 && hammering.refused > 0 &&
		hammering.failed == 0,
	    "of four readers and a limit of one some get EBUSY, some records");
	tap_diag("%u reads, %u refused, %u failed otherwise",
	    hammering.completed, hammering.refused, hammering.failed);
}

static void
test_concurrent_readers(void)
{
	const int fd = open_or_bail_out(&ends);

	set_limit("max_concurrent_readers", 0);
	reset(fd);
	tap_ok(read_some(fd, BUFFER_SIZE) == -1 && errno == EBUSY,
	    "where no reader is allowed a read gets EBUSY");
	set_limit("max_concurrent_readers", 1);
	tap_ok(read_rest(fd) && seen_once(),
	    "where one is, it reads all: the refused read took nothing");
	close(fd);
	hammer_until_refused();
}

/* ---- Signals ---- */

static void
on_alarm(int signal_number)
{

	(void)signal_number;
}

/* Take a snapshot and read, with a signal after a while. */
static ssize_t
read_with_signal(int fd, double delay_s)
{
	const struct itimerval timer = {
		.it_value.tv_usec = 1 + (suseconds_t)(delay_s * 1e6) % 999999,
	};
	const struct itimerval off = { 0 };
	ssize_t count;
	int error;

	reset(fd);
	setitimer(ITIMER_REAL, &timer, NULL);
	count = read_some(fd, BUFFER_SIZE);
	error = errno;
	setitimer(ITIMER_REAL, &off, NULL);
	errno = error;
	return (count);
}

/* When to send a signal. */
struct aim {
	double delay_s;
	double step; /* by which the delay changes */
	bool early;  /* the last one was */
};

/* The signal was too early, or too late: find the moment between. */
static void
adjust(struct aim *aim, bool early)
{

	aim->step *= early == aim->early ? 1.5 : 0.5;
	if (aim->step > 0.25)
		aim->step = 0.25;
	aim->delay_s *= early ? 1 + aim->step : 1 - aim->step;
	aim->early = early;
}

/*
 * Interrupt reads until one ends as wanted: with EINTR, or short of what a read
 * gives that no signal ends.
 */
static bool
interrupt_reads(int fd, bool want_eintr)
{
	const double begin = uptime_s();
	struct aim aim = { .step = 0.25 };
	uint64_t interrupted;
	ssize_t count, whole;
	bool counted;

	reset(fd);
	whole = read_some(fd, BUFFER_SIZE);
	aim.delay_s = (uptime_s() - begin) / 2;
	while (uptime_s() < begin + DEADLINE_S) {
		interrupted = node_get("reads_interrupted");
		count = read_with_signal(fd, aim.delay_s);
		if (count == -1 && errno != EINTR)
			return (false);
		/* Some systems end a read before the device has seen it. */
		counted = node_get("reads_interrupted") == interrupted + 1;
		if (counted && want_eintr == (count == -1) && count != 0 &&
		    count < whole)
			return (true);
		adjust(&aim, count == -1);
	}
	tap_diag("no read was hit, the last one after %.6f s", aim.delay_s);
	return (false);
}

static void
test_signals(void)
{
	const struct sigaction action = { .sa_handler = on_alarm };
	int fd;

	/* Without SA_RESTART. */
	sigaction(SIGALRM, &action, NULL);
	fd = open_or_bail_out(&none);
	tap_ok(interrupt_reads(fd, true),
	    "a signal while a read has found nothing gives EINTR");
	tap_ok(read_some(fd, BUFFER_SIZE) == 0,
	    "the next read gets to the end of the snapshot");
	close(fd);
	fd = open_or_bail_out(&ends);
	tap_ok(interrupt_reads(fd, false),
	    "a signal later in a read gives what it has");
	tap_ok(read_rest(fd) && seen_once(),
	    "the reads after it give the rest, each connection once");
	close(fd);
}

/* ---- The whole ---- */

/* The filters for what the load has. */
static void
make_filters(const struct connections *load)
{
	char text[TCPSTATS_FILTER_MAXLEN + 1] = "exclude=listen local_port=";
	size_t len = strlen(text);

	for (size_t i = 0; i < connections_processes(load); i++) {
		ports[i] = connections_port(load, i);
		len += (size_t)snprintf(text + len, sizeof(text) - len, "%s%u",
		    i == 0 ? "" : ",", ports[i]);
	}
	ends = device_parse_filter(text);
	none = device_parse_filter("include_state=closed");
}

static struct connections *
start_load(void)
{
	/* On one address no port is both a listener's and a client's. */
	const struct connections_spec spec = {
		.cs_count = nconnections,
		.cs_sources = (const char *[]) { "127.0.0.1" },
		.cs_nsources = 1,
	};
	struct connections *load = connections_start(&spec);

	if (connections_processes(load) > MAX_PROCESSES)
		tap_bail_out("RLIMIT_NOFILE is too low for this test: "
			     "raise it (ulimit -n) or lower -n");
	if (connections_wait(load, NULL, NULL) != CONNECTIONS_STAND)
		tap_bail_out(connections_error(load));
	return (load);
}

/* No limit in the way, whatever this host's are. */
static void
lift_limits(void)
{

	set_limit("max_open_fds", (uint32_t)node_get("active_fds") + NREADERS);
	set_limit("max_concurrent_readers", NREADERS);
	set_limit("max_read_duration_ms", 0);
	set_limit("min_read_interval_ms", 0);
}

static int
run_tests(void)
{
	struct connections *load = start_load();

	make_filters(load);
	lift_limits();
	buffer = device_buffer(BUFFER_SIZE);
	test_open_limit();
	test_read_duration();
	test_read_interval();
	test_concurrent_readers();
	test_signals();
	free(buffer);
	connections_stop(load);
	return (tap_done());
}

static _Noreturn void
usage(void)
{

	fprintf(stderr,
	    "usage: test_dos_limits [-d device] [-n connections]\n");
	exit(EXIT_WRONG_USE);
}

int
main(int argc, char **argv)
{
	int option;

	path = device_default_path();
	nconnections = CONNECTIONS_DEFAULT;
	while ((option = getopt(argc, argv, "d:n:")) != -1) {
		switch (option) {
		case 'd':
			path = optarg;
			break;
		case 'n':
			nconnections = (uint32_t)arg_number(optarg,
			    "number of connections", 1, CONNECTIONS_MAX);
			break;
		default:
			usage();
		}
	}
	if (optind != argc)
		usage();
	return (run_and_restore_limits(run_tests));
}
