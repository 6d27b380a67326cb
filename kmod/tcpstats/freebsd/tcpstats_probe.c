/*-
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * The DTrace provider tcpstats.  A probe costs a no-op until it is enabled.
 */
#include "tcpstats_probe.h"

SDT_PROVIDER_DEFINE(tcpstats);

/* read:entry(uio_resid, filter_flags) */
SDT_PROBE_DEFINE2(tcpstats, , read, entry, "ssize_t", "uint32_t");
/* read:done(error, records, elapsed_ns) */
SDT_PROBE_DEFINE3(tcpstats, , read, done, "int", "size_t", "uint64_t");
/*
 * filter:skip(inpcb, reason), the reason one of enum tcpstats_verdict; the
 * inpcb is NULL for a half-open connection.
 */
SDT_PROBE_DEFINE2(tcpstats, , filter, skip, "struct inpcb *", "int");
/* filter:match(inpcb) */
SDT_PROBE_DEFINE1(tcpstats, , filter, match, "struct inpcb *");
/* fill:done(elapsed_ns, size) */
SDT_PROBE_DEFINE2(tcpstats, , fill, done, "uint64_t", "size_t");
/* profile:create(name) */
SDT_PROBE_DEFINE1(tcpstats, , profile, create, "char *");
/* profile:destroy(name) */
SDT_PROBE_DEFINE1(tcpstats, , profile, destroy, "char *");
