/*-
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * Stand-in: binary time, 32 bits of seconds and 32 of a second.
 */
#ifndef _SYS_TIME_H_
#define _SYS_TIME_H_

#include <sys/types.h>

typedef int64_t sbintime_t;

#define SBT_1S ((sbintime_t)1 << 32)
#define SBT_1MS (SBT_1S / 1000)
#define SBT_MAX INT64_MAX

/* The clock goes on by ukern_clock_step at each look at it. */
sbintime_t sbinuptime(void);
#define getsbinuptime() sbinuptime()

static inline int64_t
sbttons(sbintime_t time)
{

	return ((time >> 32) * 1000000000 +
	    (int64_t)(((uint64_t)(uint32_t)time * 1000000000) >> 32));
}

#endif /* !_SYS_TIME_H_ */
