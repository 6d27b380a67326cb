/*-
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * The filter parser on any bytes: it stays within them, refuses in one way,
 * and what it takes can be printed and parsed again.
 */
#include <ctype.h>
#include <errno.h>
#include <string.h>

#include "fuzz.h"

/* What the output is filled with, to be found untouched. */
#define UNTOUCHED 0xa5

static void
check_message(const struct tcpstats_filter_error *error, size_t len)
{
	const char *end = memchr(error->tfe_message, '\0',
	    sizeof(error->tfe_message));

	CHECK(end != NULL && end != error->tfe_message,
	    "an error has no message, or no end");
	for (const char *c = error->tfe_message; c < end; c++)
		CHECK(isprint((unsigned char)*c), "a message has byte %#x",
		    (unsigned char)*c);
	CHECK(error->tfe_offset <= len, "an error at %u of %zu bytes: %s",
	    error->tfe_offset, len, error->tfe_message);
	CHECK(error->tfe_length <= len - error->tfe_offset,
	    "an error of %u bytes at %u of %zu: %s", error->tfe_length,
	    error->tfe_offset, len, error->tfe_message);
}

static void
check_refused(int status, const struct tcpstats_filter *filter,
    const struct tcpstats_filter_error *error, size_t len)
{
	struct tcpstats_filter untouched;

	CHECK(status == (len > TCPSTATS_FILTER_MAXLEN ? ENAMETOOLONG : EINVAL),
	    "%zu bytes are refused with %d", len, status);
	memset(&untouched, UNTOUCHED, sizeof(untouched));
	CHECK(memcmp(filter, &untouched, sizeof(untouched)) == 0,
	    "the output is touched with: %s", error->tfe_message);
	check_message(error, len);
}

static void
check_accepted(const struct tcpstats_filter *filter)
{
	char text[TCPSTATS_FILTER_MAXLEN + 1];
	struct tcpstats_filter parsed;

	CHECK(tcpstats_filter_validate(filter) == 0,
	    "a parsed filter is not valid");
	parsed = check_printed(filter, text);
	CHECK(memcmp(filter, &parsed, sizeof(parsed)) == 0,
	    "'%s' is another filter when parsed again", text);
}

/* Keys and names are taken in any case, and nothing else has letters. */
static void
check_capitals(char *text, size_t len, int status,
    const struct tcpstats_filter *filter)
{
	struct tcpstats_filter capitals;

	memset(&capitals, UNTOUCHED, sizeof(capitals));
	for (size_t i = 0; i < len; i++)
		text[i] = (char)toupper((unsigned char)text[i]);
	CHECK(tcpstats_filter_parse(text, len, &capitals, NULL) == status,
	    "capitals are not parsed as small letters, with %d", status);
	CHECK(memcmp(filter, &capitals, sizeof(capitals)) == 0,
	    "capitals give another filter");
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct tcpstats_filter_error error;
	struct tcpstats_filter filter;
	/* Memory that ends where the text does. */
	char *text = malloc(size);
	int status;

	if (size != 0)
		memcpy(text, data, size);
	memset(&filter, UNTOUCHED, sizeof(filter));
	memset(&error, UNTOUCHED, sizeof(error));
	status = tcpstats_filter_parse(text, size, &filter, &error);
	CHECK(size == 0 || memcmp(text, data, size) == 0, "the text changed");
	if (status == 0)
		check_accepted(&filter);
	else
		check_refused(status, &filter, &error, size);
	check_capitals(text, size, status, &filter);
	free(text);
	return (0);
}
