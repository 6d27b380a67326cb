// SPDX-License-Identifier: BSD-2-Clause
//! Connections held by tcp-echo: many, in other processes.

use std::collections::HashSet;
use std::net::{IpAddr, SocketAddr};
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use tcpstats::device::Device;
use tcpstats::record::{Record, State};

use super::cancel::Cancel;
use super::check::{self, ReadError};
use super::process::{Line, Process, ProcessError};
use super::restore::Restorer;
use crate::filter::model::{Filter, Socket};

/// What tcp-echo may take until all its connections stand.
const READY_LIMIT: Duration = Duration::from_secs(20);

/// Its exit status where the machine lacks what was asked for.
const LACKING: i32 = 3;

/// tcp-echo did not do what it is there for.
#[derive(Debug, thiserror::Error)]
pub(crate) enum EchoError {
    /// There is no such program.
    #[error("failed to start {program}: {reason}: name tcp-echo with --tcp-echo")]
    Missing { program: String, reason: String },
    /// It could not be started or did not get ready in time.
    #[error(transparent)]
    Process(#[from] ProcessError),
    /// The machine has too few descriptors, ports or addresses.
    #[error("{0}")]
    Lacking(String),
    /// It ended, or said something else.
    #[error("tcp-echo did not get ready: {0}")]
    NotReady(String),
    /// The sockets that it holds could not be listed.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// The device lists other sockets of it than it says to hold.
    #[error("tcp-echo holds {wanted} sockets at {at}, the unfiltered device lists {listed}")]
    OtherSockets {
        at: SocketAddr,
        wanted: usize,
        listed: usize,
    },
}

/// A server with one client; they end with this value.
pub(crate) struct Echo {
    at: SocketAddr,
    source: IpAddr,
    connections: usize,
    cancel: Cancel,
    _server: Process,
    _client: Process,
}

/// Is the program there? It is asked for its version.
///
/// # Errors
/// [`EchoError::Missing`].
pub(crate) fn demand(program: &Path) -> Result<(), EchoError> {
    let missing = |reason: String| EchoError::Missing {
        program: program.display().to_string(),
        reason,
    };
    match Command::new(program).arg("--version").output() {
        Ok(output) if output.status.success() => Ok(()),
        Ok(output) => Err(missing(format!("it ended with {}", output.status))),
        Err(error) => Err(missing(error.to_string())),
    }
}

impl Echo {
    /// Start a server at `host` and a client that holds idle connections from
    /// `source` to it, and wait until all of them stand.
    ///
    /// # Errors
    /// [`EchoError::Process`], [`EchoError::NotReady`].
    pub(crate) fn start(
        program: &Path,
        host: IpAddr,
        source: IpAddr,
        connections: usize,
        cancel: &Cancel,
        restorer: &Restorer,
    ) -> Result<Self, EchoError> {
        let mut command = Command::new(program);
        command.args([
            "server",
            "--die-with-parent",
            "--ports",
            "0",
            "--bind",
            &host.to_string(),
        ]);
        let mut server = Process::spawn(&mut command, cancel, restorer)?;
        let port: u16 = number(&ready(&mut server, READY_LIMIT)?)?;

        let mut command = Command::new(program);
        command.args([
            "client",
            "--die-with-parent",
            "--rate",
            "0",
            "--host",
            &host.to_string(),
        ]);
        command.args(["--ports", &port.to_string()]);
        command.args(["--source", &source.to_string()]);
        command.args(["--connections", &connections.to_string()]);
        let mut client = Process::spawn(&mut command, cancel, restorer)?;
        let stand: usize = number(&ready(&mut client, READY_LIMIT)?)?;
        if stand != connections {
            return Err(EchoError::NotReady(format!(
                "{stand} connections instead of {connections}"
            )));
        }
        Ok(Self {
            at: SocketAddr::new(host, port),
            source,
            connections,
            cancel: cancel.clone(),
            _server: server,
            _client: client,
        })
    }

    /// Where the server listens.
    pub(crate) fn at(&self) -> SocketAddr {
        self.at
    }

    /// The sockets that it holds: the listener, and both ends of each
    /// connection. Clients' ports are known to their own process only, so they
    /// are learned from the unfiltered device; their number, addresses and
    /// states are what was asked of tcp-echo.
    ///
    /// # Errors
    /// [`EchoError::Read`], [`EchoError::OtherSockets`].
    pub(crate) fn sockets(
        &self,
        device: &Device,
        buffer_records: usize,
    ) -> Result<Vec<Socket>, EchoError> {
        let deadline = Instant::now() + READY_LIMIT;
        loop {
            let records = check::read_filtered(device, &Filter::new(), buffer_records)?;
            let ports: HashSet<u16> = records
                .iter()
                .filter(|r| stands(r) && r.remote() == self.at && r.local().ip() == self.source)
                .map(|r| r.local_port)
                .collect();
            let listed = records
                .iter()
                .filter(|r| stands(r) && (r.local() == self.at || r.remote() == self.at))
                .count();
            let wanted = 2 * self.connections + 1;
            // A server's end may stand a moment after its client's.
            if ports.len() == self.connections && listed == wanted {
                return Ok(self.with_client_ports(&ports));
            }
            if self.cancel.is_requested() || Instant::now() >= deadline {
                return Err(EchoError::OtherSockets {
                    at: self.at,
                    wanted,
                    listed,
                });
            }
        }
    }

    fn with_client_ports(&self, ports: &HashSet<u16>) -> Vec<Socket> {
        let nowhere = SocketAddr::new(
            match self.at {
                SocketAddr::V4(_) => IpAddr::from([0; 4]),
                SocketAddr::V6(_) => IpAddr::from([0_u16; 8]),
            },
            0,
        );
        let mut sockets = vec![Socket {
            local: self.at,
            remote: nowhere,
            state: State::Listen,
            is_request: false,
        }];
        for port in ports {
            let client = SocketAddr::new(self.source, *port);
            for (local, remote) in [(client, self.at), (self.at, client)] {
                sockets.push(Socket {
                    local,
                    remote,
                    state: State::Established,
                    is_request: false,
                });
            }
        }
        sockets
    }
}

/// Whether it is of a socket that stands. The port of a server that is gone may
/// be the new one's, and the connections of that one stay for a minute.
fn stands(record: &Record) -> bool {
    matches!(record.state(), Some(State::Listen | State::Established))
}

/// What follows `ready` in the program's line.
pub(super) fn ready(process: &mut Process, limit: Duration) -> Result<String, EchoError> {
    let mut said = Vec::new();
    while let Some(line) = process.next_line("get ready", limit)? {
        match line {
            Line::Out(text) => match text.strip_prefix("ready ") {
                Some(rest) => return Ok(rest.to_owned()),
                None => said.push(text),
            },
            Line::Err(text) => said.push(text),
        }
    }
    let status = process.wait(limit)?;
    if status.code() == Some(LACKING) {
        return Err(EchoError::Lacking(said.join("; ")));
    }
    said.push(format!("it ended with {status}"));
    Err(EchoError::NotReady(said.join("; ")))
}

pub(super) fn number<T: std::str::FromStr>(text: &str) -> Result<T, EchoError> {
    text.parse()
        .map_err(|_| EchoError::NotReady(format!("it said 'ready {text}'")))
}
