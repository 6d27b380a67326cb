/*-
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * A benchmark: its name [-n CALLS] [-s SAMPLES] [WORKLOAD ...].  Prints a line
 * a workload: the benchmark, the workload, the nanoseconds per call of each
 * sample, and those that a pass of the reference took beside it, separated by
 * tabs, and samples by blanks.  With -l instead the names of the benchmark and
 * the workloads and their budgets, for callgrind.sh.
 *
 * What else runs on the machine shall show as little as can be.  Times are
 * those of the processor, which leave out when it was taken away.  That it is
 * slower because others use its caches, or its other half, takes minutes or
 * milliseconds: so each sample is taken in slices, in turns with the
 * reference; the samples of one workload are taken far from each other; and
 * of the slices that count which were disturbed less than most.
 */
#define _POSIX_C_SOURCE 200809L

#include "bench.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

/* Slices of a sample, and the calls that one has at least. */
#define SLICES 100
#define SLICE_CALLS 10000
/* Passes of the reference beside a slice. */
#define PASSES 500

/* Nanoseconds per call, and per pass of the reference. */
struct sample {
	double call;
	double reference;
};

struct slices {
	double call[SLICES];
	double reference[SLICES];
};

static double
cpu_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
	return ((double)now.tv_sec * 1e9 + (double)now.tv_nsec);
}

static int
compare(const void *a, const void *b)
{
	const double *left = a, *right = b;

	return ((*left > *right) - (*left < *right));
}

static double
lower_quartile(double *values, size_t count)
{

	qsort(values, count, sizeof(*values), compare);
	return (values[(count - 1) / 4]);
}

static struct sample
take_sample(const struct bench *bench, const struct bench_workload *workload,
    unsigned long calls)
{
	struct slices slices;
	double begin, middle;
	size_t count = calls / SLICE_CALLS;
	unsigned long slice_calls;

	if (count == 0)
		count = 1;
	if (count > SLICES)
		count = SLICES;
	slice_calls = calls / count;
	bench->prepare(workload->filter);
	for (size_t i = 0; i < count; i++) {
		begin = cpu_ns();
		bench_reference(PASSES);
		middle = cpu_ns();
		bench->run(slice_calls);
		slices.reference[i] = (middle - begin) / PASSES;
		slices.call[i] = (cpu_ns() - middle) / (double)slice_calls;
	}
	return ((struct sample) {
	    .call = lower_quartile(slices.call, count),
	    .reference = lower_quartile(slices.reference, count),
	});
}

static void
print_samples(const char *bench, const char *workload,
    const struct sample *samples, unsigned long count)
{

	printf("%s\t%s\t", bench, workload);
	for (unsigned long i = 0; i < count; i++)
		printf("%s%.2f", i == 0 ? "" : " ", samples[i].call);
	putchar('\t');
	for (unsigned long i = 0; i < count; i++)
		printf("%s%.2f", i == 0 ? "" : " ", samples[i].reference);
	putchar('\n');
}

static void
list_workloads(const struct bench *bench)
{

	for (size_t i = 0; i < bench->nworkloads; i++)
		printf("%s\t%s\t%.1f\n", bench->name, bench->workloads[i].name,
		    bench->workloads[i].budget);
}

static int
usage(const struct bench *bench)
{

	fprintf(stderr,
	    "usage: bench_%s [-n calls] [-s samples] [workload ...]\n"
	    "       bench_%s -l\nworkloads:",
	    bench->name, bench->name);
	for (size_t i = 0; i < bench->nworkloads; i++)
		fprintf(stderr, " %s", bench->workloads[i].name);
	fputc('\n', stderr);
	return (2);
}

static const struct bench_workload *
find_workload(const struct bench *bench, const char *name)
{

	for (size_t i = 0; i < bench->nworkloads; i++)
		if (strcmp(bench->workloads[i].name, name) == 0)
			return (&bench->workloads[i]);
	return (NULL);
}

/* The workloads that are asked for, or all; NULL-terminated. */
static const struct bench_workload **
choose(const struct bench *bench, char **names, size_t count)
{
	const struct bench_workload **chosen;
	const size_t all = bench->nworkloads;

	chosen = calloc((count == 0 ? all : count) + 1, sizeof(*chosen));
	if (chosen == NULL)
		return (NULL);
	for (size_t i = 0; count == 0 && i < all; i++)
		chosen[i] = &bench->workloads[i];
	for (size_t i = 0; i < count; i++) {
		chosen[i] = find_workload(bench, names[i]);
		if (chosen[i] == NULL) {
			free(chosen);
			return (NULL);
		}
	}
	return (chosen);
}

/* One sample of each workload, then the next of each. */
static int
measure(const struct bench *bench, const struct bench_workload **chosen,
    unsigned long calls, unsigned long samples)
{
	struct sample *taken;
	size_t count = 0;

	while (chosen[count] != NULL)
		count++;
	taken = calloc(count * samples, sizeof(*taken));
	if (taken == NULL) {
		perror(bench->name);
		return (1);
	}
	for (unsigned long i = 0; i < samples; i++)
		for (size_t at = 0; at < count; at++)
			taken[at * samples + i] = take_sample(bench, chosen[at],
			    calls);
	for (size_t at = 0; at < count; at++)
		print_samples(bench->name, chosen[at]->name,
		    &taken[at * samples], samples);
	free(taken);
	return (0);
}

int
bench_main(const struct bench *bench, int argc, char **argv)
{
	const struct bench_workload **chosen;
	unsigned long calls = bench->calls, samples = 5;
	int option, status;

	while ((option = getopt(argc, argv, "ln:s:")) != -1) {
		if (option == 'l') {
			list_workloads(bench);
			return (0);
		}
		if (option == 'n')
			calls = strtoul(optarg, NULL, 10);
		else if (option == 's')
			samples = strtoul(optarg, NULL, 10);
		else
			return (usage(bench));
	}
	if (calls == 0 || samples == 0)
		return (usage(bench));
	chosen = choose(bench, argv + optind, (size_t)(argc - optind));
	if (chosen == NULL)
		return (usage(bench));
	status = measure(bench, chosen, calls, samples);
	free(chosen);
	return (status);
}
