/*-
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * A table of sockets that tests change under a read, a clock that stands still
 * unless told, and calls that fail when told.
 */
#ifndef _FAKE_TABLE_H_
#define _FAKE_TABLE_H_

#include "../core/tcpstats_core.h"

#define MAX_SOCKETS 100000
#define MAX_GENCNT 200000
#define RECORD TCPSTATS_RECORD_SIZE
#define NEVER 0
#define MAX_WALKS (2 * MAX_SOCKETS) /* in one world */
#define MS UINT64_C(1000000)

struct entry {
	uint64_t gencnt;
	uint8_t state;
	bool goes; /* is found to be gone after it has matched */
};

/* What the core runs on here: a table, a clock, and what goes wrong when. */
struct world {
	struct entry table[MAX_SOCKETS]; /* gencnt descending */
	size_t count;
	uint64_t next_gencnt;
	uint64_t now_ns;
	uint64_t ns_per_socket; /* what looking at a socket takes */

	/* calls are counted from 1; the one of this number fails */
	unsigned int snapshots, fail_snapshot;
	unsigned int copies, fail_copy;
	unsigned int polls, interrupt_at;
	unsigned int walks, fail_walk;
	size_t fail_walk_after; /* sockets */
	unsigned int yields;

	uint32_t random;
	bool churn;    /* sockets come and go at each yield */
	bool walk_all; /* offer also what the cursor is past */
	bool misused;  /* a rule of the interface was broken */

	uint32_t reported[MAX_GENCNT]; /* by gencnt */
	size_t reported_total;
	uint64_t last_reported;
};

struct result {
	int error;
	size_t records;
	struct tcpstats_read_stats stats;
};

extern struct world *world;
extern struct tcpstats_reader reader;
extern struct tcpstats_limits limits;
extern struct tcpstats_counters totals;

/* Allocate the world; a test program does so once, and frees it at its end. */
void create_world(void);
void destroy_world(void);

/* A table of count established sockets, gencnt count to 1; default limits. */
void begin(size_t count, const char *filter_text);
/* A socket younger than all others. */
void add_socket(uint8_t state);
void remove_socket(size_t at);
/* The first entry of the table below the cursor. */
size_t find_entry(uint64_t cursor);

/*
 * One read, with what is true of every read checked: whole records and not
 * more than fit, an error or records, and each visited socket accounted for.
 */
struct result read_once(size_t resid, size_t batch_len);
/* Read until the end; returns the first error, or 0. */
int read_all(size_t resid, size_t batch_len);
/* Was each socket of gencnt low to high reported once, and no other? */
bool reported_once(uint64_t low, uint64_t high);

#endif /* !_FAKE_TABLE_H_ */
