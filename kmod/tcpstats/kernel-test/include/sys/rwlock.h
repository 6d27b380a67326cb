/*-
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * Stand-in: rwlock(9): not to be slept with.
 */
#ifndef _SYS_RWLOCK_H_
#define _SYS_RWLOCK_H_

#include "../../ukern_rules.h"

struct rwlock {
	struct ukern_lock lock;
};

#endif /* !_SYS_RWLOCK_H_ */
