/*-
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * The portable core of tcpstats: what decides which sockets a descriptor
 * reports, in which order and at what price.  It calls neither a kernel nor a
 * C library beyond memcpy() and its kin, allocates nothing and takes no lock:
 * the FreeBSD module and the Linux daemon bring those and run these lines.
 */
#ifndef _TCPSTATS_CORE_H_
#define _TCPSTATS_CORE_H_

#include "tcpstats_match.h"
#include "tcpstats_walk.h"

/* ---- The filter language ---- */

#define TCPSTATS_FILTER_MAXLEN 511
#define TCPSTATS_FILTER_MAXDIRECTIVES 16
#define TCPSTATS_ERRMSG_SIZE 128

/* What is wrong with a filter string, and where. */
struct tcpstats_filter_error {
	uint32_t tfe_offset; /* of the first byte at fault */
	uint32_t tfe_length; /* of the part at fault, 0 where one is missing */
	/* One line, terminated, without the place. */
	char tfe_message[TCPSTATS_ERRMSG_SIZE];
};

/* The filter of the empty string: every socket, the default field groups. */
void tcpstats_filter_init(struct tcpstats_filter *filter);
/*
 * Parse len bytes at text.  Returns 0, EINVAL or ENAMETOOLONG; on an error
 * *filter is untouched and *error, which may be NULL, is filled.
 */
int tcpstats_filter_parse(const char *text, size_t len,
    struct tcpstats_filter *filter, struct tcpstats_filter_error *error);
/* Judge a filter from outside.  Returns 0, ENOTSUP (version) or EINVAL. */
int tcpstats_filter_validate(const struct tcpstats_filter *filter);
/*
 * Write the canonical text of a valid filter into size bytes at buf, cut off
 * where it does not fit but always terminated.  Returns the length that the
 * whole text has, at most TCPSTATS_FILTER_MAXLEN.
 */
size_t tcpstats_filter_print(const struct tcpstats_filter *filter, char *buf,
    size_t size);

/* ---- The read machine ---- */

struct tcpstats_limits {
	uint32_t tl_max_open_fds;
	uint32_t tl_max_concurrent_readers;
	uint32_t tl_max_read_duration_ms; /* 0 = no limit */
	uint32_t tl_min_read_interval_ms; /* 0 = off */
};
extern const struct tcpstats_limits tcpstats_limits_default;

/* One descriptor.  The caller lets one read in at a time. */
struct tcpstats_reader {
	struct tcpstats_filter tr_filter;
	struct tcpstats_matcher tr_matcher; /* of tr_filter */
	uint64_t tr_snapshot; /* gencnt that the snapshot ends at */
	uint64_t tr_cursor;   /* sockets from this gencnt up are dealt with */
	uint64_t tr_snapshot_ns; /* uptime when it was taken */
	bool tr_taken;		 /* any snapshot was, ever */
	bool tr_active;		 /* there is a snapshot to go on with */
	bool tr_exhausted;	 /* and nothing is left of it */
};

/*
 * What one read did; added to the totals once, when it is over.  Sockets of a
 * batch that could not be handed over are not counted, as the next read
 * visits them again: visited = emitted + the sum of skipped, always.
 */
struct tcpstats_read_stats {
	uint64_t trs_visited;
	uint64_t trs_emitted;
	uint64_t trs_skipped[TCPSTATS_NSKIPS];
	uint64_t trs_duration_ns;
	bool trs_copy_failed;
	bool trs_timed_out;   /* cut short by the limit on its duration */
	bool trs_interrupted; /* cut short by a signal */
};

/*
 * What the core needs from where it runs.  ctx is the caller's.  No function
 * is called with any lock of the core's held, as it has none.
 */
struct tcpstats_read_ops {
	/*
	 * Fix a snapshot: *gencnt becomes the highest gencnt that it has.
	 * Returns an errno.
	 */
	int (*tro_snapshot)(void *ctx, uint64_t *gencnt);
	/*
	 * Offer sockets to tcpstats_walk_visit(), or to what it consists of,
	 * in strictly descending gencnt, those below tcpstats_walk_cursor()
	 * at least, until it says TCPSTATS_SKIP_TIMEOUT, tcpstats_walk_full()
	 * is true or none is left, which tcpstats_walk_end() tells.  A match
	 * is filled into tcpstats_walk_slot() and ended by
	 * tcpstats_walk_emit(); where it is gone after all it is for
	 * tcpstats_walk_drop() instead.  The cursor is where the walk before
	 * ended or, after a failed copy, began.  Returns an errno; what was
	 * emitted before it is still delivered.
	 */
	int (*tro_walk)(void *ctx, struct tcpstats_walk *walk);
	/*
	 * Hand count records to the reader, all or (with an errno) none: the
	 * next read offers them again.
	 */
	int (*tro_copyout)(void *ctx, const struct tcpstats_record *records,
	    size_t count);
	/* A monotonic clock, ns. */
	uint64_t (*tro_uptime_ns)(void *ctx);
	/* Is a signal pending for the reader? */
	bool (*tro_interrupted)(void *ctx);
	/* Called between batches: give up the CPU if it is time. */
	void (*tro_yield)(void *ctx);
};

void tcpstats_reader_init(struct tcpstats_reader *reader,
    const struct tcpstats_filter *filter);
/* A validated filter; also starts a new snapshot. */
void tcpstats_reader_set_filter(struct tcpstats_reader *reader,
    const struct tcpstats_filter *filter);
void tcpstats_reader_reset(struct tcpstats_reader *reader);
/*
 * read(2) of resid bytes through a batch of batch_len (at least 1) records.
 * Returns 0 and the number of records that were copied out in *records, or an
 * errno with nothing copied: EINVAL (smaller than a record), EBUSY (too soon),
 * EINTR, or what an operation returned.  *stats is filled either way.
 *
 * No record means the end of the snapshot, and so does every later read until
 * the next tcpstats_reader_reset().  Hence the limit on the duration ends a
 * read only when it has found a record.  A read of 0 bytes does nothing.
 */
int tcpstats_read(struct tcpstats_reader *reader,
    const struct tcpstats_limits *limits, const struct tcpstats_read_ops *ops,
    void *ctx, struct tcpstats_record *batch, size_t batch_len, size_t resid,
    size_t *records, struct tcpstats_read_stats *stats);

/* ---- Admission and totals: the caller serialises ---- */

struct tcpstats_admission {
	uint32_t ta_active_fds;
	uint32_t ta_active_readers;
};

/* Returns 0, or EMFILE at the limit. */
int tcpstats_admit_open(struct tcpstats_admission *admission,
    const struct tcpstats_limits *limits);
void tcpstats_admit_close(struct tcpstats_admission *admission);
/* Returns 0, or EBUSY at the limit. */
int tcpstats_admit_read(struct tcpstats_admission *admission,
    const struct tcpstats_limits *limits);
void tcpstats_admit_read_done(struct tcpstats_admission *admission);

struct tcpstats_counters {
	uint64_t tc_opens_total;
	uint64_t tc_reads_total;
	uint64_t tc_records_emitted;
	uint64_t tc_sockets_visited;
	uint64_t tc_sockets_skipped[TCPSTATS_NSKIPS];
	uint64_t tc_read_duration_ns_total;
	uint64_t tc_read_duration_ns_max;
	uint64_t tc_uiomove_errors;
	uint64_t tc_reads_timed_out;
	uint64_t tc_reads_interrupted;
};

/* Counts a read; opens are for the caller to count. */
void tcpstats_counters_add(struct tcpstats_counters *counters,
    const struct tcpstats_read_stats *stats);

/* ---- Named profiles: the caller serialises ---- */

#define TCPSTATS_MAX_PROFILES 16
#define TCPSTATS_PROFILE_NAMELEN 31

struct tcpstats_profile {
	char tp_name[TCPSTATS_PROFILE_NAMELEN + 1]; /* "" = free */
	char tp_text[TCPSTATS_FILTER_MAXLEN + 1];   /* as it was given */
	struct tcpstats_filter tp_filter;
};

struct tcpstats_profiles {
	struct tcpstats_profile tps_slots[TCPSTATS_MAX_PROFILES];
};

/* What a profile command changed. */
enum tcpstats_profile_change {
	TCPSTATS_PROFILE_CREATED,
	TCPSTATS_PROFILE_UPDATED,
	TCPSTATS_PROFILE_DELETED,
};

/*
 * Create or update.  Returns 0, EINVAL (name or filter), ENAMETOOLONG (filter)
 * or ENOSPC; on an error nothing changed and *error, which may be NULL, tells
 * what and where: in the text, or in the name where the message names it.
 */
int tcpstats_profile_set(struct tcpstats_profiles *profiles, const char *name,
    size_t name_len, const char *text, size_t text_len,
    enum tcpstats_profile_change *change, struct tcpstats_filter_error *error);
/* Returns 0, EINVAL (name) or ENOENT. */
int tcpstats_profile_delete(struct tcpstats_profiles *profiles,
    const char *name, size_t name_len, struct tcpstats_filter_error *error);
/*
 * "NAME FILTER" sets, "NAME" deletes: what the sysctl profile_set takes.
 * Returns what the two above return; *error counts from the line's begin.
 * name is filled unless it is the name that is refused.
 */
int tcpstats_profile_command(struct tcpstats_profiles *profiles,
    const char *line, size_t len, enum tcpstats_profile_change *change,
    char name[TCPSTATS_PROFILE_NAMELEN + 1],
    struct tcpstats_filter_error *error);
/* NULL where there is none. */
const struct tcpstats_profile *
tcpstats_profile_find(const struct tcpstats_profiles *profiles,
    const char *name, size_t name_len);

#ifdef __LP64__
TCPSTATS_CORE_LAYOUT(TCPSTATS_ASSERT_SIZE, TCPSTATS_ASSERT_FIELD);
#endif

#endif /* !_TCPSTATS_CORE_H_ */
