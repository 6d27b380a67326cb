/*-
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * The processes that hold the connections, seen from the one that starts
 * them.
 */
#include "connections.h"

#include <sys/resource.h>
#include <sys/select.h>
#include <sys/wait.h>

#include <err.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "args.h"
#include "holder.h"

/* Descriptors of a holder beside its connections. */
#define DESCRIPTORS_RESERVED 16

/* 127.0.0.1 to 127.0.0.254 */
#define DEFAULT_SOURCES 254

struct connections {
	size_t nholders;
	size_t standing; /* holders that have reported */
	/* Readable once a holder reports. */
	int report_fd;
	/* A holder ends when this is closed, by us or by our end. */
	int hold_fd;
	char error[HOLDER_ERROR_SIZE];
	struct {
		pid_t pid;
		uint16_t port;
	} holders[CONNECTIONS_MAX_PROCESSES];
};

/* Raise RLIMIT_NOFILE to its hard limit, and see what came of it. */
static rlim_t
raise_descriptors(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) != 0)
		err(1, "failed to read RLIMIT_NOFILE");
	limit.rlim_cur = limit.rlim_max;
	/* FreeBSD clamps to kern.maxfilesperproc without an error. */
	if (setrlimit(RLIMIT_NOFILE, &limit) != 0 ||
	    getrlimit(RLIMIT_NOFILE, &limit) != 0)
		err(1, "failed to raise RLIMIT_NOFILE");
	return (limit.rlim_cur);
}

/* How many processes are needed, which must not be too many. */
static size_t
plan_processes(const struct connections_spec *spec)
{
	const rlim_t limit = raise_descriptors();
	uint64_t per_process, processes;

	if (limit < DESCRIPTORS_RESERVED + 2)
		errx(EXIT_LACKING,
		    "RLIMIT_NOFILE allows %ju descriptors: raise its hard "
		    "limit (ulimit -Hn)",
		    (uintmax_t)limit);
	per_process = (limit - DESCRIPTORS_RESERVED) / 2;
	processes = (spec->cs_count + per_process - 1) / per_process;
	if (processes < spec->cs_processes)
		processes = spec->cs_processes;
	if (processes < spec->cs_nsources)
		processes = spec->cs_nsources;
	if (processes > CONNECTIONS_MAX_PROCESSES)
		errx(EXIT_LACKING,
		    "%" PRIu32 " connections need %" PRIu64 " processes and "
		    "%d are allowed, as RLIMIT_NOFILE allows each %ju "
		    "descriptors: raise its hard limit (ulimit -Hn)",
		    spec->cs_count, processes, CONNECTIONS_MAX_PROCESSES,
		    (uintmax_t)limit);
	return (processes);
}

static void
make_pipe(int fds[2])
{

	if (pipe(fds) != 0)
		err(1, "failed to make a pipe");
	if (fds[0] >= FD_SETSIZE || fds[1] >= FD_SETSIZE)
		errx(1, "too many descriptors are open for select(2)");
}

/* The source address of a holder. */
static const char *
source_of(const struct connections_spec *spec, size_t holder, char *buf,
    size_t size)
{

	if (spec->cs_nsources != 0)
		return (spec->cs_sources[holder % spec->cs_nsources]);
	snprintf(buf, size, "127.0.0.%zu", holder % DEFAULT_SOURCES + 1);
	return (buf);
}

static void
start_holder(struct connections *connections,
    const struct connections_spec *spec, size_t index, int report_fd,
    int hold_fd)
{
	const size_t count = connections->nholders;
	char address[sizeof("127.0.0.254")];
	struct holder_task task = {
		.ht_index = index,
		/* The first ones have the rest. */
		.ht_connections = (uint32_t)(spec->cs_count / count +
		    (index < spec->cs_count % count)),
		.ht_source = source_of(spec, index, address, sizeof(address)),
		.ht_report_fd = report_fd,
		.ht_hold_fd = hold_fd,
	};
	pid_t pid;

	pid = fork();
	if (pid < 0) {
		warn("failed to start process %zu of %zu%s", index + 1, count,
		    errno == EAGAIN ? ", RLIMIT_NPROC or the system's limit "
				      "of processes is reached" :
				      "");
		connections_stop(connections);
		exit(EXIT_LACKING);
	}
	if (pid == 0) {
		close(connections->report_fd);
		close(connections->hold_fd);
		holder_run(&task);
	}
	connections->holders[index].pid = pid;
}

struct connections *
connections_start(const struct connections_spec *spec)
{
	struct connections *connections = calloc(1, sizeof(*connections));
	int hold[2], report[2];

	if (connections == NULL)
		errx(1, "no memory for the list of processes");
	connections->nholders = plan_processes(spec);
	make_pipe(report);
	make_pipe(hold);
	connections->report_fd = report[0];
	connections->hold_fd = hold[1];
	for (size_t i = 0; i < connections->nholders; i++)
		start_holder(connections, spec, i, report[1], hold[0]);
	close(report[1]);
	close(hold[0]);
	return (connections);
}

/* Take in what a holder says.  Returns false where it or one is in trouble. */
static bool
take_report(struct connections *connections)
{
	struct holder_report report;
	ssize_t len;

	len = read(connections->report_fd, &report, sizeof(report));
	/* A pipe takes and gives so little at once; its end is no report. */
	if (len != sizeof(report)) {
		snprintf(connections->error, sizeof(connections->error),
		    "a process that held connections has ended");
		return (false);
	}
	if (report.hr_failed) {
		memcpy(connections->error, report.hr_error,
		    sizeof(connections->error));
		return (false);
	}
	connections->holders[report.hr_index].port = report.hr_port;
	connections->standing++;
	return (true);
}

enum connections_outcome
connections_wait(struct connections *connections, const sigset_t *mask,
    const volatile sig_atomic_t *stop)
{
	fd_set fds;

	while (connections->standing < connections->nholders) {
		if (stop != NULL && *stop)
			return (CONNECTIONS_INTERRUPTED);
		FD_ZERO(&fds);
		FD_SET(connections->report_fd, &fds);
		if (pselect(connections->report_fd + 1, &fds, NULL, NULL, NULL,
			mask) < 0) {
			if (errno == EINTR)
				continue;
			err(1, "failed to wait for the connections");
		}
		if (!take_report(connections))
			return (CONNECTIONS_FAILED);
	}
	return (CONNECTIONS_STAND);
}

const char *
connections_error(const struct connections *connections)
{

	return (connections->error);
}

uint16_t
connections_port(const struct connections *connections, size_t process)
{

	return (connections->holders[process].port);
}

size_t
connections_processes(const struct connections *connections)
{

	return (connections->nholders);
}

void
connections_stop(struct connections *connections)
{
	pid_t pid;

	/* All at once: to end, each has many sockets to close. */
	for (size_t i = 0; i < connections->nholders; i++) {
		pid = connections->holders[i].pid;
		if (pid != 0)
			kill(pid, SIGKILL);
	}
	for (size_t i = 0; i < connections->nholders; i++) {
		pid = connections->holders[i].pid;
		while (pid != 0 && waitpid(pid, NULL, 0) < 0 && errno == EINTR)
			continue;
	}
	close(connections->report_fd);
	close(connections->hold_fd);
	free(connections);
}
