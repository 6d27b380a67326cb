/*-
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * Stand-in: addresses.
 */
#ifndef _NETINET_IN_H_
#define _NETINET_IN_H_

#include <sys/types.h>

struct in_addr {
	uint32_t s_addr;
};

struct in6_addr {
	uint8_t s6_addr[16];
};

#endif /* !_NETINET_IN_H_ */
