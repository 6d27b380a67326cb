/*-
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * A test program's output in the Test Anything Protocol: one line a test,
 * diagnostics behind the test that they belong to, the plan at the end, so
 * that a program that dies half-way is seen to have.
 */
#ifndef _TAP_H_
#define _TAP_H_

#include <stdbool.h>

/* Report a test under a name.  Returns whether it passed. */
bool tap_ok(bool passed, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
/* Add a line to what is known of the test that was reported last. */
void tap_diag(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* Give up on all tests of the program: say why, and exit. */
_Noreturn void tap_bail_out(const char *reason);
/* Print the plan.  Returns the exit status: 0, or 1 where a test failed. */
int tap_done(void);

#endif /* !_TAP_H_ */
