/*-
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * Hold many TCP connections of this host with itself:
 * gen_connections -n connections [-p processes] [-s address ...].
 * Says "ready N" on stdout when all stand, and ends them on SIGTERM.
 */
#include <err.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "args.h"
#include "connections.h"

static volatile sig_atomic_t stop;

static void
on_signal(int signal_number)
{

	/* A holder that has ended is missed where its report is waited for. */
	if (signal_number != SIGCHLD)
		stop = 1;
}

/* Block the signals that matter; pselect(2) and sigwait(3) let them in. */
static void
catch_signals(sigset_t *caught, sigset_t *before)
{
	static const int signals[] = { SIGTERM, SIGINT, SIGCHLD };
	struct sigaction action = { .sa_handler = on_signal };

	sigemptyset(caught);
	for (size_t i = 0; i < sizeof(signals) / sizeof(signals[0]); i++) {
		sigaddset(caught, signals[i]);
		sigaction(signals[i], &action, NULL);
	}
	sigprocmask(SIG_BLOCK, caught, before);
}

/* Hold what stands until a signal says to end it.  Returns the exit status. */
static int
hold(const struct connections_spec *spec, const sigset_t *caught)
{
	int signal_number;

	printf("ready %u\n", spec->cs_count);
	if (fflush(stdout) != 0) {
		warn("failed to write to stdout");
		return (1);
	}
	sigwait(caught, &signal_number);
	if (signal_number != SIGCHLD)
		return (0);
	warnx("a process that held connections has ended");
	return (1);
}

static _Noreturn void
usage(void)
{

	fprintf(stderr,
	    "usage: gen_connections -n connections [-p processes] "
	    "[-s address ...]\n");
	exit(EXIT_WRONG_USE);
}

static struct connections_spec
parse_arguments(int argc, char **argv)
{
	struct connections_spec spec = { .cs_processes = 1 };
	int option;

	spec.cs_sources = calloc((size_t)argc, sizeof(*spec.cs_sources));
	if (spec.cs_sources == NULL)
		errx(1, "no memory for the list of addresses");
	while ((option = getopt(argc, argv, "n:p:s:")) != -1) {
		switch (option) {
		case 'n':
			spec.cs_count = (uint32_t)arg_number(optarg,
			    "number of connections", 1, CONNECTIONS_MAX);
			break;
		case 'p':
			spec.cs_processes = (uint32_t)arg_number(optarg,
			    "number of processes", 1,
			    CONNECTIONS_MAX_PROCESSES);
			break;
		case 's':
			spec.cs_sources[spec.cs_nsources++] = optarg;
			break;
		default:
			usage();
		}
	}
	if (optind != argc || spec.cs_count == 0)
		usage();
	return (spec);
}

int
main(int argc, char **argv)
{
	const struct connections_spec spec = parse_arguments(argc, argv);
	struct connections *connections;
	sigset_t before, caught;
	int status = 0;

	catch_signals(&caught, &before);
	connections = connections_start(&spec);
	switch (connections_wait(connections, &before, &stop)) {
	case CONNECTIONS_STAND:
		status = hold(&spec, &caught);
		break;
	case CONNECTIONS_FAILED:
		warnx("%s", connections_error(connections));
		status = EXIT_LACKING;
		break;
	case CONNECTIONS_INTERRUPTED:
		break;
	}
	connections_stop(connections);
	free(spec.cs_sources);
	return (status);
}
