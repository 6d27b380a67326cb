/*-
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * The words of the filter language.
 */
#include "tcpstats_language.h"
#include "tcpstats_port.h"

const struct tcpstats_keyword tcpstats_state_names[TCPSTATS_NSTATE_NAMES] = {
	{ TCPSTATS_WORD("closed"), TCPSTATS_CLOSED },
	{ TCPSTATS_WORD("listen"), TCPSTATS_LISTEN },
	{ TCPSTATS_WORD("syn_sent"), TCPSTATS_SYN_SENT },
	{ TCPSTATS_WORD("syn_received"), TCPSTATS_SYN_RECEIVED },
	{ TCPSTATS_WORD("established"), TCPSTATS_ESTABLISHED },
	{ TCPSTATS_WORD("close_wait"), TCPSTATS_CLOSE_WAIT },
	{ TCPSTATS_WORD("fin_wait_1"), TCPSTATS_FIN_WAIT_1 },
	{ TCPSTATS_WORD("closing"), TCPSTATS_CLOSING },
	{ TCPSTATS_WORD("last_ack"), TCPSTATS_LAST_ACK },
	{ TCPSTATS_WORD("fin_wait_2"), TCPSTATS_FIN_WAIT_2 },
	{ TCPSTATS_WORD("time_wait"), TCPSTATS_TIME_WAIT },
	{ TCPSTATS_WORD("syn_rcvd"), TCPSTATS_SYN_RECEIVED },
	{ TCPSTATS_WORD("closewait"), TCPSTATS_CLOSE_WAIT },
	{ TCPSTATS_WORD("timewait"), TCPSTATS_TIME_WAIT },
};

const struct tcpstats_keyword tcpstats_group_names[TCPSTATS_NGROUP_NAMES] = {
	{ TCPSTATS_WORD("identity"), TCPSTATS_FIELDS_IDENTITY },
	{ TCPSTATS_WORD("state"), TCPSTATS_FIELDS_STATE },
	{ TCPSTATS_WORD("congestion"), TCPSTATS_FIELDS_CONGESTION },
	{ TCPSTATS_WORD("rtt"), TCPSTATS_FIELDS_RTT },
	{ TCPSTATS_WORD("sequences"), TCPSTATS_FIELDS_SEQUENCES },
	{ TCPSTATS_WORD("counters"), TCPSTATS_FIELDS_COUNTERS },
	{ TCPSTATS_WORD("timers"), TCPSTATS_FIELDS_TIMERS },
	{ TCPSTATS_WORD("buffers"), TCPSTATS_FIELDS_BUFFERS },
	{ TCPSTATS_WORD("ecn"), TCPSTATS_FIELDS_ECN },
	{ TCPSTATS_WORD("names"), TCPSTATS_FIELDS_NAMES },
	{ TCPSTATS_WORD("all"), TCPSTATS_FIELDS_ALL },
	{ TCPSTATS_WORD("default"), TCPSTATS_FIELDS_DEFAULT },
};

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
