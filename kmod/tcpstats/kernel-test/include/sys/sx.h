/*-
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * Stand-in: sx(9): may be slept with.
 */
#ifndef _SYS_SX_H_
#define _SYS_SX_H_

#include "../../ukern_rules.h"

struct sx {
	struct ukern_lock lock;
};

#define sx_init(sx, name) ukern_lock_init(&(sx)->lock, (name), UKERN_SX)
#define sx_destroy(sx) ukern_lock_destroy(&(sx)->lock)
#define sx_xlock(sx) ukern_lock_acquire(&(sx)->lock, UKERN_EXCLUSIVE)
#define sx_xlock_sig(sx) ukern_lock_acquire_sig(&(sx)->lock)
#define sx_xunlock(sx) ukern_lock_release(&(sx)->lock)
#define sx_sleep(channel, sx, priority, message, timeout) \
	ukern_sleep((channel), &(sx)->lock, (message))

#endif /* !_SYS_SX_H_ */
