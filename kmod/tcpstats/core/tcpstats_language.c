/*-
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * The words of the filter language.
 */
#include "tcpstats_language.h"
#include "tcpstats_port.h"

const struct tcpstats_keyword tcpstats_state_names[TCPSTATS_NSTATE_NAMES] = {
	{ "closed", TCPSTATS_CLOSED },
	{ "listen", TCPSTATS_LISTEN },
	{ "syn_sent", TCPSTATS_SYN_SENT },
	{ "syn_received", TCPSTATS_SYN_RECEIVED },
	{ "established", TCPSTATS_ESTABLISHED },
	{ "close_wait", TCPSTATS_CLOSE_WAIT },
	{ "fin_wait_1", TCPSTATS_FIN_WAIT_1 },
	{ "closing", TCPSTATS_CLOSING },
	{ "last_ack", TCPSTATS_LAST_ACK },
	{ "fin_wait_2", TCPSTATS_FIN_WAIT_2 },
	{ "time_wait", TCPSTATS_TIME_WAIT },
	{ "syn_rcvd", TCPSTATS_SYN_RECEIVED },
	{ "closewait", TCPSTATS_CLOSE_WAIT },
	{ "timewait", TCPSTATS_TIME_WAIT },
};

const struct tcpstats_keyword tcpstats_group_names[TCPSTATS_NGROUP_NAMES] = {
	{ "identity", TCPSTATS_FIELDS_IDENTITY },
	{ "state", TCPSTATS_FIELDS_STATE },
	{ "congestion", TCPSTATS_FIELDS_CONGESTION },
	{ "rtt", TCPSTATS_FIELDS_RTT },
	{ "sequences", TCPSTATS_FIELDS_SEQUENCES },
	{ "counters", TCPSTATS_FIELDS_COUNTERS },
	{ "timers", TCPSTATS_FIELDS_TIMERS },
	{ "buffers", TCPSTATS_FIELDS_BUFFERS },
	{ "ecn", TCPSTATS_FIELDS_ECN },
	{ "names", TCPSTATS_FIELDS_NAMES },
	{ "all", TCPSTATS_FIELDS_ALL },
	{ "default", TCPSTATS_FIELDS_DEFAULT },
};

/*
 * Not in the files that copy it: a compiler that sees how much of it is zero
 * fills the zeros in word by word, which costs twice as much.
 */
const struct tcpstats_filter tcpstats_filter_default = {
	.tsf_version = TCPSTATS_FILTER_VERSION,
	.tsf_state_mask = TCPSTATS_STATE_MASK_ALL,
	.tsf_field_mask = TCPSTATS_FIELDS_DEFAULT,
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
