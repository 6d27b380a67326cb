/*-
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * The parser: every form of the filter language that is refused, what is said
 * and about which bytes.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "support.h"
#include "tap.h"

struct refusal {
	const char *text;
	uint32_t offset;
	uint32_t length;
	const char *message;
};

static const struct refusal refused[] = {
	{ "port=80", 0, 4, "unknown directive" },
	{ "local_ports=80", 0, 11, "unknown directive" },
	{ "local_por=80", 0, 9, "unknown directive" },
	{ "localxport=80", 0, 10, "unknown directive" },
	{ "ipv4", 0, 4, "unknown directive" },
	{ "ipv5_only", 0, 9, "unknown directive" },
	{ "=80", 0, 0, "unknown directive" },
	{ "=", 0, 0, "unknown directive" },
	{ ",", 0, 1, "unknown directive" },
	{ "local_port,80", 0, 13, "unknown directive" },
	{ "ipv4_only/ format=full", 0, 10, "unknown directive" },
	{ "include_stateinclude_state=closed", 0, 26, "unknown directive" },
	{ "local_port=80,443 bogus=1", 18, 5, "unknown directive" },
	{ "local_port =80", 10, 0, "value missing" },
	{ "local_port= 80", 11, 0, "value missing" },

	{ "local_port", 10, 0, "value missing" },
	{ "local_port=", 11, 0, "value missing" },
	{ "remote_port", 11, 0, "value missing" },
	{ "remote_port=", 12, 0, "value missing" },
	{ "local_addr", 10, 0, "value missing" },
	{ "local_addr=", 11, 0, "value missing" },
	{ "remote_addr=", 12, 0, "value missing" },
	{ "exclude", 7, 0, "value missing" },
	{ "exclude=", 8, 0, "value missing" },
	{ "include_state=", 14, 0, "value missing" },
	{ "fields=", 7, 0, "value missing" },
	{ "format", 6, 0, "value missing" },
	{ "format=", 7, 0, "value missing" },
	{ "format= ipv4_only", 7, 0, "value missing" },
	{ "ipv4_only=1", 9, 2, "flag takes no value" },
	{ "ipv4_only=", 9, 1, "flag takes no value" },
	{ "ipv6_only=yes", 9, 4, "flag takes no value" },

	{ "local_port=0", 11, 1, "port is 0" },
	{ "remote_port=80,0", 15, 1, "port is 0" },
	{ "local_port=65536", 11, 5, "port is above 65535" },
	{ "local_port=99999999999999999999", 11, 20, "port is above 65535" },
	{ "local_port=4294967297", 11, 10, "port is above 65535" },
	{ "local_port=080", 11, 3, "port has a leading zero" },
	{ "local_port=00", 11, 2, "port has a leading zero" },
	{ "local_port=80a", 11, 3, "port is not a number" },
	{ "local_port=http", 11, 4, "port is not a number" },
	{ "local_port=-1", 11, 2, "port is not a number" },
	{ "local_port=+80", 11, 3, "port is not a number" },
	{ "local_port=0x50", 11, 4, "port is not a number" },
	{ "local_port=80;443", 11, 6, "port is not a number" },
	{ "local_port==80", 11, 3, "port is not a number" },
	{ "local_port=80-90", 11, 5, "port is not a number" },
	{ "local_port=80,80", 14, 2, "port is listed twice" },
	{ "remote_port=1,2,3,2", 18, 1, "port is listed twice" },
	{ "local_port=1,2,3,4,5,6,7,8,8", 27, 1, "port is listed twice" },
	{ "local_port=1,2,3,4,5,6,7,8,9", 27, 1, "more than 8 ports" },
	{ "remote_port=1,2,3,4,5,6,7,8,9,10", 28, 1, "more than 8 ports" },
	{ "local_port=,", 11, 0, "port missing" },
	{ "local_port=,80", 11, 0, "port missing" },
	{ "local_port=80,", 14, 0, "port missing" },
	{ "local_port=80,,443", 14, 0, "port missing" },

	{ "local_port=80 local_port=443", 14, 10, "directive is given twice" },
	{ "local_port=80 LOCAL_PORT=80", 14, 10, "directive is given twice" },
	{ "ipv4_only ipv4_only", 10, 9, "directive is given twice" },
	{ "exclude=listen exclude=closed", 15, 7, "directive is given twice" },
	{ "include_state=listen include_state=closed", 21, 13,
	    "directive is given twice" },
	{ "local_addr=::1 local_addr=::2", 15, 10, "directive is given twice" },
	{ "format=full format=full", 12, 6, "directive is given twice" },
	{ "fields=all fields=rtt", 11, 6, "directive is given twice" },

	{ "exclude=,", 8, 0, "state missing" },
	{ "exclude=listen,", 15, 0, "state missing" },
	{ "include_state=listen,,closed", 21, 0, "state missing" },
	{ "exclude=open", 8, 4, "unknown state" },
	{ "exclude=liste", 8, 5, "unknown state" },
	{ "exclude=listening", 8, 9, "unknown state" },
	{ "exclude=syn-sent", 8, 8, "unknown state" },
	{ "exclude=syn_receivedsyn_received", 8, 24, "unknown state" },
	{ "exclude=listen=1", 8, 8, "unknown state" },
	{ "include_state=established,estab", 26, 5, "unknown state" },
	{ "exclude=listen,listen", 15, 6, "state is listed twice" },
	{ "exclude=timewait,time_wait", 17, 9, "state is listed twice" },
	{ "include_state=syn_rcvd,SYN_RECEIVED", 23, 12,
	    "state is listed twice" },
	{ "exclude=listen include_state=closed", 15, 13,
	    "exclude and include_state exclude each other" },
	{ "include_state=closed exclude=listen", 21, 7,
	    "exclude and include_state exclude each other" },

	{ "local_addr=10.0.0", 11, 6,
	    "IPv4 address does not have four octets" },
	{ "local_addr=10", 11, 2, "IPv4 address does not have four octets" },
	{ "local_addr=1.2.3.4.5", 11, 9,
	    "IPv4 address does not have four octets" },
	{ "local_addr=1.2.3.4.", 11, 8,
	    "IPv4 address does not have four octets" },
	{ "local_addr=/8", 11, 0, "octet missing in IPv4 address" },
	{ "local_addr=1..3.4", 13, 0, "octet missing in IPv4 address" },
	{ "local_addr=1.2.3.", 17, 0, "octet missing in IPv4 address" },
	{ "local_addr=256.0.0.1", 11, 3, "octet of IPv4 address is above 255" },
	{ "remote_addr=1.2.3.999", 18, 3,
	    "octet of IPv4 address is above 255" },
	{ "local_addr=1.2.3.4294967300", 17, 10,
	    "octet of IPv4 address is above 255" },
	{ "local_addr=1.2.03.4", 15, 2,
	    "octet of IPv4 address has a leading zero" },
	{ "local_addr=00.0.0.0/0", 11, 2,
	    "octet of IPv4 address has a leading zero" },
	{ "local_addr=1.2.3.4x", 17, 2,
	    "octet of IPv4 address is not a number" },
	{ "local_addr=1.2.3.-4", 17, 2,
	    "octet of IPv4 address is not a number" },
	{ "local_addr=1.2.3.4,1.2.3.5", 17, 3,
	    "octet of IPv4 address is not a number" },
	{ "local_addr=localhost", 11, 9,
	    "octet of IPv4 address is not a number" },
	{ "local_addr=10.0.0.0/33", 20, 2,
	    "prefix length of IPv4 address is above 32" },
	{ "local_addr=10.0.0.0/08", 20, 2, "prefix length has a leading zero" },
	{ "local_addr=0.0.0.0/00", 19, 2, "prefix length has a leading zero" },
	{ "local_addr=10.0.0.0/", 20, 0, "prefix length missing" },
	{ "local_addr=10.0.0.0/8/8", 20, 3, "prefix length is not a number" },
	{ "local_addr=10.0.0.0/255.0.0.0", 20, 9,
	    "prefix length is not a number" },
	{ "local_addr=10.0.0.1/24", 11, 11,
	    "address has bits set behind the prefix" },
	{ "remote_addr=0.0.0.1/0", 12, 9,
	    "address has bits set behind the prefix" },
	{ "local_addr=192.0.2.1/31", 11, 12,
	    "address has bits set behind the prefix" },

	{ "local_addr=1::2::3", 11, 7, "IPv6 address has two '::'" },
	{ "local_addr=::1::", 11, 5, "IPv6 address has two '::'" },
	{ "local_addr=::::", 13, 0, "group missing in IPv6 address" },
	{ "local_addr=:::", 13, 0, "group missing in IPv6 address" },
	{ "local_addr=:::1", 13, 0, "group missing in IPv6 address" },
	{ "local_addr=1:::2", 14, 0, "group missing in IPv6 address" },
	{ "local_addr=:", 11, 0, "group missing in IPv6 address" },
	{ "local_addr=:1:2:3:4:5:6:7", 11, 0, "group missing in IPv6 address" },
	{ "local_addr=1:2:3:4:5:6:7:", 25, 0, "group missing in IPv6 address" },
	{ "local_addr=::1:", 15, 0, "group missing in IPv6 address" },
	{ "local_addr=12345::", 11, 5,
	    "group of IPv6 address is longer than four digits" },
	{ "local_addr=::00001", 13, 5,
	    "group of IPv6 address is longer than four digits" },
	{ "local_addr=fd00::g", 17, 1,
	    "group of IPv6 address is not hexadecimal" },
	{ "local_addr=::ffff:127.0.0.1", 18, 9,
	    "group of IPv6 address is not hexadecimal" },
	{ "local_addr=[::1]", 11, 1,
	    "group of IPv6 address is not hexadecimal" },
	{ "local_addr=fe80::1%em0", 17, 5,
	    "group of IPv6 address is not hexadecimal" },
	{ "local_addr=1:2:3:4:5:6:7", 11, 13,
	    "IPv6 address has fewer than eight groups" },
	{ "local_addr=1:2", 11, 3, "IPv6 address has fewer than eight groups" },
	{ "local_addr=1:2:3:4:5:6:7:8:9", 11, 17,
	    "IPv6 address has more than eight groups" },
	{ "local_addr=1:2:3:4:5:6:7:8:", 11, 16,
	    "IPv6 address has more than eight groups" },
	{ "local_addr=::1:2:3:4:5:6:7:8:9", 11, 19,
	    "IPv6 address has more than eight groups" },
	{ "local_addr=1:2:3:4:5:6:7:8::", 11, 17,
	    "IPv6 address has eight groups beside '::'" },
	{ "local_addr=1:2:3:4::5:6:7:8", 11, 16,
	    "IPv6 address has eight groups beside '::'" },
	{ "local_addr=::/129", 14, 3,
	    "prefix length of IPv6 address is above 128" },
	{ "local_addr=::/064", 14, 3, "prefix length has a leading zero" },
	{ "local_addr=::/", 14, 0, "prefix length missing" },
	{ "local_addr=::/x", 14, 1, "prefix length is not a number" },
	{ "local_addr=fd00::/0", 11, 8,
	    "address has bits set behind the prefix" },
	{ "remote_addr=fd00::1/127", 12, 11,
	    "address has bits set behind the prefix" },
	{ "local_addr=2001:db8::/28", 11, 13,
	    "address has bits set behind the prefix" },

	{ "ipv4_only ipv6_only", 10, 9,
	    "ipv4_only and ipv6_only exclude each other" },
	{ "ipv6_only ipv4_only", 10, 9,
	    "ipv4_only and ipv6_only exclude each other" },
	{ "ipv4_only local_addr=::1", 21, 3,
	    "address is of the family that a flag excludes" },
	{ "ipv6_only remote_addr=127.0.0.1", 22, 9,
	    "address is of the family that a flag excludes" },
	{ "local_addr=::1 ipv4_only", 15, 9,
	    "flag excludes the family of an address" },
	{ "remote_addr=127.0.0.1 ipv6_only", 22, 9,
	    "flag excludes the family of an address" },
	{ "local_addr=127.0.0.1 remote_addr=::1", 33, 3,
	    "addresses are of two families" },
	{ "remote_addr=::/0 local_addr=0.0.0.0/0", 28, 9,
	    "addresses are of two families" },

	{ "format=json", 7, 4, "unknown format, neither compact nor full" },
	{ "format=full,compact", 11, 8, "directive takes one value" },
	{ "format=,", 7, 0, "format missing" },
	{ "format=fully", 7, 5, "unknown format, neither compact nor full" },
	{ "fields=tls", 7, 3, "unknown field group" },
	{ "fields=rtt,tls", 11, 3, "unknown field group" },
	{ "fields=,", 7, 0, "field group missing" },
	{ "fields=rtt,", 11, 0, "field group missing" },

	{ "local_port=80\tipv4_only", 13, 1, "byte is not printable ASCII" },
	{ "ipv4_only\n", 9, 1, "byte is not printable ASCII" },
	{ "\x7fipv4_only", 0, 1, "byte is not printable ASCII" },
	{ "ipv4_only exclude=\xc3\xa9t\xc3\xa9", 18, 1,
	    "byte is not printable ASCII" },
	{ "\x80", 0, 1, "byte is not printable ASCII" },
};

/* Print what is not printable as \xNN. */
static const char *
escape(const char *text)
{
	static char escaped[4 * TCPSTATS_FILTER_MAXLEN + 1];
	char *end = escaped;

	for (; *text != '\0'; text++) {
		if (*text >= ' ' && *text <= '~')
			*end++ = *text;
		else
			end += sprintf(end, "\\x%02x", (unsigned char)*text);
	}
	*end = '\0';
	return (escaped);
}

static void
test_refused(const struct refusal *expected)
{
	struct tcpstats_filter filter, untouched;
	struct tcpstats_filter_error error;
	int status;

	memset(&filter, 0xa5, sizeof(filter));
	memset(&untouched, 0xa5, sizeof(untouched));
	memset(&error, 0xa5, sizeof(error));
	status = parse_bytes(expected->text, strlen(expected->text), &filter,
	    &error);
	if (tap_ok(status == EINVAL && error.tfe_offset == expected->offset &&
		    error.tfe_length == expected->length &&
		    strcmp(error.tfe_message, expected->message) == 0 &&
		    memcmp(&filter, &untouched, sizeof(filter)) == 0,
		"refuses \"%s\": %s, at %u", escape(expected->text),
		expected->message, expected->offset))
		return;
	if (status == 0)
		tap_diag("accepted");
	else
		tap_diag("status %d, at %u, length %u: %s", status,
		    error.tfe_offset, error.tfe_length, error.tfe_message);
}

static void
test_length(void)
{
	char text[TCPSTATS_FILTER_MAXLEN + 9];
	struct tcpstats_filter filter, untouched;
	struct tcpstats_filter_error error;
	int status;

	memset(text, ' ', sizeof(text));
	memcpy(text, "ipv4_only", 9);
	status = parse_bytes(text, 511, &filter, &error);
	tap_ok(status == 0 && filter.tsf_flags == TCPSTATS_FILTER_IPV4_ONLY,
	    "accepts 511 bytes");
	memset(&filter, 0xa5, sizeof(filter));
	untouched = filter;
	for (size_t len = 512; len <= sizeof(text); len += 8) {
		status = parse_bytes(text, len, &filter, &error);
		tap_ok(status == ENAMETOOLONG && error.tfe_offset == 511 &&
			error.tfe_length == len - 511 &&
			strcmp(error.tfe_message,
			    "filter is longer than 511 bytes") == 0 &&
			memcmp(&filter, &untouched, sizeof(filter)) == 0,
		    "refuses %zu bytes with ENAMETOOLONG", len);
	}
}

/*
 * Sixteen is the most, and there are ten directives: a seventeenth is always
 * refused, as one given twice at the latest.
 */
static void
test_seventeen_directives(void)
{
	char text[TCPSTATS_FILTER_MAXLEN + 1] = "";
	struct tcpstats_filter filter;
	struct tcpstats_filter_error error;

	for (int i = 0; i < 17; i++)
		strcat(text, "ipv4_only ");
	tap_ok(parse_bytes(text, strlen(text), &filter, &error) == EINVAL,
	    "refuses 17 directives");
}

static void
test_embedded_nul(void)
{
	struct tcpstats_filter filter;
	struct tcpstats_filter_error error;
	int status;

	status = parse_bytes("ipv4_only\0 x", 12, &filter, &error);
	tap_ok(status == EINVAL && error.tfe_offset == 9 &&
		error.tfe_length == 1 &&
		strcmp(error.tfe_message, "byte is not printable ASCII") == 0,
	    "refuses a NUL inside the text");
}

static void
test_null_error(void)
{
	struct tcpstats_filter filter;
	char text[TCPSTATS_FILTER_MAXLEN + 1];
	bool good = true;

	for (size_t i = 0; i < NITEMS(refused); i++)
		good &= tcpstats_filter_parse(refused[i].text,
			    strlen(refused[i].text), &filter, NULL) == EINVAL;
	memset(text, ' ', sizeof(text));
	good &= tcpstats_filter_parse(text, sizeof(text), &filter, NULL) ==
	    ENAMETOOLONG;
	tap_ok(good, "refuses the same without a place for the error");
}

int
main(void)
{

	for (size_t i = 0; i < NITEMS(refused); i++)
		test_refused(&refused[i]);
	test_length();
	test_seventeen_directives();
	test_embedded_nul();
	test_null_error();
	return (tap_done());
}
