// SPDX-License-Identifier: BSD-2-Clause
//! What bounds the number of connections, looked at before the first one is opened.

#[cfg(target_os = "linux")]
mod linux;
#[cfg(not(target_os = "linux"))]
mod other;

use std::io;

use nix::sys::resource::{Resource, getrlimit, rlim_t, setrlimit};

#[cfg(target_os = "linux")]
pub(crate) use self::linux::{memory_peak_bytes, require_files, require_memory, require_ports};
#[cfg(not(target_os = "linux"))]
pub(crate) use self::other::{memory_peak_bytes, require_files, require_memory, require_ports};

use crate::error::Error;
use crate::worker::{OWN_TABLES, processors};

/// Descriptors of a table beside the connections: standard streams, pollers, signals, and room for
/// a library that opens a file for a moment.
const RESERVED: u64 = 32;

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
    let workers = spread(connections, table, max_workers, processors(), OWN_TABLES)?;
    Ok(Plan { workers, table })
}

fn spread(
    connections: u32,
    table: u64,
    max_workers: u32,
    processors: u32,
    own_tables: bool,
) -> Result<u32, Error> {
    let tables = if own_tables { max_workers } else { 1 };
    let room = table.saturating_sub(RESERVED);
    let needed_tables = u64::from(connections)
        .checked_div(room)
        .map_or(u64::MAX, |_| u64::from(connections).div_ceil(room));
    if needed_tables > u64::from(tables) {
        return Err(Error::Descriptors {
            connections,
            needed: u64::from(connections) + u64::from(tables) * RESERVED,
            allowed: table,
            tables,
        });
    }
    let worth = processors.min(connections.div_ceil(WORTH_A_WORKER));
    // At most `tables`, which is a u32.
    let needed = u32::try_from(needed_tables).unwrap_or(tables);
    Ok(needed.max(worth.min(max_workers)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_connection_that_fits_is_allowed() {
        for own_tables in [false, true] {
            let fits = spread(100, 100 + RESERVED, 1, 1, own_tables);
            assert_eq!(fits.ok(), Some(1));
            assert!(matches!(
                spread(101, 100 + RESERVED, 1, 1, own_tables),
                Err(Error::Descriptors {
                    connections: 101,
                    needed: 133,
                    allowed: 132,
                    tables: 1
                })
            ));
        }
    }

    #[test]
    fn tables_multiply_what_fits() {
        assert_eq!(spread(100_000, 20_000, 256, 2, true).ok(), Some(6));
        assert_eq!(spread(100, 33, 100, 2, true).ok(), Some(100));
        assert!(spread(101, 33, 100, 2, true).is_err());
        assert!(spread(1, RESERVED, 256, 2, true).is_err());
        assert!(
            spread(100_000, 20_000, 256, 2, false).is_err(),
            "one table for all workers"
        );
    }

    #[test]
    fn many_connections_use_every_processor_and_few_one() {
        let workers = |connections, max| spread(connections, 200_000, max, 4, true).ok();
        assert_eq!(workers(1, 256), Some(1));
        assert_eq!(workers(1_000, 256), Some(1));
        assert_eq!(workers(1_001, 256), Some(2));
        assert_eq!(workers(100_000, 256), Some(4));
        assert_eq!(workers(100_000, 3), Some(3));
    }
}
