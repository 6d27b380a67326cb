/*-
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * What it costs to put a filter to a socket.
 */
#include <arpa/inet.h>
#include <string.h>

#include "../core/tcpstats_core.h"
#include "bench.h"
#include "support.h"

#define NSOCKETS 256
/* More turns than a processor learns by heart. */
#define NTURNS 16384

static const struct bench_workload workloads[] = {
	{ "any", BUDGET(25), "" },
	{ "one_port", BUDGET(28), "local_port=443" },
	{ "port_lists", BUDGET(82),
	    "local_port=443,8443,8080,80,3000,9090,5432,6379 "
	    "remote_port=40001,40002,40003,40004,40005,40006,40007,40008" },
	{ "states", BUDGET(23), "exclude=listen,timewait,syn_sent,closing" },
	{ "ipv4_prefix", BUDGET(36), "local_addr=10.0.0.0/24" },
	{ "ipv6_prefix", BUDGET(43), "remote_addr=2001:db8::/64" },
	{ "all_conditions", BUDGET(69),
	    "local_port=443,8443,8080,80,3000,9090,5432,6379 "
	    "remote_port=50001,50002,50003,50004,50005,50006,50007,50008 "
	    "exclude=listen,timewait local_addr=10.0.0.0/23 "
	    "remote_addr=10.0.0.0/24" },
};

static const uint16_t local_ports[] = { 443, 8443, 8080, 80, 3000, 9090, 5432,
	6379, 22, 25, 53, 110 };

static struct {
	uint8_t local[16], remote[16];
} addresses[NSOCKETS];
static struct tcpstats_socket sockets[NSOCKETS];
static uint8_t turns[NTURNS];
static struct tcpstats_matcher matcher;
static volatile unsigned int matched;

/* One of 512 addresses in two networks. */
static void
make_address(uint8_t address[16], bool ipv6, uint32_t *random)
{
	uint8_t network = (uint8_t)random_below(random, 2);
	uint8_t host = (uint8_t)random_below(random, 256);

	if (ipv6)
		memcpy(address,
		    (const uint8_t[16]) { 0x20, 0x01, 0x0d,
			0xb8, [7] = network, [15] = host },
		    16);
	else
		memcpy(address, (const uint8_t[4]) { 10, 0, network, host }, 4);
}

/* Sockets of all kinds, and the order in which they come: always the same. */
static void
make_sockets(void)
{
	uint32_t random = 1;
	struct tcpstats_socket *socket;

	for (size_t i = 0; i < NSOCKETS; i++) {
		socket = &sockets[i];
		socket->ts_gencnt = i;
		socket->ts_ipv6 = random_below(&random, 2) != 0;
		socket->ts_visible = random_below(&random, 16) != 0;
		socket->ts_state = (uint8_t)random_below(&random,
		    TCPSTATS_NSTATES);
		socket->ts_local_port = htons(
		    local_ports[random_below(&random, NITEMS(local_ports))]);
		socket->ts_remote_port = htons(
		    (uint16_t)(50000 + random_below(&random, 12)));
		make_address(addresses[i].local, socket->ts_ipv6, &random);
		make_address(addresses[i].remote, socket->ts_ipv6, &random);
		socket->ts_local_addr = addresses[i].local;
		socket->ts_remote_addr = addresses[i].remote;
	}
	for (size_t i = 0; i < NTURNS; i++)
		turns[i] = (uint8_t)random_below(&random, NSOCKETS);
}

static void
prepare(const char *text)
{
	const struct tcpstats_filter filter = parse_good(text);

	tcpstats_matcher_prepare(&matcher, &filter);
}

static void
run(unsigned long calls)
{
	unsigned int count = 0;

	for (unsigned long i = 0; i < calls; i++)
		count += tcpstats_match(&matcher,
			     &sockets[turns[i % NTURNS]]) == TCPSTATS_MATCH;
	matched = count;
}

int
main(int argc, char **argv)
{
	static const struct bench bench = {
		.name = "filter_match",
		.calls = 10000000,
		.workloads = workloads,
		.nworkloads = NITEMS(workloads),
		.prepare = prepare,
		.run = run,
	};

	make_sockets();
	return (bench_main(&bench, argc, argv));
}
