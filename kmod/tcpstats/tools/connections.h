/*-
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * Many TCP connections of this host with itself, both ends of each held open
 * without traffic: two sockets a connection, and a listening one a process.
 * They are spread over as many processes as RLIMIT_NOFILE asks for, and over
 * source addresses, one a process.  They end by RST, so that none is left in
 * TIME_WAIT, and do so however their processes end.
 */
#ifndef _CONNECTIONS_H_
#define _CONNECTIONS_H_

#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CONNECTIONS_MAX 500000
#define CONNECTIONS_MAX_PROCESSES 512

struct connections_spec {
	uint32_t cs_count;
	/* Numeric addresses of this host; none: 127.0.0.1 and following. */
	const char **cs_sources;
	size_t cs_nsources;
	/* At least so many, and one an address in any case. */
	uint32_t cs_processes;
};

enum connections_outcome {
	CONNECTIONS_STAND,
	CONNECTIONS_FAILED, /* connections_error() says how */
	CONNECTIONS_INTERRUPTED,
};

struct connections;

/*
 * Begin to open connections.  What this machine's limits forbid ends the
 * program with a message that names the limit.
 */
struct connections *connections_start(const struct connections_spec *spec);
/*
 * Wait until all stand.  Signals are those of mask meanwhile, and one that is
 * caught ends the waiting where *stop is set by then; both may be NULL.
 */
enum connections_outcome connections_wait(struct connections *connections,
    const sigset_t *mask, const volatile sig_atomic_t *stop);
const char *connections_error(const struct connections *connections);
/* The port that the process listens on, host byte order. */
uint16_t connections_port(const struct connections *connections,
    size_t process);
size_t connections_processes(const struct connections *connections);
/* End all of them. */
void connections_stop(struct connections *connections);

#endif /* !_CONNECTIONS_H_ */
