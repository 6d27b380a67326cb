/*-
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * Sockets and descriptors of the device.
 */
#include "device_model.h"

#include <arpa/inet.h>
#include <errno.h>
#include <string.h>

void
device_init(struct device *device)
{

	device->nsockets = 0;
	for (size_t i = 0; i < MAX_DESCRIPTORS; i++)
		device->descriptors[i].open = false;
	device->limits = tcpstats_limits_default;
	memset(&device->admission, 0, sizeof(device->admission));
	memset(&device->totals, 0, sizeof(device->totals));
	device->now_ns = UINT64_C(1000000);
	device->ns_per_socket = 0;
	device->calls = 0;
	device->random = 1;
}

/* Marsaglia's xorshift with shifts 13, 17, 5. */
static uint32_t
below(struct device *device, uint32_t limit)
{

	device->random ^= device->random << 13;
	device->random ^= device->random >> 17;
	device->random ^= device->random << 5;
	return (device->random % limit);
}

/* ---- Sockets ---- */

void
device_add_socket(struct device *device, uint8_t kind)
{
	struct socket *socket = &device->sockets[device->nsockets];

	if (device->nsockets == MAX_SOCKETS)
		return;
	memset(socket, 0, sizeof(*socket));
	socket->ipv6 = kind & 1;
	socket->local[0] = socket->ipv6 ? 0xfd : 127;
	socket->local[3] = 1 + (kind >> 1 & 1);
	memcpy(socket->remote, socket->local, sizeof(socket->remote));
	socket->local_port = htons(kind & 4 ? 443 : 80);
	socket->remote_port = htons((uint16_t)(1024 + device->nsockets));
	socket->state = kind % TCPSTATS_NSTATES;
	socket->visible = kind % 16 != 7;
	socket->goes = kind % 16 == 9;
	socket->changed = device->calls;
	device->nsockets++;
}

void
device_remove_socket(struct device *device, size_t at)
{

	if (at < device->nsockets)
		device->sockets[at].gone = true;
}

void
device_change_socket(struct device *device, size_t at, uint8_t state)
{

	if (at >= device->nsockets)
		return;
	device->sockets[at].state = state % TCPSTATS_NSTATES;
	device->sockets[at].changed = device->calls;
}

struct tcpstats_socket
device_view_socket(const struct socket *socket, uint64_t gencnt)
{

	return ((struct tcpstats_socket) {
	    .ts_gencnt = gencnt,
	    .ts_local_addr = socket->local,
	    .ts_remote_addr = socket->remote,
	    .ts_local_port = socket->local_port,
	    .ts_remote_port = socket->remote_port,
	    .ts_state = socket->state,
	    .ts_ipv6 = socket->ipv6,
	    .ts_visible = socket->visible,
	});
}

void
device_come_and_go(struct device *device)
{

	device_add_socket(device, (uint8_t)below(device, 256));
	for (uint32_t i = below(device, 3); i > 0; i--)
		device_remove_socket(device,
		    below(device, (uint32_t)device->nsockets));
	device_change_socket(device, below(device, (uint32_t)device->nsockets),
	    (uint8_t)below(device, TCPSTATS_NSTATES));
}

/* ---- open(2), close(2), ioctl(2) ---- */

void
device_check_descriptor(const struct descriptor *descriptor)
{

	CHECK(memcmp(&descriptor->filter, &descriptor->reader.tr_filter,
		  sizeof(descriptor->filter)) == 0,
	    "a descriptor has another filter");
}

static uint32_t
count_open(const struct device *device)
{
	uint32_t count = 0;

	for (size_t i = 0; i < MAX_DESCRIPTORS; i++)
		count += device->descriptors[i].open;
	return (count);
}

void
device_open(struct device *device, size_t at,
    const struct tcpstats_filter *filter)
{
	struct descriptor *descriptor = &device->descriptors[at];
	const uint32_t open = count_open(device);
	int error;

	if (descriptor->open)
		return;
	error = tcpstats_admit_open(&device->admission, &device->limits);
	CHECK(error == (open < device->limits.tl_max_open_fds ? 0 : EMFILE),
	    "open with %u of %u open gives %d", open,
	    device->limits.tl_max_open_fds, error);
	if (error == 0) {
		tcpstats_reader_init(&descriptor->reader, filter);
		descriptor->open = true;
		descriptor->filter = *filter;
		descriptor->taken = descriptor->active = false;
	}
	CHECK(device->admission.ta_active_fds == count_open(device),
	    "%u descriptors are counted as %u", count_open(device),
	    device->admission.ta_active_fds);
}

void
device_close(struct device *device, size_t at)
{
	struct descriptor *descriptor = &device->descriptors[at];

	if (!descriptor->open)
		return;
	tcpstats_admit_close(&device->admission);
	descriptor->open = false;
	CHECK(device->admission.ta_active_fds == count_open(device),
	    "%u descriptors are counted as %u", count_open(device),
	    device->admission.ta_active_fds);
}

void
device_set_filter(struct device *device, size_t at,
    const struct tcpstats_filter *filter)
{
	struct descriptor *descriptor = &device->descriptors[at];

	if (!descriptor->open)
		return;
	if (tcpstats_filter_validate(filter) == 0) {
		tcpstats_reader_set_filter(&descriptor->reader, filter);
		descriptor->filter = *filter;
		descriptor->active = false;
	}
	device_check_descriptor(descriptor);
}

void
device_reset(struct device *device, size_t at)
{
	struct descriptor *descriptor = &device->descriptors[at];

	if (!descriptor->open)
		return;
	tcpstats_reader_reset(&descriptor->reader);
	descriptor->active = false;
	device_check_descriptor(descriptor);
}

/* ---- The end ---- */

/* Read to the end of the snapshot, with nothing in the way. */
static void
drain(struct device *device, size_t at)
{
	const struct request request = {
		.descriptor = at,
		.size = 100 * RECORD,
		.batch_len = 32,
	};
	const struct descriptor *descriptor = &device->descriptors[at];

	for (size_t i = 0; descriptor->open; i++) {
		CHECK(i < MAX_SOCKETS, "the end is never reached");
		device_read(device, &request);
		if (descriptor->reader.tr_exhausted)
			break;
	}
	/* What tells the reader of the end, and checks that it is. */
	device_read(device, &request);
}

void
device_finish(struct device *device)
{
	uint64_t accounted;

	device->limits = tcpstats_limits_default;
	device->ns_per_socket = 0;
	for (size_t i = 0; i < MAX_DESCRIPTORS; i++) {
		drain(device, i);
		device_close(device, i);
	}
	accounted = device->totals.tc_records_emitted;
	for (size_t i = 0; i < TCPSTATS_NSKIPS; i++)
		accounted += device->totals.tc_sockets_skipped[i];
	CHECK(device->totals.tc_sockets_visited == accounted,
	    "%ju visited in all, %ju emitted or skipped",
	    (uintmax_t)device->totals.tc_sockets_visited, (uintmax_t)accounted);
	CHECK(device->admission.ta_active_fds == 0 &&
		device->admission.ta_active_readers == 0,
	    "%u descriptors, %u reads are left",
	    device->admission.ta_active_fds,
	    device->admission.ta_active_readers);
}
