/*-
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * A device made of the core as the module and the daemon make theirs, over
 * sockets that come and go, with calls that fail when told.  Each of its calls
 * checks what must be true of it, and a model keeps what each descriptor has
 * been told of its snapshot.
 */
#ifndef _DEVICE_MODEL_H_
#define _DEVICE_MODEL_H_

#include "fuzz.h"

/* More than the core visits in one batch. */
#define MAX_SOCKETS 3000
#define MAX_DESCRIPTORS 5
#define RECORD ((size_t)TCPSTATS_RECORD_SIZE)

/* A socket; its place in the table is its gencnt, less 1. */
struct socket {
	uint8_t local[16], remote[16];
	uint16_t local_port, remote_port; /* network byte order */
	uint8_t state;
	bool ipv6;
	bool visible;
	bool gone;
	bool goes;	  /* is found to be gone after it has matched */
	uint64_t changed; /* the call in which it last did */
};

struct descriptor {
	bool open;
	bool reading;
	struct tcpstats_reader reader;
	/* What it must go by. */
	struct tcpstats_filter filter;
	bool taken; /* a snapshot, ever */
	bool active;
	uint64_t snapshot;	/* highest gencnt */
	uint64_t snapshot_ns;	/* when */
	uint64_t snapshot_call; /* in which call */
	uint64_t last;		/* gencnt that was reported last */
	bool reported[MAX_SOCKETS + 1];
};

/*
 * The call of each kind that fails, counted from 1 in each read, and 0: none.
 * What did fail is noted.
 */
struct faults {
	unsigned int snapshot, walk, copy, interrupt;
	bool snapshot_failed, walk_failed, copy_failed, interrupted;
};

/* One read, as asked for. */
struct request {
	size_t descriptor;
	size_t size;	  /* bytes */
	size_t batch_len; /* records */
	bool walk_all;	  /* offer also what the cursor is past */
	bool churn;	  /* sockets come and go at each yield */
	bool nested;	  /* another descriptor is read at the first yield */
	struct faults faults;
};

struct device {
	struct socket sockets[MAX_SOCKETS];
	size_t nsockets;
	struct descriptor descriptors[MAX_DESCRIPTORS];
	struct tcpstats_limits limits;
	struct tcpstats_admission admission;
	struct tcpstats_counters totals;
	uint64_t now_ns;
	uint64_t ns_per_socket; /* what looking at one takes */
	uint64_t calls;
	uint32_t random;
};

void device_init(struct device *device);

/* A socket whose address, ports, state and so on are chosen by kind. */
void device_add_socket(struct device *device, uint8_t kind);
void device_remove_socket(struct device *device, size_t at);
void device_change_socket(struct device *device, size_t at, uint8_t state);
/* One comes, up to two go, one changes. */
void device_come_and_go(struct device *device);
/* As filters see it. */
struct tcpstats_socket device_view_socket(const struct socket *socket,
    uint64_t gencnt);

void device_open(struct device *device, size_t at,
    const struct tcpstats_filter *filter);
void device_close(struct device *device, size_t at);
/* ioctl(2): any filter. */
void device_set_filter(struct device *device, size_t at,
    const struct tcpstats_filter *filter);
void device_reset(struct device *device, size_t at);
void device_read(struct device *device, const struct request *request);
/* The descriptor goes by the filter that it was given. */
void device_check_descriptor(const struct descriptor *descriptor);
/* Read what is left everywhere, close, and see that nothing is. */
void device_finish(struct device *device);

#endif /* !_DEVICE_MODEL_H_ */
