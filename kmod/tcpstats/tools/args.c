/*-
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * What the tools' command lines have in common.
 */
#include "args.h"

#include <err.h>
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>

uint64_t
arg_number(const char *text, const char *what, uint64_t min, uint64_t max)
{
	unsigned long long value;
	char *end;

	errno = 0;
	value = strtoull(text, &end, 10);
	/* strtoull() takes blanks and signs, too. */
	if (text[0] < '0' || text[0] > '9' || *end != '\0' || errno != 0 ||
	    value < min || value > max)
		errx(EXIT_WRONG_USE,
		    "%s '%s' is not a number from %" PRIu64 " to %" PRIu64,
		    what, text, min, max);
	return (value);
}
