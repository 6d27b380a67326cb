/*-
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * Stand-in: what the kernel's own adds to the C library's.
 */
#ifndef _SYS_TYPES_H_
#define _SYS_TYPES_H_

#include_next <sys/types.h>

#include <stdbool.h>
#include <stdint.h>

#endif /* !_SYS_TYPES_H_ */
