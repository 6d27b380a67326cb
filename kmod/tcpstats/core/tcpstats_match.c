/*-
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * The matcher: does a socket pass a filter, and if not, why not.
 */
#include "tcpstats_core.h"
#include "tcpstats_language.h"
#include "tcpstats_port.h"

static bool
family_passes(const struct tcpstats_filter *filter, bool ipv6)
{
	uint32_t against = ipv6 ? TCPSTATS_FILTER_IPV4_ONLY :
				  TCPSTATS_FILTER_IPV6_ONLY;

	return ((filter->tsf_flags & against) == 0);
}

static bool
state_passes(const struct tcpstats_filter *filter, uint8_t state)
{
	uint32_t bit = 1U << state;

	return ((filter->tsf_state_mask & bit) != 0 &&
	    (filter->tsf_flags & TCPSTATS_FILTER_EXCLUDE_MASK & bit) == 0);
}

static bool
port_passes(const struct tcpstats_end *end, uint16_t port)
{

	if (!end->te_has_ports)
		return (true);
	for (size_t i = 0; i < TCPSTATS_MAX_PORTS && end->te_ports[i] != 0; i++)
		if (end->te_ports[i] == port)
			return (true);
	return (false);
}

static bool
v4_in_prefix(const struct tcpstats_end *end, const uint8_t *addr)
{
	uint32_t addr_v4;

	memcpy(&addr_v4, addr, sizeof(addr_v4));
	return (((addr_v4 ^ end->te_addr_v4) & end->te_mask_v4) == 0);
}

static bool
v6_in_prefix(const struct tcpstats_end *end, const uint8_t *addr)
{
	unsigned int bytes = end->te_prefix_v6 / 8;
	unsigned int bits = end->te_prefix_v6 % 8;

	if (memcmp(addr, end->te_addr_v6, bytes) != 0)
		return (false);
	return (bits == 0 ||
	    (addr[bytes] ^ end->te_addr_v6[bytes]) >> (8 - bits) == 0);
}

static bool
address_passes(const struct tcpstats_end *end, const uint8_t *addr, bool ipv6)
{

	if (!end->te_has_addr)
		return (true);
	if (tcpstats_end_is_v6(end) != ipv6)
		return (false);
	return (ipv6 ? v6_in_prefix(end, addr) : v4_in_prefix(end, addr));
}

enum tcpstats_verdict
tcpstats_filter_match(const struct tcpstats_filter *filter,
    const struct tcpstats_socket *socket)
{
	const struct tcpstats_end local = tcpstats_end_local(filter);
	const struct tcpstats_end remote = tcpstats_end_remote(filter);

	if (!socket->ts_visible)
		return (TCPSTATS_SKIP_CRED);
	if (!family_passes(filter, socket->ts_ipv6))
		return (TCPSTATS_SKIP_IPVER);
	if (!state_passes(filter, socket->ts_state))
		return (TCPSTATS_SKIP_STATE);
	if (!port_passes(&local, socket->ts_local_port) ||
	    !port_passes(&remote, socket->ts_remote_port))
		return (TCPSTATS_SKIP_PORT);
	if (!address_passes(&local, socket->ts_local_addr, socket->ts_ipv6) ||
	    !address_passes(&remote, socket->ts_remote_addr, socket->ts_ipv6))
		return (TCPSTATS_SKIP_ADDR);
	return (TCPSTATS_MATCH);
}
