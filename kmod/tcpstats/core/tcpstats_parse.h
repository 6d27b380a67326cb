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
#include "tcpstats_port.h"

/*
 * A blank follows the text, as one follows every other directive: what reads
 * a directive stops at it and need not look for the end.
 */
struct tcpstats_scan {
	const char *text;
	const char *end;       /* that blank */
	const char *directive; /* where the one begins that is being read */
	const char *at;	       /* the next byte */
	struct tcpstats_filter_error *error; /* or NULL */
	/* The word read last; NULs follow it up to TCPSTATS_WORD_SIZE. */
	char word[TCPSTATS_FILTER_MAXLEN + 1];
};

/* Does what is read end there: at one of two stops, or with the directive? */
static inline bool
tcpstats_is_stop(const char *at, const char stops[2])
{

	return (*at == stops[0] || *at == stops[1] || *at == ' ');
}

/* What a decimal number may be, and what to say where it is not. */
struct tcpstats_number_rules {
	uint32_t max;
	uint8_t max_digits; /* those of max */
	char stops[2];	    /* one of them, or a blank, follows it */
	const char *missing;
	const char *not_a_number;
	const char *leading_zero;
	const char *too_large;
};

/* The fields of the family that it is not of are zero, as in a filter. */
struct tcpstats_address {
	bool is_v6;
	uint32_t addr_v4; /* network byte order, as mask_v4 */
	uint32_t mask_v4;
	uint8_t addr_v6[16];
	uint8_t prefix_v6;
};

/* What words are written with, in lower case; 0 for other bytes. */
extern const char tcpstats_lower_case[UINT8_MAX + 1];

/* Fill *error, which may be NULL. */
void tcpstats_error_set(struct tcpstats_filter_error *error, size_t offset,
    size_t length, const char *message);
/* The first of the two stops from a place on, or the directive's end. */
const char *tcpstats_find_stop(const char *from, const char stops[2]);
/*
 * Refuse the bytes from begin up to end, with this message unless there is a
 * byte in the directive that may be nowhere.  Returns EINVAL.
 */
int tcpstats_refuse(const struct tcpstats_scan *scan, const char *begin,
    const char *end, const char *message);
/* Read the word that is next, in lower case.  Returns where it ends. */
static inline const char *
tcpstats_read_word(struct tcpstats_scan *scan)
{
	const char *at = scan->at;
	char *word = scan->word;

	memset(word, 0, TCPSTATS_WORD_SIZE);
	while ((*word = tcpstats_lower_case[(uint8_t)*at]) != '\0') {
		word++;
		at++;
	}
	return (at);
}

/* Most words that differ do so in the first letter. */
static inline bool
tcpstats_same_word(const char a[TCPSTATS_WORD_SIZE],
    const char b[TCPSTATS_WORD_SIZE])
{

	return (a[0] == b[0] && memcmp(a, b, TCPSTATS_WORD_SIZE) == 0);
}

/*
 * Move behind one of count words, which the stop or a blank follows.  Returns
 * NULL where none of them is next.
 */
const struct tcpstats_keyword *tcpstats_scan_keyword(struct tcpstats_scan *scan,
    const struct tcpstats_keyword *keywords, size_t count, char stop);
/* Say what is wrong with the number that is next. */
void tcpstats_refuse_number(const struct tcpstats_scan *scan,
    const struct tcpstats_number_rules *rules);
/* Move behind ADDRESS or ADDRESS/PREFIX.  Returns 0 or EINVAL. */
int tcpstats_scan_address(struct tcpstats_scan *scan,
    struct tcpstats_address *address);

/* Move behind a number.  Returns 0 or EINVAL. */
static inline int
tcpstats_scan_number(struct tcpstats_scan *scan,
    const struct tcpstats_number_rules *rules, uint32_t *value)
{
	const char *begin = scan->at, *at = begin;
	uint32_t digit, number = 0;
	size_t digits;

	while ((digit = (uint8_t)*at - (uint32_t)'0') <= 9) {
		number = number * 10 + digit;
		at++;
	}
	digits = (size_t)(at - begin);
	if (digits == 0 || digits > rules->max_digits ||
	    (*begin == '0' && digits > 1) || number > rules->max ||
	    !tcpstats_is_stop(at, rules->stops)) {
		tcpstats_refuse_number(scan, rules);
		return (EINVAL);
	}
	scan->at = at;
	*value = number;
	return (0);
}

#endif /* !_TCPSTATS_PARSE_H_ */
