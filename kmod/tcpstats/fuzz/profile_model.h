/*-
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * The registry of profiles beside a list of what it must have.
 */
#ifndef _PROFILE_MODEL_H_
#define _PROFILE_MODEL_H_

#include "fuzz.h"

/* Longer than every command that can be good. */
#define MAX_COMMAND 600

struct profile_model {
	struct tcpstats_profiles registry;
	size_t count;
	struct {
		char name[TCPSTATS_PROFILE_NAMELEN + 1];
		char text[TCPSTATS_FILTER_MAXLEN + 1];
	} expected[TCPSTATS_MAX_PROFILES];
};

void profile_model_init(struct profile_model *model);
/* "NAME FILTER" or "NAME", at most MAX_COMMAND bytes. */
void profile_model_command(struct profile_model *model, const char *line,
    size_t len);
/* The filter of one of the profiles, or NULL where there are fewer. */
const struct tcpstats_filter *
profile_model_filter(const struct profile_model *model, size_t at);

#endif /* !_PROFILE_MODEL_H_ */
