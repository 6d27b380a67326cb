// SPDX-License-Identifier: BSD-2-Clause
//! Holds Rust declarations of C structures against the table that their C headers assert.
//!
//! The table is a list of macro calls in a C header, one a line, as in `tcpstats_layout.h`. A
//! build script reads it with [`Table::parse`] and writes [`Table::asserts`] to a file; a module
//! that has the macros of this crate and the declarations in scope, under the names that C has,
//! includes that. A declaration that differs, or a field that the table lacks, ends the build.

mod table;

pub use table::{Field, Table, TableError};

/// The size of the field that the accessor copies; there is no other way to a packed field's.
#[doc(hidden)]
#[must_use]
pub const fn field_size<S, F>(_: fn(&S) -> F) -> usize {
    size_of::<F>()
}

/// Asserts the structure's size, and that these are its fields, each with its offset and size,
/// bytes. Fields must be `Copy`.
#[macro_export]
macro_rules! same_layout {
    ($structure:ident $size:literal $($field:ident $offset:literal $field_size:literal,)*) => {
        const _: () = {
            assert!(
                ::core::mem::size_of::<$structure>() == $size,
                concat!(stringify!($structure), " is not of ", $size, " bytes")
            );
            $(
                assert!(
                    ::core::mem::offset_of!($structure, $field) == $offset,
                    concat!(stringify!($structure.$field), " is not at ", $offset)
                );
                assert!(
                    $crate::field_size(|s: &$structure| s.$field) == $field_size,
                    concat!(stringify!($structure.$field), " is not of ", $field_size, " bytes")
                );
            )*
            // No field is missing in the table.
            _ = |s: &$structure| {
                let $structure { $($field: _),* } = s;
            };
        };
    };
}

/// Asserts the ioctl(2) command's number, on FreeBSD and on Linux.
#[macro_export]
macro_rules! same_command {
    ($command:ident $freebsd:literal $linux:literal) => {
        const _: () = {
            let is_linux = cfg!(target_os = "linux");
            assert!(
                $command == if is_linux { $linux } else { $freebsd },
                concat!(stringify!($command), " has another number in C")
            );
        };
    };
}
