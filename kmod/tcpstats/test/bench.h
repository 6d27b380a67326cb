/*-
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * What the benchmarks of the core share: their options, the way in which they
 * take samples, and what they print.
 */
#ifndef _BENCH_H_
#define _BENCH_H_

#include <stddef.h>

/* The budgets are measured with one compiler, and mean nothing with another. */
#if defined(__x86_64__) && !defined(__clang__) && __GNUC__ == 12 && \
    defined(__OPTIMIZE__)
#define BUDGET(instructions) instructions
#else
#define BUDGET(instructions) 0
#endif

struct bench_workload {
	const char *name;
	/* Instructions per call; 0 where there is none. */
	double budget;
	const char *filter;
};

struct bench {
	const char *name;
	unsigned long calls; /* of a sample, unless told otherwise */
	const struct bench_workload *workloads;
	size_t nworkloads;
	/* Make ready for calls with a workload's filter. */
	void (*prepare)(const char *filter);
	void (*run)(unsigned long calls);
};

/* The main function of the program. */
int bench_main(const struct bench *bench, int argc, char **argv);

/*
 * Work that is the same whatever becomes of the core, of the same kind as the
 * core's: its time tells how quick the machine is at the moment.
 */
void bench_reference(unsigned int passes);

#endif /* !_BENCH_H_ */
