/*-
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * read(2) of the device: what the core calls meanwhile, and what must be true
 * of the read when it is over.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <string.h>

#include "device_model.h"

#define NS_PER_MS UINT64_C(1000000)
/* A read of so many batches gets nowhere. */
#define MAX_WALKS (2 * MAX_SOCKETS)

/* A read that is under way. */
struct call {
	struct device *device;
	struct descriptor *descriptor;
	const struct request *request;
	struct faults faults; /* those of the request, counted down */
	size_t copied;	      /* records */
	unsigned int walks;
	bool nested; /* the nested read was done */
};

/* ---- What the core calls ---- */

/* Is it this call that fails? */
static bool
is_due(unsigned int *countdown, bool *failed)
{

	if (*countdown == 0 || --*countdown != 0)
		return (false);
	*failed = true;
	return (true);
}

static int
take_snapshot(void *ctx, uint64_t *gencnt)
{
	struct call *call = ctx;
	struct descriptor *descriptor = call->descriptor;

	CHECK(!descriptor->active, "a snapshot is given up for another");
	if (is_due(&call->faults.snapshot, &call->faults.snapshot_failed))
		return (ENOMEM);
	*gencnt = call->device->nsockets;
	descriptor->taken = descriptor->active = true;
	descriptor->snapshot = *gencnt;
	descriptor->snapshot_ns = call->device->now_ns;
	descriptor->snapshot_call = call->device->calls;
	descriptor->last = UINT64_MAX;
	memset(descriptor->reported, 0, sizeof(descriptor->reported));
	return (0);
}

static void
fill(struct tcpstats_walk *walk, struct socket *socket, uint64_t gencnt)
{
	struct tcpstats_record *record;

	if (socket->goes) {
		tcpstats_walk_drop(walk, TCPSTATS_SKIP_GENCNT);
		return;
	}
	record = tcpstats_walk_slot(walk);
	record->tsr_inp_gencnt = gencnt;
	record->tsr_remote_port = ntohs(socket->remote_port);
	tcpstats_walk_emit(walk);
}

static int
walk_sockets(void *ctx, struct tcpstats_walk *walk)
{
	struct call *call = ctx;
	struct device *device = call->device;
	const uint64_t cursor = tcpstats_walk_cursor(walk);
	struct tcpstats_socket seen;
	enum tcpstats_verdict verdict;
	struct socket *socket;
	uint64_t gencnt = device->nsockets;

	CHECK(++call->walks < MAX_WALKS, "a read gets nowhere");
	CHECK(memcmp(tcpstats_walk_filter(walk), &call->descriptor->filter,
		  sizeof(struct tcpstats_filter)) == 0,
	    "a walk goes by another filter");
	if (!call->request->walk_all && gencnt >= cursor)
		gencnt = cursor - 1;
	for (; gencnt > 0; gencnt--) {
		socket = &device->sockets[gencnt - 1];
		if (socket->gone)
			continue;
		if (tcpstats_walk_full(walk))
			return (0);
		if (is_due(&call->faults.walk, &call->faults.walk_failed))
			return (EIO);
		device->now_ns += device->ns_per_socket;
		seen = device_view_socket(socket, gencnt);
		verdict = tcpstats_walk_visit(walk, &seen);
		if (verdict == TCPSTATS_SKIP_TIMEOUT)
			return (0);
		CHECK((verdict == TCPSTATS_SEEN) == (gencnt >= cursor),
		    "socket %ju, cursor %ju: verdict %d", (uintmax_t)gencnt,
		    (uintmax_t)cursor, verdict);
		if (verdict == TCPSTATS_MATCH)
			fill(walk, socket, gencnt);
	}
	tcpstats_walk_end(walk);
	return (0);
}

/* A record is that of a socket of the snapshot, whole, and not told before. */
static void
check_record(struct call *call, const struct tcpstats_record *record)
{
	struct descriptor *descriptor = call->descriptor;
	const uint64_t gencnt = record->tsr_inp_gencnt;
	struct tcpstats_record want;

	CHECK(gencnt >= 1 && gencnt <= descriptor->snapshot,
	    "socket %ju is reported, the snapshot ends at %ju",
	    (uintmax_t)gencnt, (uintmax_t)descriptor->snapshot);
	CHECK(!descriptor->reported[gencnt], "socket %ju is reported again",
	    (uintmax_t)gencnt);
	CHECK(gencnt < descriptor->last, "socket %ju is reported after %ju",
	    (uintmax_t)gencnt, (uintmax_t)descriptor->last);
	memset(&want, 0, sizeof(want));
	want.tsr_version = TCPSTATS_PROTOCOL_VERSION;
	want.tsr_len = TCPSTATS_RECORD_SIZE;
	want.tsr_inp_gencnt = gencnt;
	want.tsr_remote_port = ntohs(
	    call->device->sockets[gencnt - 1].remote_port);
	CHECK(memcmp(record, &want, sizeof(want)) == 0,
	    "the record of socket %ju has what was not filled",
	    (uintmax_t)gencnt);
	descriptor->reported[gencnt] = true;
	descriptor->last = gencnt;
}

static int
copy_out(void *ctx, const struct tcpstats_record *records, size_t count)
{
	struct call *call = ctx;

	CHECK(count > 0, "no record is copied out");
	if (is_due(&call->faults.copy, &call->faults.copy_failed))
		return (EFAULT);
	for (size_t i = 0; i < count; i++)
		check_record(call, &records[i]);
	call->copied += count;
	return (0);
}

static uint64_t
uptime_ns(void *ctx)
{
	const struct call *call = ctx;

	return (call->device->now_ns);
}

static bool
is_interrupted(void *ctx)
{
	struct call *call = ctx;

	return (is_due(&call->faults.interrupt, &call->faults.interrupted));
}

/* Read another descriptor, while this one's read is under way. */
static void
read_another(struct call *call)
{
	struct request request = *call->request;

	call->nested = true;
	request.descriptor = (request.descriptor + 1) % MAX_DESCRIPTORS;
	request.nested = false;
	device_read(call->device, &request);
}

static void
yield(void *ctx)
{
	struct call *call = ctx;

	if (call->request->churn)
		device_come_and_go(call->device);
	if (call->request->nested && !call->nested)
		read_another(call);
}

static const struct tcpstats_read_ops ops = {
	.tro_snapshot = take_snapshot,
	.tro_walk = walk_sockets,
	.tro_copyout = copy_out,
	.tro_uptime_ns = uptime_ns,
	.tro_interrupted = is_interrupted,
	.tro_yield = yield,
};

/* ---- The read, and what it did ---- */

/*
 * At the end of a snapshot each socket was reported that was there when it
 * began, is there still, and has passed the filter all the time.
 */
static void
check_complete(const struct device *device, const struct descriptor *descriptor)
{
	const struct socket *socket;
	struct tcpstats_matcher matcher;
	struct tcpstats_socket seen;

	tcpstats_matcher_prepare(&matcher, &descriptor->filter);
	for (uint64_t gencnt = 1; gencnt <= descriptor->snapshot; gencnt++) {
		socket = &device->sockets[gencnt - 1];
		if (socket->gone || socket->goes ||
		    socket->changed >= descriptor->snapshot_call)
			continue;
		seen = device_view_socket(socket, gencnt);
		CHECK(descriptor->reported[gencnt] ==
			(tcpstats_match(&matcher, &seen) == TCPSTATS_MATCH),
		    "socket %ju of %ju is %sreported", (uintmax_t)gencnt,
		    (uintmax_t)descriptor->snapshot,
		    descriptor->reported[gencnt] ? "" : "not ");
	}
}

static void
check_stats(const struct call *call, const struct tcpstats_read_stats *stats,
    size_t records)
{
	const struct tcpstats_limits *limits = &call->device->limits;
	uint64_t accounted = stats->trs_emitted;

	for (size_t i = 0; i < TCPSTATS_NSKIPS; i++)
		accounted += stats->trs_skipped[i];
	CHECK(stats->trs_visited == accounted,
	    "%ju visited, %ju emitted or skipped",
	    (uintmax_t)stats->trs_visited, (uintmax_t)accounted);
	CHECK(stats->trs_emitted == records && call->copied == records,
	    "%zu records, %ju emitted, %zu copied", records,
	    (uintmax_t)stats->trs_emitted, call->copied);
	CHECK(stats->trs_copy_failed == call->faults.copy_failed &&
		stats->trs_interrupted == call->faults.interrupted,
	    "a fault of a copy or a signal is not told");
	if (stats->trs_timed_out)
		CHECK(records > 0 && limits->tl_max_read_duration_ms != 0 &&
			stats->trs_duration_ns >=
			    limits->tl_max_read_duration_ms * NS_PER_MS,
		    "a read of %zu records, %ju ns is said to be late", records,
		    (uintmax_t)stats->trs_duration_ns);
}

/* The error of a read that has no fault to report. */
static int
expected_error(const struct device *device, const struct descriptor *before,
    size_t size, uint64_t begin_ns)
{

	if (size > 0 && size < RECORD)
		return (EINVAL);
	if (size > 0 && !before->active && before->taken &&
	    begin_ns - before->snapshot_ns <
		device->limits.tl_min_read_interval_ms * NS_PER_MS)
		return (EBUSY);
	return (0);
}

static void
check_error(const struct call *call, int error, int expected, size_t records)
{
	const struct faults *faults = &call->faults;
	const bool any = faults->snapshot_failed || faults->walk_failed ||
	    faults->copy_failed || faults->interrupted;

	CHECK(error == 0 || records == 0, "%zu records and error %d", records,
	    error);
	if (!any)
		CHECK(error == expected, "error %d, where %d is right", error,
		    expected);
	else if (records == 0)
		CHECK((error == ENOMEM && faults->snapshot_failed) ||
			(error == EIO && faults->walk_failed) ||
			(error == EFAULT && faults->copy_failed) ||
			(error == EINTR && faults->interrupted),
		    "error %d is not that of the fault", error);
}

/* How the read ended: at the end of the snapshot, or else for a reason. */
static void
check_end(const struct call *call, const struct tcpstats_read_stats *stats,
    int error, size_t records)
{
	const struct descriptor *descriptor = call->descriptor;
	const size_t wanted = call->request->size / RECORD;

	CHECK(records <= wanted, "%zu records in %zu bytes", records,
	    call->request->size);
	if (wanted == 0 || error != 0)
		return;
	if (records == 0)
		check_complete(call->device, descriptor);
	if (records < wanted && !stats->trs_timed_out &&
	    !call->faults.walk_failed && !call->faults.copy_failed &&
	    !call->faults.interrupted)
		CHECK(descriptor->reader.tr_exhausted,
		    "%zu of %zu records, and neither end nor reason", records,
		    wanted);
}

static void
run_read(struct call *call)
{
	struct device *device = call->device;
	struct descriptor *descriptor = call->descriptor;
	const uint64_t begin_ns = device->now_ns;
	const int expected = expected_error(device, descriptor,
	    call->request->size, begin_ns);
	struct tcpstats_record *batch;
	struct tcpstats_read_stats stats;
	size_t records;
	int error;

	/* Memory that ends where the batch does, and is not zero. */
	batch = malloc(call->request->batch_len * RECORD);
	memset(batch, 0xa5, call->request->batch_len * RECORD);
	error = tcpstats_read(&descriptor->reader, &device->limits, &ops, call,
	    batch, call->request->batch_len, call->request->size, &records,
	    &stats);
	free(batch);
	device_check_descriptor(descriptor);
	check_stats(call, &stats, records);
	check_error(call, error, expected, records);
	check_end(call, &stats, error, records);
	tcpstats_counters_add(&device->totals, &stats);
}

static uint32_t
count_reading(const struct device *device)
{
	uint32_t count = 0;

	for (size_t i = 0; i < MAX_DESCRIPTORS; i++)
		count += device->descriptors[i].reading;
	return (count);
}

void
device_read(struct device *device, const struct request *request)
{
	struct descriptor *descriptor = &device
					     ->descriptors[request->descriptor];
	const uint32_t reading = count_reading(device);
	struct call call = {
		.device = device,
		.descriptor = descriptor,
		.request = request,
		.faults = request->faults,
	};
	int error;

	if (!descriptor->open || descriptor->reading)
		return;
	device->calls++;
	error = tcpstats_admit_read(&device->admission, &device->limits);
	CHECK(error ==
		(reading < device->limits.tl_max_concurrent_readers ? 0 :
								      EBUSY),
	    "a read beside %u of %u gives %d", reading,
	    device->limits.tl_max_concurrent_readers, error);
	if (error != 0)
		return;
	descriptor->reading = true;
	run_read(&call);
	descriptor->reading = false;
	tcpstats_admit_read_done(&device->admission);
	CHECK(device->admission.ta_active_readers == reading,
	    "%u reads under way are counted as %u", reading,
	    device->admission.ta_active_readers);
}
