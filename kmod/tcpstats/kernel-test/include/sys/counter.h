/*-
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * Stand-in: counter(9).
 */
#ifndef _SYS_COUNTER_H_
#define _SYS_COUNTER_H_

#include <sys/malloc.h>

typedef uint64_t *counter_u64_t;

counter_u64_t counter_u64_alloc(int flags);
void counter_u64_free(counter_u64_t counter);
void counter_u64_add(counter_u64_t counter, int64_t value);
uint64_t counter_u64_fetch(counter_u64_t counter);

#define COUNTER_ARRAY_ALLOC(array, count, flags)                \
	do {                                                    \
		for (int _i = 0; _i < (count); _i++)            \
			(array)[_i] = counter_u64_alloc(flags); \
	} while (0)
#define COUNTER_ARRAY_FREE(array, count)               \
	do {                                           \
		for (int _i = 0; _i < (count); _i++)   \
			counter_u64_free((array)[_i]); \
	} while (0)

#endif /* !_SYS_COUNTER_H_ */
