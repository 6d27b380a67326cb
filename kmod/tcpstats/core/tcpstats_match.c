/*-
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * Preparing a filter, and putting it to a socket as a whole.
 */
#include "tcpstats_core.h"
#include "tcpstats_language.h"
#include "tcpstats_port.h"

enum { FAMILY_V4 = 0x1, FAMILY_V6 = 0x2, FAMILY_ANY = 0x3 };

static uint32_t
states_of(const struct tcpstats_filter *filter)
{

	return (filter->tsf_state_mask &
	    ~(filter->tsf_flags & TCPSTATS_FILTER_EXCLUDE_MASK));
}

static uint8_t
families_of(const struct tcpstats_filter *filter)
{
	uint8_t families = FAMILY_ANY;

	if ((filter->tsf_flags & TCPSTATS_FILTER_IPV4_ONLY) != 0)
		families &= FAMILY_V4;
	if ((filter->tsf_flags & TCPSTATS_FILTER_IPV6_ONLY) != 0)
		families &= FAMILY_V6;
	return (families);
}

/* The mask with the first prefix (at most 128) bits of an address set. */
static void
mask_v6(uint64_t mask[2], unsigned int prefix)
{
	uint8_t bytes[16] = { 0 };

	memset(bytes, 0xff, prefix / 8);
	if (prefix % 8 != 0)
		bytes[prefix / 8] = (uint8_t)(0xff00 >> prefix % 8);
	memcpy(mask, bytes, sizeof(bytes));
}

static void
prepare_ports(struct tcpstats_matcher_end *prepared,
    const struct tcpstats_end *end)
{

	while (prepared->tme_nports < TCPSTATS_MAX_PORTS &&
	    end->te_ports[prepared->tme_nports] != 0) {
		prepared->tme_ports[prepared->tme_nports] =
		    end->te_ports[prepared->tme_nports];
		prepared->tme_nports++;
	}
}

static void
prepare_addr(struct tcpstats_matcher *matcher,
    struct tcpstats_matcher_end *prepared, const struct tcpstats_end *end)
{

	matcher->tm_has_addr = true;
	if (tcpstats_end_is_v6(end)) {
		matcher->tm_v4_addrs = false;
		memcpy(prepared->tme_addr_v6, end->te_addr_v6,
		    sizeof(prepared->tme_addr_v6));
		mask_v6(prepared->tme_mask_v6, end->te_prefix_v6);
	} else {
		matcher->tm_v6_addrs = false;
		prepared->tme_addr_v4 = end->te_addr_v4;
		prepared->tme_mask_v4 = end->te_mask_v4;
	}
}

static void
prepare_end(struct tcpstats_matcher *matcher,
    struct tcpstats_matcher_end *prepared, const struct tcpstats_end *end)
{

	if (end->te_has_ports)
		prepare_ports(prepared, end);
	if (end->te_has_addr)
		prepare_addr(matcher, prepared, end);
}

void
tcpstats_matcher_prepare(struct tcpstats_matcher *matcher,
    const struct tcpstats_filter *filter)
{
	const struct tcpstats_end local = tcpstats_end_local(filter);
	const struct tcpstats_end remote = tcpstats_end_remote(filter);
	const uint32_t states = states_of(filter);

	memset(matcher, 0, sizeof(*matcher));
	matcher->tm_families = families_of(filter);
	if ((matcher->tm_families & FAMILY_V4) != 0)
		matcher->tm_states |= states;
	if ((matcher->tm_families & FAMILY_V6) != 0)
		matcher->tm_states |= states << 16;
	matcher->tm_v4_addrs = matcher->tm_v6_addrs = true;
	prepare_end(matcher, &matcher->tm_local, &local);
	prepare_end(matcher, &matcher->tm_remote, &remote);
}

enum tcpstats_verdict
tcpstats_match(const struct tcpstats_matcher *matcher,
    const struct tcpstats_socket *socket)
{
	enum tcpstats_verdict verdict;

	if (!socket->ts_visible)
		return (TCPSTATS_SKIP_CRED);
	verdict = tcpstats_match_but_addresses(matcher, socket->ts_ipv6,
	    socket->ts_state, socket->ts_local_port, socket->ts_remote_port);
	if (verdict != TCPSTATS_MATCH || !matcher->tm_has_addr)
		return (verdict);
	return (socket->ts_ipv6 ?
		tcpstats_match_addresses_v6(matcher, socket->ts_local_addr,
		    socket->ts_remote_addr) :
		tcpstats_match_addresses_v4(matcher, socket->ts_local_addr,
		    socket->ts_remote_addr));
}
