/*-
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * The DTrace probes.  Whoever fires one includes this.
 */
#ifndef _TCPSTATS_PROBE_H_
#define _TCPSTATS_PROBE_H_

#include <sys/param.h>

#include <sys/queue.h>
#include <sys/sdt.h>

SDT_PROVIDER_DECLARE(tcpstats);
SDT_PROBE_DECLARE(tcpstats, , read, entry);
SDT_PROBE_DECLARE(tcpstats, , read, done);
SDT_PROBE_DECLARE(tcpstats, , filter, skip);
SDT_PROBE_DECLARE(tcpstats, , filter, match);
SDT_PROBE_DECLARE(tcpstats, , fill, done);
SDT_PROBE_DECLARE(tcpstats, , profile, create);
SDT_PROBE_DECLARE(tcpstats, , profile, destroy);

#endif /* !_TCPSTATS_PROBE_H_ */
