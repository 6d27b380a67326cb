// SPDX-License-Identifier: BSD-2-Clause
//! What is wrong with the history: why, what to do, and how often it was so. It
//! changes no run and no answer, so that nobody would notice if it were only
//! printed.

use std::io;
use std::sync::atomic::{AtomicU64, Ordering};

use super::store::Error;
use crate::tell;

/// Why the history could not be used, as a label of metrics.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reason {
    /// The file is no database, or has what nobody wrote.
    Damaged,
    /// Its disk is full.
    Full,
    /// Another process held it for too long.
    Locked,
    /// It is of another version of this program.
    Schema,
    /// The file or its folder can't be opened, or not be written.
    Unwritable,
    /// Anything else.
    Other,
}

impl Reason {
    /// Every reason, in the order in which they are counted.
    pub const ALL: [Self; 6] = [
        Self::Damaged,
        Self::Full,
        Self::Locked,
        Self::Schema,
        Self::Unwritable,
        Self::Other,
    ];

    /// The label's value.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Damaged => "damaged",
            Self::Full => "full",
            Self::Locked => "locked",
            Self::Schema => "schema",
            Self::Unwritable => "unwritable",
            Self::Other => "other",
        }
    }

    /// How often this process has met it.
    #[must_use]
    pub fn count(self) -> u64 {
        COUNTS[self as usize].load(Ordering::Relaxed)
    }

    /// By SQLite's primary result code.
    fn of_code(code: u32) -> Self {
        match code {
            SQLITE_BUSY | SQLITE_LOCKED => Self::Locked,
            SQLITE_CORRUPT | SQLITE_NOTADB => Self::Damaged,
            SQLITE_FULL => Self::Full,
            SQLITE_PERM | SQLITE_READONLY | SQLITE_CANTOPEN => Self::Unwritable,
            _ => Self::Other,
        }
    }

    fn of_io(error: &io::Error) -> Self {
        use io::ErrorKind::{PermissionDenied, QuotaExceeded, ReadOnlyFilesystem, StorageFull};
        match error.kind() {
            StorageFull | QuotaExceeded => Self::Full,
            PermissionDenied | ReadOnlyFilesystem => Self::Unwritable,
            _ => Self::Other,
        }
    }
}

/// Of the process, since whoever meets trouble with the history is far from
/// whoever serves metrics.
static COUNTS: [AtomicU64; Reason::ALL.len()] = [const { AtomicU64::new(0) }; Reason::ALL.len()];

const SQLITE_PERM: u32 = 3;
const SQLITE_BUSY: u32 = 5;
const SQLITE_LOCKED: u32 = 6;
const SQLITE_READONLY: u32 = 8;
const SQLITE_CORRUPT: u32 = 11;
const SQLITE_FULL: u32 = 13;
const SQLITE_CANTOPEN: u32 = 14;
const SQLITE_NOTADB: u32 = 26;

impl Error {
    /// Why, for who counts.
    #[must_use]
    pub fn reason(&self) -> Reason {
        match self {
            Self::Schema { .. } => Reason::Schema,
            Self::Row { .. } => Reason::Damaged,
            Self::File { source, .. } => Reason::of_io(source),
            Self::Json(_) => Reason::Other,
            Self::Open { reason, .. } | Self::Database { reason } => {
                result_code(reason).map_or(Reason::Other, Reason::of_code)
            }
        }
    }

    /// What to do about it.
    #[must_use]
    pub fn advice(&self) -> &'static str {
        match (self, self.reason()) {
            (Self::Json(_), _) => "",
            (Self::File { .. }, _) => "see that it can be read and written",
            (_, Reason::Schema) => {
                "use the version of orchestrator that wrote it, or make it anew: \
                 orchestrator history rebuild"
            }
            (_, Reason::Damaged) => "make it anew: orchestrator history rebuild",
            (_, Reason::Full) => "make room on its disk",
            (_, Reason::Unwritable) => "see that its folder can be written",
            (_, Reason::Locked | Reason::Other) => {
                "it is made up for when the history is looked at the next time"
            }
        }
    }

    /// What is told of it where work goes on without the history, and counted:
    /// all that is known, and what to do.
    pub(crate) fn gone_on_without(&self) -> String {
        COUNTS[self.reason() as usize].fetch_add(1, Ordering::Relaxed);
        format!("{}; {}", tell::chain(self), self.advice())
    }
}

fn result_code(error: &sqlx::Error) -> Option<u32> {
    let code = error.as_database_error()?.code()?;
    let extended: u32 = code.parse().ok()?;
    Some(extended & 0xff)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_reason_is_counted_in_its_place() {
        for (place, reason) in Reason::ALL.into_iter().enumerate() {
            assert_eq!(reason as usize, place, "{}", reason.as_str());
        }
    }

    #[test]
    fn a_full_disk_is_told_from_one_that_can_not_be_written() {
        let of = |kind: io::ErrorKind| {
            let error = Error::File {
                action: "write",
                path: "x".into(),
                source: kind.into(),
            };
            error.reason()
        };
        assert_eq!(of(io::ErrorKind::StorageFull), Reason::Full);
        assert_eq!(of(io::ErrorKind::ReadOnlyFilesystem), Reason::Unwritable);
        assert_eq!(of(io::ErrorKind::NotFound), Reason::Other);
        assert_eq!(Reason::of_code(SQLITE_FULL), Reason::Full);
        assert_eq!(Reason::of_code(SQLITE_BUSY), Reason::Locked);
    }
}
