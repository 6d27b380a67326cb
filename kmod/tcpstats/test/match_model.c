/*-
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * The oracle of the matcher, and the way from its model to the core's types.
 */
#include "match_model.h"

#include <arpa/inet.h>
#include <string.h>

/* An address as the oracle sees it: its bits, one a byte. */
struct bits {
	uint8_t bit[128];
};

static struct bits
to_bits(const uint8_t bytes[16])
{
	struct bits bits;

	for (unsigned int i = 0; i < 128; i++)
		bits.bit[i] = bytes[i / 8] >> (7 - i % 8) & 1;
	return (bits);
}

static bool
oracle_port(const uint16_t ports[TCPSTATS_MAX_PORTS], uint16_t port)
{

	if (ports[0] == 0)
		return (true);
	for (int i = 0; i < TCPSTATS_MAX_PORTS; i++)
		if (ports[i] != 0 && ports[i] == port)
			return (true);
	return (false);
}

static bool
oracle_address(const struct model_address *wanted, enum family family,
    const uint8_t address[16])
{
	struct bits want, have;

	if (wanted->family == ANY)
		return (true);
	if (wanted->family != family)
		return (false);
	want = to_bits(wanted->bytes);
	have = to_bits(address);
	for (unsigned int i = 0; i < wanted->prefix; i++)
		if (want.bit[i] != have.bit[i])
			return (false);
	return (true);
}

static enum tcpstats_verdict
oracle(const struct model_filter *filter, const struct model_socket *socket)
{

	if (!socket->visible)
		return (TCPSTATS_SKIP_CRED);
	if (filter->only != ANY && filter->only != socket->family)
		return (TCPSTATS_SKIP_IPVER);
	if ((filter->excluded >> socket->state & 1) != 0 ||
	    (filter->included != 0 &&
		(filter->included >> socket->state & 1) == 0))
		return (TCPSTATS_SKIP_STATE);
	if (!oracle_port(filter->local_ports, socket->local_port) ||
	    !oracle_port(filter->remote_ports, socket->remote_port))
		return (TCPSTATS_SKIP_PORT);
	if (!oracle_address(&filter->local, socket->family, socket->local) ||
	    !oracle_address(&filter->remote, socket->family, socket->remote))
		return (TCPSTATS_SKIP_ADDR);
	return (TCPSTATS_MATCH);
}

static uint32_t
v4_word(const uint8_t bytes[4])
{
	uint32_t word;

	memcpy(&word, bytes, 4);
	return (word);
}

static uint32_t
v4_mask(unsigned int prefix)
{

	return (htonl((uint32_t)(0xffffffff00000000U >> prefix)));
}

static struct tcpstats_filter
to_filter(const struct model_filter *model)
{
	struct tcpstats_filter filter;

	tcpstats_filter_init(&filter);
	if (model->only == IPV4)
		filter.tsf_flags |= TCPSTATS_FILTER_IPV4_ONLY;
	if (model->only == IPV6)
		filter.tsf_flags |= TCPSTATS_FILTER_IPV6_ONLY;
	filter.tsf_flags |= model->excluded;
	if (model->included != 0) {
		filter.tsf_flags |= TCPSTATS_FILTER_STATE_INCLUDE;
		filter.tsf_state_mask = model->included;
	}
	for (int i = 0; i < TCPSTATS_MAX_PORTS; i++) {
		filter.tsf_local_ports[i] = htons(model->local_ports[i]);
		filter.tsf_remote_ports[i] = htons(model->remote_ports[i]);
	}
	if (model->local_ports[0] != 0)
		filter.tsf_flags |= TCPSTATS_FILTER_LOCAL_PORT;
	if (model->remote_ports[0] != 0)
		filter.tsf_flags |= TCPSTATS_FILTER_REMOTE_PORT;
	if (model->local.family != ANY)
		filter.tsf_flags |= TCPSTATS_FILTER_LOCAL_ADDR;
	if (model->remote.family != ANY)
		filter.tsf_flags |= TCPSTATS_FILTER_REMOTE_ADDR;
	if (model->local.family == IPV4) {
		filter.tsf_local_addr_v4 = v4_word(model->local.bytes);
		filter.tsf_local_mask_v4 = v4_mask(model->local.prefix);
	}
	if (model->remote.family == IPV4) {
		filter.tsf_remote_addr_v4 = v4_word(model->remote.bytes);
		filter.tsf_remote_mask_v4 = v4_mask(model->remote.prefix);
	}
	if (model->local.family == IPV6) {
		filter.tsf_flags |= TCPSTATS_FILTER_LOCAL_IS_V6;
		memcpy(filter.tsf_local_addr_v6, model->local.bytes, 16);
		filter.tsf_local_prefix_v6 = (uint8_t)model->local.prefix;
	}
	if (model->remote.family == IPV6) {
		filter.tsf_flags |= TCPSTATS_FILTER_REMOTE_IS_V6;
		memcpy(filter.tsf_remote_addr_v6, model->remote.bytes, 16);
		filter.tsf_remote_prefix_v6 = (uint8_t)model->remote.prefix;
	}
	return (filter);
}

static enum tcpstats_verdict
match(const struct tcpstats_matcher *matcher, const struct model_socket *model)
{
	const struct tcpstats_socket socket = {
		.ts_gencnt = 1,
		.ts_local_addr = model->local,
		.ts_remote_addr = model->remote,
		.ts_local_port = htons(model->local_port),
		.ts_remote_port = htons(model->remote_port),
		.ts_state = model->state,
		.ts_ipv6 = model->family == IPV6,
		.ts_visible = model->visible,
	};

	return (tcpstats_match(matcher, &socket));
}

enum tcpstats_verdict
model_match(const struct tcpstats_filter *filter,
    const struct model_socket *model)
{
	struct tcpstats_matcher matcher;

	tcpstats_matcher_prepare(&matcher, filter);
	return (match(&matcher, model));
}

unsigned int
model_differences(const struct model_filter *model,
    const struct model_socket *sockets, size_t count)
{
	const struct tcpstats_filter filter = to_filter(model);
	struct tcpstats_matcher matcher;
	unsigned int differ = 0;

	tcpstats_matcher_prepare(&matcher, &filter);
	for (size_t i = 0; i < count; i++)
		if (match(&matcher, &sockets[i]) != oracle(model, &sockets[i]))
			differ++;
	return (differ);
}
