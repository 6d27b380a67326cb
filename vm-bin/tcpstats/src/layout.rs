// SPDX-License-Identifier: BSD-2-Clause
//! Holds what this crate declares of the C headers against their table of layouts,
//! `tcpstats_layout.h`, which the build script translates into calls of `c_layout`'s macros.
//! The C compiler holds the headers against the same table.

use c_layout::{same_command, same_layout};

use crate::core::{
    Admission as tcpstats_admission, Counters as tcpstats_counters, Limits as tcpstats_limits,
    ReadStats as tcpstats_read_stats,
};
use crate::device::{
    RESET_COMMAND as TCPSTATS_RESET, SET_FILTER_COMMAND as TCPSTATS_SET_FILTER,
    VERSION_COMMAND as TCPSTATS_VERSION_CMD, Version as tcpstats_version,
};
use crate::ffi::{
    FilterError as tcpstats_filter_error, Profile as tcpstats_profile,
    Profiles as tcpstats_profiles, ReadOps as tcpstats_read_ops, Reader as tcpstats_reader,
    Socket as tcpstats_socket,
};
use crate::filter::Filter as tcpstats_filter;
use crate::record::{Field, FieldGroup, FieldUsage, Record as tcpstats_record};

include!(concat!(env!("OUT_DIR"), "/layout.rs"));
