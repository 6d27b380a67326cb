/*-
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * What the fuzzers share: libFuzzer's interface, and checks that end them.
 */
#ifndef _FUZZ_H_
#define _FUZZ_H_

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include "../core/tcpstats_core.h"

/* Called with each input.  Returns 0. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
/* Called, where it is there, in place of libFuzzer's own mutations. */
size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max_size,
    unsigned int seed);
/* libFuzzer's own mutations. */
size_t LLVMFuzzerMutate(uint8_t *data, size_t size, size_t max_size);

/* What must hold; a printf(3) format and its arguments say what does not. */
#define CHECK(condition, ...)                                           \
	do {                                                            \
		if (!(condition)) {                                     \
			fprintf(stderr, "%s:%d: ", __FILE__, __LINE__); \
			fprintf(stderr, __VA_ARGS__);                   \
			fputc('\n', stderr);                            \
			abort();                                        \
		}                                                       \
	} while (0)

/*
 * The canonical text of a filter, which must be one of the language: no longer
 * than it allows, cut off and terminated where it does not fit, and parsed to
 * a valid filter that prints the same.
 */
struct tcpstats_filter check_printed(const struct tcpstats_filter *filter,
    char text[TCPSTATS_FILTER_MAXLEN + 1]);

#endif /* !_FUZZ_H_ */
