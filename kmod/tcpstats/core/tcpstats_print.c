/*-
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * The printer: the canonical text of a filter.  Directives stand in one
 * order, states and groups in that of their bits, addresses as in RFC 5952,
 * and what is the default is left out.
 */
#include "tcpstats_core.h"
#include "tcpstats_language.h"
#include "tcpstats_port.h"

struct output {
	char *buf;
	size_t size;
	size_t len; /* of the whole text, also where it exceeds size */
};

static void
put_char(struct output *out, char c)
{

	if (out->len + 1 < out->size)
		out->buf[out->len] = c;
	out->len++;
}

static void
put_string(struct output *out, const char *string)
{

	while (*string != '\0')
		put_char(out, *string++);
}

/* Without leading zeros, base at most 16. */
static void
put_number(struct output *out, unsigned int value, unsigned int base)
{
	char digits[10];
	size_t count = 0;

	do {
		digits[count++] = "0123456789abcdef"[value % base];
		value /= base;
	} while (value != 0);
	while (count > 0)
		put_char(out, digits[--count]);
}

static void
begin_directive(struct output *out, const char *text)
{

	if (out->len != 0)
		put_char(out, ' ');
	put_string(out, text);
}

/* Print the names of the bits of mask, in their order. */
static void
put_names(struct output *out, uint32_t mask,
    const struct tcpstats_keyword *names)
{
	const char *separator = "";

	for (uint32_t bit = 0; mask >> bit != 0; bit++) {
		if ((mask & 1U << bit) == 0)
			continue;
		put_string(out, separator);
		put_string(out, names[bit].tk_name);
		separator = ",";
	}
}

static void
put_ports(struct output *out, const char *directive,
    const struct tcpstats_end *end)
{

	if (!end->te_has_ports)
		return;
	begin_directive(out, directive);
	for (size_t i = 0; i < TCPSTATS_MAX_PORTS && end->te_ports[i] != 0;
	     i++) {
		if (i > 0)
			put_char(out, ',');
		put_number(out, ntohs(end->te_ports[i]), 10);
	}
}

static void
put_v4(struct output *out, uint32_t addr)
{

	for (int shift = 24; shift >= 0; shift -= 8) {
		put_number(out, addr >> shift & 0xff, 10);
		if (shift > 0)
			put_char(out, '.');
	}
}

struct run {
	size_t begin;
	size_t len;
};

/* The first of the longest runs of zero groups. */
static struct run
longest_zero_run(const unsigned int groups[8])
{
	struct run best = { 0, 0 };
	struct run run = { 0, 0 };

	for (size_t i = 0; i < 8; i++) {
		if (groups[i] != 0) {
			run.len = 0;
			continue;
		}
		if (run.len++ == 0)
			run.begin = i;
		if (run.len > best.len)
			best = run;
	}
	return (best);
}

static void
put_v6(struct output *out, const uint8_t addr[16])
{
	unsigned int groups[8];
	struct run gap;

	for (size_t i = 0; i < 8; i++)
		groups[i] = (unsigned int)addr[2 * i] << 8 | addr[2 * i + 1];
	gap = longest_zero_run(groups);
	for (size_t i = 0; i < 8; i++) {
		if (gap.len > 1 && i == gap.begin) {
			put_string(out, "::");
			i += gap.len - 1;
			continue;
		}
		if (i > 0 && !(gap.len > 1 && i == gap.begin + gap.len))
			put_char(out, ':');
		put_number(out, groups[i], 16);
	}
}

static unsigned int
mask_length(uint32_t mask)
{
	unsigned int length = 0;

	while (length < 32 && (mask & 0x80000000U >> length) != 0)
		length++;
	return (length);
}

static void
put_address(struct output *out, const char *directive,
    const struct tcpstats_end *end)
{
	unsigned int prefix, whole;

	if (!end->te_has_addr)
		return;
	begin_directive(out, directive);
	if (tcpstats_end_is_v6(end)) {
		put_v6(out, end->te_addr_v6);
		prefix = end->te_prefix_v6;
		whole = 128;
	} else {
		put_v4(out, ntohl(end->te_addr_v4));
		prefix = mask_length(ntohl(end->te_mask_v4));
		whole = 32;
	}
	if (prefix < whole) {
		put_char(out, '/');
		put_number(out, prefix, 10);
	}
}

static void
put_states(struct output *out, const struct tcpstats_filter *filter)
{
	uint32_t excluded = filter->tsf_flags & TCPSTATS_FILTER_EXCLUDE_MASK;

	if (excluded != 0) {
		begin_directive(out, "exclude=");
		put_names(out, excluded, tcpstats_state_names);
	}
	if ((filter->tsf_flags & TCPSTATS_FILTER_STATE_INCLUDE) != 0) {
		begin_directive(out, "include_state=");
		put_names(out, filter->tsf_state_mask, tcpstats_state_names);
	}
}

static void
put_fields(struct output *out, const struct tcpstats_filter *filter)
{
	uint32_t fields = filter->tsf_field_mask;

	if (fields != tcpstats_default_fields(filter->tsf_format)) {
		begin_directive(out, "fields=");
		if (fields == TCPSTATS_FIELDS_ALL)
			put_string(out, "all");
		else if (fields == TCPSTATS_FIELDS_DEFAULT)
			put_string(out, "default");
		else
			put_names(out, fields, tcpstats_group_names);
	}
	if (filter->tsf_format == TCPSTATS_FORMAT_FULL)
		begin_directive(out, "format=full");
}

size_t
tcpstats_filter_print(const struct tcpstats_filter *filter, char *buf,
    size_t size)
{
	struct output out = { buf, size, 0 };
	const struct tcpstats_end local = tcpstats_end_local(filter);
	const struct tcpstats_end remote = tcpstats_end_remote(filter);

	put_ports(&out, "local_port=", &local);
	put_ports(&out, "remote_port=", &remote);
	put_address(&out, "local_addr=", &local);
	put_address(&out, "remote_addr=", &remote);
	if ((filter->tsf_flags & TCPSTATS_FILTER_IPV4_ONLY) != 0)
		begin_directive(&out, "ipv4_only");
	if ((filter->tsf_flags & TCPSTATS_FILTER_IPV6_ONLY) != 0)
		begin_directive(&out, "ipv6_only");
	put_states(&out, filter);
	put_fields(&out, filter);
	if (size > 0)
		buf[out.len < size ? out.len : size - 1] = '\0';
	return (out.len);
}
