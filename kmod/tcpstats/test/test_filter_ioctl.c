/*-
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * Filters that come in by ioctl(2): which are refused, and that those which
 * are not can be printed, parsed and mean the same.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "support.h"
#include "tap.h"

/* Any valid filter's text, and room to see a byte too many. */
#define TEXT_SIZE (TCPSTATS_FILTER_MAXLEN + 2)

static void
expect(int status, const struct tcpstats_filter *filter, const char *name)
{
	int got = tcpstats_filter_validate(filter);

	if (!tap_ok(got == status, "%s: %s", status == 0 ? "takes" : "refuses",
		name))
		tap_diag("status %d, not %d", got, status);
}

/* ---- Validation ---- */

static void
test_version(void)
{
	struct tcpstats_filter filter = parse_good("");

	expect(0, &filter, "the default filter");
	filter.tsf_version = 1;
	expect(ENOTSUP, &filter, "version 1");
	filter.tsf_version = 3;
	expect(ENOTSUP, &filter, "version 3");
	filter.tsf_flags = 0x800;
	expect(ENOTSUP, &filter, "another version, whatever else it has");
	memset(&filter, 0, sizeof(filter));
	expect(ENOTSUP, &filter, "zeros");
}

static void
test_unknown_bits(void)
{
	struct tcpstats_filter filter;
	const uint32_t known = 0x1ff7ff, fields = 0x3ff;
	bool good = true;

	for (uint32_t bit = 1; bit != 0; bit <<= 1) {
		filter = parse_good("");
		filter.tsf_flags = bit;
		good &= (known & bit) != 0 ||
		    tcpstats_filter_validate(&filter) == EINVAL;
	}
	tap_ok(good, "refuses: each unknown flag");
	for (uint32_t bit = 1; bit != 0; bit <<= 1) {
		filter = parse_good("");
		filter.tsf_field_mask = bit;
		good &= tcpstats_filter_validate(&filter) ==
		    ((fields & bit) != 0 ? 0 : EINVAL);
	}
	tap_ok(good, "takes each field group, refuses each unknown one");
	filter = parse_good("");
	filter.tsf_field_mask = 0;
	expect(EINVAL, &filter, "no field group");
	filter = parse_good("");
	filter.tsf_format = 1;
	expect(0, &filter, "format 1");
	filter.tsf_format = 2;
	expect(EINVAL, &filter, "format 2");
}

/* Every byte that must be zero, by its place in the structure. */
static void
test_padding(void)
{
	static const struct {
		size_t begin, end;
	} reserved[] = { { 6, 8 }, { 77, 80 }, { 97, 100 }, { 108, 124 } };
	struct tcpstats_filter filter;

	for (size_t i = 0; i < NITEMS(reserved); i++)
		for (size_t at = reserved[i].begin; at < reserved[i].end;
		     at++) {
			filter = parse_good("");
			((uint8_t *)&filter)[at] = 0x80;
			tap_ok(tcpstats_filter_validate(&filter) == EINVAL,
			    "refuses: byte %zu, padding, not zero", at);
		}
}

static void
test_states(void)
{
	struct tcpstats_filter filter = parse_good("exclude=listen,closed");

	expect(0, &filter, "excluded states");
	filter.tsf_state_mask = 0x7ff;
	expect(EINVAL, &filter, "a state mask without its flag");
	filter = parse_good("");
	filter.tsf_state_mask = 0;
	expect(EINVAL, &filter, "no state at all");
	filter = parse_good("include_state=listen");
	expect(0, &filter, "included states");
	filter.tsf_flags |= 1;
	expect(EINVAL, &filter, "included and excluded states");
	filter = parse_good("include_state=listen");
	filter.tsf_state_mask = 0;
	expect(EINVAL, &filter, "include mode with no state");
	filter.tsf_state_mask = 0xffff;
	expect(EINVAL, &filter, "include mode with the mask of all");
	filter.tsf_state_mask = 0x802;
	expect(EINVAL, &filter, "a state above time_wait");
	filter.tsf_state_mask = 0x7ff;
	expect(0, &filter, "each of the eleven states included");
}

static void
test_ports(void)
{
	struct tcpstats_filter filter = parse_good("local_port=80,443");

	filter.tsf_flags = 0;
	expect(EINVAL, &filter, "local ports without their flag");
	filter = parse_good("remote_port=80,443");
	filter.tsf_flags = 0;
	expect(EINVAL, &filter, "remote ports without their flag");
	filter = parse_good("");
	filter.tsf_flags = TCPSTATS_FILTER_LOCAL_PORT;
	expect(EINVAL, &filter, "the local port flag without a port");
	filter.tsf_flags = TCPSTATS_FILTER_REMOTE_PORT;
	expect(EINVAL, &filter, "the remote port flag without a port");
	filter = parse_good("local_port=80,443");
	filter.tsf_local_ports[3] = htons(22);
	expect(EINVAL, &filter, "a gap in the list of local ports");
	filter.tsf_local_ports[3] = 0;
	filter.tsf_local_ports[0] = 0;
	expect(EINVAL, &filter, "a list of ports that begins with 0");
	filter = parse_good("local_port=80,443");
	filter.tsf_local_ports[2] = htons(80);
	expect(EINVAL, &filter, "a port twice");
	filter = parse_good("remote_port=1,2,3,4,5,6,7,8");
	expect(0, &filter, "eight ports");
	filter.tsf_remote_ports[7] = htons(1);
	expect(EINVAL, &filter, "the last of eight ports is the first again");
}

static void
test_v4_addresses(void)
{
	struct tcpstats_filter filter = parse_good("local_addr=10.0.0.0/8");

	filter.tsf_local_mask_v4 = htonl(0xff00ff00);
	expect(EINVAL, &filter, "a mask with a hole");
	filter.tsf_local_mask_v4 = htonl(0x00ffffff);
	expect(EINVAL, &filter, "a mask that begins with 0");
	filter = parse_good("local_addr=10.0.0.0/8");
	filter.tsf_local_addr_v4 = htonl(0x0a000001);
	expect(EINVAL, &filter, "a bit behind the mask");
	filter = parse_good("remote_addr=10.0.0.0/8");
	filter.tsf_remote_mask_v4 = 0;
	expect(EINVAL, &filter, "a remote address with an empty mask");
	filter = parse_good("remote_addr=10.0.0.0/8");
	filter.tsf_flags = 0;
	expect(EINVAL, &filter, "a remote address without its flag");
	filter = parse_good("local_addr=0.0.0.0");
	filter.tsf_flags = 0;
	expect(EINVAL, &filter, "a mask without the address flag");
	filter = parse_good("");
	filter.tsf_flags = TCPSTATS_FILTER_LOCAL_IS_V6;
	expect(EINVAL, &filter, "the IPv6 flag without an address");
	filter.tsf_flags = TCPSTATS_FILTER_LOCAL_ADDR;
	expect(0, &filter, "an address flag with all zero, which is 0.0.0.0/0");
}

static void
test_v6_addresses(void)
{
	struct tcpstats_filter filter = parse_good("local_addr=fd00::/8");

	filter.tsf_flags &= ~TCPSTATS_FILTER_LOCAL_IS_V6;
	expect(0, &filter, "an IPv6 address without the flag that says so");
	filter.tsf_local_prefix_v6 = 129;
	expect(EINVAL, &filter, "a prefix length of 129");
	filter.tsf_local_prefix_v6 = 255;
	expect(EINVAL, &filter, "a prefix length of 255");
	filter.tsf_local_prefix_v6 = 7;
	expect(EINVAL, &filter, "a bit behind the prefix");
	filter.tsf_local_prefix_v6 = 0;
	expect(EINVAL, &filter, "fault: fd00::/0");
	filter = parse_good("local_addr=fd00::/8");
	filter.tsf_local_mask_v4 = htonl(0xff000000);
	expect(EINVAL, &filter, "an IPv6 address with an IPv4 mask");
	filter = parse_good("remote_addr=fd00::/8");
	filter.tsf_remote_addr_v4 = 1;
	expect(EINVAL, &filter, "an IPv6 address with an IPv4 address");
	filter = parse_good("remote_addr=10.0.0.1");
	filter.tsf_flags |= TCPSTATS_FILTER_REMOTE_IS_V6;
	expect(EINVAL, &filter, "an IPv4 address that is said to be IPv6");
	filter = parse_good("remote_addr=fd00::/8");
	filter.tsf_flags = 0;
	expect(EINVAL, &filter, "an IPv6 address without any flag");
}

static void
test_families(void)
{
	struct tcpstats_filter filter = parse_good("");

	filter.tsf_flags = TCPSTATS_FILTER_IPV4_ONLY |
	    TCPSTATS_FILTER_IPV6_ONLY;
	expect(EINVAL, &filter, "both family flags");
	filter = parse_good("local_addr=fd00::1");
	filter.tsf_flags |= TCPSTATS_FILTER_IPV4_ONLY;
	expect(EINVAL, &filter, "an IPv6 address with ipv4_only");
	filter.tsf_flags &= ~TCPSTATS_FILTER_LOCAL_IS_V6;
	expect(EINVAL, &filter, "the same without the IPv6 flag");
	filter = parse_good("remote_addr=10.0.0.1");
	filter.tsf_flags |= TCPSTATS_FILTER_IPV6_ONLY;
	expect(EINVAL, &filter, "an IPv4 address with ipv6_only");
	filter = parse_good("local_addr=10.0.0.1");
	filter.tsf_flags |= TCPSTATS_FILTER_REMOTE_ADDR |
	    TCPSTATS_FILTER_REMOTE_IS_V6;
	expect(EINVAL, &filter, "addresses of two families");
}

/* ---- Printing ---- */

struct printed {
	const char *text;
	const char *canonical;
};

static const struct printed printed[] = {
	{ "", "" },
	{ "LOCAL_PORT=443,80", "local_port=443,80" },
	{ "remote_port=65535 local_port=1", "local_port=1 remote_port=65535" },
	{ "local_addr=10.0.0.1/32", "local_addr=10.0.0.1" },
	{ "local_addr=10.0.0.0/8", "local_addr=10.0.0.0/8" },
	{ "local_addr=0.0.0.0/0", "local_addr=0.0.0.0/0" },
	{ "local_addr=0.0.0.0", "local_addr=0.0.0.0" },
	{ "remote_addr=255.254.253.252", "remote_addr=255.254.253.252" },
	{ "local_addr=2001:0DB8::0001/128", "local_addr=2001:db8::1" },
	{ "local_addr=::", "local_addr=::" },
	{ "local_addr=::/0", "local_addr=::/0" },
	{ "local_addr=::1", "local_addr=::1" },
	{ "local_addr=1::", "local_addr=1::" },
	{ "local_addr=0:0:1:0:0:0:0:1", "local_addr=0:0:1::1" },
	{ "local_addr=1:0:0:2:0:0:0:3", "local_addr=1:0:0:2::3" },
	{ "local_addr=1:0:0:2:3:0:0:4", "local_addr=1::2:3:0:0:4" },
	{ "local_addr=1:0:2:3:4:5:6:7", "local_addr=1:0:2:3:4:5:6:7" },
	{ "local_addr=1::3:4:5:6:7:8", "local_addr=1:0:3:4:5:6:7:8" },
	{ "local_addr=0:2:3:4:5:6:0:0", "local_addr=0:2:3:4:5:6::" },
	{ "local_addr=::ffff:7f00:1", "local_addr=::ffff:7f00:1" },
	{ "remote_addr=fe80::/10", "remote_addr=fe80::/10" },
	{ "ipv4_only", "ipv4_only" },
	{ "ipv6_only remote_addr=::/1", "remote_addr=::/1 ipv6_only" },
	{ "exclude=timewait,closed", "exclude=closed,time_wait" },
	{ "include_state=syn_rcvd,closewait",
	    "include_state=syn_received,close_wait" },
	{ "fields=ecn,state", "fields=state,ecn" },
	{ "fields=all", "fields=all" },
	{ "fields=default", "" },
	{ "fields=buffers,rtt,congestion,state,identity", "" },
	{ "fields=default,counters,rtt",
	    "fields=identity,state,congestion,rtt,counters,buffers" },
	{ "format=compact", "" },
	{ "format=full", "format=full" },
	{ "format=full fields=all", "format=full" },
	{ "format=full fields=default", "fields=default format=full" },
	{ "format=full fields=rtt", "fields=rtt format=full" },
};

/* The canonical text of the longest filter that there is. */
static const char longest[] =
    "local_port=65535,65534,65533,65532,65531,65530,65529,65528 "
    "remote_port=65535,65534,65533,65532,65531,65530,65529,65528 "
    "local_addr=ffff:ffff:ffff:ffff:ffff:ffff:ffff:fffe/127 "
    "remote_addr=ffff:ffff:ffff:ffff:ffff:ffff:ffff:fffe/127 ipv6_only "
    "exclude=closed,listen,syn_sent,syn_received,established,close_wait,"
    "fin_wait_1,closing,last_ack,fin_wait_2,time_wait "
    "fields=identity,state,congestion,sequences,counters,timers,buffers,ecn,"
    "names format=full";

static void
test_printed(const char *text, const char *canonical)
{
	const struct tcpstats_filter filter = parse_good(text);
	char got[TEXT_SIZE];
	size_t len;

	len = tcpstats_filter_print(&filter, got, sizeof(got));
	if (!tap_ok(strcmp(got, canonical) == 0 && len == strlen(canonical),
		"prints \"%s\" as \"%s\"", text, canonical))
		tap_diag("got \"%s\", length %zu", got, len);
}

static void
test_cut_off(void)
{
	const struct tcpstats_filter filter = parse_good(longest);
	char got[TEXT_SIZE];
	bool good = true;

	for (size_t size = 0; size <= sizeof(got); size++) {
		memset(got, '~', sizeof(got));
		good &= tcpstats_filter_print(&filter, got, size) ==
		    strlen(longest);
		if (size == 0) {
			good &= got[0] == '~';
			continue;
		}
		if (size > strlen(longest)) {
			good &= strcmp(got, longest) == 0;
			continue;
		}
		good &= strlen(got) == size - 1 &&
		    strncmp(got, longest, size - 1) == 0 && got[size] == '~';
	}
	tap_ok(good, "cuts the text off at each size, terminated");
	good = tcpstats_filter_print(&filter, NULL, 0) == strlen(longest);
	tap_ok(good, "tells the length of the text without a buffer");
}

/* ---- What ioctl(2) takes the language can say ---- */

static void
random_ports(uint32_t *random, uint16_t ports[TCPSTATS_MAX_PORTS])
{
	uint32_t count = random_below(random, TCPSTATS_MAX_PORTS + 1);

	for (uint32_t i = 0; i < count; i++)
		ports[i] = htons(
		    (uint16_t)(1 + 7 * i + random_below(random, 7)));
}

static void
random_address(uint32_t *random, uint8_t addr[16], uint8_t *prefix)
{

	*prefix = (uint8_t)random_below(random, 129);
	for (unsigned int bit = 0; bit < *prefix; bit++)
		if (random_below(random, 4) == 0)
			addr[bit / 8] |= (uint8_t)(0x80 >> bit % 8);
}

static void
random_v4(uint32_t *random, uint32_t *addr, uint32_t *mask)
{
	uint32_t host;

	host = (uint32_t)(0xffffffff00000000U >> random_below(random, 33));
	*mask = htonl(host);
	*addr = htonl(next_random(random) & host);
}

/*
 * A filter that is valid often, but not always: its parts are, how they are
 * put together is up to chance, and sometimes a byte is anything.
 */
static struct tcpstats_filter
random_filter(uint32_t *random)
{
	struct tcpstats_filter filter;

	tcpstats_filter_init(&filter);
	random_ports(random, filter.tsf_local_ports);
	if (filter.tsf_local_ports[0] != 0)
		filter.tsf_flags |= TCPSTATS_FILTER_LOCAL_PORT;
	random_ports(random, filter.tsf_remote_ports);
	if (filter.tsf_remote_ports[0] != 0)
		filter.tsf_flags |= TCPSTATS_FILTER_REMOTE_PORT;
	if (random_below(random, 2) == 0) {
		filter.tsf_flags |= TCPSTATS_FILTER_LOCAL_ADDR;
		random_address(random, filter.tsf_local_addr_v6,
		    &filter.tsf_local_prefix_v6);
	}
	if (random_below(random, 2) == 0) {
		filter.tsf_flags |= TCPSTATS_FILTER_REMOTE_ADDR;
		if (random_below(random, 2) == 0)
			random_address(random, filter.tsf_remote_addr_v6,
			    &filter.tsf_remote_prefix_v6);
		else
			random_v4(random, &filter.tsf_remote_addr_v4,
			    &filter.tsf_remote_mask_v4);
	}
	if (random_below(random, 2) == 0)
		filter.tsf_flags |= next_random(random) & 0x7ff;
	else {
		filter.tsf_flags |= TCPSTATS_FILTER_STATE_INCLUDE;
		filter.tsf_state_mask = next_random(random) & 0x7ff;
	}
	if (random_below(random, 4) == 0)
		filter.tsf_flags |= 0x20000U << random_below(random, 4);
	filter.tsf_field_mask = next_random(random) & 0x3ff;
	filter.tsf_format = random_below(random, 2);
	if (random_below(random, 4) == 0)
		((uint8_t *)&filter)[random_below(random, sizeof(filter))] =
		    (uint8_t)next_random(random);
	return (filter);
}

/* Would the two treat each of some random sockets alike? */
static bool
mean_the_same(const struct tcpstats_filter *a, const struct tcpstats_filter *b,
    uint32_t *random)
{
	struct tcpstats_matcher matcher_a, matcher_b;
	uint8_t local[16], remote[16];
	struct tcpstats_socket socket = {
		.ts_gencnt = 1,
		.ts_local_addr = local,
		.ts_remote_addr = remote,
		.ts_visible = true,
	};

	tcpstats_matcher_prepare(&matcher_a, a);
	tcpstats_matcher_prepare(&matcher_b, b);
	for (int i = 0; i < 16; i++) {
		memcpy(local, a->tsf_local_addr_v6, 16);
		memcpy(remote, a->tsf_remote_addr_v6, 16);
		socket.ts_ipv6 = random_below(random, 2) == 0;
		if (!socket.ts_ipv6)
			memcpy(remote, &a->tsf_remote_addr_v4, 4);
		local[random_below(random, 16)] ^= (uint8_t)random_below(random,
		    2);
		remote[random_below(random, 16)] ^= (uint8_t)
		    random_below(random, 2);
		socket.ts_local_port = a->tsf_local_ports[random_below(random,
		    TCPSTATS_MAX_PORTS)];
		socket.ts_remote_port = a->tsf_remote_ports[random_below(random,
		    TCPSTATS_MAX_PORTS)];
		socket.ts_state = (uint8_t)random_below(random,
		    TCPSTATS_NSTATES);
		if (tcpstats_match(&matcher_a, &socket) !=
		    tcpstats_match(&matcher_b, &socket))
			return (false);
	}
	return (a->tsf_field_mask == b->tsf_field_mask &&
	    a->tsf_format == b->tsf_format);
}

static void
test_round_trip(void)
{
	struct tcpstats_filter filter, again;
	char text[TEXT_SIZE], text_again[TEXT_SIZE];
	uint32_t random = 2;
	unsigned int valid = 0, invalid = 0, wrong = 0;
	size_t len;

	for (int i = 0; i < 100000; i++) {
		filter = random_filter(&random);
		if (tcpstats_filter_validate(&filter) != 0) {
			invalid++;
			continue;
		}
		valid++;
		len = tcpstats_filter_print(&filter, text, sizeof(text));
		if (len > TCPSTATS_FILTER_MAXLEN ||
		    parse_bytes(text, len, &again, NULL) != 0 ||
		    tcpstats_filter_validate(&again) != 0 ||
		    !mean_the_same(&filter, &again, &random)) {
			wrong++;
			continue;
		}
		tcpstats_filter_print(&again, text_again, sizeof(text_again));
		if (strcmp(text, text_again) != 0)
			wrong++;
	}
	tap_ok(wrong == 0,
	    "what is valid can be printed, parsed, means the "
	    "same and prints the same");
	tap_ok(valid > 10000 && invalid > 10000,
	    "of 100000 random filters, many are valid and many are not");
	tap_diag("%u valid, %u not, %u wrong", valid, invalid, wrong);
}

int
main(void)
{

	test_version();
	test_unknown_bits();
	test_padding();
	test_states();
	test_ports();
	test_v4_addresses();
	test_v6_addresses();
	test_families();
	for (size_t i = 0; i < NITEMS(printed); i++)
		test_printed(printed[i].text, printed[i].canonical);
	test_printed(longest, longest);
	test_cut_off();
	test_round_trip();
	return (tap_done());
}
