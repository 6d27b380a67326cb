/*-
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * Filters as data: the one that lets everything through, and the judgement
 * on those that come in by ioctl(2).  What passes here the language can say.
 */
#include "tcpstats_core.h"
#include "tcpstats_language.h"
#include "tcpstats_port.h"

void
tcpstats_filter_init(struct tcpstats_filter *filter)
{

	*filter = tcpstats_filter_default;
}

static bool
reserved_is_zero(const struct tcpstats_filter *filter)
{
	uint32_t bits = filter->tsf_pad0;

	for (size_t i = 0; i < TCPSTATS_NITEMS(filter->tsf_pad1); i++)
		bits |= filter->tsf_pad1[i] | filter->tsf_pad2[i];
	for (size_t i = 0; i < TCPSTATS_NITEMS(filter->tsf_spare); i++)
		bits |= filter->tsf_spare[i];
	return (bits == 0);
}

/* Either states are excluded, or some are included: never both. */
static bool
states_are_valid(const struct tcpstats_filter *filter)
{

	if ((filter->tsf_flags & TCPSTATS_FILTER_STATE_INCLUDE) == 0)
		return (filter->tsf_state_mask == TCPSTATS_STATE_MASK_ALL);
	return ((filter->tsf_flags & TCPSTATS_FILTER_EXCLUDE_MASK) == 0 &&
	    filter->tsf_state_mask != 0 &&
	    filter->tsf_state_mask < 1U << TCPSTATS_NSTATES);
}

/* A list is flagged, has no gap and names no port twice. */
static bool
ports_are_valid(const struct tcpstats_end *end)
{
	const uint16_t *ports = end->te_ports;
	size_t count = 0;

	while (count < TCPSTATS_MAX_PORTS && ports[count] != 0) {
		for (size_t i = 0; i < count; i++)
			if (ports[i] == ports[count])
				return (false);
		count++;
	}
	for (size_t i = count; i < TCPSTATS_MAX_PORTS; i++)
		if (ports[i] != 0)
			return (false);
	return (end->te_has_ports == (count != 0));
}

static bool
v4_is_unset(const struct tcpstats_end *end)
{

	return (end->te_addr_v4 == 0 && end->te_mask_v4 == 0);
}

/* The fields of the family that the address is not of are zero. */
static bool
address_is_valid(const struct tcpstats_end *end)
{
	uint32_t host_mask;

	if (!end->te_has_addr)
		return (v4_is_unset(end) && !tcpstats_end_is_v6(end));
	if (tcpstats_end_is_v6(end))
		return (v4_is_unset(end) && end->te_prefix_v6 <= 128 &&
		    !tcpstats_v6_has_host_bits(end->te_addr_v6,
			end->te_prefix_v6));
	host_mask = ~ntohl(end->te_mask_v4);
	return ((host_mask & (host_mask + 1)) == 0 &&
	    (ntohl(end->te_addr_v4) & host_mask) == 0);
}

/* The family flags and the two addresses name at most one family. */
static bool
families_agree(const struct tcpstats_filter *filter,
    const struct tcpstats_end *local, const struct tcpstats_end *remote)
{
	bool v4, v6;

	v4 = filter->tsf_flags & TCPSTATS_FILTER_IPV4_ONLY;
	v6 = filter->tsf_flags & TCPSTATS_FILTER_IPV6_ONLY;
	if (local->te_has_addr)
		*(tcpstats_end_is_v6(local) ? &v6 : &v4) = true;
	if (remote->te_has_addr)
		*(tcpstats_end_is_v6(remote) ? &v6 : &v4) = true;
	return (!(v4 && v6));
}

int
tcpstats_filter_validate(const struct tcpstats_filter *filter)
{
	const struct tcpstats_end local = tcpstats_end_local(filter);
	const struct tcpstats_end remote = tcpstats_end_remote(filter);

	if (filter->tsf_version != TCPSTATS_FILTER_VERSION)
		return (ENOTSUP);
	if ((filter->tsf_flags & ~TCPSTATS_FILTER_FLAGS_ALL) != 0 ||
	    (filter->tsf_field_mask & ~TCPSTATS_FIELDS_ALL) != 0 ||
	    filter->tsf_field_mask == 0 ||
	    filter->tsf_format > TCPSTATS_FORMAT_FULL ||
	    !reserved_is_zero(filter) || !states_are_valid(filter) ||
	    !ports_are_valid(&local) || !ports_are_valid(&remote) ||
	    !address_is_valid(&local) || !address_is_valid(&remote) ||
	    !families_agree(filter, &local, &remote))
		return (EINVAL);
	return (0);
}
