/*-
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * A test program's output in the Test Anything Protocol.
 */
#include "tap.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

static unsigned int reported;
static unsigned int failed;

bool
tap_ok(bool passed, const char *format, ...)
{
	va_list args;

	reported++;
	if (!passed)
		failed++;
	printf("%sok %u - ", passed ? "" : "not ", reported);
	va_start(args, format);
	vprintf(format, args);
	va_end(args);
	putchar('\n');
	/* A program that dies has shown all that it did before. */
	fflush(stdout);
	return (passed);
}

void
tap_diag(const char *format, ...)
{
	va_list args;

	printf("# ");
	va_start(args, format);
	vprintf(format, args);
	va_end(args);
	putchar('\n');
}

_Noreturn void
tap_bail_out(const char *reason)
{

	printf("Bail out! %s\n", reason);
	exit(1);
}

int
tap_done(void)
{

	printf("1..%u\n", reported);
	if (failed != 0)
		tap_diag("%u of %u tests failed", failed, reported);
	return (failed != 0);
}
