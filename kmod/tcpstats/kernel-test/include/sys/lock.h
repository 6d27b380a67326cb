/*-
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * Stand-in: nothing: each kind of lock has its own header.
 */
#ifndef _SYS_LOCK_H_
#define _SYS_LOCK_H_

#include "../../ukern_rules.h"

#endif /* !_SYS_LOCK_H_ */
