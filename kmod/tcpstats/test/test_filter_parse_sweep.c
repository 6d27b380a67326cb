/*-
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * The parser, swept over all bytes, ports and prefixes, over what a text can
 * be cut off to, and over random addresses with inet_pton() as the judge.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "support.h"
#include "tap.h"

static void
test_every_byte(void)
{
	struct tcpstats_filter filter;
	struct tcpstats_filter_error error;
	const char *want;
	char text;
	int status;
	bool good = true;

	for (int byte = 0; byte < 256; byte++) {
		if (byte == ' ')
			continue;
		text = (char)byte;
		want = byte > ' ' && byte <= '~' ?
		    "unknown directive" :
		    "byte is not printable ASCII";
		status = parse_bytes(&text, 1, &filter, &error);
		if (status != EINVAL || error.tfe_offset != 0 ||
		    strcmp(error.tfe_message, want) != 0)
			good = false;
	}
	tap_ok(good, "refuses each of the 255 other bytes alone");
}

static void
test_every_port(void)
{
	struct tcpstats_filter filter;
	char text[32];
	int len;
	bool good = true;

	for (unsigned int port = 1; port <= 65535; port++) {
		len = sprintf(text, "remote_port=%u", port);
		good &= parse_bytes(text, (size_t)len, &filter, NULL) == 0 &&
		    ntohs(filter.tsf_remote_ports[0]) == port;
	}
	tap_ok(good, "accepts each of the 65535 ports");
}

static void
test_every_prefix(void)
{
	struct tcpstats_filter filter;
	char text[64];
	int len;
	bool good = true;

	for (unsigned int prefix = 0; prefix <= 40; prefix++) {
		len = sprintf(text, "local_addr=0.0.0.0/%u", prefix);
		if (prefix > 32)
			good &= parse_bytes(text, (size_t)len, &filter, NULL) ==
			    EINVAL;
		else
			good &= parse_bytes(text, (size_t)len, &filter, NULL) ==
				0 &&
			    ntohl(filter.tsf_local_mask_v4) ==
				(uint32_t)(0xffffffff00000000U >> prefix);
	}
	tap_ok(good, "accepts each IPv4 prefix length up to 32");
	good = true;
	for (unsigned int prefix = 0; prefix <= 140; prefix++) {
		len = sprintf(text, "remote_addr=::/%u", prefix);
		if (prefix > 128)
			good &= parse_bytes(text, (size_t)len, &filter, NULL) ==
			    EINVAL;
		else
			good &= parse_bytes(text, (size_t)len, &filter, NULL) ==
				0 &&
			    filter.tsf_remote_prefix_v6 == prefix;
	}
	tap_ok(good, "accepts each IPv6 prefix length up to 128");
}

/* One bit set: accepted up to the prefix, refused behind it. */
static void
test_every_host_bit(void)
{
	struct tcpstats_filter filter;
	char text[80], address[INET6_ADDRSTRLEN];
	struct in_addr v4;
	struct in6_addr v6;
	int len, want;
	bool good = true;

	for (unsigned int bit = 0; bit < 32; bit++)
		for (unsigned int prefix = 0; prefix <= 32; prefix++) {
			v4.s_addr = htonl(0x80000000U >> bit);
			inet_ntop(AF_INET, &v4, address, sizeof(address));
			len = sprintf(text, "local_addr=%s/%u", address,
			    prefix);
			want = bit < prefix ? 0 : EINVAL;
			good &= parse_bytes(text, (size_t)len, &filter, NULL) ==
			    want;
		}
	tap_ok(good, "refuses each host bit behind each IPv4 prefix");
	good = true;
	for (unsigned int bit = 0; bit < 128; bit++)
		for (unsigned int prefix = 0; prefix <= 128; prefix++) {
			memset(&v6, 0, sizeof(v6));
			v6.s6_addr[bit / 8] = (uint8_t)(0x80 >> bit % 8);
			len = sprintf(text,
			    "local_addr=%x:%x:%x:%x:%x:%x:%x:%x"
			    "/%u",
			    v6.s6_addr[0] << 8 | v6.s6_addr[1],
			    v6.s6_addr[2] << 8 | v6.s6_addr[3],
			    v6.s6_addr[4] << 8 | v6.s6_addr[5],
			    v6.s6_addr[6] << 8 | v6.s6_addr[7],
			    v6.s6_addr[8] << 8 | v6.s6_addr[9],
			    v6.s6_addr[10] << 8 | v6.s6_addr[11],
			    v6.s6_addr[12] << 8 | v6.s6_addr[13],
			    v6.s6_addr[14] << 8 | v6.s6_addr[15], prefix);
			want = bit < prefix ? 0 : EINVAL;
			good &= parse_bytes(text, (size_t)len, &filter, NULL) ==
			    want;
		}
	tap_ok(good, "refuses each host bit behind each IPv6 prefix");
}

/* The C library's inet_pton() is the judge of random text. */
static void
test_against_inet_pton(const char *alphabet, int family, unsigned int maxlen)
{
	struct tcpstats_filter filter;
	char text[64] = "local_addr=", first[64] = "";
	char *address = text + strlen(text);
	uint8_t want[16];
	uint32_t random = 1;
	unsigned int len, accepted_by_both = 0, differ = 0;
	bool want_good, good;

	for (int i = 0; i < 400000; i++) {
		len = 1 + random_below(&random, maxlen);
		for (unsigned int at = 0; at < len; at++)
			address[at] = alphabet[random_below(&random,
			    (uint32_t)strlen(alphabet))];
		address[len] = '\0';
		want_good = inet_pton(family, address, want) == 1;
		good = tcpstats_filter_parse(text, strlen(text), &filter,
			   NULL) == 0;
		if (good && want_good) {
			accepted_by_both++;
			good = memcmp(want,
				   family == AF_INET6 ?
				       (const void *)filter.tsf_local_addr_v6 :
				       (const void *)&filter.tsf_local_addr_v4,
				   family == AF_INET6 ? 16 : 4) == 0;
		}
		if (good != want_good && differ++ == 0)
			strcpy(first, address);
	}
	tap_ok(differ == 0 && accepted_by_both > 100,
	    "judges random text of \"%s\" as inet_pton() does", alphabet);
	if (differ != 0 || accepted_by_both <= 100)
		tap_diag("%u differ, first \"%s\"; both accept %u", differ,
		    first, accepted_by_both);
}

/* Every beginning of a long filter is read to its end and no further. */
static void
test_every_beginning(void)
{
	static const char text[] =
	    "local_port=1,2,3,4,5,6,7,8 remote_port=1,2,3,4,5,6,7,8 "
	    "exclude=listen,timewait,syn_sent,syn_received,closing "
	    "local_addr=2001:db8::/32 remote_addr=1:2:3:4:5:6:7:8/128 "
	    "ipv6_only format=full fields=all";
	struct tcpstats_filter filter;
	struct tcpstats_filter_error error;
	int status;
	unsigned int accepted_count = 0;
	bool good = true;

	for (size_t len = 0; len < sizeof(text); len++) {
		status = parse_bytes(text, len, &filter, &error);
		if (status == 0)
			accepted_count++;
		else
			good &= status == EINVAL &&
			    error.tfe_offset + error.tfe_length <= len;
	}
	tap_ok(good, "refuses inside the text, whatever it is cut off to");
	tap_ok(accepted_count == 36, "accepts 36 beginnings of that text");
	if (accepted_count != 36)
		tap_diag("%u accepted", accepted_count);
}

int
main(void)
{

	test_every_byte();
	test_every_port();
	test_every_prefix();
	test_every_host_bit();
	test_against_inet_pton("0129.", AF_INET, 12);
	test_against_inet_pton("0a:", AF_INET6, 20);
	test_against_inet_pton("01fF:::", AF_INET6, 24);
	test_every_beginning();
	return (tap_done());
}
