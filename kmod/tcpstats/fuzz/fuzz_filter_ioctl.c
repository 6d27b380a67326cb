/*-
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * Filters as ioctl(2) gets them, any 124 bytes: what is accepted the language
 * can say, and says of every socket the same.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <string.h>

#include "fuzz.h"

/* One end of a socket. */
struct end {
	uint8_t addr[16];
	uint16_t port; /* network byte order */
};

/* The ends that a filter is most likely to tell apart. */
struct ends {
	struct end end[32];
	size_t count;
};

static void
add_end(struct ends *ends, const void *addr, size_t len, uint16_t port)
{
	struct end *end = &ends->end[ends->count++];

	memset(end, 0, sizeof(*end));
	memcpy(end->addr, addr, len);
	end->port = port;
}

/*
 * The address, and those that differ from it in the first bit, on either side
 * of the prefix, and in the last bit.
 */
static void
add_addresses(struct ends *ends, const void *addr, size_t len,
    unsigned int prefix, uint16_t port)
{
	const unsigned int last = (unsigned int)len * 8 - 1;
	const unsigned int bits[] = { 0, prefix == 0 ? 0 : prefix - 1, prefix,
		last };
	uint8_t changed[16];

	add_end(ends, addr, len, port);
	for (size_t i = 0; i < sizeof(bits) / sizeof(bits[0]); i++) {
		if (bits[i] > last)
			continue;
		memcpy(changed, addr, len);
		changed[bits[i] / 8] ^= 0x80 >> bits[i] % 8;
		add_end(ends, changed, len, port);
	}
}

static unsigned int
ones(uint32_t mask)
{

	return ((unsigned int)__builtin_popcount(mask));
}

static struct ends
make_ends(bool ipv6, const uint16_t ports[TCPSTATS_MAX_PORTS], uint32_t addr_v4,
    uint32_t mask_v4, const uint8_t addr_v6[16], unsigned int prefix_v6)
{
	const void *addr = ipv6 ? (const void *)addr_v6 :
				  (const void *)&addr_v4;
	const size_t len = ipv6 ? 16 : 4;
	struct ends ends = { .count = 0 };

	add_addresses(&ends, addr, len, ipv6 ? prefix_v6 : ones(mask_v4),
	    ports[0]);
	for (size_t i = 0; i < TCPSTATS_MAX_PORTS; i++) {
		add_end(&ends, addr, len, ports[i]);
		add_end(&ends, addr, len, (uint16_t)(ports[i] ^ htons(1)));
	}
	return (ends);
}

/* An accepted filter and what its text is parsed to, prepared. */
struct twins {
	struct tcpstats_matcher accepted;
	struct tcpstats_matcher parsed;
};

static void
check_socket(const struct twins *twins, const struct tcpstats_socket *socket,
    const char *text)
{
	enum tcpstats_verdict verdict, verdict_parsed;

	verdict = tcpstats_match(&twins->accepted, socket);
	verdict_parsed = tcpstats_match(&twins->parsed, socket);
	CHECK(verdict == verdict_parsed,
	    "an accepted filter says %d of a socket and its text '%s' %d",
	    verdict, text, verdict_parsed);
}

/* Every pair of ends in one state, and one pair in every state. */
static void
check_family(const struct tcpstats_filter *filter, const struct twins *twins,
    bool ipv6, const char *text)
{
	const struct ends local = make_ends(ipv6, filter->tsf_local_ports,
	    filter->tsf_local_addr_v4, filter->tsf_local_mask_v4,
	    filter->tsf_local_addr_v6, filter->tsf_local_prefix_v6);
	const struct ends remote = make_ends(ipv6, filter->tsf_remote_ports,
	    filter->tsf_remote_addr_v4, filter->tsf_remote_mask_v4,
	    filter->tsf_remote_addr_v6, filter->tsf_remote_prefix_v6);
	struct tcpstats_socket socket = {
		.ts_gencnt = 1,
		.ts_ipv6 = ipv6,
		.ts_visible = true,
	};

	/* A state that passes, if there is one. */
	while (socket.ts_state < TCPSTATS_NSTATES - 1 &&
	    ((filter->tsf_state_mask & ~filter->tsf_flags) &
		1U << socket.ts_state) == 0)
		socket.ts_state++;
	for (size_t i = 0; i < local.count; i++)
		for (size_t j = 0; j < remote.count; j++) {
			socket.ts_local_addr = local.end[i].addr;
			socket.ts_local_port = local.end[i].port;
			socket.ts_remote_addr = remote.end[j].addr;
			socket.ts_remote_port = remote.end[j].port;
			check_socket(twins, &socket, text);
		}
	socket.ts_local_addr = local.end[0].addr;
	socket.ts_local_port = local.end[0].port;
	socket.ts_remote_addr = remote.end[0].addr;
	socket.ts_remote_port = remote.end[0].port;
	for (socket.ts_state = 0; socket.ts_state < TCPSTATS_NSTATES;
	     socket.ts_state++)
		check_socket(twins, &socket, text);
}

static void
check_accepted(const struct tcpstats_filter *filter)
{
	char text[TCPSTATS_FILTER_MAXLEN + 1];
	const struct tcpstats_filter parsed = check_printed(filter, text);
	struct twins twins;

	CHECK(parsed.tsf_field_mask == filter->tsf_field_mask &&
		parsed.tsf_format == filter->tsf_format,
	    "'%s' has fields %#x, format %u for %#x, %u", text,
	    parsed.tsf_field_mask, parsed.tsf_format, filter->tsf_field_mask,
	    filter->tsf_format);
	tcpstats_matcher_prepare(&twins.accepted, filter);
	tcpstats_matcher_prepare(&twins.parsed, &parsed);
	check_family(filter, &twins, false, text);
	check_family(filter, &twins, true, text);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct tcpstats_filter *filter;
	int status;

	if (size != sizeof(*filter))
		return (0);
	filter = malloc(sizeof(*filter));
	memcpy(filter, data, sizeof(*filter));
	status = tcpstats_filter_validate(filter);
	CHECK(memcmp(filter, data, sizeof(*filter)) == 0,
	    "validation changed the filter");
	CHECK(status == 0 || status == EINVAL || status == ENOTSUP,
	    "a filter is refused with %d", status);
	CHECK((status == ENOTSUP) ==
		(filter->tsf_version != TCPSTATS_FILTER_VERSION),
	    "version %u is answered with %d", filter->tsf_version, status);
	if (status == 0)
		check_accepted(filter);
	free(filter);
	return (0);
}
