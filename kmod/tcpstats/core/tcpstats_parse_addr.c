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
	.max_digits = 3,
	.stops = { '.', '/' },
	.missing = "octet missing in IPv4 address",
	.not_a_number = "octet of IPv4 address is not a number",
	.leading_zero = "octet of IPv4 address has a leading zero",
	.too_large = "octet of IPv4 address is above 255",
};

static const struct tcpstats_number_rules prefix_v4_rules = {
	.max = 32,
	.max_digits = 2,
	.stops = { ' ', ' ' },
	.missing = "prefix length missing",
	.not_a_number = "prefix length is not a number",
	.leading_zero = "prefix length has a leading zero",
	.too_large = "prefix length of IPv4 address is above 32",
};

static const struct tcpstats_number_rules prefix_v6_rules = {
	.max = 128,
	.max_digits = 3,
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
	    tcpstats_find_stop(begin, address_stops), message));
}

static int
scan_v4(struct tcpstats_scan *scan, uint32_t *addr)
{
	const char *begin = scan->at;
	uint32_t host = 0, octet;
	int count = 0, error;

	for (;;) {
		error = tcpstats_scan_number(scan, &octet_rules, &octet);
		if (error != 0)
			return (error);
		host = host << 8 | octet;
		count++;
		if (count == V4_OCTETS || *scan->at != '.')
			break;
		scan->at++;
	}
	if (count < V4_OCTETS || *scan->at == '.')
		return (refuse_address(scan, begin,
		    "IPv4 address does not have four octets"));
	*addr = htonl(host);
	return (0);
}

/* The value of a hexadecimal digit, plus 1; 0 for other bytes. */
static const uint8_t hex_digits[UINT8_MAX + 1] =
    "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"
    "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"
    "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"
    "\1\2\3\4\5\6\7\10\11\12\0\0\0\0\0\0"
    "\0\13\14\15\16\17\20\0\0\0\0\0\0\0\0\0"
    "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"
    "\0\13\14\15\16\17\20";

/* Say what is wrong with the group that begins there. */
static int
refuse_group(const struct tcpstats_scan *scan, const char *begin)
{
	const char *end = tcpstats_find_stop(begin, group_stops);
	const char *at = begin;

	while (at < end && hex_digits[(uint8_t)*at] != 0)
		at++;
	return (tcpstats_refuse(scan, begin, end,
	    at != end ? "group of IPv6 address is not hexadecimal" :
		at == begin ?
			"group missing in IPv6 address" :
			"group of IPv6 address is longer than four digits"));
}

/* How many hexadecimal digits are there?  *value is that of the last four. */
static size_t
read_hex(const char *at, uint16_t *value)
{
	uint32_t digit, number = 0;
	size_t count = 0;

	while ((digit = hex_digits[(uint8_t)at[count]]) != 0) {
		number = (number << 4) + digit - 1;
		count++;
	}
	*value = (uint16_t)number;
	return (count);
}

/*
 * Move the groups behind the gap to the end.  count groups were read, those
 * from gap on behind "::", which stands for the zeros that are left.
 */
static void
open_gap(uint16_t groups[V6_GROUPS], unsigned int count, unsigned int gap)
{
	unsigned int to = V6_GROUPS;

	while (count > gap) {
		groups[--to] = groups[--count];
		groups[count] = 0;
	}
}

static int
scan_v6(struct tcpstats_scan *scan, uint8_t addr[2 * V6_GROUPS])
{
	const char *begin = scan->at, *at = begin;
	uint16_t groups[V6_GROUPS] = { 0 }; /* network byte order */
	unsigned int count = 0, gap = 0;
	size_t digits;
	uint16_t value;
	bool has_gap = false;

	/* A gap is known by the second ':', the first ends a group elsewhere.
	 */
	if (*at == ':' && *++at != ':')
		return (refuse_group(scan, begin));
	for (;;) {
		if (*at == ':') {
			if (has_gap)
				return (refuse_address(scan, begin,
				    "IPv6 address has two '::'"));
			has_gap = true;
			gap = count;
			at++;
			if (tcpstats_is_stop(at, address_stops))
				break;
		}
		if (count == V6_GROUPS)
			return (refuse_address(scan, begin,
			    "IPv6 address has more than eight groups"));
		digits = read_hex(at, &value);
		if (digits == 0 || digits > 4 ||
		    !tcpstats_is_stop(at + digits, group_stops))
			return (refuse_group(scan, at));
		groups[count++] = htons(value);
		at += digits;
		if (*at != ':')
			break;
		at++;
	}
	if (has_gap && count == V6_GROUPS)
		return (refuse_address(scan, begin,
		    "IPv6 address has eight groups beside '::'"));
	if (!has_gap && count < V6_GROUPS)
		return (refuse_address(scan, begin,
		    "IPv6 address has fewer than eight groups"));
	if (has_gap)
		open_gap(groups, count, gap);
	memcpy(addr, groups, sizeof(groups));
	scan->at = at;
	return (0);
}

/* A ':' before any '.' or '/' makes an address an IPv6 one. */
static bool
looks_like_v6(const struct tcpstats_scan *scan)
{
	const char *at = scan->at;

	/* All that is before it where the address is good: passed quickly. */
	while (hex_digits[(uint8_t)*at] != 0)
		at++;
	while (*at != ':' && !tcpstats_is_stop(at, octet_stops))
		at++;
	return (*at == ':');
}

static int
refuse_host_bits(const struct tcpstats_scan *scan, const char *begin)
{

	return (tcpstats_refuse(scan, begin, scan->at,
	    "address has bits set behind the prefix"));
}

static int
scan_v4_prefix(struct tcpstats_scan *scan, struct tcpstats_address *address)
{
	const char *begin = scan->at;
	uint32_t prefix;
	int error;

	error = scan_v4(scan, &address->addr_v4);
	if (error != 0)
		return (error);
	address->mask_v4 = UINT32_MAX;
	if (*scan->at != '/')
		return (0);
	scan->at++;
	error = tcpstats_scan_number(scan, &prefix_v4_rules, &prefix);
	if (error != 0)
		return (error);
	address->mask_v4 = prefix == 0 ? 0 : htonl(UINT32_MAX << (32 - prefix));
	if ((address->addr_v4 & ~address->mask_v4) != 0)
		return (refuse_host_bits(scan, begin));
	return (0);
}

static int
scan_v6_prefix(struct tcpstats_scan *scan, struct tcpstats_address *address)
{
	const char *begin = scan->at;
	uint32_t prefix;
	int error;

	address->is_v6 = true;
	error = scan_v6(scan, address->addr_v6);
	if (error != 0)
		return (error);
	address->prefix_v6 = 128;
	if (*scan->at != '/')
		return (0);
	scan->at++;
	error = tcpstats_scan_number(scan, &prefix_v6_rules, &prefix);
	if (error != 0)
		return (error);
	address->prefix_v6 = (uint8_t)prefix;
	if (tcpstats_v6_has_host_bits(address->addr_v6, prefix))
		return (refuse_host_bits(scan, begin));
	return (0);
}

int
tcpstats_scan_address(struct tcpstats_scan *scan,
    struct tcpstats_address *address)
{

	memset(address, 0, sizeof(*address));
	return (looks_like_v6(scan) ? scan_v6_prefix(scan, address) :
				      scan_v4_prefix(scan, address));
}
