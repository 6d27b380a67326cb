/*-
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * Stand-in: half-open connections.
 */
#ifndef _NETINET_TCP_SYNCACHE_H_
#define _NETINET_TCP_SYNCACHE_H_

struct sysctl_req;

int syncache_pcblist(struct sysctl_req *req);

#endif /* !_NETINET_TCP_SYNCACHE_H_ */
