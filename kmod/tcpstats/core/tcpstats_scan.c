/*-
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * What parsing is made of: words, numbers, and saying what is wrong where.
 */
#include "tcpstats_parse.h"
#include "tcpstats_port.h"

void
tcpstats_error_set(struct tcpstats_filter_error *error, size_t offset,
    size_t length, const char *message)
{
	size_t i;

	if (error == NULL)
		return;
	error->tfe_offset = (uint32_t)offset;
	error->tfe_length = (uint32_t)length;
	for (i = 0; i < TCPSTATS_ERRMSG_SIZE - 1 && message[i] != '\0'; i++)
		error->tfe_message[i] = message[i];
	error->tfe_message[i] = '\0';
}

const char *
tcpstats_find_stop(const struct tcpstats_scan *scan, const char *from,
    const char stops[2])
{

	while (from < scan->end && *from != ' ' && *from != stops[0] &&
	    *from != stops[1])
		from++;
	return (from);
}

int
tcpstats_refuse(const struct tcpstats_scan *scan, const char *begin,
    const char *end, const char *message)
{
	const char *byte;

	for (byte = scan->directive; byte < scan->end && *byte != ' '; byte++)
		if (*byte < ' ' || *byte > '~') {
			begin = byte;
			end = byte + 1;
			message = "byte is not printable ASCII";
			break;
		}
	tcpstats_error_set(scan->error, (size_t)(begin - scan->text),
	    (size_t)(end - begin), message);
	return (EINVAL);
}

static char
lower_case(char c)
{

	return (c >= 'A' && c <= 'Z' ? (char)(c + ('a' - 'A')) : c);
}

bool
tcpstats_scan_word(struct tcpstats_scan *scan, const char *word, size_t len,
    char stop)
{
	const char *at = scan->at;
	size_t left = (size_t)(scan->end - at);

	if (left < len)
		return (false);
	for (size_t i = 0; i < len; i++)
		if (lower_case(at[i]) != word[i])
			return (false);
	if (left > len && at[len] != ' ' && at[len] != stop)
		return (false);
	scan->at = at + len;
	return (true);
}

const struct tcpstats_keyword *
tcpstats_scan_keyword(struct tcpstats_scan *scan,
    const struct tcpstats_keyword *keywords, size_t count, char stop)
{
	const char first = lower_case(tcpstats_peek(scan));

	for (size_t i = 0; i < count; i++)
		if (keywords[i].tk_name[0] == first &&
		    tcpstats_scan_word(scan, keywords[i].tk_name,
			keywords[i].tk_len, stop))
			return (&keywords[i]);
	return (NULL);
}

int
tcpstats_scan_number(struct tcpstats_scan *scan,
    const struct tcpstats_number_rules *rules, uint32_t *value)
{
	const char *begin = scan->at, *at, *stop;
	uint32_t digit, number = 0;

	for (at = begin; at < scan->end; at++) {
		digit = (uint32_t)(unsigned char)*at - '0';
		if (digit > 9)
			break;
		if (number <= rules->max)
			number = number * 10 + digit;
	}
	stop = tcpstats_find_stop(scan, at, rules->stops);
	if (stop != at)
		return (
		    tcpstats_refuse(scan, begin, stop, rules->not_a_number));
	if (at == begin)
		return (tcpstats_refuse(scan, begin, at, rules->missing));
	if (*begin == '0' && at - begin > 1)
		return (tcpstats_refuse(scan, begin, at, rules->leading_zero));
	if (number > rules->max)
		return (tcpstats_refuse(scan, begin, at, rules->too_large));
	scan->at = at;
	*value = number;
	return (0);
}
