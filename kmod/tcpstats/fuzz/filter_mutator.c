/*-
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * Mutations of a filter that keep together what belongs together: a flag and
 * the fields it is for, a mask and the bits below it.  Mutations that know
 * nothing of that hardly ever give a filter that is accepted; half of all are
 * of those nevertheless.
 */
#include <arpa/inet.h>
#include <string.h>

#include "fuzz.h"

/* Parts of a filter that belong to one end. */
struct end {
	uint16_t *ports;
	uint32_t *addr_v4, *mask_v4;
	uint8_t *addr_v6, *prefix_v6;
	uint32_t port_flag, addr_flag, v6_flag;
};

static struct end
end_of(struct tcpstats_filter *filter, bool remote)
{

	if (remote)
		return ((struct end) {
		    filter->tsf_remote_ports,
		    &filter->tsf_remote_addr_v4,
		    &filter->tsf_remote_mask_v4,
		    filter->tsf_remote_addr_v6,
		    &filter->tsf_remote_prefix_v6,
		    TCPSTATS_FILTER_REMOTE_PORT,
		    TCPSTATS_FILTER_REMOTE_ADDR,
		    TCPSTATS_FILTER_REMOTE_IS_V6,
		});
	return ((struct end) {
	    filter->tsf_local_ports,
	    &filter->tsf_local_addr_v4,
	    &filter->tsf_local_mask_v4,
	    filter->tsf_local_addr_v6,
	    &filter->tsf_local_prefix_v6,
	    TCPSTATS_FILTER_LOCAL_PORT,
	    TCPSTATS_FILTER_LOCAL_ADDR,
	    TCPSTATS_FILTER_LOCAL_IS_V6,
	});
}

/* Marsaglia's xorshift with shifts 13, 17, 5. */
static uint32_t
below(uint32_t *random, uint32_t limit)
{

	*random ^= *random << 13;
	*random ^= *random >> 17;
	*random ^= *random << 5;
	return (*random % limit);
}

static void
clear_address(struct tcpstats_filter *filter, const struct end *end)
{

	filter->tsf_flags &= ~(end->addr_flag | end->v6_flag);
	*end->addr_v4 = *end->mask_v4 = 0;
	memset(end->addr_v6, 0, 16);
	*end->prefix_v6 = 0;
}

static void
set_v4(struct tcpstats_filter *filter, const struct end *end, uint32_t *random)
{
	uint32_t prefix = below(random, 33);
	uint32_t mask = (uint32_t)(UINT64_C(0xffffffff) << (32 - prefix));

	clear_address(filter, end);
	filter->tsf_flags |= end->addr_flag;
	*end->mask_v4 = htonl(mask);
	*end->addr_v4 = htonl((below(random, UINT32_MAX) << 1) & mask);
}

/* Mostly zeros, that :: is met; the flag is left out at times. */
static void
set_v6(struct tcpstats_filter *filter, const struct end *end, uint32_t *random)
{
	uint32_t prefix = below(random, 129);

	clear_address(filter, end);
	filter->tsf_flags |= end->addr_flag;
	if (below(random, 4) != 0)
		filter->tsf_flags |= end->v6_flag;
	*end->prefix_v6 = (uint8_t)prefix;
	for (uint32_t bit = 0; bit < prefix; bit++)
		if (below(random, 8) == 0)
			end->addr_v6[bit / 8] |= 0x80 >> bit % 8;
}

static void
set_ports(struct tcpstats_filter *filter, const struct end *end,
    uint32_t *random)
{
	uint32_t count = below(random, TCPSTATS_MAX_PORTS + 1);

	memset(end->ports, 0, TCPSTATS_MAX_PORTS * sizeof(*end->ports));
	filter->tsf_flags &= ~end->port_flag;
	if (count != 0)
		filter->tsf_flags |= end->port_flag;
	for (uint32_t i = 0; i < count; i++)
		end->ports[i] = htons((uint16_t)(1 + below(random, 65535)));
}

static void
set_states(struct tcpstats_filter *filter, uint32_t *random)
{
	uint32_t states = below(random, 1 << TCPSTATS_NSTATES);

	filter->tsf_flags &= ~(
	    TCPSTATS_FILTER_EXCLUDE_MASK | TCPSTATS_FILTER_STATE_INCLUDE);
	filter->tsf_state_mask = TCPSTATS_STATE_MASK_ALL;
	if (below(random, 2) == 0) {
		filter->tsf_flags |= states;
	} else if (states != 0) {
		filter->tsf_flags |= TCPSTATS_FILTER_STATE_INCLUDE;
		filter->tsf_state_mask = (uint16_t)states;
	}
}

static void
set_family(struct tcpstats_filter *filter, uint32_t *random)
{
	static const uint32_t flags[] = { 0, TCPSTATS_FILTER_IPV4_ONLY,
		TCPSTATS_FILTER_IPV6_ONLY };

	filter->tsf_flags &= ~(
	    TCPSTATS_FILTER_IPV4_ONLY | TCPSTATS_FILTER_IPV6_ONLY);
	filter->tsf_flags |= flags[below(random, 3)];
}

static void
change_part(struct tcpstats_filter *filter, uint32_t *random)
{
	const struct end end = end_of(filter, below(random, 2) != 0);

	switch (below(random, 8)) {
	case 0:
		set_ports(filter, &end, random);
		break;
	case 1:
		set_v4(filter, &end, random);
		break;
	case 2:
		set_v6(filter, &end, random);
		break;
	case 3:
		clear_address(filter, &end);
		break;
	case 4:
		set_states(filter, random);
		break;
	case 5:
		set_family(filter, random);
		break;
	case 6:
		filter->tsf_field_mask = below(random, TCPSTATS_FIELDS_ALL + 1);
		break;
	case 7:
		filter->tsf_format = below(random, TCPSTATS_FORMAT_FULL + 1);
		break;
	}
}

size_t
LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max_size,
    unsigned int seed)
{
	uint32_t random = seed == 0 ? 1 : seed;
	struct tcpstats_filter filter;

	if (below(&random, 2) == 0)
		return (LLVMFuzzerMutate(data, size, max_size));
	if (max_size < sizeof(filter))
		return (size);
	if (size == sizeof(filter))
		memcpy(&filter, data, sizeof(filter));
	else
		tcpstats_filter_init(&filter);
	change_part(&filter, &random);
	memcpy(data, &filter, sizeof(filter));
	return (sizeof(filter));
}
