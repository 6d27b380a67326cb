/*-
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * Stand-in: atomic(9).
 */
#ifndef _MACHINE_ATOMIC_H_
#define _MACHINE_ATOMIC_H_

#include <sys/types.h>

static inline uint64_t
atomic_load_64(const uint64_t *value)
{

	return (__atomic_load_n(value, __ATOMIC_RELAXED));
}

static inline int
atomic_fcmpset_64(uint64_t *value, uint64_t *expected, uint64_t wanted)
{

	return (__atomic_compare_exchange_n(value, expected, wanted, true,
	    __ATOMIC_RELAXED, __ATOMIC_RELAXED));
}

#endif /* !_MACHINE_ATOMIC_H_ */
