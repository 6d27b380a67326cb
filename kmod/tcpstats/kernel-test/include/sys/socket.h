/*-
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * Stand-in: address families, by FreeBSD's numbers.
 */
#ifndef _SYS_SOCKET_H_
#define _SYS_SOCKET_H_

#define AF_INET 2
#define AF_INET6 28

#endif /* !_SYS_SOCKET_H_ */
