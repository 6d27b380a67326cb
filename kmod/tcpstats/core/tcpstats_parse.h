/*-
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * What the files of the parser share: a place in the text that moves on as
 * things are understood.  What is not understood is measured only once it is
 * refused.
 */
#ifndef _TCPSTATS_PARSE_H_
#define _TCPSTATS_PARSE_H_

#include "tcpstats_core.h"
#include "tcpstats_language.h"

struct tcpstats_scan {
	const char *text;
	const char *end;
	const char *directive; /* where the one begins that is being read */
	const char *at;	       /* the next byte */
	struct tcpstats_filter_error *error; /* or NULL */
};

/* The next byte; a blank at the end of the text, as both end a directive. */
static inline char
tcpstats_peek(const struct tcpstats_scan *scan)
{

	return (scan->at < scan->end ? *scan->at : ' ');
}

/* What a decimal number may be, and what to say where it is not. */
struct tcpstats_number_rules {
	uint32_t max;
	char stops[2]; /* one of them, or a blank, follows it */
	const char *missing;
	const char *not_a_number;
	const char *leading_zero;
	const char *too_large;
};

struct tcpstats_address {
	bool is_v6;
	uint32_t addr_v4; /* network byte order, as mask_v4 */
	uint32_t mask_v4;
	uint8_t addr_v6[16];
	uint8_t prefix_v6;
};

/* Fill *error, which may be NULL. */
void tcpstats_error_set(struct tcpstats_filter_error *error, size_t offset,
    size_t length, const char *message);
/* The next of the two stops from a place on, or the end of the directive. */
const char *tcpstats_find_stop(const struct tcpstats_scan *scan,
    const char *from, const char stops[2]);
/*
 * Refuse the bytes from begin up to end, with this message unless there is a
 * byte in the directive that may be nowhere.  Returns EINVAL.
 */
int tcpstats_refuse(const struct tcpstats_scan *scan, const char *begin,
    const char *end, const char *message);
/*
 * Move behind a lower-case word, written in any case, that the stop or a
 * blank follows.  Stays where that is not next, and returns false.
 */
bool tcpstats_scan_word(struct tcpstats_scan *scan, const char *word,
    size_t len, char stop);
/* Move behind one of count words.  Returns NULL where none of them is next. */
const struct tcpstats_keyword *tcpstats_scan_keyword(struct tcpstats_scan *scan,
    const struct tcpstats_keyword *keywords, size_t count, char stop);
/* Move behind a number.  Returns 0 or EINVAL. */
int tcpstats_scan_number(struct tcpstats_scan *scan,
    const struct tcpstats_number_rules *rules, uint32_t *value);
/* Move behind ADDRESS or ADDRESS/PREFIX.  Returns 0 or EINVAL. */
int tcpstats_scan_address(struct tcpstats_scan *scan,
    struct tcpstats_address *address);

#endif /* !_TCPSTATS_PARSE_H_ */
