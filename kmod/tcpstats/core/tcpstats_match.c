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
port_is_listed(const uint16_t ports[TCPSTATS_MAX_PORTS], uint16_t port)
{

	for (size_t i = 0; i < TCPSTATS_MAX_PORTS && ports[i] != 0; i++)
		if (ports[i] == port)
			return (true);
	return (false);
}

static bool
ports_pass(const struct tcpstats_filter *filter,
    const struct tcpstats_socket *socket)
{

	if ((filter->tsf_flags & TCPSTATS_FILTER_LOCAL_PORT) != 0 &&
	    !port_is_listed(filter->tsf_local_ports, socket->ts_local_port))
		return (false);
	return ((filter->tsf_flags & TCPSTATS_FILTER_REMOTE_PORT) == 0 ||
	    port_is_listed(filter->tsf_remote_ports, socket->ts_remote_port));
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

static inline bool
in_prefix(const struct tcpstats_end *end, const uint8_t *addr, bool ipv6)
{

	if (tcpstats_end_is_v6(end) != ipv6)
		return (false);
	return (ipv6 ? v6_in_prefix(end, addr) : v4_in_prefix(end, addr));
}

static bool
addresses_pass(const struct tcpstats_filter *filter,
    const struct tcpstats_socket *socket)
{
	struct tcpstats_end end;

	if ((filter->tsf_flags & TCPSTATS_FILTER_LOCAL_ADDR) != 0) {
		end = tcpstats_end_local(filter);
		if (!in_prefix(&end, socket->ts_local_addr, socket->ts_ipv6))
			return (false);
	}
	if ((filter->tsf_flags & TCPSTATS_FILTER_REMOTE_ADDR) != 0) {
		end = tcpstats_end_remote(filter);
		if (!in_prefix(&end, socket->ts_remote_addr, socket->ts_ipv6))
			return (false);
	}
	return (true);
}

enum tcpstats_verdict
tcpstats_filter_match(const struct tcpstats_filter *filter,
    const struct tcpstats_socket *socket)
{

	if (!socket->ts_visible)
		return (TCPSTATS_SKIP_CRED);
	if (!family_passes(filter, socket->ts_ipv6))
		return (TCPSTATS_SKIP_IPVER);
	if (!state_passes(filter, socket->ts_state))
		return (TCPSTATS_SKIP_STATE);
	if (!ports_pass(filter, socket))
		return (TCPSTATS_SKIP_PORT);
	if (!addresses_pass(filter, socket))
		return (TCPSTATS_SKIP_ADDR);
	return (TCPSTATS_MATCH);
}
