/*-
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * A second opinion on what filters mean: an oracle that knows them as lists of
 * ports and strings of bits, and shares nothing with the core.
 */
#ifndef _MATCH_MODEL_H_
#define _MATCH_MODEL_H_

#include "../core/tcpstats_core.h"

enum family {
	ANY,
	IPV4,
	IPV6,
};

struct model_address {
	enum family family; /* ANY: the filter has no address */
	uint8_t bytes[16];
	unsigned int prefix;
};

struct model_filter {
	enum family only;
	uint16_t excluded;
	uint16_t included; /* 0: the filter includes none by name */
	uint16_t local_ports[TCPSTATS_MAX_PORTS];
	uint16_t remote_ports[TCPSTATS_MAX_PORTS];
	struct model_address local, remote;
};

struct model_socket {
	bool visible;
	enum family family;
	uint8_t state;
	uint16_t local_port, remote_port;
	uint8_t local[16], remote[16];
};

/* The core's verdict on a socket. */
enum tcpstats_verdict model_match(const struct tcpstats_filter *filter,
    const struct model_socket *socket);
/* Count the sockets on which the core and the oracle differ. */
unsigned int model_differences(const struct model_filter *filter,
    const struct model_socket *sockets, size_t count);

#endif /* !_MATCH_MODEL_H_ */
