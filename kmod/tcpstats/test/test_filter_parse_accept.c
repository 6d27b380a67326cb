/*-
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * The parser: every form of the filter language that is accepted, and the
 * filter that it gives.
 */
#include <arpa/inet.h>
#include <string.h>

#include "support.h"
#include "tap.h"

/* A filter in host byte order; what is 0 is as in the default filter. */
struct expectation {
	const char *text;
	uint32_t flags;
	uint16_t state_mask;
	uint32_t fields;
	uint32_t format;
	uint16_t local_ports[TCPSTATS_MAX_PORTS];
	uint16_t remote_ports[TCPSTATS_MAX_PORTS];
	uint32_t local_v4, local_mask;
	uint32_t remote_v4, remote_mask;
	uint8_t local_v6[16], local_prefix;
	uint8_t remote_v6[16], remote_prefix;
};

#define LPORT TCPSTATS_FILTER_LOCAL_PORT
#define RPORT TCPSTATS_FILTER_REMOTE_PORT
#define LADDR TCPSTATS_FILTER_LOCAL_ADDR
#define RADDR TCPSTATS_FILTER_REMOTE_ADDR
#define LADDR6 (TCPSTATS_FILTER_LOCAL_ADDR | TCPSTATS_FILTER_LOCAL_IS_V6)
#define RADDR6 (TCPSTATS_FILTER_REMOTE_ADDR | TCPSTATS_FILTER_REMOTE_IS_V6)
#define INCLUDE TCPSTATS_FILTER_STATE_INCLUDE
#define DOC1 0x20, 0x01, 0x0d, 0xb8 /* 2001:db8, RFC 3849 */

static const struct expectation accepted[] = {
	{ .text = "" },
	{ .text = " " },
	{ .text = "      " },

	{ .text = "local_port=1", .flags = LPORT, .local_ports = { 1 } },
	{ .text = "local_port=443", .flags = LPORT, .local_ports = { 443 } },
	{ .text = "local_port=65535",
	    .flags = LPORT,
	    .local_ports = { 65535 } },
	{ .text = "local_port=1,2", .flags = LPORT, .local_ports = { 1, 2 } },
	{ .text = "local_port=8,7,6,5,4,3,2,1",
	    .flags = LPORT,
	    .local_ports = { 8, 7, 6, 5, 4, 3, 2, 1 } },
	{ .text = "remote_port=10", .flags = RPORT, .remote_ports = { 10 } },
	{ .text = "remote_port=100,1000,10000",
	    .flags = RPORT,
	    .remote_ports = { 100, 1000, 10000 } },
	{ .text = "remote_port=1,2,3,4,5,6,7,65535",
	    .flags = RPORT,
	    .remote_ports = { 1, 2, 3, 4, 5, 6, 7, 65535 } },
	{ .text = "local_port=80 remote_port=80",
	    .flags = LPORT | RPORT,
	    .local_ports = { 80 },
	    .remote_ports = { 80 } },

	{ .text = "local_addr=10.1.2.3",
	    .flags = LADDR,
	    .local_v4 = 0x0a010203,
	    .local_mask = 0xffffffff },
	{ .text = "local_addr=10.1.2.3/32",
	    .flags = LADDR,
	    .local_v4 = 0x0a010203,
	    .local_mask = 0xffffffff },
	{ .text = "local_addr=10.0.0.0/8",
	    .flags = LADDR,
	    .local_v4 = 0x0a000000,
	    .local_mask = 0xff000000 },
	{ .text = "local_addr=192.168.1.128/25",
	    .flags = LADDR,
	    .local_v4 = 0xc0a80180,
	    .local_mask = 0xffffff80 },
	{ .text = "local_addr=128.0.0.0/1",
	    .flags = LADDR,
	    .local_v4 = 0x80000000,
	    .local_mask = 0x80000000 },
	{ .text = "local_addr=0.0.0.0/0", .flags = LADDR },
	{ .text = "local_addr=0.0.0.0",
	    .flags = LADDR,
	    .local_mask = 0xffffffff },
	{ .text = "local_addr=255.255.255.255",
	    .flags = LADDR,
	    .local_v4 = 0xffffffff,
	    .local_mask = 0xffffffff },
	{ .text = "remote_addr=172.16.0.0/12",
	    .flags = RADDR,
	    .remote_v4 = 0xac100000,
	    .remote_mask = 0xfff00000 },
	{ .text = "local_addr=127.0.0.1 remote_addr=127.0.0.2",
	    .flags = LADDR | RADDR,
	    .local_v4 = 0x7f000001,
	    .local_mask = 0xffffffff,
	    .remote_v4 = 0x7f000002,
	    .remote_mask = 0xffffffff },

	{ .text = "local_addr=2001:0db8:0000:0000:0000:0000:0000:0001",
	    .flags = LADDR6,
	    .local_v6 = { DOC1, [15] = 1 },
	    .local_prefix = 128 },
	{ .text = "local_addr=2001:db8:0:0:0:0:0:1",
	    .flags = LADDR6,
	    .local_v6 = { DOC1, [15] = 1 },
	    .local_prefix = 128 },
	{ .text = "local_addr=2001:db8::1",
	    .flags = LADDR6,
	    .local_v6 = { DOC1, [15] = 1 },
	    .local_prefix = 128 },
	{ .text = "local_addr=2001:DB8::A",
	    .flags = LADDR6,
	    .local_v6 = { DOC1, [15] = 10 },
	    .local_prefix = 128 },
	{ .text = "local_addr=2001:db8::/32",
	    .flags = LADDR6,
	    .local_v6 = { DOC1 },
	    .local_prefix = 32 },
	{ .text = "local_addr=::1",
	    .flags = LADDR6,
	    .local_v6 = { [15] = 1 },
	    .local_prefix = 128 },
	{ .text = "local_addr=::", .flags = LADDR6, .local_prefix = 128 },
	{ .text = "local_addr=::/0", .flags = LADDR6 },
	{ .text = "local_addr=8000::/1",
	    .flags = LADDR6,
	    .local_v6 = { 0x80 },
	    .local_prefix = 1 },
	{ .text = "local_addr=fe80::/10",
	    .flags = LADDR6,
	    .local_v6 = { 0xfe, 0x80 },
	    .local_prefix = 10 },
	{ .text = "local_addr=1:2:3:4:5:6:7::",
	    .flags = LADDR6,
	    .local_v6 = { 0, 1, 0, 2, 0, 3, 0, 4, 0, 5, 0, 6, 0, 7 },
	    .local_prefix = 128 },
	{ .text = "local_addr=::2:3:4:5:6:7:8",
	    .flags = LADDR6,
	    .local_v6 = { 0, 0, 0, 2, 0, 3, 0, 4, 0, 5, 0, 6, 0, 7, 0, 8 },
	    .local_prefix = 128 },
	{ .text = "local_addr=1:2::7:8",
	    .flags = LADDR6,
	    .local_v6 = { 0, 1, 0, 2, [13] = 7, [15] = 8 },
	    .local_prefix = 128 },
	{ .text = "local_addr=abcd:ef01:2345:6789:ABCD:EF01:2345:6789",
	    .flags = LADDR6,
	    .local_v6 = { 0xab, 0xcd, 0xef, 0x01, 0x23, 0x45, 0x67, 0x89, 0xab,
		0xcd, 0xef, 0x01, 0x23, 0x45, 0x67, 0x89 },
	    .local_prefix = 128 },
	{ .text = "local_addr=::ffff:7f00:1",
	    .flags = LADDR6,
	    .local_v6 = { [10] = 0xff, 0xff, 0x7f, 0, 0, 1 },
	    .local_prefix = 128 },
	{ .text = "remote_addr=fd00::2/127",
	    .flags = RADDR6,
	    .remote_v6 = { 0xfd, [15] = 2 },
	    .remote_prefix = 127 },
	{ .text = "local_addr=fd00::1 remote_addr=fd00::2",
	    .flags = LADDR6 | RADDR6,
	    .local_v6 = { 0xfd, [15] = 1 },
	    .local_prefix = 128,
	    .remote_v6 = { 0xfd, [15] = 2 },
	    .remote_prefix = 128 },

	{ .text = "ipv4_only", .flags = TCPSTATS_FILTER_IPV4_ONLY },
	{ .text = "ipv6_only", .flags = TCPSTATS_FILTER_IPV6_ONLY },
	{ .text = "ipv4_only local_addr=10.0.0.0/8",
	    .flags = TCPSTATS_FILTER_IPV4_ONLY | LADDR,
	    .local_v4 = 0x0a000000,
	    .local_mask = 0xff000000 },
	{ .text = "remote_addr=::1 ipv6_only",
	    .flags = TCPSTATS_FILTER_IPV6_ONLY | RADDR6,
	    .remote_v6 = { [15] = 1 },
	    .remote_prefix = 128 },

	{ .text = "exclude=closed", .flags = 0x001 },
	{ .text = "exclude=listen", .flags = 0x002 },
	{ .text = "exclude=syn_sent", .flags = 0x004 },
	{ .text = "exclude=syn_received", .flags = 0x008 },
	{ .text = "exclude=syn_rcvd", .flags = 0x008 },
	{ .text = "exclude=established", .flags = 0x010 },
	{ .text = "exclude=close_wait", .flags = 0x020 },
	{ .text = "exclude=closewait", .flags = 0x020 },
	{ .text = "exclude=fin_wait_1", .flags = 0x040 },
	{ .text = "exclude=closing", .flags = 0x080 },
	{ .text = "exclude=last_ack", .flags = 0x100 },
	{ .text = "exclude=fin_wait_2", .flags = 0x200 },
	{ .text = "exclude=time_wait", .flags = 0x400 },
	{ .text = "exclude=timewait", .flags = 0x400 },
	{ .text = "exclude=listen,timewait,syn_sent,closing", .flags = 0x486 },
	{ .text = "exclude=closed,listen,syn_sent,syn_received,established,"
		  "close_wait,fin_wait_1,closing,last_ack,fin_wait_2,time_wait",
	    .flags = 0x7ff },
	{ .text = "include_state=closed",
	    .flags = INCLUDE,
	    .state_mask = 0x001 },
	{ .text = "include_state=listen",
	    .flags = INCLUDE,
	    .state_mask = 0x002 },
	{ .text = "include_state=established,syn_rcvd",
	    .flags = INCLUDE,
	    .state_mask = 0x018 },
	{ .text = "include_state=time_wait,fin_wait_2,last_ack,closing,"
		  "fin_wait_1,close_wait,established,syn_received,syn_sent,"
		  "listen,closed",
	    .flags = INCLUDE,
	    .state_mask = 0x7ff },

	{ .text = "fields=identity", .fields = 0x001 },
	{ .text = "fields=state", .fields = 0x002 },
	{ .text = "fields=congestion", .fields = 0x004 },
	{ .text = "fields=rtt", .fields = 0x008 },
	{ .text = "fields=sequences", .fields = 0x010 },
	{ .text = "fields=counters", .fields = 0x020 },
	{ .text = "fields=timers", .fields = 0x040 },
	{ .text = "fields=buffers", .fields = 0x080 },
	{ .text = "fields=ecn", .fields = 0x100 },
	{ .text = "fields=names", .fields = 0x200 },
	{ .text = "fields=all", .fields = 0x3ff },
	{ .text = "fields=default", .fields = 0x08f },
	{ .text = "fields=state,rtt,ecn", .fields = 0x10a },
	{ .text = "fields=default,names", .fields = 0x28f },
	{ .text = "fields=rtt,rtt", .fields = 0x008 },
	{ .text = "format=compact" },
	{ .text = "format=full", .format = 1, .fields = 0x3ff },
	{ .text = "format=full fields=rtt", .format = 1, .fields = 0x008 },
	{ .text = "fields=default format=full", .format = 1, .fields = 0x08f },
	{ .text = "fields=all format=compact", .fields = 0x3ff },

	{ .text = "LOCAL_PORT=443", .flags = LPORT, .local_ports = { 443 } },
	{ .text = "Exclude=Listen,TIMEWAIT", .flags = 0x402 },
	{ .text = "Include_State=ESTABLISHED",
	    .flags = INCLUDE,
	    .state_mask = 0x010 },
	{ .text = "IPv4_Only", .flags = TCPSTATS_FILTER_IPV4_ONLY },
	{ .text = "FORMAT=FULL FIELDS=RTT", .format = 1, .fields = 0x008 },
	{ .text = "  local_port=80  ", .flags = LPORT, .local_ports = { 80 } },
	{ .text = "ipv4_only   local_port=80",
	    .flags = TCPSTATS_FILTER_IPV4_ONLY | LPORT,
	    .local_ports = { 80 } },
	{ .text = "local_port=443,8443 exclude=listen,timewait "
		  "local_addr=10.0.0.0/24 ipv4_only format=full",
	    .flags = LPORT | LADDR | TCPSTATS_FILTER_IPV4_ONLY | 0x402,
	    .local_ports = { 443, 8443 },
	    .local_v4 = 0x0a000000,
	    .local_mask = 0xffffff00,
	    .format = 1,
	    .fields = 0x3ff },
	{ .text = "local_port=1 remote_port=2 local_addr=::/0 remote_addr=::/0 "
		  "ipv6_only include_state=listen fields=all format=compact",
	    .flags = LPORT | RPORT | LADDR6 | RADDR6 |
		TCPSTATS_FILTER_IPV6_ONLY | INCLUDE,
	    .local_ports = { 1 },
	    .remote_ports = { 2 },
	    .state_mask = 0x002,
	    .fields = 0x3ff },
};

static struct tcpstats_filter
build_filter(const struct expectation *expected)
{
	struct tcpstats_filter filter;

	memset(&filter, 0, sizeof(filter));
	filter.tsf_version = 2;
	filter.tsf_flags = expected->flags;
	filter.tsf_state_mask = expected->state_mask != 0 ?
	    expected->state_mask :
	    0xffff;
	filter.tsf_field_mask = expected->fields != 0 ? expected->fields : 0x8f;
	filter.tsf_format = expected->format;
	for (size_t i = 0; i < TCPSTATS_MAX_PORTS; i++) {
		filter.tsf_local_ports[i] = htons(expected->local_ports[i]);
		filter.tsf_remote_ports[i] = htons(expected->remote_ports[i]);
	}
	filter.tsf_local_addr_v4 = htonl(expected->local_v4);
	filter.tsf_local_mask_v4 = htonl(expected->local_mask);
	filter.tsf_remote_addr_v4 = htonl(expected->remote_v4);
	filter.tsf_remote_mask_v4 = htonl(expected->remote_mask);
	memcpy(filter.tsf_local_addr_v6, expected->local_v6, 16);
	filter.tsf_local_prefix_v6 = expected->local_prefix;
	memcpy(filter.tsf_remote_addr_v6, expected->remote_v6, 16);
	filter.tsf_remote_prefix_v6 = expected->remote_prefix;
	return (filter);
}

static void
test_accepted(const struct expectation *expected)
{
	const struct tcpstats_filter want = build_filter(expected);
	const uint8_t *want_bytes = (const uint8_t *)&want;
	struct tcpstats_filter got;
	const uint8_t *got_bytes = (const uint8_t *)&got;
	struct tcpstats_filter_error error;
	int status;

	memset(&got, 0xa5, sizeof(got));
	status = parse_bytes(expected->text, strlen(expected->text), &got,
	    &error);
	if (tap_ok(status == 0 && memcmp(&got, &want, sizeof(got)) == 0,
		"accepts \"%s\"", expected->text))
		return;
	if (status != 0) {
		tap_diag("status %d, at %u: %s", status, error.tfe_offset,
		    error.tfe_message);
		return;
	}
	for (size_t i = 0; i < sizeof(got); i++)
		if (got_bytes[i] != want_bytes[i])
			tap_diag("byte %zu is 0x%02x, not 0x%02x", i,
			    got_bytes[i], want_bytes[i]);
}

int
main(void)
{

	for (size_t i = 0; i < NITEMS(accepted); i++)
		test_accepted(&accepted[i]);
	return (tap_done());
}
