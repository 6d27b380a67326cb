// SPDX-License-Identifier: BSD-2-Clause
//! Listening and connecting sockets with the options this program needs, and what their errors mean.

use std::io;
use std::net::{IpAddr, SocketAddr, TcpListener as Listener};
use std::time::Duration;

use nix::errno::Errno;
use nix::sys::socket::{setsockopt, sockopt};
use tokio::net::{TcpSocket, TcpStream};

use crate::error::Error;

/// Asked for; the system cuts it down to its own maximum (somaxconn).
const BACKLOG: u32 = 65_535;

/// How long a connection may take to be established.
const CONNECT_LIMIT: Duration = Duration::from_secs(30);

/// A listener on `address`, and the address with its real port where 0 was asked for. An IPv6 one takes IPv6 only, so that `::` means the same on every system.
///
/// # Errors
/// [`Error::PortInUse`], [`Error::AddressMissing`], or [`Error::Listen`] for anything else.
pub(crate) fn listen(address: SocketAddr) -> Result<(Listener, SocketAddr), Error> {
    let listener = || -> io::Result<(Listener, SocketAddr)> {
        let socket = new(address.ip())?;
        socket.set_reuseaddr(true)?;
        if address.is_ipv6() {
            setsockopt(&socket, sockopt::Ipv6V6Only, &true)?;
        }
        socket.bind(address)?;
        let listener = socket.listen(BACKLOG)?.into_std()?;
        let address = listener.local_addr()?;
        Ok((listener, address))
    };
    listener().map_err(|error| match error.kind() {
        io::ErrorKind::AddrInUse => Error::PortInUse { address },
        io::ErrorKind::AddrNotAvailable => Error::AddressMissing {
            address: address.ip(),
        },
        _ => Error::Listen { address, error },
    })
}

/// Checks that connections can start from `source` at all, so that a later "address not available"
/// can only mean that its ports are used up.
///
/// # Errors
/// [`Error::AddressMissing`], or [`Error::Listen`] for anything else.
pub(crate) fn probe_source(source: IpAddr) -> Result<(), Error> {
    let address = SocketAddr::new(source, 0);
    new(source)
        .and_then(|socket| {
            defer_port_choice(&socket)?;
            socket.bind(address)
        })
        .map_err(|error| match error.kind() {
            io::ErrorKind::AddrNotAvailable => Error::AddressMissing { address: source },
            _ => Error::Listen { address, error },
        })
}

/// Connects to `target` from `source`, or from where the system chooses.
///
/// The socket is closed by a reset: its last echo has been waited for by then, and a reset leaves
/// no TIME_WAIT behind that would hold the port and show up in the next test's socket table.
///
/// # Errors
/// [`Error::Ports`], [`Error::SystemDescriptors`], [`Error::Refused`], [`Error::ConnectTimeout`], or
/// [`Error::Connect`] for anything else.
pub(crate) async fn connect(
    source: Option<IpAddr>,
    target: SocketAddr,
) -> Result<TcpStream, Error> {
    let connecting = async {
        let socket = new(target.ip())?;
        socket.set_nodelay(true)?;
        socket.set_zero_linger()?;
        if let Some(source) = source {
            defer_port_choice(&socket)?;
            socket.bind(SocketAddr::new(source, 0))?;
        }
        socket.connect(target).await
    };
    match tokio::time::timeout(CONNECT_LIMIT, connecting).await {
        Ok(connected) => {
            connected.map_err(|error| match error.raw_os_error().map(Errno::from_raw) {
                Some(Errno::EADDRNOTAVAIL) => Error::Ports {
                    target,
                    source_address: source,
                },
                Some(Errno::ENFILE) => Error::SystemDescriptors { target },
                Some(Errno::ECONNREFUSED) => Error::Refused { target },
                _ => Error::Connect { target, error },
            })
        }
        Err(_) => Err(Error::ConnectTimeout {
            target,
            limit: CONNECT_LIMIT,
        }),
    }
}

fn new(family_of: IpAddr) -> io::Result<TcpSocket> {
    if family_of.is_ipv4() {
        TcpSocket::new_v4()
    } else {
        TcpSocket::new_v6()
    }
}

/// Has Linux choose the local port when connecting instead of when binding: only then does it know
/// the whole 4-tuple and can use the same port towards several targets.
#[cfg(target_os = "linux")]
fn defer_port_choice(socket: &TcpSocket) -> io::Result<()> {
    Ok(setsockopt(socket, sockopt::IpBindAddressNoPort, &true)?)
}

/// Other systems have no such option: a bound address gives one connection a port, whatever the
/// number of targets.
#[cfg(not(target_os = "linux"))]
fn defer_port_choice(_socket: &TcpSocket) -> io::Result<()> {
    Ok(())
}
