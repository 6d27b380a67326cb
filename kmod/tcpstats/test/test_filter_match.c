/*-
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * The matcher, against the oracle of match_model.h and a few single facts.
 */
#include <string.h>

#include "match_model.h"
#include "support.h"
#include "tap.h"

static const struct model_socket plain_v4 = {
	.visible = true,
	.family = IPV4,
	.state = TCPSTATS_ESTABLISHED,
	.local_port = 443,
	.remote_port = 50000,
	.local = { 10, 0, 0, 1 },
	.remote = { 10, 0, 0, 2 },
};

static const struct model_socket plain_v6 = {
	.visible = true,
	.family = IPV6,
	.state = TCPSTATS_ESTABLISHED,
	.local_port = 443,
	.remote_port = 50000,
	.local = { 0xfd, [15] = 1 },
	.remote = { 0xfd, [15] = 2 },
};

/* ---- Every combination of a little of everything ---- */

struct named_family {
	const char *name;
	enum family family;
};

struct named_states {
	const char *name;
	uint16_t excluded, included;
};

static const struct named_family families[] = {
	{ "either family", ANY },
	{ "ipv4_only", IPV4 },
	{ "ipv6_only", IPV6 },
};

static const struct named_states state_sets[] = {
	{ "every state", 0, 0 },
	{ "listen excluded", 1 << TCPSTATS_LISTEN, 0 },
	{ "listen included", 0, 1 << TCPSTATS_LISTEN },
};

static const uint16_t port_lists[][TCPSTATS_MAX_PORTS] = {
	{ 0 },
	{ 80 },
	{ 22, 443 },
};

static const struct model_address addresses[] = {
	{ .family = ANY },
	{ IPV4, { 0 }, 0 },
	{ IPV4, { 10 }, 8 },
	{ IPV4, { 10, 0, 0, 1 }, 32 },
	{ IPV6, { 0 }, 0 },
	{ IPV6, { 0xfd }, 8 },
	{ IPV6, { 0xfd, [15] = 1 }, 128 },
};

#define NLISTS NITEMS(port_lists)
#define NADDRESSES NITEMS(addresses)

static struct model_socket all_sockets[1024];

/* The bits of a socket's index say which of two each of its properties is. */
static void
make_all_sockets(void)
{
	struct model_socket *socket;

	for (unsigned int i = 0; i < NITEMS(all_sockets); i++) {
		socket = &all_sockets[i];
		*socket = (i & 1) != 0 ? plain_v4 : plain_v6;
		socket->visible = (i & 2) != 0;
		socket->state = (i & 4) != 0 ? TCPSTATS_LISTEN :
					       TCPSTATS_TIME_WAIT;
		socket->local_port = (i & 8) != 0 ? 80 : 443;
		socket->remote_port = (i & 16) != 0 ? 80 : 443;
		socket->local[0] ^= (i & 32) != 0;
		socket->local[3] ^= (i & 64) != 0;
		socket->local[15] ^= (i & 128) != 0;
		socket->remote[0] ^= (i & 256) != 0;
		socket->remote[3] = (i & 512) != 0;
	}
}

static void
test_combinations(const struct named_family *only,
    const struct named_states *states)
{
	struct model_filter model;
	size_t rest;
	unsigned int differ = 0;

	for (size_t i = 0; i < NLISTS * NLISTS * NADDRESSES * NADDRESSES; i++) {
		memset(&model, 0, sizeof(model));
		model.only = only->family;
		model.excluded = states->excluded;
		model.included = states->included;
		rest = i;
		memcpy(model.local_ports, port_lists[rest % NLISTS],
		    sizeof(model.local_ports));
		rest /= NLISTS;
		memcpy(model.remote_ports, port_lists[rest % NLISTS],
		    sizeof(model.remote_ports));
		rest /= NLISTS;
		model.local = addresses[rest % NADDRESSES];
		rest /= NADDRESSES;
		model.remote = addresses[rest];
		differ += model_differences(&model, all_sockets,
		    NITEMS(all_sockets));
	}
	tap_ok(differ == 0,
	    "441 filters, 1024 sockets: %s, %s, any ports and addresses",
	    only->name, states->name);
	if (differ != 0)
		tap_diag("%u verdicts differ from the oracle's", differ);
}

/* ---- One property at a time, all of it ---- */

static void
test_every_state_set(void)
{
	struct model_socket sockets[TCPSTATS_NSTATES];
	struct model_filter model = { .only = ANY };
	unsigned int differ = 0;

	for (uint8_t state = 0; state < TCPSTATS_NSTATES; state++) {
		sockets[state] = plain_v4;
		sockets[state].state = state;
	}
	for (unsigned int set = 0; set < 1U << TCPSTATS_NSTATES; set++) {
		model.excluded = (uint16_t)set;
		differ += model_differences(&model, sockets, NITEMS(sockets));
	}
	tap_ok(differ == 0, "each of 11 states, each of 2048 exclude sets");
	differ = 0;
	model.excluded = 0;
	for (unsigned int set = 1; set < 1U << TCPSTATS_NSTATES; set++) {
		model.included = (uint16_t)set;
		differ += model_differences(&model, sockets, NITEMS(sockets));
	}
	tap_ok(differ == 0, "each of 11 states, each of 2047 include sets");
}

static void
test_every_port_position(void)
{
	struct model_filter model;
	struct model_socket socket = plain_v4;
	unsigned int wrong = 0;
	uint16_t port;

	for (uint16_t length = 1; length <= TCPSTATS_MAX_PORTS; length++)
		for (uint16_t i = 0; i < TCPSTATS_MAX_PORTS + 2; i++) {
			memset(&model, 0, sizeof(model));
			for (uint16_t at = 0; at < length; at++) {
				port = (uint16_t)(0x0101 + 0x1f0 * at);
				model.local_ports[at] = port;
				model.remote_ports[length - 1 - at] = port;
			}
			socket.local_port = (uint16_t)(0x0101 + 0x1f0 * i);
			socket.remote_port = 0x0101;
			wrong += model_differences(&model, &socket, 1);
			socket.remote_port = socket.local_port;
			socket.local_port = 0x0101;
			wrong += model_differences(&model, &socket, 1);
		}
	tap_ok(wrong == 0, "a port at each place of a list of each length");
}

/* A port is compared whole and in network byte order. */
static void
test_port_byte_order(void)
{
	const struct tcpstats_filter filter = parse_good("local_port=4660");
	struct model_socket socket = plain_v4;

	socket.local_port = 0x1234;
	tap_ok(model_match(&filter, &socket) == TCPSTATS_MATCH,
	    "port 0x1234 is 4660");
	socket.local_port = 0x3412;
	tap_ok(model_match(&filter, &socket) == TCPSTATS_SKIP_PORT,
	    "port 0x3412 is not 4660");
}

/* Each end filters its own port and address, never the other's. */
static void
test_ends_are_not_mixed_up(void)
{
	static const struct {
		const char *filter, *with_ends_swapped;
	} cases[] = {
		{ "local_port=443", "remote_port=443" },
		{ "remote_port=50000", "local_port=50000" },
		{ "local_addr=10.0.0.1", "remote_addr=10.0.0.1" },
		{ "remote_addr=10.0.0.2", "local_addr=10.0.0.2" },
	};
	struct tcpstats_filter filter;

	for (size_t i = 0; i < NITEMS(cases); i++) {
		filter = parse_good(cases[i].filter);
		tap_ok(model_match(&filter, &plain_v4) == TCPSTATS_MATCH,
		    "10.0.0.1:443 to 10.0.0.2:50000 matches %s",
		    cases[i].filter);
		filter = parse_good(cases[i].with_ends_swapped);
		tap_ok(model_match(&filter, &plain_v4) != TCPSTATS_MATCH,
		    "10.0.0.1:443 to 10.0.0.2:50000 does not match %s",
		    cases[i].with_ends_swapped);
	}
}

/* Flip each bit of an address under each prefix: only those behind it may. */
static void
test_every_prefix(enum family family, unsigned int width)
{
	static const uint8_t pattern[16] = { 0xa5, 0x3c, 0x96, 0xf0, 0x0f, 0x69,
		0xc3, 0x5a, 0xff, 0x00, 0x81, 0x7e, 0x12, 0x34, 0x56, 0x78 };
	struct model_filter local, remote;
	struct model_socket socket = family == IPV4 ? plain_v4 : plain_v6;
	unsigned int wrong = 0;

	for (unsigned int prefix = 0; prefix <= width; prefix++) {
		memset(&local, 0, sizeof(local));
		local.local.family = family;
		local.local.prefix = prefix;
		for (unsigned int bit = 0; bit < prefix; bit++)
			local.local.bytes[bit / 8] |=
			    (uint8_t)(pattern[bit / 8] & 0x80 >> bit % 8);
		memset(&remote, 0, sizeof(remote));
		remote.remote = local.local;
		for (unsigned int flip = 0; flip <= width; flip++) {
			memcpy(socket.local, pattern, 16);
			if (flip < width)
				socket.local[flip / 8] ^= (uint8_t)(0x80 >>
				    flip % 8);
			memcpy(socket.remote, socket.local, 16);
			wrong += model_differences(&local, &socket, 1);
			wrong += model_differences(&remote, &socket, 1);
		}
	}
	tap_ok(wrong == 0, "each bit flipped under each IPv%c prefix length",
	    family == IPV4 ? '4' : '6');
}

/* ---- Single facts ---- */

struct verdict_case {
	const char *name;
	const char *filter;
	const struct model_socket *socket;
	enum tcpstats_verdict verdict;
};

static const struct verdict_case verdict_cases[] = {
	{ "the empty filter lets IPv4 through", "", &plain_v4, TCPSTATS_MATCH },
	{ "the empty filter lets IPv6 through", "", &plain_v6, TCPSTATS_MATCH },
	{ "0.0.0.0/0 matches every IPv4 socket", "local_addr=0.0.0.0/0",
	    &plain_v4, TCPSTATS_MATCH },
	{ "0.0.0.0/0 matches no IPv6 socket", "local_addr=0.0.0.0/0", &plain_v6,
	    TCPSTATS_SKIP_ADDR },
	{ "::/0 matches every IPv6 socket", "remote_addr=::/0", &plain_v6,
	    TCPSTATS_MATCH },
	{ "::/0 matches no IPv4 socket", "remote_addr=::/0", &plain_v4,
	    TCPSTATS_SKIP_ADDR },
	{ "fault: an IPv4 address filter lets no IPv6 socket through",
	    "local_addr=10.0.0.1", &plain_v6, TCPSTATS_SKIP_ADDR },
	{ "fault: an IPv6 address filter lets no IPv4 socket through",
	    "local_addr=fd00::1", &plain_v4, TCPSTATS_SKIP_ADDR },
	{ "an IPv4-mapped prefix does not match what counts as IPv4",
	    "local_addr=::ffff:0:0/96", &plain_v4, TCPSTATS_SKIP_ADDR },
	{ "what counts as IPv4 passes ipv4_only", "ipv4_only", &plain_v4,
	    TCPSTATS_MATCH },
	{ "what counts as IPv4 does not pass ipv6_only", "ipv6_only", &plain_v4,
	    TCPSTATS_SKIP_IPVER },
};

static void
test_verdicts(void)
{
	struct tcpstats_filter filter;

	for (size_t i = 0; i < NITEMS(verdict_cases); i++) {
		filter = parse_good(verdict_cases[i].filter);
		tap_ok(model_match(&filter, verdict_cases[i].socket) ==
			verdict_cases[i].verdict,
		    "%s", verdict_cases[i].name);
	}
}

/* A socket that fails on all counts, put right one by one. */
static void
test_order_of_reasons(void)
{
	const struct tcpstats_filter filter = parse_good(
	    "ipv4_only exclude=listen remote_port=80 remote_addr=192.0.2.1");
	struct model_socket socket = plain_v6;

	socket.visible = false;
	socket.state = TCPSTATS_LISTEN;
	tap_ok(model_match(&filter, &socket) == TCPSTATS_SKIP_CRED,
	    "the credential is the first reason");
	socket.visible = true;
	tap_ok(model_match(&filter, &socket) == TCPSTATS_SKIP_IPVER,
	    "the IP version comes before the state");
	socket.family = IPV4;
	tap_ok(model_match(&filter, &socket) == TCPSTATS_SKIP_STATE,
	    "the state comes before the port");
	socket.state = TCPSTATS_CLOSED;
	tap_ok(model_match(&filter, &socket) == TCPSTATS_SKIP_PORT,
	    "the port comes before the address");
	socket.remote_port = 80;
	tap_ok(model_match(&filter, &socket) == TCPSTATS_SKIP_ADDR,
	    "the address is the last reason");
	memcpy(socket.remote, (const uint8_t[]) { 192, 0, 2, 1 }, 4);
	tap_ok(model_match(&filter, &socket) == TCPSTATS_MATCH,
	    "a socket with no reason against it matches");
}

/* Readers of before the flags *_IS_V6 set neither of them. */
static void
test_filters_without_v6_flags(void)
{
	struct tcpstats_filter filter = parse_good("remote_addr=fd00::2");

	filter.tsf_flags &= ~TCPSTATS_FILTER_REMOTE_IS_V6;
	tap_ok(model_match(&filter, &plain_v6) == TCPSTATS_MATCH,
	    "an IPv6 address without its flag matches IPv6");
	tap_ok(model_match(&filter, &plain_v4) == TCPSTATS_SKIP_ADDR,
	    "an IPv6 address without its flag does not match IPv4");
	filter = parse_good("remote_addr=::");
	filter.tsf_flags &= ~TCPSTATS_FILTER_REMOTE_IS_V6;
	tap_ok(model_match(&filter, &plain_v4) == TCPSTATS_SKIP_ADDR,
	    "an IPv6 prefix length alone makes the address IPv6");
	filter = parse_good("remote_addr=::/0");
	filter.tsf_flags &= ~TCPSTATS_FILTER_REMOTE_IS_V6;
	tap_ok(model_match(&filter, &plain_v4) == TCPSTATS_MATCH,
	    "no address at all without the flag is 0.0.0.0/0");
	tap_ok(model_match(&filter, &plain_v6) == TCPSTATS_SKIP_ADDR,
	    "and that does not match IPv6");
}

int
main(void)
{

	make_all_sockets();
	for (size_t i = 0; i < NITEMS(families); i++)
		for (size_t j = 0; j < NITEMS(state_sets); j++)
			test_combinations(&families[i], &state_sets[j]);
	test_every_state_set();
	test_every_port_position();
	test_port_byte_order();
	test_ends_are_not_mixed_up();
	test_every_prefix(IPV4, 32);
	test_every_prefix(IPV6, 128);
	test_verdicts();
	test_order_of_reasons();
	test_filters_without_v6_flags();
	return (tap_done());
}
