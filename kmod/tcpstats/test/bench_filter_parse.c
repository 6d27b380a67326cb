/*-
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * What a call of the filter parser costs.
 */
#include <string.h>

#include "../core/tcpstats_core.h"
#include "bench.h"

static const struct bench_workload workloads[] = {
	{ "empty", BUDGET(29), "" },
	{ "single_port", BUDGET(352), "local_port=443" },
	{ "multi_port", BUDGET(1135),
	    "local_port=443,8443,8080,80,3000,9090,5432,6379" },
	{ "exclude_states", BUDGET(1158),
	    "exclude=listen,timewait,syn_sent,closing" },
	{ "ipv4_cidr", BUDGET(809), "local_addr=10.0.0.0/24 local_port=443" },
	{ "ipv6_compressed", BUDGET(804),
	    "remote_addr=2001:db8::1 remote_port=80" },
	{ "ipv6_full", BUDGET(866),
	    "local_addr=2001:0db8:0000:0000:0000:0000:0000:0001" },
	{ "complex_combo", BUDGET(2074),
	    "local_port=443,8443 exclude=listen,timewait "
	    "local_addr=10.0.0.0/24 ipv4_only format=full" },
	{ "worst_case", BUDGET(4913),
	    "local_port=1,2,3,4,5,6,7,8 remote_port=1,2,3,4,5,6,7,8 "
	    "exclude=listen,timewait,syn_sent,syn_received,closing "
	    "local_addr=10.0.0.0/8 remote_addr=192.168.0.0/16 "
	    "format=full fields=all" },
	{ "uppercase_stress", BUDGET(2074),
	    "LOCAL_PORT=443,8443 EXCLUDE=LISTEN,TIMEWAIT "
	    "LOCAL_ADDR=10.0.0.0/24 IPV4_ONLY FORMAT=FULL" },
	{ "rejected", 0,
	    "local_port=443 exclude=listen local_addr=10.0.0.1/24" },
};

static const char *text;
static size_t len;

static void
prepare(const char *filter)
{

	text = filter;
	len = strlen(filter);
}

static void
run(unsigned long calls)
{
	struct tcpstats_filter filter;
	struct tcpstats_filter_error error;

	for (unsigned long i = 0; i < calls; i++)
		tcpstats_filter_parse(text, len, &filter, &error);
}

int
main(int argc, char **argv)
{
	static const struct bench bench = {
		.name = "filter_parse",
		.calls = 1000000,
		.workloads = workloads,
		.nworkloads = sizeof(workloads) / sizeof(workloads[0]),
		.prepare = prepare,
		.run = run,
	};

	return (bench_main(&bench, argc, argv));
}
