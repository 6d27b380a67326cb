/*-
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * The device as programs meet it: nodes, read, ioctl, limits, who sees what.
 */
#include <sys/filio.h>
#include <sys/jail.h>
#include <sys/ucred.h>

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "ktest.h"

#define RECORD sizeof(struct tcpstats_record)
#define GID_NETWORK 69

static struct tcpstats_record records[300];

static void
test_nodes(void)
{
	struct cdev *node = ukern_find_node("tcpstats");
	int fd;

	is(ukern_nodes(), 2, "nodes: two of them");
	is((uint64_t)node->si_mode, 0440, "nodes: mode 0440");
	is(node->si_gid, GID_NETWORK, "nodes: of the group network");
	is((uint64_t)ukern_open("tcpstats", FREAD | FWRITE, &fd), EPERM,
	    "nodes: not to be written");
	is(number_of("active_fds"), 0, "nodes: a refused open is not counted");
}

static void
test_record(void)
{
	const struct tcpstats_record *record = &records[1];
	int fd;

	make_sockets(3);
	fd = must_open("tcpstats-full");
	is(read_all(fd, records, nitems(records), sizeof(records)), 3,
	    "record: one for each socket");
	tap_ok(records[0].tsr_remote_port == 1026 &&
		record->tsr_remote_port == 1025 &&
		records[2].tsr_remote_port == 1024,
	    "record: newest first");
	is(record->tsr_version, 1, "record: version");
	is(record->tsr_len, RECORD, "record: len");
	is(record->tsr_af, 2, "record: af");
	is(record->tsr_local_port, 443, "record: local port");
	tap_ok(memcmp(record->tsr_remote_addr, (uint8_t[16]) { 10, 1, 0, 1 },
		   16) == 0,
	    "record: remote address");
	is((uint64_t)record->tsr_state, TCPSTATS_ESTABLISHED, "record: state");
	is(record->tsr_snd_cwnd, 14600, "record: snd_cwnd");
	is(record->tsr_rtt, 20000, "record: rtt, us");
	is(record->tsr_rttvar, 5000, "record: rttvar, us");
	is(record->tsr_rto, 230000, "record: rto, us");
	is((uint64_t)record->tsr_rcvtime, 250, "record: rcvtime, ms");
	is((uint64_t)record->tsr_tt_keep, 7200000,
	    "record: a timer, ms, beyond 4.29 s");
	is((uint64_t)record->tsr_tt_delack, 1,
	    "record: a timer that is overdue is 1");
	is((uint64_t)record->tsr_tt_rexmt, 0, "record: a timer that is not");
	tap_ok(strcmp(record->tsr_cc, "cubic") == 0 &&
		strcmp(record->tsr_stack, "freebsd") == 0,
	    "record: names");
	is(record->tsr_inp_gencnt + 1, records[0].tsr_inp_gencnt,
	    "record: inp_gencnt");
	ukern_close(fd);
	free_sockets();
}

static void
test_reads(void)
{
	size_t got;
	int fd;

	make_sockets(200);
	fd = must_open("tcpstats");
	is((uint64_t)ukern_read(fd, records, RECORD - 1, &got), EINVAL,
	    "read: less than a record is refused");
	is((uint64_t)ukern_read(fd, records, 0, &got), 0,
	    "read: nothing is no error");
	ukern_read(fd, records, 3 * RECORD - 1, &got);
	is(got, 2 * RECORD, "read: whole records");
	is(read_all(fd, records, nitems(records), 70 * RECORD), 198,
	    "read: the rest");
	ukern_read(fd, records, RECORD, &got);
	is(got, 0, "read: then nothing, for good");
	ukern_ioctl(fd, TCPSTATS_RESET, NULL);
	is(read_all(fd, records, nitems(records), sizeof(records)), 200,
	    "read: all again after a reset");
	ukern_close(fd);
	free_sockets();
}

static unsigned int yields;

static void
signal_at_yield(void)
{

	yields++;
	ukern_set_signal(true);
}

static void
test_cut_short(void)
{
	size_t got;
	int fd;

	make_sockets(200);
	fd = must_open("tcpstats");
	ukern_set_signal(true);
	is((uint64_t)ukern_read(fd, records, sizeof(records), &got), EINTR,
	    "cut: a signal before a record");
	ukern_set_signal(false);
	ukern_hook_yield = signal_at_yield;
	is((uint64_t)ukern_read(fd, records, sizeof(records), &got), 0,
	    "cut: a signal after a batch");
	ukern_hook_yield = NULL;
	ukern_set_signal(false);
	is(got, 64 * RECORD, "cut: gives that batch");
	is(number_of("reads_interrupted"), 2, "cut: reads_interrupted");

	ukern_set_clock_step(6000000000);
	is((uint64_t)ukern_read(fd, records, sizeof(records), &got), 0,
	    "cut: time is up");
	ukern_set_clock_step(1000);
	tap_ok(got > 0 && got < 136 * RECORD && got % RECORD == 0,
	    "cut: gives what it has");
	is(number_of("reads_timed_out"), 1, "cut: reads_timed_out");
	is(read_all(fd, records, nitems(records), sizeof(records)),
	    136 - got / RECORD, "cut: the next read goes on");
	ukern_close(fd);
	free_sockets();
}

static void
test_copy_fault(void)
{
	uint64_t before = number_of("records_emitted");
	uint64_t errors = number_of("uiomove_errors");
	size_t got, total;
	bool whole = true;
	int error, fd;

	make_sockets(200);
	fd = must_open("tcpstats");
	is((uint64_t)ukern_read_mapped(fd, records, sizeof(records), 100, &got),
	    EFAULT, "copy: a fault in the first batch");
	is((uint64_t)ukern_read_mapped(fd, records, sizeof(records),
	       64 * RECORD + 1, &got),
	    0, "copy: a fault in the second");
	is(got, 64 * RECORD, "copy: gives the first");
	total = got / RECORD;
	for (size_t mapped = 0; mapped < 12 * RECORD; mapped += 37) {
		error = ukern_read_mapped(fd, &records[total], 10 * RECORD,
		    mapped, &got);
		whole = whole && got % RECORD == 0 &&
		    (error == EFAULT) == (got == 0);
		total += got / RECORD;
		if (total > 150)
			break;
	}
	tap_ok(whole, "copy: wherever the fault is, whole records or EFAULT");
	total += read_all(fd, &records[total], nitems(records) - total,
	    sizeof(records));
	is(total, 200, "copy: none is lost, none comes twice");
	for (size_t i = 1; i < total; i++)
		whole = whole &&
		    records[i].tsr_inp_gencnt + 1 ==
			records[i - 1].tsr_inp_gencnt;
	tap_ok(whole, "copy: and they are in order");
	is(number_of("records_emitted") - before, 200,
	    "copy: what was not handed over is not counted");
	tap_ok(number_of("uiomove_errors") > errors, "copy: uiomove_errors");
	ukern_close(fd);
	free_sockets();
}

static void
test_limits(void)
{
	int extra, fd[16];
	size_t got;

	set_limit("max_open_fds", 3);
	for (int i = 0; i < 3; i++)
		fd[i] = must_open("tcpstats");
	is((uint64_t)ukern_open("tcpstats", FREAD, &extra), EMFILE,
	    "limits: max_open_fds");
	is(number_of("active_fds"), 3, "limits: active_fds");
	set_limit("max_concurrent_readers", 0);
	is((uint64_t)ukern_read(fd[0], records, RECORD, &got), EBUSY,
	    "limits: max_concurrent_readers");
	set_limit("max_concurrent_readers", 1);
	set_limit("min_read_interval_ms", 100);
	is((uint64_t)ukern_read(fd[0], records, RECORD, &got), 0,
	    "limits: a first snapshot");
	ukern_ioctl(fd[0], TCPSTATS_RESET, NULL);
	is((uint64_t)ukern_read(fd[0], records, RECORD, &got), EBUSY,
	    "limits: min_read_interval_ms");
	is((uint64_t)ukern_read(fd[1], records, RECORD, &got), 0,
	    "limits: which is each descriptor's own");
	ukern_advance_clock(100000000);
	is((uint64_t)ukern_read(fd[0], records, RECORD, &got), 0,
	    "limits: until it is over");
	is((uint64_t)ukern_kldunload(true), EBUSY,
	    "limits: no unload while one is open, forced or not");
	for (int i = 0; i < 3; i++)
		ukern_close(fd[i]);
	set_limit("max_open_fds", 16);
	set_limit("max_concurrent_readers", 32);
	set_limit("min_read_interval_ms", 0);
}

static void
test_ioctl(void)
{
	struct tcpstats_filter filter = filter_of("remote_port=1030");
	struct tcpstats_version version;
	int fd, on = 1;

	make_sockets(10);
	fd = must_open("tcpstats");
	is((uint64_t)ukern_ioctl(fd, TCPSTATS_VERSION_CMD, &version), 0,
	    "ioctl: version");
	is(version.tsv_protocol_version, 1, "ioctl: protocol version");
	is(version.tsv_record_size, RECORD, "ioctl: record size");
	is(version.tsv_record_count_hint, 10, "ioctl: count hint");
	is((uint64_t)ukern_ioctl(fd, TCPSTATS_SET_FILTER, &filter), 0,
	    "ioctl: a filter");
	is(read_all(fd, records, nitems(records), sizeof(records)), 1,
	    "ioctl: is heeded");
	is((uint64_t)ukern_ioctl(fd, FIONBIO, &on), 0, "ioctl: FIONBIO");
	is((uint64_t)ukern_ioctl(fd, _IO('T', 99), NULL), ENOTTY,
	    "ioctl: another");
	ukern_close(fd);
	free_sockets();
}

static void
test_jail(void)
{
	struct prison *jail = ukern_new_jail();
	struct ucred *inmate = ukern_new_cred(0, 0, jail);
	struct ukern_socket spec = connection(7, true);
	struct inpcb *inp;
	int fd;

	make_sockets(4);
	spec.cred = inmate;
	inp = ukern_socket_new(&spec);
	ukern_half_open_add(&spec);
	ukern_set_cred(inmate);
	fd = must_open("tcpstats");
	is(read_all(fd, records, nitems(records), sizeof(records)), 2,
	    "jail: sees what is in its own stack");
	is(records[0].tsr_remote_port, 1031, "jail: that is its own");
	is(records[0].tsr_so_addr, 0, "jail: no kernel address");
	is(records[1].tsr_flags,
	    TCPSTATS_RECORD_SYNCACHE | TCPSTATS_RECORD_IPV6,
	    "jail: also what is half open");
	/* The reader need not be the opener. */
	ukern_set_cred(NULL);
	ukern_ioctl(fd, TCPSTATS_RESET, NULL);
	is(read_all(fd, records, nitems(records), sizeof(records)), 2,
	    "jail: a descriptor stays its opener's");
	ukern_close(fd);
	fd = must_open("tcpstats");
	is(read_all(fd, records, nitems(records), sizeof(records)), 4,
	    "jail: the host sees its own stack");
	ukern_close(fd);
	ukern_half_open_clear(jail->pr_vnet);
	ukern_socket_free(inp);
	free_sockets();
	crfree(inmate);
}

/* A jail that shares the host's stack sees what is its own in it. */
static void
test_credential(void)
{
	struct prison shared = { .pr_vnet = prison0.pr_vnet,
		.pr_jailed = true };
	struct ucred *inmate = ukern_new_cred(0, 0, &shared);
	struct ukern_socket spec = connection(9, false);
	uint64_t before = number_of("sockets_skipped_cred");
	struct inpcb *inp;
	int fd;

	make_sockets(4);
	ukern_half_open_add(&spec);
	spec.cred = inmate;
	inp = ukern_socket_new(&spec);
	ukern_half_open_add(&spec);
	ukern_set_cred(inmate);
	fd = must_open("tcpstats");
	ukern_set_cred(NULL);
	is(read_all(fd, records, nitems(records), sizeof(records)), 2,
	    "credential: the opener's decides");
	is(number_of("sockets_skipped_cred") - before, 4,
	    "credential: sockets_skipped_cred");
	ukern_close(fd);
	ukern_half_open_clear(shared.pr_vnet);
	ukern_socket_free(inp);
	free_sockets();
	crfree(inmate);
}

static void
test_half_open(void)
{
	struct ukern_socket spec;
	size_t got;
	int fd;

	make_sockets(2);
	for (unsigned int i = 0; i < 100; i++) {
		spec = connection(100 + i, i % 2 != 0);
		ukern_half_open_add(&spec);
	}
	fd = must_open("tcpstats");
	for (got = RECORD; got != 0;)
		ukern_read(fd, records, RECORD, &got);
	ukern_ioctl(fd, TCPSTATS_RESET, NULL);
	is(read_all(fd, records, nitems(records), RECORD), 102,
	    "half open: behind the sockets");
	is(records[1].tsr_flags, 0, "half open: a socket is none");
	is(records[2].tsr_flags,
	    TCPSTATS_RECORD_SYNCACHE | TCPSTATS_RECORD_IPV6,
	    "half open: flagged");
	is((uint64_t)records[101].tsr_state, TCPSTATS_SYN_RECEIVED,
	    "half open: in SYN_RECEIVED");
	ukern_half_open_clear(prison0.pr_vnet);
	ukern_close(fd);
	free_sockets();
}

/* After every read: visited is emitted and all that was skipped. */
static void
test_counters(void)
{
	static const char *const skipped[] = { "gencnt", "cred", "ipver",
		"state", "port", "addr" };
	struct tcpstats_filter filter = filter_of(
	    "ipv4_only exclude=listen remote_addr=10.1.0.0/25");
	struct ukern_socket spec = connection(400, true);
	uint64_t visited = number_of("sockets_visited");
	uint64_t counted = 0;
	struct inpcb *inp;
	char name[64];
	size_t count;
	int fd;

	make_sockets(200);
	ukern_socket_set_state(sockets[3], TCPSTATS_LISTEN);
	inp = ukern_socket_new(&spec);
	fd = must_open("tcpstats");
	ukern_ioctl(fd, TCPSTATS_SET_FILTER, &filter);
	ukern_enable_probes(true);
	count = read_all(fd, records, nitems(records), 7 * RECORD);
	is(count, 127, "counters: records");
	is(ukern_probe_count("filter:match"), 127, "counters: filter:match");
	is(ukern_probe_count("filter:skip"), 74, "counters: filter:skip");
	is(ukern_probe_count("read:entry"), 20, "counters: read:entry");
	is(ukern_probe_count("read:done"), 20, "counters: read:done");
	is(ukern_probe_count("fill:done"), 127, "counters: fill:done");
	tap_ok(ukern_probe_arg("read:done", 0) == 0 &&
		ukern_probe_arg("read:done", 1) == 0 &&
		ukern_probe_arg("fill:done", 1) == RECORD,
	    "counters: what the probes say");
	ukern_enable_probes(false);
	is(number_of("sockets_visited") - visited, 201,
	    "counters: sockets_visited");
	counted = number_of("records_emitted");
	for (size_t i = 0; i < nitems(skipped); i++) {
		snprintf(name, sizeof(name), "sockets_skipped_%s", skipped[i]);
		counted += number_of(name);
	}
	is(number_of("sockets_visited"), counted,
	    "counters: visited is emitted and skipped");
	is(number_of("sockets_skipped_ipver"), 1,
	    "counters: sockets_skipped_ipver");
	is(number_of("sockets_skipped_state"), 1,
	    "counters: sockets_skipped_state");
	is(number_of("sockets_skipped_addr"), 72,
	    "counters: sockets_skipped_addr");
	tap_ok(number_of("read_duration_ns_max") > 0 &&
		number_of("read_duration_ns_max") <=
		    number_of("read_duration_ns_total"),
	    "counters: durations");
	ukern_close(fd);
	ukern_socket_free(inp);
	free_sockets();
}

int
main(void)
{

	load_module();
	test_nodes();
	test_record();
	test_reads();
	test_cut_short();
	test_copy_fault();
	test_limits();
	test_ioctl();
	test_jail();
	test_credential();
	test_half_open();
	test_counters();
	unload_module("device");
	return (tap_done());
}
