/*-
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * Stand-in: assertions, memory and strings, sleep and wakeup.
 */
#ifndef _SYS_SYSTM_H_
#define _SYS_SYSTM_H_

#include <sys/param.h>

#include <stdio.h>
#include <string.h>

#include "../../ukern_rules.h"

#define KASSERT(condition, message)          \
	do {                                 \
		if (!(condition))            \
			ukern_panic message; \
	} while (0)
#define MPASS(condition) KASSERT(condition, ("%s", #condition))
#define __assert_unreachable() ukern_panic("%s: unreachable", __func__)

size_t strlcpy(char *dst, const char *src, size_t size);
void wakeup(const void *channel);

/* Network byte order, on a little-endian machine. */
static inline uint16_t
ntohs(uint16_t value)
{

	return (__builtin_bswap16(value));
}

static inline uint32_t
ntohl(uint32_t value)
{

	return (__builtin_bswap32(value));
}

#define htons(value) ntohs(value)
#define htonl(value) ntohl(value)

#endif /* !_SYS_SYSTM_H_ */
