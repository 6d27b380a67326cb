/*-
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * Stand-in: the flags of an open.
 */
#ifndef _SYS_FCNTL_H_
#define _SYS_FCNTL_H_

#define FREAD 1
#define FWRITE 2

#endif /* !_SYS_FCNTL_H_ */
