/*-
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * A process that opens connections from one address to itself and holds both
 * ends of each.
 */
#ifndef _HOLDER_H_
#define _HOLDER_H_

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define HOLDER_ERROR_SIZE 240

struct holder_task {
	size_t ht_index;
	uint32_t ht_connections;
	const char *ht_source; /* a numeric address of this host */
	int ht_report_fd;      /* takes one struct holder_report */
	int ht_hold_fd;	       /* at its end the process ends */
};

/* Small enough to be written to a pipe in one piece. */
struct holder_report {
	size_t hr_index;
	bool hr_failed;
	uint16_t hr_port; /* that it listens on, host byte order */
	char hr_error[HOLDER_ERROR_SIZE];
};

/* Open the connections, report, hold them, and exit. */
_Noreturn void holder_run(const struct holder_task *task);

#endif /* !_HOLDER_H_ */
