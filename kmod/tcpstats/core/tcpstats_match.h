/*-
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * The matcher: does a socket pass a filter, and if not, why not.  A filter is
 * prepared once and then put to every socket of a table, so what is asked of a
 * socket stands here, to be compiled into the walk over the table.
 */
#ifndef _TCPSTATS_MATCH_H_
#define _TCPSTATS_MATCH_H_

#include "../tcpstats.h"
#include "tcpstats_port.h"

#ifndef _KERNEL
#include <stdbool.h>
#endif

/* Why a socket is not reported; numbers as in the filter:skip probe. */
enum tcpstats_verdict {
	TCPSTATS_SKIP_GENCNT = 0, /* newer than the snapshot, or gone */
	TCPSTATS_SKIP_CRED = 1,
	TCPSTATS_SKIP_IPVER = 2,
	TCPSTATS_SKIP_STATE = 3,
	TCPSTATS_SKIP_PORT = 4,
	TCPSTATS_SKIP_ADDR = 5,
	TCPSTATS_SKIP_TIMEOUT = 6, /* the walk stops here, not counted */
	TCPSTATS_SEEN,		   /* before the cursor, not counted */
	TCPSTATS_MATCH,
};
#define TCPSTATS_NSKIPS 6

/* A socket as filters see it.  Ports in network byte order, as addresses. */
struct tcpstats_socket {
	uint64_t ts_gencnt;
	const uint8_t *ts_local_addr; /* 4 bytes, or 16 if ts_ipv6 */
	const uint8_t *ts_remote_addr;
	uint16_t ts_local_port;
	uint16_t ts_remote_port;
	uint8_t ts_state; /* enum tcpstats_state */
	bool ts_ipv6;	  /* false for an IPv4-mapped one */
	bool ts_visible;  /* to the opener */
};

/* What one end of a socket has to be. */
struct tcpstats_matcher_end {
	/* Addresses in memory order, and the bits that count: none of both. */
	uint64_t tme_addr_v6[2];
	uint64_t tme_mask_v6[2];
	uint32_t tme_addr_v4;
	uint32_t tme_mask_v4;
	uint16_t tme_ports[TCPSTATS_MAX_PORTS];
	uint16_t tme_nports; /* 0 = any port */
};

/* A filter, prepared.  Of two families IPv4 is the first, IPv6 the second. */
struct tcpstats_matcher {
	struct tcpstats_matcher_end tm_local;
	struct tcpstats_matcher_end tm_remote;
	/* A bit a state, IPv6's 16 bits up; none for a family kept out. */
	uint32_t tm_states;
	uint8_t tm_families; /* a bit each: let in by the family flags */
	bool tm_has_addr;    /* an end has to have an address */
	bool tm_v4_addrs;    /* which lets IPv4 in, at most one of the two */
	bool tm_v6_addrs;
};

/* A valid filter. */
void tcpstats_matcher_prepare(struct tcpstats_matcher *matcher,
    const struct tcpstats_filter *filter);

static inline bool
tcpstats_port_passes(const struct tcpstats_matcher_end *end, uint16_t port)
{

	if (end->tme_nports == 0)
		return (true);
	for (size_t i = 0; i < end->tme_nports; i++)
		if (end->tme_ports[i] == port)
			return (true);
	return (false);
}

static inline bool
tcpstats_addr_v4_passes(const struct tcpstats_matcher_end *end,
    const void *addr)
{
	uint32_t bits;

	memcpy(&bits, addr, sizeof(bits));
	return (((bits ^ end->tme_addr_v4) & end->tme_mask_v4) == 0);
}

static inline bool
tcpstats_addr_v6_passes(const struct tcpstats_matcher_end *end,
    const void *addr)
{
	uint64_t bits[2];

	memcpy(bits, addr, sizeof(bits));
	return (
	    (((bits[0] ^ end->tme_addr_v6[0]) & end->tme_mask_v6[0]) |
		((bits[1] ^ end->tme_addr_v6[1]) & end->tme_mask_v6[1])) == 0);
}

/*
 * TCPSTATS_MATCH, or the first reason against, in the order of the enum, as
 * far as no address is needed for it.
 */
static inline enum tcpstats_verdict
tcpstats_match_but_addresses(const struct tcpstats_matcher *matcher, bool ipv6,
    unsigned int state, uint16_t local_port, uint16_t remote_port)
{

	if ((matcher->tm_states >> (ipv6 ? state + 16 : state) & 1) == 0)
		return ((matcher->tm_families >> ipv6 & 1) == 0 ?
			TCPSTATS_SKIP_IPVER :
			TCPSTATS_SKIP_STATE);
	if (!tcpstats_port_passes(&matcher->tm_local, local_port) ||
	    !tcpstats_port_passes(&matcher->tm_remote, remote_port))
		return (TCPSTATS_SKIP_PORT);
	return (TCPSTATS_MATCH);
}

/* The rest, to be asked where tm_has_addr. */
static inline enum tcpstats_verdict
tcpstats_match_addresses_v4(const struct tcpstats_matcher *matcher,
    const void *local, const void *remote)
{

	if (!matcher->tm_v4_addrs ||
	    !tcpstats_addr_v4_passes(&matcher->tm_local, local) ||
	    !tcpstats_addr_v4_passes(&matcher->tm_remote, remote))
		return (TCPSTATS_SKIP_ADDR);
	return (TCPSTATS_MATCH);
}

static inline enum tcpstats_verdict
tcpstats_match_addresses_v6(const struct tcpstats_matcher *matcher,
    const void *local, const void *remote)
{

	if (!matcher->tm_v6_addrs ||
	    !tcpstats_addr_v6_passes(&matcher->tm_local, local) ||
	    !tcpstats_addr_v6_passes(&matcher->tm_remote, remote))
		return (TCPSTATS_SKIP_ADDR);
	return (TCPSTATS_MATCH);
}

/* TCPSTATS_MATCH, or the first reason against, in the order of the enum. */
enum tcpstats_verdict tcpstats_match(const struct tcpstats_matcher *matcher,
    const struct tcpstats_socket *socket);

#endif /* !_TCPSTATS_MATCH_H_ */
