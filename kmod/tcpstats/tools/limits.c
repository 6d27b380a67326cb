/*-
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * The device's limits, put back by a process that does nothing else.
 */
#include "limits.h"

#include <sys/wait.h>

#include <err.h>
#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "nodes.h"

static const char *const limit_names[] = { "max_open_fds",
	"max_concurrent_readers", "max_read_duration_ms",
	"min_read_interval_ms" };
#define NLIMITS (sizeof(limit_names) / sizeof(limit_names[0]))

static pid_t child;

static void
end_child(int signal_number)
{

	kill(child, signal_number);
}

static int
run_child(int (*run)(void))
{
	const struct sigaction action = { .sa_handler = end_child };
	sigset_t before, signals;
	int status;

	/* A signal is for the child as soon as there is one. */
	sigemptyset(&signals);
	sigaddset(&signals, SIGTERM);
	sigaddset(&signals, SIGINT);
	sigprocmask(SIG_BLOCK, &signals, &before);
	child = fork();
	if (child < 0)
		err(1, "failed to start a process");
	if (child == 0) {
		sigprocmask(SIG_SETMASK, &before, NULL);
		exit(run());
	}
	sigaction(SIGTERM, &action, NULL);
	sigaction(SIGINT, &action, NULL);
	sigprocmask(SIG_SETMASK, &before, NULL);
	while (waitpid(child, &status, 0) < 0 && errno == EINTR)
		continue;
	if (WIFEXITED(status))
		return (WEXITSTATUS(status));
	warnx("ended by signal %d", WTERMSIG(status));
	return (1);
}

int
run_and_restore_limits(int (*run)(void))
{
	uint32_t before[NLIMITS];
	int error, status;

	for (size_t i = 0; i < NLIMITS; i++)
		before[i] = (uint32_t)node_get(limit_names[i]);
	status = run_child(run);
	for (size_t i = 0; i < NLIMITS; i++) {
		error = node_set(limit_names[i], before[i]);
		if (error == 0)
			continue;
		warnx("failed to put dev.tcpstats.%s back to %" PRIu32 ": %s",
		    limit_names[i], before[i], strerror(error));
		status = 1;
	}
	return (status);
}
