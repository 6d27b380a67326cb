/*-
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * The device's limits, for a program that changes them and must leave them as
 * they were.
 */
#ifndef _LIMITS_H_
#define _LIMITS_H_

/*
 * Call run() in a process of its own, which gets the SIGTERM and SIGINT that
 * this one is sent, and put the limits back however it ends.  Returns what it
 * returned, or 1.
 */
int run_and_restore_limits(int (*run)(void));

#endif /* !_LIMITS_H_ */
