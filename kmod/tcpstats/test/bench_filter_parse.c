/*-
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * What a call of the filter parser costs: bench_filter_parse [-n CALLS]
 * [-s SAMPLES] [WORKLOAD ...].  Prints a line a workload, its name and the
 * nanoseconds per call of each sample, separated by tabs.  With -l instead
 * the names of the workloads and their budgets, for callgrind.sh.
 */
#define _POSIX_C_SOURCE 200809L

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "../core/tcpstats_core.h"

/* The budgets are measured with one compiler, and mean nothing with another. */
#if defined(__x86_64__) && !defined(__clang__) && __GNUC__ == 12 && \
    defined(__OPTIMIZE__)
#define BUDGET(instructions) instructions
#else
#define BUDGET(instructions) 0
#endif

struct workload {
	const char *name;
	/* Instructions per call; 0 where there is none. */
	unsigned int budget;
	const char *text;
};

static const struct workload workloads[] = {
	{ "empty", BUDGET(29), "" },
	{ "single_port", BUDGET(352), "local_port=443" },
	{ "multi_port", BUDGET(1135),
	    "local_port=443,8443,8080,80,3000,9090,5432,6379" },
	{ "exclude_states", BUDGET(1158),
	    "exclude=listen,timewait,syn_sent,closing" },
	{ "ipv4_cidr", BUDGET(809), "local_addr=10.0.0.0/24 local_port=443" },
	{ "ipv6_compressed", BUDGET(804),
	    "remote_addr=2001:db8::1 remote_port=80" },
	{ "ipv6_full", BUDGET(866),
	    "local_addr=2001:0db8:0000:0000:0000:0000:0000:0001" },
	{ "complex_combo", BUDGET(2074),
	    "local_port=443,8443 exclude=listen,timewait "
	    "local_addr=10.0.0.0/24 ipv4_only format=full" },
	{ "worst_case", BUDGET(4913),
	    "local_port=1,2,3,4,5,6,7,8 remote_port=1,2,3,4,5,6,7,8 "
	    "exclude=listen,timewait,syn_sent,syn_received,closing "
	    "local_addr=10.0.0.0/8 remote_addr=192.168.0.0/16 "
	    "format=full fields=all" },
	{ "uppercase_stress", BUDGET(2074),
	    "LOCAL_PORT=443,8443 EXCLUDE=LISTEN,TIMEWAIT "
	    "LOCAL_ADDR=10.0.0.0/24 IPV4_ONLY FORMAT=FULL" },
	{ "rejected", 0,
	    "local_port=443 exclude=listen local_addr=10.0.0.1/24" },
};
#define NWORKLOADS (sizeof(workloads) / sizeof(workloads[0]))

static uint64_t
uptime_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return ((uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec);
}

/* ns per call, averaged over the calls of one sample. */
static double
sample(const struct workload *workload, unsigned long calls)
{
	struct tcpstats_filter filter;
	struct tcpstats_filter_error error;
	size_t len = strlen(workload->text);
	uint64_t begin;

	begin = uptime_ns();
	for (unsigned long i = 0; i < calls; i++)
		tcpstats_filter_parse(workload->text, len, &filter, &error);
	return ((double)(uptime_ns() - begin) / (double)calls);
}

static void
run(const struct workload *workload, unsigned long calls, unsigned long samples)
{

	printf("%s", workload->name);
	for (unsigned long i = 0; i < samples; i++)
		printf("\t%.1f", sample(workload, calls));
	putchar('\n');
	fflush(stdout);
}

static void
list_workloads(void)
{

	for (size_t i = 0; i < NWORKLOADS; i++)
		printf("%s\t%u\n", workloads[i].name, workloads[i].budget);
}

static int
usage(void)
{

	fprintf(stderr,
	    "usage: bench_filter_parse [-n calls] [-s samples] "
	    "[workload ...]\n       bench_filter_parse -l\nworkloads:");
	for (size_t i = 0; i < NWORKLOADS; i++)
		fprintf(stderr, " %s", workloads[i].name);
	fputc('\n', stderr);
	return (2);
}

static const struct workload *
find_workload(const char *name)
{

	for (size_t i = 0; i < NWORKLOADS; i++)
		if (strcmp(workloads[i].name, name) == 0)
			return (&workloads[i]);
	return (NULL);
}

int
main(int argc, char **argv)
{
	unsigned long calls = 1000000, samples = 5;
	int option;

	while ((option = getopt(argc, argv, "ln:s:")) != -1) {
		if (option == 'l') {
			list_workloads();
			return (0);
		}
		if (option == 'n')
			calls = strtoul(optarg, NULL, 10);
		else if (option == 's')
			samples = strtoul(optarg, NULL, 10);
		else
			return (usage());
	}
	if (calls == 0 || samples == 0)
		return (usage());
	for (int i = optind; i < argc; i++)
		if (find_workload(argv[i]) == NULL)
			return (usage());
	if (optind == argc)
		for (size_t i = 0; i < NWORKLOADS; i++)
			run(&workloads[i], calls, samples);
	for (int i = optind; i < argc; i++)
		run(find_workload(argv[i]), calls, samples);
	return (0);
}
