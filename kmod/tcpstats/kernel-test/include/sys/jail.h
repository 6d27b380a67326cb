/*-
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * Stand-in: jails: a prison has a network stack.
 */
#ifndef _SYS_JAIL_H_
#define _SYS_JAIL_H_

#include <sys/types.h>

struct vnet;

struct prison {
	struct vnet *pr_vnet;
	bool pr_jailed;
};

extern struct prison prison0;

#endif /* !_SYS_JAIL_H_ */
