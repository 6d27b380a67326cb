/*-
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * Stand-in: the macros that everything uses.
 */
#ifndef _SYS_PARAM_H_
#define _SYS_PARAM_H_

#include <sys/types.h>

#include <limits.h>
#include <stddef.h>

#define __unused __attribute__((unused))
#define __predict_true(condition) __builtin_expect((condition), 1)
#define __predict_false(condition) __builtin_expect((condition), 0)
#define __DECONST(type, var) ((type)(uintptr_t)(const void *)(var))
#define __containerof(ptr, type, field) \
	((type *)(uintptr_t)((const char *)(ptr)-offsetof(type, field)))
#define nitems(array) (sizeof(array) / sizeof((array)[0]))
#define MIN(a, b) ((a) < (b) ? (a) : (b))
#define MAX(a, b) ((a) > (b) ? (a) : (b))

#endif /* !_SYS_PARAM_H_ */
