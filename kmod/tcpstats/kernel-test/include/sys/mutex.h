/*-
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * Stand-in: mutex(9): not to be slept with.
 */
#ifndef _SYS_MUTEX_H_
#define _SYS_MUTEX_H_

#include "../../ukern_rules.h"

struct mtx {
	struct ukern_lock lock;
};

#define MTX_DEF 0

#define mtx_init(m, name, type, opts) \
	ukern_lock_init(&(m)->lock, (name), UKERN_MTX)
#define mtx_destroy(m) ukern_lock_destroy(&(m)->lock)
#define mtx_lock(m) ukern_lock_acquire(&(m)->lock, UKERN_EXCLUSIVE)
#define mtx_unlock(m) ukern_lock_release(&(m)->lock)

#endif /* !_SYS_MUTEX_H_ */
