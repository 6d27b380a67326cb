/*-
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * What the tools' command lines have in common.
 */
#ifndef _ARGS_H_
#define _ARGS_H_

#include <stdint.h>

/* Exit statuses, those of the project's other programs. */
#define EXIT_WRONG_USE 2
#define EXIT_LACKING 3 /* a limit of this machine is in the way */

/* A decimal number from min to max, or the end of the program. */
uint64_t arg_number(const char *text, const char *what, uint64_t min,
    uint64_t max);

#endif /* !_ARGS_H_ */
