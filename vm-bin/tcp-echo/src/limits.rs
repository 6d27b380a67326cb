// SPDX-License-Identifier: BSD-2-Clause
//! What bounds the number of connections, looked at before the first one is opened.

use std::io;

use nix::sys::resource::{Resource, getrlimit, rlim_t, setrlimit};

use crate::error::Error;
use crate::worker::{OWN_TABLES, processors};

/// Descriptors of a table beside the connections: standard streams, pollers, signals, and room for
/// a library that opens a file for a moment.
const RESERVED: rlim_t = 32;

/// Connections from which on a further processor is worth a worker.
const WORTH_A_WORKER: u32 = 1_000;

/// How many workers hold the connections, and in which tables.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Plan {
    pub(crate) workers: u32,
    /// Descriptors that a table takes.
    pub(crate) table: rlim_t,
}

/// Raises RLIMIT_NOFILE to its hard limit and returns what is in force then.
///
/// # Errors
/// [`Error::Limits`] if the system refuses.
pub(crate) fn raise_descriptors() -> Result<rlim_t, Error> {
    let refused = |errno| Error::Limits(io::Error::from(errno));
    let (_, hard) = getrlimit(Resource::RLIMIT_NOFILE).map_err(refused)?;
    setrlimit(Resource::RLIMIT_NOFILE, hard, hard).map_err(refused)?;
    // FreeBSD clamps to kern.maxfilesperproc without an error, so the value asked for proves nothing.
    let (soft, _) = getrlimit(Resource::RLIMIT_NOFILE).map_err(refused)?;
    Ok(soft)
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
    table: rlim_t,
    max_workers: u32,
    processors: u32,
    own_tables: bool,
) -> Result<u32, Error> {
    let tables = if own_tables { max_workers } else { 1 };
    let room = table.saturating_sub(RESERVED);
    let needed_tables = rlim_t::from(connections)
        .checked_div(room)
        .map_or(rlim_t::MAX, |_| rlim_t::from(connections).div_ceil(room));
    if needed_tables > rlim_t::from(tables) {
        return Err(Error::Descriptors {
            connections,
            needed: rlim_t::from(connections) + rlim_t::from(tables) * RESERVED,
            allowed: table,
            tables,
        });
    }
    let worth = processors.min(connections.div_ceil(WORTH_A_WORKER));
    // At most `tables`, which is a u32.
    let needed = u32::try_from(needed_tables).unwrap_or(tables);
    Ok(needed.max(worth.min(max_workers)))
}

/// Refuses more connections than there are ports for them: each pair of a source address and a
/// port of the server has the system's whole range to itself.
///
/// # Errors
/// [`Error::PortPairs`].
#[cfg(target_os = "linux")]
pub(crate) fn require_ports(connections: u32, sources: usize, ports: usize) -> Result<(), Error> {
    // Where the range can't be read, connecting will tell.
    match numbers("/proc/sys/net/ipv4/ip_local_port_range").as_deref() {
        Some(&[first, last]) => enough_ports(
            connections,
            (sources.max(1) * ports) as u64,
            (last + 1).saturating_sub(first),
        ),
        _ => Ok(()),
    }
}

#[cfg(target_os = "linux")]
fn enough_ports(connections: u32, pairs: u64, range: u64) -> Result<(), Error> {
    if u64::from(connections) <= pairs * range {
        return Ok(());
    }
    Err(Error::PortPairs {
        connections,
        needed: u64::from(connections).div_ceil(range.max(1)),
        range,
        pairs,
    })
}

/// Refuses more open files than the system has left. The superuser is not bound by them.
///
/// # Errors
/// [`Error::SystemFiles`].
#[cfg(target_os = "linux")]
pub(crate) fn require_files(needed: u64) -> Result<(), Error> {
    if nix::unistd::geteuid().is_root() {
        return Ok(());
    }
    match numbers("/proc/sys/fs/file-nr").as_deref() {
        Some(&[used, _, limit]) if used.saturating_add(needed) > limit => Err(Error::SystemFiles {
            needed,
            used,
            limit,
        }),
        _ => Ok(()),
    }
}

/// Refuses what the machine has no memory for: an overcommitted kernel ends other programs.
///
/// # Errors
/// [`Error::Memory`].
#[cfg(target_os = "linux")]
pub(crate) fn require_memory(sockets: u64) -> Result<(), Error> {
    match kibibytes("/proc/meminfo", "MemAvailable:") {
        Some(available) => enough_memory(sockets, available),
        None => Ok(()),
    }
}

/// Memory for one end of a connection that stands, in bytes: measured on Linux 6.18, some 4,100 of
/// the kernel's and 1,700 of this program's.
#[cfg(target_os = "linux")]
const BYTES_PER_SOCKET: u64 = 6_000;

#[cfg(target_os = "linux")]
fn enough_memory(sockets: u64, available: u64) -> Result<(), Error> {
    const MIB: u64 = 1 << 20;
    let needed = sockets * BYTES_PER_SOCKET;
    if needed <= available {
        return Ok(());
    }
    Err(Error::Memory {
        needed_mib: needed.div_ceil(MIB),
        available_mib: available / MIB,
    })
}

/// The most memory that this process had resident at a time.
#[cfg(target_os = "linux")]
pub(crate) fn memory_peak_bytes() -> u64 {
    // Not getrusage(2)'s, which has that of the program that this one was started from in it.
    kibibytes("/proc/self/status", "VmHWM:").unwrap_or(0)
}

/// The most memory that this process had resident at a time.
#[cfg(not(target_os = "linux"))]
pub(crate) fn memory_peak_bytes() -> u64 {
    use nix::sys::resource::{UsageWho, getrusage};

    // The own process' usage can always be had; its unit is the kilobyte.
    let kilobytes = getrusage(UsageWho::RUSAGE_SELF).map_or(0, |usage| usage.max_rss());
    u64::try_from(kilobytes).unwrap_or(0) * 1024
}

/// A line `name    number kB` of a file of the kernel, in bytes.
#[cfg(target_os = "linux")]
fn kibibytes(path: &str, name: &str) -> Option<u64> {
    let text = std::fs::read_to_string(path).ok()?;
    let rest = text.lines().find_map(|line| line.strip_prefix(name))?;
    let number: u64 = rest.trim().strip_suffix(" kB")?.parse().ok()?;
    Some(number * 1024)
}

/// The numbers of a file of the kernel.
#[cfg(target_os = "linux")]
fn numbers(path: &str) -> Option<Vec<u64>> {
    let text = std::fs::read_to_string(path).ok()?;
    text.split_whitespace()
        .map(|number| number.parse().ok())
        .collect()
}

/// Elsewhere connecting tells.
#[cfg(not(target_os = "linux"))]
pub(crate) fn require_ports(_: u32, _: usize, _: usize) -> Result<(), Error> {
    Ok(())
}

/// Elsewhere connecting tells.
#[cfg(not(target_os = "linux"))]
pub(crate) fn require_files(_: u64) -> Result<(), Error> {
    Ok(())
}

/// Elsewhere the system refuses by itself.
#[cfg(not(target_os = "linux"))]
pub(crate) fn require_memory(_: u64) -> Result<(), Error> {
    Ok(())
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

    #[cfg(target_os = "linux")]
    #[test]
    fn each_pair_of_source_and_port_has_the_range() {
        assert!(enough_ports(100_000, 4, 25_000).is_ok());
        let Err(Error::PortPairs { needed, pairs, .. }) = enough_ports(100_001, 4, 25_000) else {
            panic!("accepted");
        };
        assert_eq!((needed, pairs), (5, 4));
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn memory_is_counted_for_each_socket() {
        assert!(enough_memory(1_000, 1_000 * BYTES_PER_SOCKET).is_ok());
        assert!(enough_memory(1_001, 1_000 * BYTES_PER_SOCKET).is_err());
        assert!(kibibytes("/proc/meminfo", "MemAvailable:").unwrap() > 1 << 20);
    }
}
