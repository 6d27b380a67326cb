/*-
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * The sizes that ffi.rs declares, asserted on the C side as well: a change of
 * the core's header that the Rust declarations miss ends the build here.
 */
#include "tcpstats_core.h"

_Static_assert(sizeof(struct tcpstats_filter_error) == 136, "FilterError");
_Static_assert(sizeof(struct tcpstats_limits) == 16, "Limits");
_Static_assert(sizeof(struct tcpstats_matcher) == 136, "Matcher");
_Static_assert(sizeof(struct tcpstats_reader) == 296, "Reader");
_Static_assert(sizeof(struct tcpstats_read_stats) == 80, "ReadStats");
_Static_assert(sizeof(struct tcpstats_read_ops) == 6 * sizeof(void *),
    "ReadOps");
_Static_assert(sizeof(struct tcpstats_socket) == 8 + 2 * sizeof(void *) + 8,
    "Socket");
_Static_assert(sizeof(struct tcpstats_admission) == 8, "Admission");
_Static_assert(sizeof(struct tcpstats_counters) == 120, "Counters");
_Static_assert(sizeof(struct tcpstats_profile) == 668, "Profile");
_Static_assert(sizeof(struct tcpstats_profiles) == 16 * 668, "Profiles");
