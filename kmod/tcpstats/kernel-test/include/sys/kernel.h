/*-
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * Stand-in: the clock's ticks, a millisecond each.
 */
#ifndef _SYS_KERNEL_H_
#define _SYS_KERNEL_H_

extern int hz;
extern int tick;
extern int ticks;

#endif /* !_SYS_KERNEL_H_ */
