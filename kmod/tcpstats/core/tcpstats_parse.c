/*-
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * The parser of the filter language: one pass over the text, one row of a
 * table for each directive.
 */
#include "tcpstats_parse.h"
#include "tcpstats_language.h"
#include "tcpstats_port.h"

enum directive_id {
	LOCAL_PORT,
	REMOTE_PORT,
	LOCAL_ADDR,
	REMOTE_ADDR,
	IPV4_ONLY,
	IPV6_ONLY,
	EXCLUDE,
	INCLUDE_STATE,
	FIELDS,
	FORMAT,
	NDIRECTIVES,
};

/* None may be given twice, so a filter cannot have more than there are. */
_Static_assert(NDIRECTIVES <= TCPSTATS_FILTER_MAXDIRECTIVES,
    "the limit on directives needs a check of its own");

struct parser {
	char text[TCPSTATS_FILTER_MAXLEN + 1]; /* a copy, and a blank */
	struct tcpstats_scan scan;
	struct tcpstats_filter filter; /* what was understood so far */
	uint32_t given;		       /* 1 << directive_id */
	uint32_t states;	       /* of exclude or include_state */
	bool v4;		       /* something asks for IPv4 */
	bool v6;
};

struct directive {
	char name[TCPSTATS_WORD_SIZE];
	bool takes_value;
	/* Move behind the value, if it takes one.  Returns 0 or EINVAL. */
	int (*parse)(struct parser *parser);
};

static const char item_stops[2] = { ',', ',' };
static const char no_stops[2] = { ' ', ' ' };

static int
refuse_item(const struct parser *parser, const char *begin, const char *message)
{
	const struct tcpstats_scan *scan = &parser->scan;

	return (tcpstats_refuse(scan, begin,
	    tcpstats_find_stop(begin, item_stops), message));
}

/* Move to the next item of a list.  Returns whether there is one. */
static bool
next_item(struct tcpstats_scan *scan)
{

	if (*scan->at != ',')
		return (false);
	scan->at++;
	return (true);
}

/* Add a port to a list of count ports. */
static int
parse_port(struct parser *parser, uint16_t *ports, size_t count)
{
	static const struct tcpstats_number_rules rules = {
		.max = 65535,
		.max_digits = 5,
		.stops = { ',', ',' },
		.missing = "port missing",
		.not_a_number = "port is not a number",
		.leading_zero = "port has a leading zero",
		.too_large = "port is above 65535",
	};
	const char *begin = parser->scan.at;
	uint32_t value;
	uint16_t port;
	int error;

	error = tcpstats_scan_number(&parser->scan, &rules, &value);
	if (error != 0)
		return (error);
	if (value == 0)
		return (refuse_item(parser, begin, "port is 0"));
	port = htons((uint16_t)value);
	for (size_t i = 0; i < count; i++)
		if (ports[i] == port)
			return (
			    refuse_item(parser, begin, "port is listed twice"));
	if (count == TCPSTATS_MAX_PORTS)
		return (refuse_item(parser, begin, "more than 8 ports"));
	ports[count] = port;
	return (0);
}

static int
parse_ports(struct parser *parser, uint16_t *ports)
{
	size_t count = 0;
	int error;

	do
		error = parse_port(parser, ports, count++);
	while (error == 0 && next_item(&parser->scan));
	return (error);
}

static int
parse_local_port(struct parser *parser)
{

	parser->filter.tsf_flags |= TCPSTATS_FILTER_LOCAL_PORT;
	return (parse_ports(parser, parser->filter.tsf_local_ports));
}

static int
parse_remote_port(struct parser *parser)
{

	parser->filter.tsf_flags |= TCPSTATS_FILTER_REMOTE_PORT;
	return (parse_ports(parser, parser->filter.tsf_remote_ports));
}

/* Ask for a family from begin on; a filter can ask for one only. */
static int
require_family(struct parser *parser, bool v6, const char *begin,
    const char *message)
{

	*(v6 ? &parser->v6 : &parser->v4) = true;
	if (parser->v4 && parser->v6)
		return (tcpstats_refuse(&parser->scan, begin, parser->scan.at,
		    message));
	return (0);
}

static int
parse_addr(struct parser *parser, struct tcpstats_address *address)
{
	const uint32_t family_flags = TCPSTATS_FILTER_IPV4_ONLY |
	    TCPSTATS_FILTER_IPV6_ONLY;
	const char *begin = parser->scan.at;
	int error;

	error = tcpstats_scan_address(&parser->scan, address);
	if (error != 0)
		return (error);
	return (require_family(parser, address->is_v6, begin,
	    (parser->filter.tsf_flags & family_flags) != 0 ?
		"address is of the family that a flag excludes" :
		"addresses are of two families"));
}

static int
parse_local_addr(struct parser *parser)
{
	struct tcpstats_filter *filter = &parser->filter;
	struct tcpstats_address address;
	int error;

	error = parse_addr(parser, &address);
	if (error != 0)
		return (error);
	filter->tsf_flags |= TCPSTATS_FILTER_LOCAL_ADDR |
	    (address.is_v6 ? TCPSTATS_FILTER_LOCAL_IS_V6 : 0);
	filter->tsf_local_addr_v4 = address.addr_v4;
	filter->tsf_local_mask_v4 = address.mask_v4;
	memcpy(filter->tsf_local_addr_v6, address.addr_v6,
	    sizeof(address.addr_v6));
	filter->tsf_local_prefix_v6 = address.prefix_v6;
	return (0);
}

static int
parse_remote_addr(struct parser *parser)
{
	struct tcpstats_filter *filter = &parser->filter;
	struct tcpstats_address address;
	int error;

	error = parse_addr(parser, &address);
	if (error != 0)
		return (error);
	filter->tsf_flags |= TCPSTATS_FILTER_REMOTE_ADDR |
	    (address.is_v6 ? TCPSTATS_FILTER_REMOTE_IS_V6 : 0);
	filter->tsf_remote_addr_v4 = address.addr_v4;
	filter->tsf_remote_mask_v4 = address.mask_v4;
	memcpy(filter->tsf_remote_addr_v6, address.addr_v6,
	    sizeof(address.addr_v6));
	filter->tsf_remote_prefix_v6 = address.prefix_v6;
	return (0);
}

static int
parse_family_flag(struct parser *parser, bool v6)
{
	uint32_t flag = v6 ? TCPSTATS_FILTER_IPV6_ONLY :
			     TCPSTATS_FILTER_IPV4_ONLY;
	uint32_t other = v6 ? TCPSTATS_FILTER_IPV4_ONLY :
			      TCPSTATS_FILTER_IPV6_ONLY;

	parser->filter.tsf_flags |= flag;
	return (require_family(parser, v6, parser->scan.directive,
	    (parser->filter.tsf_flags & other) != 0 ?
		"ipv4_only and ipv6_only exclude each other" :
		"flag excludes the family of an address"));
}

static int
parse_ipv4_only(struct parser *parser)
{

	return (parse_family_flag(parser, false));
}

static int
parse_ipv6_only(struct parser *parser)
{

	return (parse_family_flag(parser, true));
}

/*
 * Move behind one of count words.  Where none of them is next, say that one
 * is missing, or that what is there is unknown, and return NULL.
 */
static const struct tcpstats_keyword *
parse_keyword(struct parser *parser, const struct tcpstats_keyword *keywords,
    size_t count, const char *missing, const char *unknown)
{
	struct tcpstats_scan *scan = &parser->scan;
	const struct tcpstats_keyword *keyword;
	char next;

	keyword = tcpstats_scan_keyword(scan, keywords, count, ',');
	if (keyword == NULL) {
		next = *scan->at;
		refuse_item(parser, scan->at,
		    next == ',' || next == ' ' ? missing : unknown);
	}
	return (keyword);
}

static int
parse_state(struct parser *parser)
{
	const char *begin = parser->scan.at;
	const struct tcpstats_keyword *state;

	state = parse_keyword(parser, tcpstats_state_names,
	    TCPSTATS_NITEMS(tcpstats_state_names), "state missing",
	    "unknown state");
	if (state == NULL)
		return (EINVAL);
	if ((parser->states & 1U << state->tk_value) != 0)
		return (refuse_item(parser, begin, "state is listed twice"));
	parser->states |= 1U << state->tk_value;
	return (0);
}

static int
parse_states(struct parser *parser)
{
	int error;

	do
		error = parse_state(parser);
	while (error == 0 && next_item(&parser->scan));
	return (error);
}

/* Groups are added up: an overlap, as in "default,rtt", means no harm. */
static int
parse_groups(struct parser *parser)
{
	const struct tcpstats_keyword *group;

	do {
		group = parse_keyword(parser, tcpstats_group_names,
		    TCPSTATS_NITEMS(tcpstats_group_names),
		    "field group missing", "unknown field group");
		if (group == NULL)
			return (EINVAL);
		parser->filter.tsf_field_mask |= group->tk_value;
	} while (next_item(&parser->scan));
	return (0);
}

static int
parse_format(struct parser *parser)
{
	static const struct tcpstats_keyword formats[] = {
		{ "compact", TCPSTATS_FORMAT_COMPACT },
		{ "full", TCPSTATS_FORMAT_FULL },
	};
	const struct tcpstats_keyword *format;

	format = parse_keyword(parser, formats, TCPSTATS_NITEMS(formats),
	    "format missing", "unknown format, neither compact nor full");
	if (format == NULL)
		return (EINVAL);
	parser->filter.tsf_format = format->tk_value;
	/* The other directives of one value take a ',' for a part of it. */
	if (*parser->scan.at == ',')
		return (tcpstats_refuse(&parser->scan, parser->scan.at,
		    tcpstats_find_stop(parser->scan.at, no_stops),
		    "directive takes one value"));
	return (0);
}

static const struct directive directives[NDIRECTIVES] = {
	[LOCAL_PORT] = { "local_port", true, parse_local_port },
	[REMOTE_PORT] = { "remote_port", true, parse_remote_port },
	[LOCAL_ADDR] = { "local_addr", true, parse_local_addr },
	[REMOTE_ADDR] = { "remote_addr", true, parse_remote_addr },
	[IPV4_ONLY] = { "ipv4_only", false, parse_ipv4_only },
	[IPV6_ONLY] = { "ipv6_only", false, parse_ipv6_only },
	[EXCLUDE] = { "exclude", true, parse_states },
	[INCLUDE_STATE] = { "include_state", true, parse_states },
	[FIELDS] = { "fields", true, parse_groups },
	[FORMAT] = { "format", true, parse_format },
};

/* Move behind "=VALUE", or see that there is none. */
static int
parse_value(struct parser *parser, const struct directive *directive)
{
	struct tcpstats_scan *scan = &parser->scan;
	bool has_value = *scan->at == '=';

	if (!directive->takes_value) {
		if (has_value)
			return (tcpstats_refuse(scan, scan->at,
			    tcpstats_find_stop(scan->at, no_stops),
			    "flag takes no value"));
		return (directive->parse(parser));
	}
	if (has_value)
		scan->at++;
	if (*scan->at == ' ')
		return (
		    tcpstats_refuse(scan, scan->at, scan->at, "value missing"));
	return (directive->parse(parser));
}

static int
parse_directive(struct parser *parser)
{
	static const char name_stops[2] = { '=', '=' };
	const uint32_t states = 1U << EXCLUDE | 1U << INCLUDE_STATE;
	struct tcpstats_scan *scan = &parser->scan;
	const char *end;
	uint32_t id = 0;

	scan->directive = scan->at;
	end = tcpstats_read_word(scan);
	while (id < NDIRECTIVES &&
	    !tcpstats_same_word(directives[id].name, scan->word))
		id++;
	if (id == NDIRECTIVES || (*end != '=' && *end != ' '))
		return (tcpstats_refuse(scan, scan->at,
		    tcpstats_find_stop(scan->at, name_stops),
		    "unknown directive"));
	scan->at = end;
	if ((parser->given & 1U << id) != 0)
		return (tcpstats_refuse(scan, scan->directive, scan->at,
		    "directive is given twice"));
	parser->given |= 1U << id;
	if ((parser->given & states) == states)
		return (tcpstats_refuse(scan, scan->directive, scan->at,
		    "exclude and include_state exclude each other"));
	return (parse_value(parser, &directives[id]));
}

/* Move to the next directive.  Returns whether there is one. */
static bool
skip_blanks(struct tcpstats_scan *scan)
{

	while (scan->at < scan->end && *scan->at == ' ')
		scan->at++;
	return (scan->at < scan->end);
}

/* What is known only when every directive has been read. */
static void
finish(struct parser *parser)
{
	struct tcpstats_filter *filter = &parser->filter;

	if ((parser->given & 1U << INCLUDE_STATE) != 0) {
		filter->tsf_flags |= TCPSTATS_FILTER_STATE_INCLUDE;
		filter->tsf_state_mask = (uint16_t)parser->states;
	} else
		filter->tsf_flags |= parser->states;
	if ((parser->given & 1U << FIELDS) == 0)
		filter->tsf_field_mask = tcpstats_default_fields(
		    filter->tsf_format);
}

/* Not inlined, so that the empty text does not pay for this stack frame. */
static __noinline int
parse_text(const char *text, size_t len, struct tcpstats_filter *filter,
    struct tcpstats_filter_error *error)
{
	struct parser parser;
	int status;

	memcpy(parser.text, text, len);
	parser.text[len] = ' ';
	parser.scan.text = parser.scan.at = parser.text;
	parser.scan.end = parser.text + len;
	parser.scan.error = error;
	parser.filter = tcpstats_filter_default;
	parser.filter.tsf_field_mask = 0;
	parser.given = parser.states = 0;
	parser.v4 = parser.v6 = false;
	while (skip_blanks(&parser.scan)) {
		status = parse_directive(&parser);
		if (status != 0)
			return (status);
	}
	finish(&parser);
	*filter = parser.filter;
	return (0);
}

int
tcpstats_filter_parse(const char *text, size_t len,
    struct tcpstats_filter *filter, struct tcpstats_filter_error *error)
{

	if (len == 0) {
		*filter = tcpstats_filter_default;
		return (0);
	}
	if (len > TCPSTATS_FILTER_MAXLEN) {
		tcpstats_error_set(error, TCPSTATS_FILTER_MAXLEN,
		    len - TCPSTATS_FILTER_MAXLEN,
		    "filter is longer than 511 bytes");
		return (ENAMETOOLONG);
	}
	return (parse_text(text, len, filter, error));
}
