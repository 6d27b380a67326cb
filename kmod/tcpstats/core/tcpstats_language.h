/*-
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * What the parser, the validator, the printer and the matcher share: the
 * words of the filter language, and a view of one end of a filter.
 */
#ifndef _TCPSTATS_LANGUAGE_H_
#define _TCPSTATS_LANGUAGE_H_

#include "tcpstats_core.h"
#include "tcpstats_port.h"

/* The longest word and its NUL, rounded up: words are compared as a whole. */
#define TCPSTATS_WORD_SIZE 16

struct tcpstats_keyword {
	char tk_name[TCPSTATS_WORD_SIZE]; /* lower case */
	uint32_t tk_value;
};

/*
 * State names.  The first TCPSTATS_NSTATES are the canonical ones, each at
 * the index that is its value; other spellings follow.
 */
#define TCPSTATS_NSTATE_NAMES (TCPSTATS_NSTATES + 3)
extern const struct tcpstats_keyword
    tcpstats_state_names[TCPSTATS_NSTATE_NAMES];

/*
 * Field groups.  The first TCPSTATS_NGROUPS are single groups in the order of
 * their bits; the names of sets of them follow.
 */
#define TCPSTATS_NGROUPS 10
#define TCPSTATS_NGROUP_NAMES (TCPSTATS_NGROUPS + 2)
extern const struct tcpstats_keyword
    tcpstats_group_names[TCPSTATS_NGROUP_NAMES];

/* One end of a filter: its local or its remote half, read only. */
struct tcpstats_end {
	const uint16_t *te_ports; /* TCPSTATS_MAX_PORTS, 0 ends the list */
	const uint8_t *te_addr_v6;
	uint32_t te_addr_v4;
	uint32_t te_mask_v4;
	uint8_t te_prefix_v6;
	bool te_has_ports;
	bool te_has_addr;
	bool te_v6_flag; /* the flag itself: use tcpstats_end_is_v6() */
};

/* Is a bit set behind the first prefix (at most 128) bits of addr? */
bool tcpstats_v6_has_host_bits(const uint8_t addr[16], unsigned int prefix);

static inline struct tcpstats_end
tcpstats_end_local(const struct tcpstats_filter *filter)
{

	return ((struct tcpstats_end) {
	    .te_ports = filter->tsf_local_ports,
	    .te_addr_v6 = filter->tsf_local_addr_v6,
	    .te_addr_v4 = filter->tsf_local_addr_v4,
	    .te_mask_v4 = filter->tsf_local_mask_v4,
	    .te_prefix_v6 = filter->tsf_local_prefix_v6,
	    .te_has_ports = filter->tsf_flags & TCPSTATS_FILTER_LOCAL_PORT,
	    .te_has_addr = filter->tsf_flags & TCPSTATS_FILTER_LOCAL_ADDR,
	    .te_v6_flag = filter->tsf_flags & TCPSTATS_FILTER_LOCAL_IS_V6,
	});
}

static inline struct tcpstats_end
tcpstats_end_remote(const struct tcpstats_filter *filter)
{

	return ((struct tcpstats_end) {
	    .te_ports = filter->tsf_remote_ports,
	    .te_addr_v6 = filter->tsf_remote_addr_v6,
	    .te_addr_v4 = filter->tsf_remote_addr_v4,
	    .te_mask_v4 = filter->tsf_remote_mask_v4,
	    .te_prefix_v6 = filter->tsf_remote_prefix_v6,
	    .te_has_ports = filter->tsf_flags & TCPSTATS_FILTER_REMOTE_PORT,
	    .te_has_addr = filter->tsf_flags & TCPSTATS_FILTER_REMOTE_ADDR,
	    .te_v6_flag = filter->tsf_flags & TCPSTATS_FILTER_REMOTE_IS_V6,
	});
}

/*
 * Is the address of this end an IPv6 one?  Readers that do not know the
 * *_IS_V6 flags leave them out; theirs is IPv6 if any IPv6 field is set.
 */
static inline bool
tcpstats_end_is_v6(const struct tcpstats_end *end)
{
	static const uint8_t unset[16];

	return (end->te_v6_flag || end->te_prefix_v6 != 0 ||
	    memcmp(end->te_addr_v6, unset, sizeof(unset)) != 0);
}

/* What the empty text means: every socket, the default field groups. */
extern const struct tcpstats_filter tcpstats_filter_default;
/* The groups that a filter of this format has when it names none. */
static inline uint32_t
tcpstats_default_fields(uint32_t format)
{

	return (format == TCPSTATS_FORMAT_FULL ? TCPSTATS_FIELDS_ALL :
						 TCPSTATS_FIELDS_DEFAULT);
}

#endif /* !_TCPSTATS_LANGUAGE_H_ */
