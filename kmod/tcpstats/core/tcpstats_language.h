/*-
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * What the parser, the validator, the printer and the matcher share: the
 * words of the filter language, and a view of one end of a filter.
 */
#ifndef _TCPSTATS_LANGUAGE_H_
#define _TCPSTATS_LANGUAGE_H_

#include "tcpstats_core.h"

struct tcpstats_keyword {
	const char *tk_name; /* lower case */
	uint8_t tk_len;
	uint32_t tk_value;
};

#define TCPSTATS_KEYWORD(name, value) { (name), sizeof(name) - 1, (value) }

/*
 * State names.  The first TCPSTATS_NSTATES are the canonical ones, each at
 * the index that is its value; other spellings follow.
 */
#define TCPSTATS_NSTATE_NAMES (TCPSTATS_NSTATES + 3)
extern const struct tcpstats_keyword tcpstats_state_names[TCPSTATS_NSTATE_NAMES];

/*
 * Field groups.  The first TCPSTATS_NGROUPS are single groups in the order of
 * their bits; the names of sets of them follow.
 */
#define TCPSTATS_NGROUPS 10
#define TCPSTATS_NGROUP_NAMES (TCPSTATS_NGROUPS + 2)
extern const struct tcpstats_keyword tcpstats_group_names[TCPSTATS_NGROUP_NAMES];

/* One end of a filter: its local or its remote half, read only. */
struct tcpstats_end {
	const uint16_t *te_ports;   /* TCPSTATS_MAX_PORTS, 0 ends the list */
	const uint8_t *te_addr_v6;
	uint32_t te_addr_v4;
	uint32_t te_mask_v4;
	uint8_t te_prefix_v6;
	bool te_has_ports;
	bool te_has_addr;
	bool te_v6_flag; /* the flag itself: use tcpstats_end_is_v6() */
};

struct tcpstats_end tcpstats_end_local(const struct tcpstats_filter *filter);
struct tcpstats_end tcpstats_end_remote(const struct tcpstats_filter *filter);
/*
 * Is the address of this end an IPv6 one?  Readers that do not know the
 * *_IS_V6 flags leave them out; theirs is IPv6 if any IPv6 field is set.
 */
bool tcpstats_end_is_v6(const struct tcpstats_end *end);

/* Is a bit set behind the first prefix (at most 128) bits of addr? */
bool tcpstats_v6_has_host_bits(const uint8_t addr[16], unsigned int prefix);

/* The groups that a filter of this format has when it names none. */
uint32_t tcpstats_default_fields(uint32_t format);

#endif /* !_TCPSTATS_LANGUAGE_H_ */
