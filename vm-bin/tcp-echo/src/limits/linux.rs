// SPDX-License-Identifier: BSD-2-Clause
//! What Linux tells of its limits in /proc. Where it tells nothing, connecting will.

use crate::error::Shortage;

/// Refuses more connections than there are ports for them: each pair of a source address and a
/// port of the server has the system's whole range to itself.
///
/// # Errors
/// [`Shortage::PortPairs`].
pub(crate) fn require_ports(
    connections: u32,
    sources: usize,
    ports: usize,
) -> Result<(), Shortage> {
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

fn enough_ports(connections: u32, pairs: u64, range: u64) -> Result<(), Shortage> {
    if u64::from(connections) <= pairs * range {
        return Ok(());
    }
    Err(Shortage::PortPairs {
        connections,
        needed: u64::from(connections).div_ceil(range.max(1)),
        range,
        pairs,
    })
}

/// Refuses more open files than the system has left. The superuser is not bound by them.
///
/// # Errors
/// [`Shortage::SystemFiles`].
pub(crate) fn require_files(needed: u64) -> Result<(), Shortage> {
    if nix::unistd::geteuid().is_root() {
        return Ok(());
    }
    match numbers("/proc/sys/fs/file-nr").as_deref() {
        Some(&[used, _, limit]) if used.saturating_add(needed) > limit => {
            Err(Shortage::SystemFiles {
                needed,
                used,
                limit,
            })
        }
        _ => Ok(()),
    }
}

/// Refuses what the machine has no memory for: an overcommitted kernel ends other programs.
///
/// # Errors
/// [`Shortage::Memory`].
pub(crate) fn require_memory(sockets: u64) -> Result<(), Shortage> {
    match kibibytes("/proc/meminfo", "MemAvailable:") {
        Some(available) => enough_memory(sockets, available),
        None => Ok(()),
    }
}

/// Memory for one end of a connection that stands, in bytes: measured on Linux 6.18, some 4,100 of
/// the kernel's and 1,700 of this program's.
const BYTES_PER_SOCKET: u64 = 6_000;

fn enough_memory(sockets: u64, available: u64) -> Result<(), Shortage> {
    const MIB: u64 = 1 << 20;
    let needed = sockets * BYTES_PER_SOCKET;
    if needed <= available {
        return Ok(());
    }
    Err(Shortage::Memory {
        needed_mib: needed.div_ceil(MIB),
        available_mib: available / MIB,
    })
}

/// The most memory that this process had resident at a time.
pub(crate) fn memory_peak_bytes() -> u64 {
    // Not getrusage(2)'s, which has that of the program that this one was started from in it.
    kibibytes("/proc/self/status", "VmHWM:").unwrap_or(0)
}

/// Descriptors that are open in this thread's table, one of them for looking.
pub(super) fn open_descriptors() -> u64 {
    std::fs::read_dir("/proc/thread-self/fd").map_or(0, |entries| entries.count() as u64)
}

/// A line `name    number kB` of a file of the kernel, in bytes.
fn kibibytes(path: &str, name: &str) -> Option<u64> {
    let text = std::fs::read_to_string(path).ok()?;
    let rest = text.lines().find_map(|line| line.strip_prefix(name))?;
    let number: u64 = rest.trim().strip_suffix(" kB")?.parse().ok()?;
    Some(number * 1024)
}

/// The numbers of a file of the kernel.
fn numbers(path: &str) -> Option<Vec<u64>> {
    let text = std::fs::read_to_string(path).ok()?;
    text.split_whitespace()
        .map(|number| number.parse().ok())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_pair_of_source_and_port_has_the_range() {
        assert!(enough_ports(100_000, 4, 25_000).is_ok());
        let Err(Shortage::PortPairs { needed, pairs, .. }) = enough_ports(100_001, 4, 25_000)
        else {
            panic!("accepted");
        };
        assert_eq!((needed, pairs), (5, 4));
    }

    #[test]
    fn memory_is_counted_for_each_socket() {
        assert!(enough_memory(1_000, 1_000 * BYTES_PER_SOCKET).is_ok());
        assert!(enough_memory(1_001, 1_000 * BYTES_PER_SOCKET).is_err());
        assert!(kibibytes("/proc/meminfo", "MemAvailable:").unwrap() > 1 << 20);
    }
}
