/*-
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * A walk: the part of a read that goes over sockets and collects one kernel
 * batch of records.  What it does for each socket stands here, to be compiled
 * into the loop of the caller, which touches no member of it.
 */
#ifndef _TCPSTATS_WALK_H_
#define _TCPSTATS_WALK_H_

#include "tcpstats_match.h"

/*
 * A batch ends after so many sockets even if it is not full, that a reader
 * whose filter drops nearly all can be interrupted and gives up the CPU.
 */
#define TCPSTATS_WALK_SLICE 1024
/* The clock is looked at once in so many sockets. */
#define TCPSTATS_WALK_CLOCK_INTERVAL 64
_Static_assert(TCPSTATS_WALK_SLICE % TCPSTATS_WALK_CLOCK_INTERVAL == 0,
    "a batch ends by its length where the clock is due");

struct tcpstats_read_ops;
struct tcpstats_reader;

struct tcpstats_walk {
	const struct tcpstats_reader *reader;
	const struct tcpstats_read_ops *ops;
	void *ctx;
	uint64_t deadline_ns; /* uptime, or UINT64_MAX */
	bool overdue;	      /* the deadline has passed, a record was found */
	bool may_stop;	      /* an earlier batch has copied records */
	/* of this batch */
	struct tcpstats_record *records;
	size_t capacity;
	size_t count;
	size_t zeroed; /* so many records are, or were until they were filled */
	uint64_t snapshot; /* gencnt that the snapshot ends at */
	uint64_t cursor;
	bool ended; /* no socket is left */
	uint64_t visited;
	uint64_t skipped[TCPSTATS_NSKIPS];
};

/* Sockets of this gencnt and above were dealt with. */
inline uint64_t
tcpstats_walk_cursor(const struct tcpstats_walk *walk)
{

	return (walk->cursor);
}

/* Then tcpstats_walk_time_is_up() and tcpstats_walk_full() are to be asked. */
static inline bool
tcpstats_walk_clock_is_due(const struct tcpstats_walk *walk)
{

	return (walk->visited % TCPSTATS_WALK_CLOCK_INTERVAL == 0);
}

/* Is the reader's time up?  Then the walk is over. */
bool tcpstats_walk_time_is_up(struct tcpstats_walk *walk);

/*
 * Come to the socket with this gencnt.  TCPSTATS_MATCH where it is in the
 * snapshot: it is the filter's turn then.  TCPSTATS_SKIP_GENCNT, and what the
 * filter has against it, are for tcpstats_walk_drop().
 */
static inline enum tcpstats_verdict
tcpstats_walk_reach(struct tcpstats_walk *walk, uint64_t gencnt)
{

	if (gencnt >= walk->cursor)
		return (TCPSTATS_SEEN);
	walk->cursor = gencnt;
	walk->visited++;
	return (
	    gencnt > walk->snapshot ? TCPSTATS_SKIP_GENCNT : TCPSTATS_MATCH);
}

/* The socket that the walk came to last is not reported, for this reason. */
inline void
tcpstats_walk_drop(struct tcpstats_walk *walk, enum tcpstats_verdict reason)
{

	walk->skipped[reason]++;
}

/*
 * All of that, with the filter in between.  TCPSTATS_SKIP_TIMEOUT if the
 * reader's time is up.
 */
enum tcpstats_verdict tcpstats_walk_visit(struct tcpstats_walk *walk,
    const struct tcpstats_socket *socket);

/* Some records more. */
void tcpstats_walk_zero(struct tcpstats_walk *walk);

/*
 * The zeroed record of the socket that matched last, version and len filled,
 * for tcpstats_walk_emit() to follow.
 */
inline struct tcpstats_record *
tcpstats_walk_slot(struct tcpstats_walk *walk)
{
	struct tcpstats_record *record = &walk->records[walk->count];

	if (walk->count == walk->zeroed)
		tcpstats_walk_zero(walk);
	record->tsr_version = TCPSTATS_PROTOCOL_VERSION;
	record->tsr_len = TCPSTATS_RECORD_SIZE;
	return (record);
}

inline void
tcpstats_walk_emit(struct tcpstats_walk *walk)
{

	walk->count++;
}

/* Is this batch over?  Then offer no further socket. */
inline bool
tcpstats_walk_full(const struct tcpstats_walk *walk)
{

	return (walk->count == walk->capacity ||
	    walk->visited >= TCPSTATS_WALK_SLICE);
}

/* No socket is left. */
inline void
tcpstats_walk_end(struct tcpstats_walk *walk)
{

	walk->ended = true;
}

const struct tcpstats_filter *tcpstats_walk_filter(
    const struct tcpstats_walk *walk);
const struct tcpstats_matcher *tcpstats_walk_matcher(
    const struct tcpstats_walk *walk);

#endif /* !_TCPSTATS_WALK_H_ */
