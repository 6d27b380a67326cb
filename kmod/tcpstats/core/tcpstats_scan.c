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
tcpstats_find_stop(const char *from, const char stops[2])
{

	while (!tcpstats_is_stop(from, stops))
		from++;
	return (from);
}

int
tcpstats_refuse(const struct tcpstats_scan *scan, const char *begin,
    const char *end, const char *message)
{
	const char *byte;

	for (byte = scan->directive; *byte != ' '; byte++)
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

/* As a chart of ASCII. */
const char tcpstats_lower_case[UINT8_MAX + 1] =
    "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"
    "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"
    "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"
    "0123456789\0\0\0\0\0\0"
    "\0abcdefghijklmno"
    "pqrstuvwxyz\0\0\0\0_"
    "\0abcdefghijklmno"
    "pqrstuvwxyz";

const struct tcpstats_keyword *
tcpstats_scan_keyword(struct tcpstats_scan *scan,
    const struct tcpstats_keyword *keywords, size_t count, char stop)
{
	const char *end = tcpstats_read_word(scan);

	if (*end != stop && *end != ' ')
		return (NULL);
	for (size_t i = 0; i < count; i++)
		if (tcpstats_same_word(keywords[i].tk_name, scan->word)) {
			scan->at = end;
			return (&keywords[i]);
		}
	return (NULL);
}

void
tcpstats_refuse_number(const struct tcpstats_scan *scan,
    const struct tcpstats_number_rules *rules)
{
	const char *begin = scan->at, *at = begin;
	const char *end = tcpstats_find_stop(begin, rules->stops);
	const char *message = rules->too_large;

	while (at < end && *at >= '0' && *at <= '9')
		at++;
	if (at != end)
		message = rules->not_a_number;
	else if (at == begin)
		message = rules->missing;
	else if (*begin == '0' && at - begin > 1)
		message = rules->leading_zero;
	tcpstats_refuse(scan, begin, end, message);
}
