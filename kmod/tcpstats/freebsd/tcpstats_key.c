/*-
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * The two ends of a connection, copied out of an inpcb or a syncache entry.
 */
#include "tcpstats_kernel.h"

#include <sys/socket.h>
#include <sys/systm.h>

#include <netinet/in.h>
#include <netinet/in_pcb.h>
#include <netinet6/scope6_var.h>

/*
 * The kernel keeps the zone of a link-local address within its bytes; outside
 * of it the address is meant, which a filter names without a zone.
 */
static void
copy_v6(uint8_t dst[16], const struct in6_addr *src)
{
	struct in6_addr addr = *src;

	in6_clearscope(&addr);
	memcpy(dst, &addr, sizeof(addr));
}

void
tcpstats_key_read(struct tcpstats_key *key, const struct in_conninfo *conn,
    bool ipv6)
{

	key->tk_ipv6 = ipv6;
	key->tk_local_port = conn->inc_lport;
	key->tk_remote_port = conn->inc_fport;
	if (ipv6) {
		copy_v6(key->tk_local_addr, &conn->inc6_laddr);
		copy_v6(key->tk_remote_addr, &conn->inc6_faddr);
	} else {
		memset(key->tk_local_addr, 0, sizeof(key->tk_local_addr));
		memset(key->tk_remote_addr, 0, sizeof(key->tk_remote_addr));
		memcpy(key->tk_local_addr, &conn->inc_laddr,
		    sizeof(conn->inc_laddr));
		memcpy(key->tk_remote_addr, &conn->inc_faddr,
		    sizeof(conn->inc_faddr));
	}
}

struct tcpstats_socket
tcpstats_key_socket(const struct tcpstats_key *key, uint64_t position,
    uint8_t state)
{

	return ((struct tcpstats_socket) {
	    .ts_gencnt = position,
	    .ts_local_addr = key->tk_local_addr,
	    .ts_remote_addr = key->tk_remote_addr,
	    .ts_local_port = key->tk_local_port,
	    .ts_remote_port = key->tk_remote_port,
	    .ts_state = state,
	    .ts_ipv6 = key->tk_ipv6,
	    .ts_visible = true,
	});
}
