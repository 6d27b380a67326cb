/*-
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * Stand-in: ioctls of every file.
 */
#ifndef _SYS_FILIO_H_
#define _SYS_FILIO_H_

#include <sys/ioccom.h>

#define FIONBIO _IOW('f', 126, int)

#endif /* !_SYS_FILIO_H_ */
