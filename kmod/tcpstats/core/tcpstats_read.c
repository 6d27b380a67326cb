/*-
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * The read machine.  A read is a sequence of batches: collect records from
 * the sockets that follow the cursor, hand them to the reader, and only then
 * move the descriptor's cursor and count.  So a batch that cannot be handed
 * over was never read, and the next read collects it again.
 */
#include "tcpstats_core.h"
#include "tcpstats_port.h"

/* Nothing was dealt with yet: every gencnt is below it. */
#define CURSOR_START UINT64_MAX

/* Records are zeroed so many together, which is quicker than one by one. */
#define ZERO_AT_ONCE 8

#define NS_PER_MS UINT64_C(1000000)

/* Compiled into the callers in C, but also called from Rust. */
extern inline uint64_t tcpstats_walk_cursor(const struct tcpstats_walk *walk);
extern inline void tcpstats_walk_drop(struct tcpstats_walk *walk,
    enum tcpstats_verdict reason);
extern inline struct tcpstats_record *tcpstats_walk_slot(
    struct tcpstats_walk *walk);
extern inline void tcpstats_walk_emit(struct tcpstats_walk *walk);
extern inline bool tcpstats_walk_full(const struct tcpstats_walk *walk);
extern inline void tcpstats_walk_end(struct tcpstats_walk *walk);

void
tcpstats_reader_init(struct tcpstats_reader *reader,
    const struct tcpstats_filter *filter)
{

	memset(reader, 0, sizeof(*reader));
	reader->tr_filter = *filter;
	tcpstats_matcher_prepare(&reader->tr_matcher, filter);
}

void
tcpstats_reader_set_filter(struct tcpstats_reader *reader,
    const struct tcpstats_filter *filter)
{

	reader->tr_filter = *filter;
	tcpstats_matcher_prepare(&reader->tr_matcher, filter);
	tcpstats_reader_reset(reader);
}

void
tcpstats_reader_reset(struct tcpstats_reader *reader)
{

	reader->tr_active = false;
	reader->tr_exhausted = false;
}

/* ---- One batch ---- */

const struct tcpstats_filter *
tcpstats_walk_filter(const struct tcpstats_walk *walk)
{

	return (&walk->reader->tr_filter);
}

const struct tcpstats_matcher *
tcpstats_walk_matcher(const struct tcpstats_walk *walk)
{

	return (&walk->reader->tr_matcher);
}

/*
 * The deadline does not end a read that has found no record: to read none
 * would be taken for the end of the snapshot.
 */
bool
tcpstats_walk_time_is_up(struct tcpstats_walk *walk)
{

	if (!walk->overdue && (walk->may_stop || walk->count > 0) &&
	    walk->deadline_ns != UINT64_MAX)
		walk->overdue = walk->ops->tro_uptime_ns(walk->ctx) >=
		    walk->deadline_ns;
	return (walk->overdue);
}

void
tcpstats_walk_zero(struct tcpstats_walk *walk)
{
	size_t count = walk->capacity - walk->zeroed;

	if (count > ZERO_AT_ONCE)
		count = ZERO_AT_ONCE;
	memset(&walk->records[walk->zeroed], 0, count * sizeof(*walk->records));
	walk->zeroed += count;
}

enum tcpstats_verdict
tcpstats_walk_visit(struct tcpstats_walk *walk,
    const struct tcpstats_socket *socket)
{
	enum tcpstats_verdict verdict;

	if (socket->ts_gencnt < walk->cursor &&
	    tcpstats_walk_clock_is_due(walk) && tcpstats_walk_time_is_up(walk))
		return (TCPSTATS_SKIP_TIMEOUT);
	verdict = tcpstats_walk_reach(walk, socket->ts_gencnt);
	if (verdict == TCPSTATS_MATCH)
		verdict = tcpstats_match(tcpstats_walk_matcher(walk), socket);
	if (verdict < TCPSTATS_NSKIPS)
		tcpstats_walk_drop(walk, verdict);
	return (verdict);
}

/* ---- One read ---- */

static void
begin_batch(struct tcpstats_walk *walk, size_t capacity)
{

	walk->capacity = capacity;
	walk->count = 0;
	walk->zeroed = 0;
	walk->snapshot = walk->reader->tr_snapshot;
	walk->cursor = walk->reader->tr_cursor;
	walk->ended = false;
	walk->visited = 0;
	memset(walk->skipped, 0, sizeof(walk->skipped));
}

/* The batch was handed over: make it so for the descriptor and the counts. */
static void
commit_batch(struct tcpstats_reader *reader, const struct tcpstats_walk *walk,
    struct tcpstats_read_stats *stats)
{

	reader->tr_cursor = walk->cursor;
	reader->tr_exhausted = walk->ended;
	stats->trs_visited += walk->visited;
	stats->trs_emitted += walk->count;
	for (size_t i = 0; i < TCPSTATS_NSKIPS; i++)
		stats->trs_skipped[i] += walk->skipped[i];
}

/*
 * Collect a batch and hand it over.  Where the walk fails, what it had found
 * by then still counts.
 */
static int
read_batch(struct tcpstats_reader *reader, struct tcpstats_walk *walk,
    size_t capacity, struct tcpstats_read_stats *stats)
{
	int copy_error, walk_error;

	begin_batch(walk, capacity);
	walk_error = walk->ops->tro_walk(walk->ctx, walk);
	if (walk->count > 0) {
		copy_error = walk->ops->tro_copyout(walk->ctx, walk->records,
		    walk->count);
		if (copy_error != 0) {
			stats->trs_copy_failed = true;
			return (copy_error);
		}
	}
	commit_batch(reader, walk, stats);
	return (walk_error);
}

/* Read batches until wanted records are copied or something ends the read. */
static int
read_batches(struct tcpstats_reader *reader, struct tcpstats_walk *walk,
    size_t batch_len, size_t wanted, struct tcpstats_read_stats *stats)
{
	size_t left;
	int error;

	for (;;) {
		if (walk->ops->tro_interrupted(walk->ctx)) {
			stats->trs_interrupted = true;
			return (EINTR);
		}
		left = wanted - (size_t)stats->trs_emitted;
		error = read_batch(reader, walk,
		    left < batch_len ? left : batch_len, stats);
		walk->may_stop = stats->trs_emitted > 0;
		if (error != 0 || reader->tr_exhausted ||
		    stats->trs_emitted == wanted)
			return (error);
		if (tcpstats_walk_time_is_up(walk)) {
			stats->trs_timed_out = true;
			return (0);
		}
		walk->ops->tro_yield(walk->ctx);
	}
}

/* Go on with the snapshot that there is, or fix a new one. */
static int
ensure_snapshot(struct tcpstats_reader *reader,
    const struct tcpstats_limits *limits, const struct tcpstats_read_ops *ops,
    void *ctx, uint64_t now_ns)
{
	int error;

	if (reader->tr_active)
		return (0);
	if (reader->tr_taken &&
	    now_ns - reader->tr_snapshot_ns <
		limits->tl_min_read_interval_ms * NS_PER_MS)
		return (EBUSY);
	error = ops->tro_snapshot(ctx, &reader->tr_snapshot);
	if (error != 0)
		return (error);
	reader->tr_snapshot_ns = now_ns;
	reader->tr_cursor = CURSOR_START;
	reader->tr_taken = true;
	reader->tr_active = true;
	reader->tr_exhausted = false;
	return (0);
}

int
tcpstats_read(struct tcpstats_reader *reader,
    const struct tcpstats_limits *limits, const struct tcpstats_read_ops *ops,
    void *ctx, struct tcpstats_record *batch, size_t batch_len, size_t resid,
    size_t *records, struct tcpstats_read_stats *stats)
{
	struct tcpstats_walk walk;
	uint64_t start_ns;
	int error;

	*records = 0;
	memset(stats, 0, sizeof(*stats));
	if (resid == 0)
		return (0);
	if (resid < TCPSTATS_RECORD_SIZE || batch_len == 0)
		return (EINVAL);
	start_ns = ops->tro_uptime_ns(ctx);
	error = ensure_snapshot(reader, limits, ops, ctx, start_ns);
	if (error == 0 && !reader->tr_exhausted) {
		walk = (struct tcpstats_walk) {
			.reader = reader,
			.ops = ops,
			.ctx = ctx,
			.records = batch,
			.deadline_ns = limits->tl_max_read_duration_ms == 0 ?
			    UINT64_MAX :
			    start_ns +
				limits->tl_max_read_duration_ms * NS_PER_MS,
		};
		error = read_batches(reader, &walk, batch_len,
		    resid / TCPSTATS_RECORD_SIZE, stats);
		*records = (size_t)stats->trs_emitted;
	}
	stats->trs_duration_ns = ops->tro_uptime_ns(ctx) - start_ns;
	return (*records > 0 ? 0 : error);
}
