/*-
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * Print the host's TCP connections, or count them:
 * read_tcpstats [-c] [-b bufsize] [-d device] [-f filter].
 */
#include <sys/socket.h>

#include <netinet/in.h>

#include <arpa/inet.h>
#include <err.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../core/tcpstats_language.h"
#include "args.h"
#include "device.h"

#define BUFFER_DEFAULT ((size_t)1 << 20)
#define BUFFER_MAX ((uint64_t)1 << 30)

/* What the table shows, whatever the filter selects. */
#define TABLE_FIELDS                                          \
	(TCPSTATS_FIELDS_STATE | TCPSTATS_FIELDS_CONGESTION | \
	    TCPSTATS_FIELDS_RTT | TCPSTATS_FIELDS_BUFFERS)

struct counts {
	uint64_t total;
	uint64_t states[TCPSTATS_NSTATES];
	uint64_t other; /* of a state that has no name here */
};

static const char *
state_name(const struct tcpstats_record *record)
{

	if (record->tsr_state < 0 || record->tsr_state >= TCPSTATS_NSTATES)
		return ("unknown");
	return (tcpstats_state_names[record->tsr_state].tk_name);
}

/* ADDRESS:PORT, or [ADDRESS]:PORT. */
static const char *
endpoint(char *buf, size_t size, bool ipv6, const uint8_t *addr, uint16_t port)
{
	char text[INET6_ADDRSTRLEN];

	inet_ntop(ipv6 ? AF_INET6 : AF_INET, addr, text, sizeof(text));
	snprintf(buf, size, ipv6 ? "[%s]:%u" : "%s:%u", text, port);
	return (buf);
}

static void
print_header(void)
{

	printf("%-26s %-26s %-12s %9s %9s %9s %9s\n", "local", "remote",
	    "state", "recv_q_B", "send_q_B", "rtt_us", "cwnd_B");
}

static void
print_record(const struct tcpstats_record *record)
{
	const bool ipv6 = record->tsr_flags & TCPSTATS_RECORD_IPV6;
	char local[INET6_ADDRSTRLEN + 8], remote[INET6_ADDRSTRLEN + 8];

	printf("%-26s %-26s %-12s %9" PRIu32 " %9" PRIu32 " %9" PRIu32
	       " %9" PRIu32 "\n",
	    endpoint(local, sizeof(local), ipv6, record->tsr_local_addr,
		record->tsr_local_port),
	    endpoint(remote, sizeof(remote), ipv6, record->tsr_remote_addr,
		record->tsr_remote_port),
	    state_name(record), record->tsr_rcv_buf_cc, record->tsr_snd_buf_cc,
	    record->tsr_rtt, record->tsr_snd_cwnd);
}

static void
count_record(struct counts *counts, const struct tcpstats_record *record)
{

	counts->total++;
	if (record->tsr_state >= 0 && record->tsr_state < TCPSTATS_NSTATES)
		counts->states[record->tsr_state]++;
	else
		counts->other++;
}

/* A line a state that occurs, and the total. */
static void
print_counts(const struct counts *counts)
{

	for (size_t i = 0; i < TCPSTATS_NSTATES; i++)
		if (counts->states[i] != 0)
			printf("%s %" PRIu64 "\n",
			    tcpstats_state_names[i].tk_name, counts->states[i]);
	if (counts->other != 0)
		printf("unknown %" PRIu64 "\n", counts->other);
	printf("total %" PRIu64 "\n", counts->total);
}

static void
read_all(const struct device *device, size_t size, struct counts *counts)
{
	struct tcpstats_record *records = device_buffer(size);
	size_t count;

	while ((count = device_read(device, records, size)) != 0)
		for (size_t i = 0; i < count; i++) {
			if (counts != NULL)
				count_record(counts, &records[i]);
			else
				print_record(&records[i]);
		}
	free(records);
}

static _Noreturn void
usage(void)
{

	fprintf(stderr,
	    "usage: read_tcpstats [-c] [-b bufsize] [-d device] [-f filter]\n");
	exit(EXIT_WRONG_USE);
}

int
main(int argc, char **argv)
{
	const char *path = device_default_path(), *text = "";
	struct counts counts = { 0 };
	struct tcpstats_filter filter;
	size_t size = BUFFER_DEFAULT;
	struct device device;
	bool count = false;
	int option;

	while ((option = getopt(argc, argv, "b:cd:f:")) != -1) {
		switch (option) {
		case 'b':
			size = arg_number(optarg, "buffer size",
			    TCPSTATS_RECORD_SIZE, BUFFER_MAX);
			break;
		case 'c':
			count = true;
			break;
		case 'd':
			path = optarg;
			break;
		case 'f':
			text = optarg;
			break;
		default:
			usage();
		}
	}
	if (optind != argc)
		usage();
	filter = device_parse_filter(text);
	filter.tsf_field_mask |= count ? TCPSTATS_FIELDS_STATE : TABLE_FIELDS;
	device = device_open(path);
	device_set_filter(&device, &filter);
	if (!count)
		print_header();
	read_all(&device, size, count ? &counts : NULL);
	if (count)
		print_counts(&counts);
	device_close(&device);
	if (fflush(stdout) != 0 || ferror(stdout))
		err(1, "failed to write to stdout");
	return (0);
}
