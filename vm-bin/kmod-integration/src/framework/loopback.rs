// SPDX-License-Identifier: BSD-2-Clause
//! The loopback addresses that fixtures use.
//!
//! They differ from each other at chosen bits, so that a prefix of each length
//! that the tests use has an address inside and one outside.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener, TcpStream};
use std::process::{Command, Output};
use std::thread;
use std::time::{Duration, Instant};

use socket2::SockRef;

use super::restore::{Guard, Restorer};

/// What an address may take from being added to being usable.
const USABLE_LIMIT: Duration = Duration::from_secs(5);

/// What a connection on loopback may take.
const CONNECT_LIMIT: Duration = Duration::from_secs(5);

/// Where most servers are.
pub(crate) const V4_A: IpAddr = v4(0, 0, 2);
/// Where most clients are; within /31 of [`V4_A`].
pub(crate) const V4_B: IpAddr = v4(0, 0, 3);
/// Outside /31 of [`V4_A`], within /24.
pub(crate) const V4_C: IpAddr = v4(0, 0, 4);
/// Outside /24 of [`V4_A`], within /16.
pub(crate) const V4_FAR_24: IpAddr = v4(0, 1, 2);
/// Outside /16 of [`V4_A`], within /8.
pub(crate) const V4_FAR_16: IpAddr = v4(1, 0, 2);

/// Where most IPv6 servers are.
pub(crate) const V6_A: IpAddr = v6(0xfd00, 0, 0, 2);
/// Where most IPv6 clients are; within /127 of [`V6_A`].
pub(crate) const V6_B: IpAddr = v6(0xfd00, 0, 0, 3);
/// Outside /127 of [`V6_A`], within /64.
pub(crate) const V6_C: IpAddr = v6(0xfd00, 0, 0, 4);
/// Outside /64 of [`V6_A`], within /32.
pub(crate) const V6_FAR_64: IpAddr = v6(0xfd00, 0, 1, 2);
/// Outside /32 of [`V6_A`], within /16.
pub(crate) const V6_FAR_32: IpAddr = v6(0xfd00, 1, 0, 2);
/// Outside /16 of [`V6_A`].
pub(crate) const V6_FAR_16: IpAddr = v6(0xfd01, 0, 0, 2);

const ALL: [IpAddr; 11] = [
    V4_A, V4_B, V4_C, V4_FAR_24, V4_FAR_16, V6_A, V6_B, V6_C, V6_FAR_64, V6_FAR_32, V6_FAR_16,
];

const fn v4(b: u8, c: u8, d: u8) -> IpAddr {
    IpAddr::V4(Ipv4Addr::new(127, b, c, d))
}

/// Groups 0, 1, 3 and 7 of an address.
const fn v6(g0: u16, g1: u16, g3: u16, g7: u16) -> IpAddr {
    IpAddr::V6(Ipv6Addr::new(g0, g1, 0, g3, 0, 0, 0, g7))
}

/// An address that the tests need cannot be had.
#[derive(Debug, thiserror::Error)]
pub(crate) enum LoopbackError {
    /// Binding to it fails for another reason than its absence.
    #[error("failed to use the loopback address {addr}: {source}; is {family} switched off here?")]
    Unusable {
        addr: IpAddr,
        family: &'static str,
        #[source]
        source: io::Error,
    },
    /// Nothing comes through.
    #[error("failed to connect to the loopback address {addr}: {source}; is the interface up?")]
    Unreachable {
        addr: IpAddr,
        #[source]
        source: io::Error,
    },
    /// The system's command did not add it.
    #[error("failed to add {addr} to the loopback interface by `{command}`: {reason}")]
    NotAdded {
        addr: IpAddr,
        command: String,
        reason: String,
    },
}

/// Add what is missing of the addresses; they go with the guards. What was there
/// before stays.
///
/// # Errors
/// [`LoopbackError`]; what was added so far is gone again.
pub(crate) fn add_aliases(restorer: &Restorer) -> Result<Vec<Guard>, LoopbackError> {
    let mut guards = Vec::new();
    for addr in ALL {
        if is_usable(addr)? {
            continue;
        }
        let arguments = command(addr, Change::Add);
        let not_added = |reason| LoopbackError::NotAdded {
            addr,
            command: arguments.join(" "),
            reason,
        };
        run(&arguments).map_err(not_added)?;
        guards.push(restorer.guard(move || remove(addr)));
        wait_usable(addr, not_added)?;
    }
    // An interface that is down keeps its addresses and swallows what is sent.
    for addr in [V4_A, V6_A] {
        connect(addr).map_err(|source| LoopbackError::Unreachable { addr, source })?;
    }
    Ok(guards)
}

/// Those of the addresses that are not there.
pub(crate) fn absent() -> Vec<IpAddr> {
    let is_absent = |addr: &IpAddr| matches!(is_usable(*addr), Ok(false));
    ALL.into_iter().filter(is_absent).collect()
}

/// Take the address away again.
///
/// # Errors
/// What stays, and the command that did not remove it.
pub(crate) fn remove(addr: IpAddr) -> Result<(), String> {
    let arguments = command(addr, Change::Remove);
    run(&arguments).map_err(|reason| {
        format!(
            "failed to remove {addr} from the loopback interface by `{}`: {reason}",
            arguments.join(" ")
        )
    })
}

fn connect(addr: IpAddr) -> io::Result<()> {
    let listener = TcpListener::bind(SocketAddr::new(addr, 0))?;
    let stream = TcpStream::connect_timeout(&listener.local_addr()?, CONNECT_LIMIT)?;
    // A reset leaves nothing in time-wait.
    SockRef::from(&stream).set_linger(Some(Duration::ZERO))
}

/// An IPv6 address is tentative for a moment, even on loopback.
fn wait_usable(
    addr: IpAddr,
    not_added: impl FnOnce(String) -> LoopbackError,
) -> Result<(), LoopbackError> {
    let deadline = Instant::now() + USABLE_LIMIT;
    while !is_usable(addr)? {
        if Instant::now() >= deadline {
            let limit = USABLE_LIMIT.as_secs();
            return Err(not_added(format!(
                "it is there and after {limit} s cannot be bound to; is the interface up?"
            )));
        }
        thread::sleep(Duration::from_micros(100));
    }
    Ok(())
}

fn is_usable(addr: IpAddr) -> Result<bool, LoopbackError> {
    match TcpListener::bind(SocketAddr::new(addr, 0)) {
        Ok(_) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::AddrNotAvailable => Ok(false),
        Err(source) => Err(LoopbackError::Unusable {
            addr,
            family: if addr.is_ipv4() { "IPv4" } else { "IPv6" },
            source,
        }),
    }
}

#[derive(Clone, Copy)]
enum Change {
    Add,
    Remove,
}

#[cfg(target_os = "linux")]
fn command(addr: IpAddr, change: Change) -> Vec<String> {
    let verb = match change {
        Change::Add => "add",
        Change::Remove => "del",
    };
    let len = if addr.is_ipv4() { 32 } else { 128 };
    let arguments = ["ip", "address", verb, &format!("{addr}/{len}"), "dev", "lo"];
    arguments.map(str::to_owned).into()
}

#[cfg(target_os = "freebsd")]
fn command(addr: IpAddr, change: Change) -> Vec<String> {
    let verb = match change {
        Change::Add => "alias",
        Change::Remove => "-alias",
    };
    let (family, target) = match (addr, change) {
        (IpAddr::V4(_), Change::Add) => ("inet", format!("{addr}/32")),
        (IpAddr::V6(_), Change::Add) => ("inet6", format!("{addr}/128")),
        (IpAddr::V4(_), Change::Remove) => ("inet", addr.to_string()),
        (IpAddr::V6(_), Change::Remove) => ("inet6", addr.to_string()),
    };
    let arguments = ["ifconfig", "lo0", family, &target, verb];
    arguments.map(str::to_owned).into()
}

/// Run a program to its end; the error is what it said, or why it did not run.
fn run(arguments: &[String]) -> Result<(), String> {
    let (program, rest) = arguments.split_first().ok_or("no program named")?;
    let Output { status, stderr, .. } = Command::new(program)
        .args(rest)
        .output()
        .map_err(|error| error.to_string())?;
    if status.success() {
        Ok(())
    } else {
        let said = String::from_utf8_lossy(&stderr);
        Err(format!("{status}, {}", said.trim()))
    }
}
