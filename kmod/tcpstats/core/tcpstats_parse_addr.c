/*-
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * The parser of addresses: IPv4 in four decimal octets, IPv6 in hexadecimal
 * groups (RFC 4291, 2.2, forms 1 and 2), each with an optional prefix length.
 */
#include "tcpstats_language.h"
#include "tcpstats_parse.h"
#include "tcpstats_port.h"

#define V4_OCTETS 4
#define V6_GROUPS 8

/* What ends an octet, a group, and an address. */
static const char octet_stops[2] = { '.', '/' };
static const char group_stops[2] = { ':', '/' };
static const char address_stops[2] = { '/', '/' };

static const struct tcpstats_number_rules octet_rules = {
	.max = 255,
	.stops = { '.', '/' },
	.missing = "octet missing in IPv4 address",
	.not_a_number = "octet of IPv4 address is not a number",
	.leading_zero = "octet of IPv4 address has a leading zero",
	.too_large = "octet of IPv4 address is above 255",
};

static const struct tcpstats_number_rules prefix_v4_rules = {
	.max = 32,
	.stops = { ' ', ' ' },
	.missing = "prefix length missing",
	.not_a_number = "prefix length is not a number",
	.leading_zero = "prefix length has a leading zero",
	.too_large = "prefix length of IPv4 address is above 32",
};

static const struct tcpstats_number_rules prefix_v6_rules = {
	.max = 128,
	.stops = { ' ', ' ' },
	.missing = "prefix length missing",
	.not_a_number = "prefix length is not a number",
	.leading_zero = "prefix length has a leading zero",
	.too_large = "prefix length of IPv6 address is above 128",
};

/* Refuse the whole address that begins there. */
static int
refuse_address(const struct tcpstats_scan *scan, const char *begin,
    const char *message)
{

	return (tcpstats_refuse(scan, begin,
	    tcpstats_find_stop(scan, begin, address_stops), message));
}

static int
scan_v4(struct tcpstats_scan *scan, uint32_t *addr)
{
	const char *begin = scan->at;
	uint32_t host = 0, octet;
	int error;

	for (int left = V4_OCTETS - 1; left >= 0; left--) {
		error = tcpstats_scan_number(scan, &octet_rules, &octet);
		if (error != 0)
			return (error);
		host = host << 8 | octet;
		if ((tcpstats_peek(scan) == '.') != (left > 0))
			return (refuse_address(scan, begin,
			    "IPv4 address does not have four octets"));
		if (left > 0)
			scan->at++;
	}
	*addr = htonl(host);
	return (0);
}

/* The value of a hexadecimal digit, or 16. */
static unsigned int
hex_value(char c)
{

	if (c >= '0' && c <= '9')
		return ((unsigned int)(c - '0'));
	if (c >= 'a' && c <= 'f')
		return ((unsigned int)(c - 'a') + 10);
	if (c >= 'A' && c <= 'F')
		return ((unsigned int)(c - 'A') + 10);
	return (16);
}

static int
scan_group(struct tcpstats_scan *scan, uint8_t group[2])
{
	const char *begin = scan->at, *at, *stop;
	unsigned int digit, value = 0;

	for (at = begin; at < scan->end; at++) {
		digit = hex_value(*at);
		if (digit == 16)
			break;
		value = value << 4 | digit;
	}
	stop = tcpstats_find_stop(scan, at, group_stops);
	if (stop != at)
		return (tcpstats_refuse(scan, begin, stop,
		    "group of IPv6 address is not hexadecimal"));
	if (at == begin)
		return (tcpstats_refuse(scan, begin, at,
		    "group missing in IPv6 address"));
	if (at - begin > 4)
		return (tcpstats_refuse(scan, begin, at,
		    "group of IPv6 address is longer than four digits"));
	scan->at = at;
	group[0] = (uint8_t)(value >> 8);
	group[1] = (uint8_t)value;
	return (0);
}

static bool
at_gap(const struct tcpstats_scan *scan)
{

	return (scan->end - scan->at >= 2 && scan->at[0] == ':' &&
	    scan->at[1] == ':');
}

/* Is nothing left of the address but perhaps its prefix length? */
static bool
at_address_end(const struct tcpstats_scan *scan)
{
	char next = tcpstats_peek(scan);

	return (next == ' ' || next == '/');
}

/*
 * Move the groups behind the gap to the end.  count groups were read, those
 * from gap on behind "::", which stands for the zeros that are left.
 */
static void
open_gap(uint8_t addr[2 * V6_GROUPS], unsigned int count, unsigned int gap)
{
	unsigned int behind = 2 * (count - gap);

	memmove(&addr[2 * V6_GROUPS - behind], &addr[2 * gap], behind);
	memset(&addr[2 * gap], 0, 2 * V6_GROUPS - behind - 2 * gap);
}

static int
scan_v6(struct tcpstats_scan *scan, uint8_t addr[2 * V6_GROUPS])
{
	const char *begin = scan->at;
	unsigned int count = 0, gap = 0;
	bool has_gap = false;
	int error;

	do {
		if (at_gap(scan)) {
			if (has_gap)
				return (refuse_address(scan, begin,
				    "IPv6 address has two '::'"));
			has_gap = true;
			gap = count;
			scan->at += 2;
			if (at_address_end(scan))
				break;
		} else if (count > 0)
			scan->at++; /* the ':' that ended the last group */
		if (count == V6_GROUPS)
			return (refuse_address(scan, begin,
			    "IPv6 address has more than eight groups"));
		error = scan_group(scan, &addr[2 * count]);
		if (error != 0)
			return (error);
		count++;
	} while (!at_address_end(scan));
	if (has_gap && count == V6_GROUPS)
		return (refuse_address(scan, begin,
		    "IPv6 address has eight groups beside '::'"));
	if (!has_gap && count < V6_GROUPS)
		return (refuse_address(scan, begin,
		    "IPv6 address has fewer than eight groups"));
	if (has_gap)
		open_gap(addr, count, gap);
	return (0);
}

/* A ':' before any '.' or '/' makes an address an IPv6 one. */
static bool
looks_like_v6(const struct tcpstats_scan *scan)
{
	const char *at = scan->at;

	while (at < scan->end && *at != ':' && *at != ' ' &&
	    *at != octet_stops[0] && *at != octet_stops[1])
		at++;
	return (at < scan->end && *at == ':');
}

/* Move behind "/PREFIX"; where there is none the prefix is the longest. */
static int
scan_prefix(struct tcpstats_scan *scan,
    const struct tcpstats_number_rules *rules, uint32_t *prefix)
{

	if (tcpstats_peek(scan) != '/') {
		*prefix = rules->max;
		return (0);
	}
	scan->at++;
	return (tcpstats_scan_number(scan, rules, prefix));
}

int
tcpstats_scan_address(struct tcpstats_scan *scan,
    struct tcpstats_address *address)
{
	const char *begin = scan->at;
	uint32_t prefix;
	bool host_bits;
	int error;

	address->is_v6 = looks_like_v6(scan);
	if (address->is_v6) {
		error = scan_v6(scan, address->addr_v6);
		if (error == 0)
			error = scan_prefix(scan, &prefix_v6_rules, &prefix);
		if (error != 0)
			return (error);
		address->prefix_v6 = (uint8_t)prefix;
		host_bits = tcpstats_v6_has_host_bits(address->addr_v6, prefix);
	} else {
		error = scan_v4(scan, &address->addr_v4);
		if (error == 0)
			error = scan_prefix(scan, &prefix_v4_rules, &prefix);
		if (error != 0)
			return (error);
		address->mask_v4 = prefix == 0 ?
		    0 :
		    htonl(UINT32_MAX << (32 - prefix));
		host_bits = (address->addr_v4 & ~address->mask_v4) != 0;
	}
	if (host_bits)
		return (tcpstats_refuse(scan, begin, scan->at,
		    "address has bits set behind the prefix"));
	return (0);
}
