// SPDX-License-Identifier: BSD-2-Clause
//! What bounds the number of connections, looked at before the first one is opened.

#[cfg(target_os = "linux")]
#[path = "linux.rs"]
mod system;
#[cfg(not(target_os = "linux"))]
#[path = "other.rs"]
mod system;

use std::io;

use nix::sys::resource::{Resource, getrlimit, rlim_t, setrlimit};

use self::system::open_descriptors;
pub(crate) use self::system::{memory_peak_bytes, require_files, require_memory, require_ports};

use crate::error::Error;
use crate::worker::{OWN_TABLES, processors};

/// Descriptors of a table beside the connections: standard streams, pollers, signals, and room for
/// a library that opens a file for a moment.
const RESERVED: u64 = 32;

/// How many of them a worker opens itself.
const OPENED_BY_WORKER: u64 = 16;

/// Connections from which on a further processor is worth a worker.
const WORTH_A_WORKER: u32 = 1_000;

/// How many workers hold the connections, and in which tables.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Plan {
    pub(crate) workers: u32,
    /// Descriptors that a table takes.
    pub(crate) table: u64,
}

/// Raises RLIMIT_NOFILE to its hard limit and returns what is in force then.
///
/// # Errors
/// [`Error::Limits`] if the system refuses.
pub(crate) fn raise_descriptors() -> Result<u64, Error> {
    let refused = |errno| Error::Limits(io::Error::from(errno));
    let (_, hard) = getrlimit(Resource::RLIMIT_NOFILE).map_err(refused)?;
    setrlimit(Resource::RLIMIT_NOFILE, hard, hard).map_err(refused)?;
    // FreeBSD clamps to kern.maxfilesperproc without an error, so the value asked for proves nothing.
    let (soft, _) = getrlimit(Resource::RLIMIT_NOFILE).map_err(refused)?;
    Ok(number(soft))
}

#[cfg_attr(
    target_os = "linux",
    expect(clippy::useless_conversion, reason = "rlim_t is signed on FreeBSD")
)]
fn number(limit: rlim_t) -> u64 {
    u64::try_from(limit).unwrap_or(u64::MAX)
}

/// Spreads `connections` over at most `max_workers` workers: as many as the tables demand, and as
/// many as the processors are worth.
///
/// # Errors
/// [`Error::Descriptors`] if they don't suffice, [`Error::Limits`].
pub(crate) fn plan(connections: u32, max_workers: u32) -> Result<Plan, Error> {
    let table = raise_descriptors()?;
    // Whoever started this process may have left it many, of which every table has a copy.
    let reserved = RESERVED.max(open_descriptors() + OPENED_BY_WORKER);
    let tables = if OWN_TABLES { max_workers } else { 1 };
    let needed = tables_needed(connections, table, reserved, tables)?;
    let workers = needed.max(worth(connections, processors()).min(max_workers));
    Ok(Plan { workers, table })
}

/// How many of at most `tables` tables hold the connections beside `reserved` other descriptors.
fn tables_needed(connections: u32, table: u64, reserved: u64, tables: u32) -> Result<u32, Error> {
    let room = table.saturating_sub(reserved);
    (1..=tables)
        .find(|&count| u64::from(count) * room >= u64::from(connections))
        .ok_or_else(|| Error::Descriptors {
            connections,
            needed: u64::from(connections) + u64::from(tables) * reserved,
            allowed: table,
            tables,
        })
}

/// Workers that the processors make worth while.
fn worth(connections: u32, processors: u32) -> u32 {
    processors.min(connections.div_ceil(WORTH_A_WORKER))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_connection_that_fits_is_allowed() {
        assert_eq!(tables_needed(100, 132, 32, 1).ok(), Some(1));
        assert!(matches!(
            tables_needed(101, 132, 32, 1),
            Err(Error::Descriptors {
                connections: 101,
                needed: 133,
                allowed: 132,
                tables: 1
            })
        ));
    }

    #[test]
    fn tables_multiply_what_fits() {
        assert_eq!(tables_needed(100_000, 20_000, 32, 256).ok(), Some(6));
        assert_eq!(tables_needed(100, 33, 32, 100).ok(), Some(100));
        assert!(tables_needed(101, 33, 32, 100).is_err());
        assert!(tables_needed(1, 32, 32, 256).is_err());
        assert!(tables_needed(1, 10, 32, 256).is_err());
    }

    #[test]
    fn many_connections_use_every_processor_and_few_one() {
        assert_eq!(worth(1, 4), 1);
        assert_eq!(worth(1_000, 4), 1);
        assert_eq!(worth(1_001, 4), 2);
        assert_eq!(worth(100_000, 4), 4);
    }
}
