/*-
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * Stand-in: priorities.
 */
#ifndef _SYS_PRIORITY_H_
#define _SYS_PRIORITY_H_

#define PWAIT 76

#endif /* !_SYS_PRIORITY_H_ */
