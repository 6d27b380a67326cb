/*-
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * The two ends of a connection, as an inpcb and a syncache entry have them.
 */
#ifndef _TCPSTATS_ENDS_H_
#define _TCPSTATS_ENDS_H_

#include <sys/param.h>

#include <sys/socket.h>
#include <sys/systm.h>

#include <netinet/in.h>
#include <netinet/in_pcb.h>
#include <netinet6/scope6_var.h>

/* Without the zones that addresses may have. */
struct tcpstats_half_open_entry {
	struct in_conninfo thoe_ends;
	bool thoe_ipv6;
};

/*
 * The kernel keeps the zone of a link-local address within its bytes; outside
 * of it the address is meant, which a filter names without a zone.
 */
static inline void
tcpstats_copy_v6(uint8_t dst[16], const struct in6_addr *src)
{
	struct in6_addr addr = *src;

	in6_clearscope(&addr);
	memcpy(dst, &addr, sizeof(addr));
}

#endif /* !_TCPSTATS_ENDS_H_ */
