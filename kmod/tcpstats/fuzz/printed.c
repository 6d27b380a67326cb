/*-
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * What is true of the printer whatever the filter.
 */
#include <string.h>

#include "fuzz.h"

/* The longest text that is also printed into every shorter buffer. */
#define SHORT_TEXT 64

/* A buffer that is too small has the beginning, and ends where it ends. */
static void
check_cut_off(const struct tcpstats_filter *filter, const char *text,
    size_t len)
{
	char *exact;
	size_t whole;

	for (size_t size = len > SHORT_TEXT ? len : 0; size <= len; size++) {
		exact = malloc(size);
		whole = tcpstats_filter_print(filter, exact, size);
		CHECK(whole == len, "'%s' printed into %zu bytes is %zu long",
		    text, size, whole);
		if (size > 0)
			CHECK(exact[size - 1] == '\0' &&
				memcmp(exact, text, size - 1) == 0,
			    "'%s' is printed badly into %zu bytes", text, size);
		free(exact);
	}
}

struct tcpstats_filter
check_printed(const struct tcpstats_filter *filter,
    char text[TCPSTATS_FILTER_MAXLEN + 1])
{
	char again[TCPSTATS_FILTER_MAXLEN + 1];
	struct tcpstats_filter_error error;
	struct tcpstats_filter parsed;
	size_t len;
	int status;

	len = tcpstats_filter_print(filter, text, TCPSTATS_FILTER_MAXLEN + 1);
	CHECK(len <= TCPSTATS_FILTER_MAXLEN, "a filter prints %zu bytes", len);
	CHECK(strlen(text) == len, "'%s' is said to have %zu bytes", text, len);
	check_cut_off(filter, text, len);
	status = tcpstats_filter_parse(text, len, &parsed, &error);
	CHECK(status == 0, "printed '%s' is refused: %s, at %u", text,
	    error.tfe_message, error.tfe_offset);
	CHECK(tcpstats_filter_validate(&parsed) == 0,
	    "the filter of '%s' is not valid", text);
	tcpstats_filter_print(&parsed, again, sizeof(again));
	CHECK(strcmp(text, again) == 0, "'%s' prints as '%s'", text, again);
	return (parsed);
}
