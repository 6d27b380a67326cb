// SPDX-License-Identifier: BSD-2-Clause
//! What can go wrong, what to do about it, and the exit status it leads to.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::process::ExitCode;
use std::time::Duration;

use thiserror::Error;

use crate::pattern::Difference;

/// Where the system keeps the range of ports it gives to outgoing connections.
const PORT_RANGE: &str = if cfg!(target_os = "freebsd") {
    "net.inet.ip.portrange.first and .last"
} else {
    "net.ipv4.ip_local_port_range"
};

/// What else than the limit's own value lets a process hold more.
const DESCRIPTORS_ADVICE: &str = if cfg!(target_os = "linux") {
    " or allow more --workers, which have a table each"
} else {
    " and kern.maxfilesperproc, or spread the connections over several processes"
};

/// Where the system bounds the open files of all processes together.
const SYSTEM_FILES: &str = if cfg!(target_os = "freebsd") {
    "kern.maxfiles"
} else {
    "fs.file-max"
};

/// The command that gives this machine one more local address.
const ADD_ADDRESS: &str = if cfg!(target_os = "freebsd") {
    "ifconfig lo0 alias"
} else {
    "ip address add dev lo"
};

/// Anything that ends the program or one of its connections other than well.
#[derive(Debug, Error)]
pub(crate) enum Error {
    #[error("failed to start the async runtime: {0}")]
    Runtime(#[source] io::Error),

    #[error("failed to watch for SIGTERM and SIGINT: {0}")]
    Signals(#[source] io::Error),

    #[error("failed to write to stdout: {0}")]
    Output(#[source] io::Error),

    #[error("failed to read or raise RLIMIT_NOFILE: {0}")]
    Limits(#[source] io::Error),

    #[error("failed to start a worker thread: {0}")]
    Worker(#[source] io::Error),

    #[error("a worker thread panicked; its connections are lost")]
    WorkerPanicked,

    #[error(
        "the parent process is not seen from here (another PID namespace), so that its end can't \
         be followed: leave out --die-with-parent"
    )]
    ParentUnseen,

    #[error(
        "{connections} connections need {needed} descriptors, and RLIMIT_NOFILE allows {allowed} to \
         each of {tables} tables: raise its hard limit (ulimit -Hn){}",
        DESCRIPTORS_ADVICE
    )]
    Descriptors {
        connections: u32,
        needed: u64,
        allowed: u64,
        tables: u32,
    },

    #[error(
        "the whole system is out of descriptors while connecting to {target}: raise {}",
        SYSTEM_FILES
    )]
    SystemDescriptors { target: SocketAddr },

    #[error(transparent)]
    Shortage(#[from] Shortage),

    #[error(
        "no ephemeral port left for {target} from {}: widen {}, or spread the connections over \
         more addresses (--source) or server ports (--ports)",
        local(*source_address), PORT_RANGE
    )]
    Ports {
        target: SocketAddr,
        source_address: Option<IpAddr>,
    },

    #[error(
        "{address} is no address of this machine: add it with `{} {address}`",
        ADD_ADDRESS
    )]
    AddressMissing { address: IpAddr },

    #[error("source {source_address} and host {host} are of different address families")]
    SourceFamily {
        source_address: IpAddr,
        host: IpAddr,
    },

    #[error(
        "port {} of {} is in use: choose another one, or end the process that holds it",
        address.port(), address.ip()
    )]
    PortInUse { address: SocketAddr },

    #[error("failed to listen on {address}: {error}")]
    Listen {
        address: SocketAddr,
        #[source]
        error: io::Error,
    },

    #[error("failed to accept on {address}: {error}")]
    Accept {
        address: SocketAddr,
        #[source]
        error: io::Error,
    },

    #[error("nothing listens on {target}: start `tcp-echo server` there first")]
    Refused { target: SocketAddr },

    #[error("failed to connect to {target}: {error}")]
    Connect {
        target: SocketAddr,
        #[source]
        error: io::Error,
    },

    #[error("failed to connect to {target}: no answer within {} s", limit.as_secs())]
    ConnectTimeout { target: SocketAddr, limit: Duration },

    #[error("connection {connection} ({local} -> {target}): {failure}")]
    Broken {
        connection: u32,
        local: SocketAddr,
        target: SocketAddr,
        #[source]
        failure: Failure,
    },

    #[error("failed to finish a task: {0}")]
    Task(#[source] tokio::task::JoinError),

    #[error("{lost} connections were lost and {mismatched} gave back other bytes than were sent")]
    ClientFailures { lost: u32, mismatched: u32 },

    #[error("{failed} connections ended with an error of the system")]
    ServerFailures { failed: u64 },
}

/// What the system has too little of, known before connecting.
#[cfg_attr(
    not(target_os = "linux"),
    expect(dead_code, reason = "other systems are not asked beforehand")
)]
#[derive(Debug, Error)]
pub(crate) enum Shortage {
    #[error(
        "{needed} more open files are needed, and of the system's {limit} are {used} in use: \
         raise {} (sysctl)",
        SYSTEM_FILES
    )]
    SystemFiles { needed: u64, used: u64, limit: u64 },

    #[error(
        "{connections} connections need {needed} pairs of source address and server port, since {} \
         leaves {range} ports to each, and there are {pairs}: give more --source or --ports",
        PORT_RANGE
    )]
    PortPairs {
        connections: u32,
        needed: u64,
        range: u64,
        pairs: u64,
    },

    #[error(
        "about {needed_mib} MiB of memory are needed for the sockets, and {available_mib} MiB are \
         available (MemAvailable): end other programs or ask for fewer connections"
    )]
    Memory { needed_mib: u64, available_mib: u64 },
}

/// How a connection that stood came to grief.
#[derive(Debug, Error)]
pub(crate) enum Failure {
    #[error("closed by the peer with {missing} bytes not yet given back")]
    Closed { missing: u64 },

    #[error("lost with {missing} bytes not yet given back: {error}")]
    Io {
        missing: u64,
        #[source]
        error: io::Error,
    },

    #[error("{missing} bytes not given back within {} s", limit.as_secs())]
    Unanswered { missing: u64, limit: Duration },

    #[error(
        "byte {} came back as {:#04x} instead of {:#04x}",
        .0.offset, .0.received, .0.expected
    )]
    Mismatch(Difference),

    #[error("{surplus} bytes came back that were never sent, after byte {offset}")]
    Surplus { offset: u64, surplus: u64 },
}

impl Failure {
    /// Whether bytes came back that are not those that were sent.
    pub(crate) fn is_mismatch(&self) -> bool {
        matches!(self, Self::Mismatch(_) | Self::Surplus { .. })
    }
}

impl Error {
    /// The exit status as documented at the top of the program.
    pub(crate) fn exit_code(&self) -> ExitCode {
        match self {
            Self::SourceFamily { .. } => ExitCode::from(2),
            Self::Limits(_)
            | Self::Descriptors { .. }
            | Self::SystemDescriptors { .. }
            | Self::Shortage(_)
            | Self::Ports { .. }
            | Self::ParentUnseen
            | Self::AddressMissing { .. } => ExitCode::from(3),
            _ => ExitCode::FAILURE,
        }
    }
}

fn local(address: Option<IpAddr>) -> String {
    address.map_or_else(
        || "the default source address".to_owned(),
        |address| address.to_string(),
    )
}
