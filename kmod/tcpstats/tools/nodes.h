/*-
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * The numbers below dev.tcpstats: sysctl(3) nodes on FreeBSD, and on Linux the
 * files that tcpstatsd serves below $TCPSTATS_MOUNT/sysctl.
 */
#ifndef _NODES_H_
#define _NODES_H_

#include <stdint.h>

/* Where tcpstatsd mounts unless the environment variable says otherwise. */
#define MOUNT_VARIABLE "TCPSTATS_MOUNT"
#define MOUNT_DEFAULT "/run/tcpstats"

/* Read dev.tcpstats.NAME; failing to is the end of the program. */
uint64_t node_get(const char *name);
/* Set it.  Returns 0 or an errno. */
int node_set(const char *name, uint32_t value);

#endif /* !_NODES_H_ */
