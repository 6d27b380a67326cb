/*-
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * What more than one test program needs.
 */
#include "support.h"

#include <stdlib.h>
#include <string.h>

#include "tap.h"

int
parse_bytes(const char *text, size_t len, struct tcpstats_filter *filter,
    struct tcpstats_filter_error *error)
{
	char *exact = malloc(len);
	int status;

	if (exact == NULL && len != 0)
		tap_bail_out("no memory for a text");
	if (len != 0)
		memcpy(exact, text, len);
	status = tcpstats_filter_parse(exact, len, filter, error);
	free(exact);
	return (status);
}

struct tcpstats_filter
parse_good(const char *text)
{
	struct tcpstats_filter filter;
	struct tcpstats_filter_error error;

	if (parse_bytes(text, strlen(text), &filter, &error) != 0) {
		tap_diag("%s: %s", text, error.tfe_message);
		tap_bail_out("a filter that a test needs is refused");
	}
	return (filter);
}

/* Marsaglia's xorshift with shifts 13, 17, 5. */
uint32_t
next_random(uint32_t *state)
{

	*state ^= *state << 13;
	*state ^= *state >> 17;
	*state ^= *state << 5;
	return (*state);
}

uint32_t
random_below(uint32_t *state, uint32_t below)
{

	return (next_random(state) % below);
}
