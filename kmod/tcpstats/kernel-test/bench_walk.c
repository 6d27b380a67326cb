/*-
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * What the walk does over and over, for callgrind.sh to count: bench_walk
 * WORKLOAD SNAPSHOTS reads so many snapshots of NSOCKETS sockets.  Without
 * arguments the names of the workloads, each with the function that is called
 * once a socket.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ktest.h"

#define NSOCKETS 1000

static const struct workload {
	const char *name;
	const char *function;
	const char *filter;
	bool v6;
} workloads[] = {
	{ "drop_family", "offer", "ipv6_only", false },
	{ "drop_state", "offer", "exclude=established", false },
	{ "drop_port", "offer", "local_port=80", false },
	{ "drop_8_ports", "offer", "local_port=1,2,3,4,5,6,7,8", false },
	{ "drop_address", "offer", "local_addr=10.0.0.2", false },
	{ "drop_address_v6", "offer", "local_addr=fd00::2", true },
	{ "match", "offer", "", false },
	{ "record", "tcpstats_fill_inpcb", "", false },
	{ "record_full", "tcpstats_fill_inpcb", "format=full", false },
	{ "record_v6", "tcpstats_fill_inpcb", "", true },
};

static struct tcpstats_record records[NSOCKETS];

static void
run(const struct workload *workload, unsigned long snapshots)
{
	struct tcpstats_filter filter = filter_of(workload->filter);
	struct ukern_socket spec;
	int fd;

	load_module();
	for (unsigned int i = 0; i < NSOCKETS; i++) {
		spec = connection(i, workload->v6);
		sockets[i] = ukern_socket_new(&spec);
	}
	fd = must_open("tcpstats");
	for (unsigned long i = 0; i < snapshots; i++) {
		ukern_ioctl(fd, TCPSTATS_SET_FILTER, &filter);
		read_all(fd, records, nitems(records), sizeof(records));
	}
	ukern_close(fd);
	free_sockets();
	unload_module("bench");
}

int
main(int argc, char **argv)
{

	if (argc == 1)
		for (size_t i = 0; i < nitems(workloads); i++)
			printf("%s\t%s\n", workloads[i].name,
			    workloads[i].function);
	if (argc != 3)
		return (argc == 1 ? 0 : 2);
	for (size_t i = 0; i < nitems(workloads); i++)
		if (strcmp(workloads[i].name, argv[1]) == 0) {
			run(&workloads[i], strtoul(argv[2], NULL, 10));
			return (0);
		}
	return (2);
}
