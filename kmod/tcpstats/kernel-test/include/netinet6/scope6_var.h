/*-
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * Stand-in: the zone within a link-local address.
 */
#ifndef _NETINET6_SCOPE6_VAR_H_
#define _NETINET6_SCOPE6_VAR_H_

struct in6_addr;

int in6_clearscope(struct in6_addr *addr);

#endif /* !_NETINET6_SCOPE6_VAR_H_ */
