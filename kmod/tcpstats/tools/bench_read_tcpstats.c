/*-
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * What it takes to read the device to the end of a snapshot:
 * bench_read_tcpstats [-b bufsize] [-d device] [-s samples] [workload ...].
 *
 * Prints a line a measurement, its parts separated by tabs: workload, filter
 * ("-": none), readers at once, bytes of each one's buffer, sockets visited
 * and records read by all of them together in the last sample, and the
 * nanoseconds of each sample, from the first read to the end of the last
 * reader.  The sockets are those that the host has.
 */
#include <err.h>
#include <errno.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "args.h"
#include "device.h"
#include "nodes.h"

#define BUFFER_DEFAULT ((size_t)1 << 20)
#define BUFFER_MAX ((size_t)4 << 20)
#define MAX_READERS 16
#define NPORTS 65536

struct bench {
	const char *path;
	size_t buffer_size;
	uint64_t samples;
};

/* What is done at once, again for each sample. */
struct load {
	const char *text; /* the filter's */
	size_t nreaders;
	size_t buffer_size;
};

struct reader {
	pthread_t thread;
	struct device device;
	struct tcpstats_record *records;
	size_t size;
	uint64_t count; /* records of the last sample */
	pthread_barrier_t *begin;
};

static uint64_t
uptime_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return ((uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec);
}

static void *
read_to_end(void *arg)
{
	struct reader *reader = arg;
	size_t count;

	reader->count = 0;
	pthread_barrier_wait(reader->begin);
	while ((count = device_read(&reader->device, reader->records,
		    reader->size)) != 0)
		reader->count += count;
	return (NULL);
}

/* Let all readers read a snapshot.  Returns the nanoseconds. */
static uint64_t
sample(struct reader *readers, size_t nreaders,
    const struct tcpstats_filter *filter)
{
	pthread_barrier_t begin;
	uint64_t begin_ns;
	int error;

	pthread_barrier_init(&begin, NULL, (unsigned int)nreaders + 1);
	for (size_t i = 0; i < nreaders; i++) {
		device_set_filter(&readers[i].device, filter);
		readers[i].begin = &begin;
		error = pthread_create(&readers[i].thread, NULL, read_to_end,
		    &readers[i]);
		if (error != 0)
			errx(1, "failed to start reader %zu: %s", i + 1,
			    strerror(error));
	}
	begin_ns = uptime_ns();
	pthread_barrier_wait(&begin);
	for (size_t i = 0; i < nreaders; i++)
		pthread_join(readers[i].thread, NULL);
	begin_ns = uptime_ns() - begin_ns;
	pthread_barrier_destroy(&begin);
	return (begin_ns);
}

static void
print_measurement(const char *workload, const struct load *load,
    uint64_t visited, uint64_t records, const uint64_t *samples, size_t count)
{

	printf("%s\t%s\t%zu\t%zu\t%" PRIu64 "\t%" PRIu64, workload,
	    load->text[0] != '\0' ? load->text : "-", load->nreaders,
	    load->buffer_size, visited, records);
	for (size_t i = 0; i < count; i++)
		printf("\t%" PRIu64, samples[i]);
	putchar('\n');
	fflush(stdout);
}

static void
measure(const struct bench *bench, const char *workload,
    const struct load *load)
{
	const struct tcpstats_filter filter = device_parse_filter(load->text);
	struct reader readers[MAX_READERS];
	uint64_t records = 0, visited = 0, *samples;

	samples = calloc(bench->samples, sizeof(*samples));
	if (samples == NULL)
		errx(1, "no memory for %" PRIu64 " samples", bench->samples);
	for (size_t i = 0; i < load->nreaders; i++)
		readers[i] = (struct reader) {
			.device = device_open(bench->path),
			.records = device_buffer(load->buffer_size),
			.size = load->buffer_size,
		};
	for (size_t i = 0; i < bench->samples; i++) {
		visited = node_get("sockets_visited");
		samples[i] = sample(readers, load->nreaders, &filter);
		visited = node_get("sockets_visited") - visited;
	}
	for (size_t i = 0; i < load->nreaders; i++) {
		records += readers[i].count;
		device_close(&readers[i].device);
		free(readers[i].records);
	}
	print_measurement(workload, load, visited, records, samples,
	    bench->samples);
	free(samples);
}

/* Measure one reader with each of the filters; NULL ends them. */
static void
measure_filters(const struct bench *bench, const char *workload,
    const char *const *texts)
{

	for (; *texts != NULL; texts++)
		measure(bench, workload,
		    &(struct load) { *texts, 1, bench->buffer_size });
}

/* ---- The workloads ---- */

static void
run_no_filter(const struct bench *bench)
{

	measure_filters(bench, "no_filter", (const char *const[]) { "", NULL });
}

/* How many sockets have each port at their local end. */
static void
count_ports(const struct bench *bench, uint32_t ports[NPORTS])
{
	struct device device = device_open(bench->path);
	struct tcpstats_record *records = device_buffer(bench->buffer_size);
	size_t count;

	while ((count = device_read(&device, records, bench->buffer_size)) != 0)
		for (size_t i = 0; i < count; i++)
			ports[records[i].tsr_local_port]++;
	free(records);
	device_close(&device);
}

/* Three ports of this host: one that none has, one of few, one of most. */
static void
run_port_selectivity(const struct bench *bench)
{
	uint32_t few = 0, most = 0, none = 0;
	uint32_t *ports = calloc(NPORTS, sizeof(*ports));
	char text[32];

	if (ports == NULL)
		errx(1, "no memory for a count of ports");
	count_ports(bench, ports);
	for (uint32_t port = 1; port < NPORTS; port++) {
		if (ports[port] == 0)
			none = port;
		else if (few == 0 || ports[port] < ports[few])
			few = port;
		if (ports[port] > ports[most])
			most = port;
	}
	free(ports);
	if (none == 0 || few == 0)
		errx(1, "this host has no socket, or none without one");
	for (size_t i = 0; i < 3; i++) {
		snprintf(text, sizeof(text), "local_port=%" PRIu32,
		    (const uint32_t[]) { none, few, most }[i]);
		measure_filters(bench, "port_selectivity",
		    (const char *const[]) { text, NULL });
	}
}

static void
run_state(const struct bench *bench)
{

	measure_filters(bench, "state",
	    (const char *const[]) { "include_state=listen",
		"include_state=established", "exclude=established",
		"exclude=listen,time_wait", NULL });
}

static void
run_field_groups(const struct bench *bench)
{

	measure_filters(bench, "field_groups",
	    (const char *const[]) { "fields=identity", "fields=default",
		"fields=all", NULL });
}

static void
run_buffer_size(const struct bench *bench)
{
	static const size_t sizes[] = { TCPSTATS_RECORD_SIZE, 4096, 65536,
		(size_t)1 << 20, BUFFER_MAX };

	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++)
		measure(bench, "buffer_size",
		    &(struct load) { "", 1, sizes[i] });
}

static void
run_concurrent_readers(const struct bench *bench)
{

	for (size_t nreaders = 1; nreaders <= MAX_READERS; nreaders *= 2)
		measure(bench, "concurrent_readers",
		    &(struct load) { "", nreaders, bench->buffer_size });
}

static void
run_ip_version(const struct bench *bench)
{

	measure_filters(bench, "ip_version",
	    (const char *const[]) { "ipv4_only", "ipv6_only", NULL });
}

struct workload {
	const char *name;
	void (*run)(const struct bench *bench);
};

static const struct workload workloads[] = {
	{ "no_filter", run_no_filter },
	{ "port_selectivity", run_port_selectivity },
	{ "state", run_state },
	{ "field_groups", run_field_groups },
	{ "buffer_size", run_buffer_size },
	{ "concurrent_readers", run_concurrent_readers },
	{ "ip_version", run_ip_version },
};
#define NWORKLOADS (sizeof(workloads) / sizeof(workloads[0]))

static _Noreturn void
usage(void)
{

	fprintf(stderr,
	    "usage: bench_read_tcpstats [-b bufsize] [-d device] [-s samples] "
	    "[workload ...]\nworkloads:");
	for (size_t i = 0; i < NWORKLOADS; i++)
		fprintf(stderr, " %s", workloads[i].name);
	fputc('\n', stderr);
	exit(EXIT_WRONG_USE);
}

static const struct workload *
find_workload(const char *name)
{

	for (size_t i = 0; i < NWORKLOADS; i++)
		if (strcmp(workloads[i].name, name) == 0)
			return (&workloads[i]);
	usage();
}

int
main(int argc, char **argv)
{
	struct bench bench = { device_default_path(), BUFFER_DEFAULT, 5 };
	int option;

	while ((option = getopt(argc, argv, "b:d:s:")) != -1) {
		switch (option) {
		case 'b':
			bench.buffer_size = arg_number(optarg, "buffer size",
			    TCPSTATS_RECORD_SIZE, BUFFER_MAX);
			break;
		case 'd':
			bench.path = optarg;
			break;
		case 's':
			bench.samples = arg_number(optarg, "number of samples",
			    1, 1000);
			break;
		default:
			usage();
		}
	}
	for (int i = optind; i < argc; i++)
		find_workload(argv[i]);
	printf("# workload\tfilter\treaders\tbuffer_bytes\tsockets\trecords\t"
	       "ns ...\n");
	if (optind == argc)
		for (size_t i = 0; i < NWORKLOADS; i++)
			workloads[i].run(&bench);
	for (int i = optind; i < argc; i++)
		find_workload(argv[i])->run(&bench);
	return (0);
}
