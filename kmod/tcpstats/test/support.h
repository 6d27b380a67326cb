/*-
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * What more than one test program needs.
 */
#ifndef _SUPPORT_H_
#define _SUPPORT_H_

#include "../core/tcpstats_core.h"

#define NITEMS(array) (sizeof(array) / sizeof((array)[0]))

/*
 * Parse from memory that ends where the text does, so that the sanitizers and
 * valgrind see a byte read too many.
 */
int parse_bytes(const char *text, size_t len, struct tcpstats_filter *filter,
    struct tcpstats_filter_error *error);
/* Parse a string; the filter must be good. */
struct tcpstats_filter parse_good(const char *text);

/* A reproducible stream of numbers; never 0. */
uint32_t next_random(uint32_t *state);
/* 0 to below - 1. */
uint32_t random_below(uint32_t *state, uint32_t below);

#endif /* !_SUPPORT_H_ */
