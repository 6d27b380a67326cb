/*-
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * The words of the filter language, and a view of one end of a filter.
 */
#include "tcpstats_language.h"
#include "tcpstats_port.h"

const struct tcpstats_keyword tcpstats_state_names[TCPSTATS_NSTATE_NAMES] = {
	TCPSTATS_KEYWORD("closed", TCPSTATS_CLOSED),
	TCPSTATS_KEYWORD("listen", TCPSTATS_LISTEN),
	TCPSTATS_KEYWORD("syn_sent", TCPSTATS_SYN_SENT),
	TCPSTATS_KEYWORD("syn_received", TCPSTATS_SYN_RECEIVED),
	TCPSTATS_KEYWORD("established", TCPSTATS_ESTABLISHED),
	TCPSTATS_KEYWORD("close_wait", TCPSTATS_CLOSE_WAIT),
	TCPSTATS_KEYWORD("fin_wait_1", TCPSTATS_FIN_WAIT_1),
	TCPSTATS_KEYWORD("closing", TCPSTATS_CLOSING),
	TCPSTATS_KEYWORD("last_ack", TCPSTATS_LAST_ACK),
	TCPSTATS_KEYWORD("fin_wait_2", TCPSTATS_FIN_WAIT_2),
	TCPSTATS_KEYWORD("time_wait", TCPSTATS_TIME_WAIT),
	TCPSTATS_KEYWORD("syn_rcvd", TCPSTATS_SYN_RECEIVED),
	TCPSTATS_KEYWORD("closewait", TCPSTATS_CLOSE_WAIT),
	TCPSTATS_KEYWORD("timewait", TCPSTATS_TIME_WAIT),
};

const struct tcpstats_keyword tcpstats_group_names[TCPSTATS_NGROUP_NAMES] = {
	TCPSTATS_KEYWORD("identity", TCPSTATS_FIELDS_IDENTITY),
	TCPSTATS_KEYWORD("state", TCPSTATS_FIELDS_STATE),
	TCPSTATS_KEYWORD("congestion", TCPSTATS_FIELDS_CONGESTION),
	TCPSTATS_KEYWORD("rtt", TCPSTATS_FIELDS_RTT),
	TCPSTATS_KEYWORD("sequences", TCPSTATS_FIELDS_SEQUENCES),
	TCPSTATS_KEYWORD("counters", TCPSTATS_FIELDS_COUNTERS),
	TCPSTATS_KEYWORD("timers", TCPSTATS_FIELDS_TIMERS),
	TCPSTATS_KEYWORD("buffers", TCPSTATS_FIELDS_BUFFERS),
	TCPSTATS_KEYWORD("ecn", TCPSTATS_FIELDS_ECN),
	TCPSTATS_KEYWORD("names", TCPSTATS_FIELDS_NAMES),
	TCPSTATS_KEYWORD("all", TCPSTATS_FIELDS_ALL),
	TCPSTATS_KEYWORD("default", TCPSTATS_FIELDS_DEFAULT),
};

struct tcpstats_end
tcpstats_end_local(const struct tcpstats_filter *filter)
{

	return ((struct tcpstats_end) {
	    .te_ports = filter->tsf_local_ports,
	    .te_addr_v6 = filter->tsf_local_addr_v6,
	    .te_addr_v4 = filter->tsf_local_addr_v4,
	    .te_mask_v4 = filter->tsf_local_mask_v4,
	    .te_prefix_v6 = filter->tsf_local_prefix_v6,
	    .te_has_ports = filter->tsf_flags & TCPSTATS_FILTER_LOCAL_PORT,
	    .te_has_addr = filter->tsf_flags & TCPSTATS_FILTER_LOCAL_ADDR,
	    .te_v6_flag = filter->tsf_flags & TCPSTATS_FILTER_LOCAL_IS_V6,
	});
}

struct tcpstats_end
tcpstats_end_remote(const struct tcpstats_filter *filter)
{

	return ((struct tcpstats_end) {
	    .te_ports = filter->tsf_remote_ports,
	    .te_addr_v6 = filter->tsf_remote_addr_v6,
	    .te_addr_v4 = filter->tsf_remote_addr_v4,
	    .te_mask_v4 = filter->tsf_remote_mask_v4,
	    .te_prefix_v6 = filter->tsf_remote_prefix_v6,
	    .te_has_ports = filter->tsf_flags & TCPSTATS_FILTER_REMOTE_PORT,
	    .te_has_addr = filter->tsf_flags & TCPSTATS_FILTER_REMOTE_ADDR,
	    .te_v6_flag = filter->tsf_flags & TCPSTATS_FILTER_REMOTE_IS_V6,
	});
}

bool
tcpstats_end_is_v6(const struct tcpstats_end *end)
{

	return (end->te_v6_flag || end->te_prefix_v6 != 0 ||
	    tcpstats_v6_has_host_bits(end->te_addr_v6, 0));
}

bool
tcpstats_v6_has_host_bits(const uint8_t addr[16], unsigned int prefix)
{
	unsigned int byte = prefix / 8;

	if (byte == 16)
		return (false);
	if ((addr[byte] & (0xffU >> (prefix % 8))) != 0)
		return (true);
	while (++byte < 16)
		if (addr[byte] != 0)
			return (true);
	return (false);
}

uint32_t
tcpstats_default_fields(uint32_t format)
{

	return (format == TCPSTATS_FORMAT_FULL ? TCPSTATS_FIELDS_ALL :
						 TCPSTATS_FIELDS_DEFAULT);
}
