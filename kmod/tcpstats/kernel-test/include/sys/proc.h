/*-
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * Stand-in: threads.
 */
#ifndef _SYS_PROC_H_
#define _SYS_PROC_H_

#include <sys/types.h>

struct ucred;
struct vnet;

struct thread {
	struct ucred *td_ucred;
	struct vnet *td_vnet;
};

struct thread *ukern_curthread(void);
#define curthread ukern_curthread()

void maybe_yield(void);

#endif /* !_SYS_PROC_H_ */
