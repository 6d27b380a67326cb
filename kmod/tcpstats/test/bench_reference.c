/*-
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * The work that the benchmarks are set beside: a text cut into words, numbers
 * and marks, the words looked up.  It is not to be changed: every time that
 * was measured beside it would mean something else.
 */
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "bench.h"

enum class { MARK, LETTER, DIGIT };

struct word {
	char text[16];
	size_t len;
};

static const char text[] =
    "alpha=10,20,30 beta=listen,closing,opened gamma=10.20.30.0/24 "
    "delta=fe80::1:2 eps=full zeta=all";

static const struct word known[] = {
	{ "alpha", 5 },
	{ "beta", 4 },
	{ "gamma", 5 },
	{ "delta", 5 },
	{ "eps", 3 },
	{ "zeta", 4 },
	{ "listen", 6 },
	{ "closing", 7 },
	{ "opened", 6 },
	{ "full", 4 },
	{ "all", 3 },
};

static uint8_t classes[256];
static volatile uint32_t result;

static void
make_classes(void)
{

	for (int c = 'a'; c <= 'z'; c++)
		classes[c] = classes[c - 'a' + 'A'] = LETTER;
	for (int c = '0'; c <= '9'; c++)
		classes[c] = DIGIT;
}

/* A bit for a word that is known. */
static uint32_t
look_up(const struct word *word)
{

	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
		if (known[i].len == word->len &&
		    memcmp(known[i].text, word->text, word->len) == 0)
			return (UINT32_C(1) << i);
	return (0);
}

static uint32_t
pass(void)
{
	struct word word = { .len = 0 };
	uint32_t hash = 0, number = 0, seen = 0;
	uint8_t c;

	for (size_t i = 0; i < sizeof(text); i++) {
		c = (uint8_t)text[i];
		switch (classes[c]) {
		case LETTER:
			if (word.len < sizeof(word.text))
				word.text[word.len++] = (char)(c | 0x20);
			break;
		case DIGIT:
			number = (number * 10 + (c - '0')) & 0xffff;
			break;
		default:
			if (word.len != 0)
				seen |= look_up(&word);
			word.len = 0;
			hash = hash * 31 + number + c;
			number = 0;
		}
	}
	return (hash ^ seen);
}

void
bench_reference(unsigned int passes)
{

	if (classes['0'] != DIGIT)
		make_classes();
	for (unsigned int i = 0; i < passes; i++)
		result = pass();
}
