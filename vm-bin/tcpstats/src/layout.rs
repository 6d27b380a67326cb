// SPDX-License-Identifier: BSD-2-Clause
//! Holds what this crate declares of the C headers against their table of layouts,
//! `tcpstats_layout.h`, which the build script translates into calls of the macros here.
//! The C compiler holds the headers against the same table.

use std::mem::{offset_of, size_of};

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

/// The size of the field that the accessor copies; there is no other way to a packed field's.
const fn field_size<S, F>(_: fn(&S) -> F) -> usize {
    size_of::<F>()
}

/// The structure's size, and each field's name, offset and size, bytes.
macro_rules! same_layout {
    ($structure:ident $size:literal $($field:ident $offset:literal $field_size:literal,)*) => {
        const _: () = {
            assert!(size_of::<$structure>() == $size, stringify!($structure is not of $size bytes));
            $(
                assert!(
                    offset_of!($structure, $field) == $offset,
                    stringify!($structure.$field is not at $offset)
                );
                assert!(
                    field_size(|s: &$structure| s.$field) == $field_size,
                    stringify!($structure.$field is not of $field_size bytes)
                );
            )*
            // No field is missing in the table.
            _ = |s: &$structure| {
                let $structure { $($field: _),* } = s;
            };
        };
    };
}

/// The ioctl(2) command's number, on FreeBSD and on Linux.
macro_rules! same_command {
    ($command:ident $freebsd:literal $linux:literal) => {
        const _: () = assert!(
            $command
                == if cfg!(target_os = "linux") {
                    $linux
                } else {
                    $freebsd
                },
    stringify!($command is not $freebsd on FreeBSD, $linux on Linux)
        );
    };
}

include!(concat!(env!("OUT_DIR"), "/layout.rs"));
