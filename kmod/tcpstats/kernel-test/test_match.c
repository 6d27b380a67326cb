/*-
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * What the walk makes of a filter: every reason to drop a socket, seen before
 * it is locked, and the zones within link-local addresses.
 */
#include <sys/jail.h>

#include <string.h>

#include "ktest.h"

#define NSOCKETS 10

static struct tcpstats_record records[4 * NSOCKETS];

/* Half of them IPv4, half IPv6, one by one. */
static void
make_both(void)
{
	struct ukern_socket spec;

	for (unsigned int i = 0; i < NSOCKETS; i++) {
		spec = connection(i, i % 2 != 0);
		sockets[i] = ukern_socket_new(&spec);
	}
}

static size_t
read_by(const char *text)
{
	struct tcpstats_filter filter = filter_of(text);
	int fd = must_open("tcpstats");
	size_t count;

	ukern_ioctl(fd, TCPSTATS_SET_FILTER, &filter);
	count = read_all(fd, records, nitems(records), sizeof(records));
	ukern_close(fd);
	return (count);
}

/*
 * What the filter drops is counted under its reason, and not locked.
 */
static void
test_reasons(void)
{
	static const struct {
		const char *filter;
		const char *reason;
		unsigned int dropped;
	} cases[] = {
		{ "ipv4_only", "ipver", 5 },
		{ "ipv6_only", "ipver", 5 },
		{ "exclude=established", "state", 10 },
		{ "include_state=listen", "state", 10 },
		{ "local_port=80", "port", 10 },
		{ "local_port=80,443 remote_port=1025,1026", "port", 8 },
		{ "local_addr=10.0.0.2", "addr", 10 },
		{ "remote_addr=10.1.0.0/29", "addr", 6 },
		{ "local_addr=10.0.0.1 remote_addr=10.1.0.4", "addr", 9 },
		{ "local_addr=fd00::2", "addr", 10 },
		{ "remote_addr=fd00::/125", "addr", 6 },
		{ "local_addr=fd00::1 remote_addr=fd00::5", "addr", 9 },
		{ "local_addr=0.0.0.0/0", "addr", 5 },
	};
	char name[64];
	uint64_t before;

	make_both();
	for (size_t i = 0; i < nitems(cases); i++) {
		snprintf(name, sizeof(name), "sockets_skipped_%s",
		    cases[i].reason);
		before = number_of(name);
		ukern_walk_locks = 0;
		is(read_by(cases[i].filter), NSOCKETS - cases[i].dropped,
		    cases[i].filter);
		is(number_of(name) - before, cases[i].dropped, name);
		is(ukern_walk_locks, NSOCKETS - cases[i].dropped,
		    "what is dropped is not locked");
	}
	free_sockets();
}

/* fe80::1 to fe80::2 within zone 7. */
static struct ukern_socket
link_local(unsigned int number)
{
	static const uint8_t prefix[4] = { 0xfe, 0x80, 0, 7 };
	struct ukern_socket spec = connection(number, true);

	memset(spec.local_addr, 0, sizeof(spec.local_addr));
	memset(spec.remote_addr, 0, sizeof(spec.remote_addr));
	memcpy(spec.local_addr, prefix, sizeof(prefix));
	memcpy(spec.remote_addr, prefix, sizeof(prefix));
	spec.local_addr[15] = 1;
	spec.remote_addr[15] = 2;
	return (spec);
}

static bool
have_no_zone(size_t count)
{
	static const uint8_t local[16] = { 0xfe, 0x80, [15] = 1 };
	static const uint8_t remote[16] = { 0xfe, 0x80, [15] = 2 };

	for (size_t i = 0; i < count; i++)
		if (memcmp(records[i].tsr_local_addr, local, 16) != 0 ||
		    memcmp(records[i].tsr_remote_addr, remote, 16) != 0)
			return (false);
	return (true);
}

/* A connection and a half-open one. */
static void
test_zones(void)
{
	struct ukern_socket spec = link_local(0);

	sockets[0] = ukern_socket_new(&spec);
	spec = link_local(1);
	ukern_half_open_add(&spec);
	is(read_by("local_addr=fe80::/64"), 2, "zone: no part of the prefix");
	tap_ok(have_no_zone(2), "zone: in no record");
	is(read_by("local_addr=fe80::1 remote_addr=fe80::2"), 2,
	    "zone: no part of the address");
	is(read_by("local_addr=fe80:7::/32"), 0, "zone: not to be asked for");
	ukern_half_open_clear(prison0.pr_vnet);
	free_sockets();
}

int
main(void)
{

	load_module();
	test_reasons();
	test_zones();
	unload_module("match");
	return (tap_done());
}
