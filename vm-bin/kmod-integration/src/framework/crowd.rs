// SPDX-License-Identifier: BSD-2-Clause
//! Many connections over both IP versions, held by tcp-echo, and what the device
//! has to say of them: each end once, and both ends of each connection.

use std::collections::HashSet;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::ops::ControlFlow;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use tcpstats::device::{Device, DeviceError};
use tcpstats::filter::Filter;
use tcpstats::record::{Record, State};

use super::cancel::Cancel;
use super::echo::{EchoError, number, ready};
use super::process::Process;
use super::restore::Restorer;

/// Servers' ports of each IP version: as many as a filter takes. The pairs of
/// addresses and ports of 100,000 connections need a few of them.
pub(crate) const PORTS: usize = 8;
/// One connection in this many is over IPv6.
const V6_SHARE: usize = 4;
/// What 100,000 connections may take until they stand, on a busy machine.
const READY_LIMIT: Duration = Duration::from_secs(120);
/// What the servers' ends may take to stand after the clients' do.
const SETTLE_LIMIT: Duration = Duration::from_secs(20);
/// Records of a read while the crowd is counted.
const BUFFER_RECORDS: usize = 3276;

/// The connections do not stand, or are not what they should be.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CrowdError {
    #[error(transparent)]
    Echo(#[from] EchoError),
    #[error(transparent)]
    Device(#[from] DeviceError),
    /// The device tells of other sockets than stand.
    #[error("{0}")]
    Other(String),
}

/// Connections of one IP version.
struct Half {
    servers: Vec<SocketAddr>,
    connections: usize,
    server: Process,
    client: Process,
}

impl Half {
    fn start(
        program: &Path,
        host: IpAddr,
        connections: usize,
        rate: u32,
        cancel: &Cancel,
        restorer: &Restorer,
    ) -> Result<Self, EchoError> {
        let host_text = host.to_string();
        let any_ports = ["0"; PORTS].join(",");
        let mut command = Command::new(program);
        command.args(["server", "--die-with-parent", "--ports", &any_ports]);
        command.args(["--bind", &host_text]);
        let mut server = Process::spawn(&mut command, cancel, restorer)?;
        let ports = ready(&mut server, READY_LIMIT)?;
        let servers = ports
            .split(',')
            .map(|port| Ok(SocketAddr::new(host, number(port)?)))
            .collect::<Result<_, EchoError>>()?;

        let mut command = Command::new(program);
        command.args(["client", "--die-with-parent", "--host", &host_text]);
        command.args(["--rate", &rate.to_string()]);
        command.args(["--ports", &ports]);
        command.args(["--connections", &connections.to_string()]);
        let mut client = Process::spawn(&mut command, cancel, restorer)?;
        let stand: usize = number(&ready(&mut client, READY_LIMIT)?)?;
        if stand != connections {
            return Err(EchoError::NotReady(format!(
                "{stand} connections instead of {connections}"
            )));
        }
        Ok(Self {
            servers,
            connections,
            server,
            client,
        })
    }
}

/// What the device tells of a crowd.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Census {
    /// Listening sockets.
    pub(crate) listening: u64,
    /// Ends of connections, of both sides.
    pub(crate) ends: u64,
    /// Sockets of others.
    pub(crate) others: u64,
}

/// Which of a crowd's sockets a filter lets through.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Share {
    /// Of the listening sockets and of the connections' ends of IPv4 and IPv6.
    pub(crate) listening: bool,
    pub(crate) established: bool,
    pub(crate) v4: bool,
    pub(crate) v6: bool,
}

impl Share {
    pub(crate) const ALL: Self = Self {
        listening: true,
        established: true,
        v4: true,
        v6: true,
    };
}

/// Where the crowd's servers listen.
pub(crate) struct Servers(HashSet<SocketAddr>);

impl Servers {
    /// Is the record of one of the crowd's sockets?
    pub(crate) fn have(&self, record: &Record) -> bool {
        self.0.contains(&record.local()) || self.0.contains(&record.remote())
    }
}

/// The crowd, which goes with this value.
pub(crate) struct Crowd {
    halves: Vec<Half>,
    servers: Servers,
}

impl Crowd {
    /// Have `connections` stand, some of them over IPv6, each sending `rate` bytes
    /// a second.
    ///
    /// # Errors
    /// tcp-echo's; its reason where the machine lacks what it needs.
    pub(crate) fn start(
        program: &Path,
        connections: usize,
        rate: u32,
        cancel: &Cancel,
        restorer: &Restorer,
    ) -> Result<Self, EchoError> {
        let v6 = connections / V6_SHARE;
        let hosts = [
            (IpAddr::from(Ipv4Addr::LOCALHOST), connections - v6),
            (IpAddr::from(Ipv6Addr::LOCALHOST), v6),
        ];
        let halves = hosts
            .into_iter()
            .filter(|(_, connections)| *connections > 0)
            .map(|(host, connections)| {
                Half::start(program, host, connections, rate, cancel, restorer)
            })
            .collect::<Result<Vec<_>, _>>()?;
        let servers = halves.iter().flat_map(|half| half.servers.clone());
        Ok(Self {
            servers: Servers(servers.collect()),
            halves,
        })
    }

    /// Connections of it.
    pub(crate) fn connections(&self) -> u64 {
        self.halves.iter().map(|half| half.connections as u64).sum()
    }

    /// The servers' ports of the first IP version, in no order.
    pub(crate) fn ports(&self) -> Vec<u16> {
        let first = self.halves.first();
        first.map_or_else(Vec::new, |half| {
            half.servers.iter().map(SocketAddr::port).collect()
        })
    }

    /// Connections whose servers listen at this port of the first IP version.
    /// tcp-echo deals them out in turn.
    pub(crate) fn connections_at(&self, port: u16) -> u64 {
        let Some(half) = self.halves.first() else {
            return 0;
        };
        let place = half.servers.iter().position(|server| server.port() == port);
        place.map_or(0, |place| {
            ((half.connections + PORTS - 1 - place) / PORTS) as u64
        })
    }

    /// How many records of the crowd a filter of this share has to give.
    pub(crate) fn records(&self, share: Share) -> u64 {
        self.halves
            .iter()
            .filter(|half| match half.servers.first() {
                Some(SocketAddr::V4(_)) => share.v4,
                _ => share.v6,
            })
            .map(|half| {
                let listening = usize::from(share.listening) * half.servers.len();
                let ends = usize::from(share.established) * 2 * half.connections;
                (listening + ends) as u64
            })
            .sum()
    }

    /// What tells its sockets from others.
    pub(crate) fn servers(&self) -> &Servers {
        &self.servers
    }

    /// Wait until the servers' ends stand as well, and demand that the device
    /// gives each socket once: every listener, every client's end, and for each
    /// of these the server's end.
    ///
    /// # Errors
    /// What is missing, more than there should be, or given twice.
    pub(crate) fn take_census(
        &self,
        device: &Device,
        cancel: &Cancel,
    ) -> Result<Census, CrowdError> {
        let deadline = Instant::now() + SETTLE_LIMIT;
        device.set_filter(&Filter::default())?;
        loop {
            let count = self.count(device)?;
            match count.verdict(self.connections(), self.servers.0.len() as u64) {
                Ok(()) => return Ok(count.census),
                Err(difference) => {
                    if cancel.is_requested() || Instant::now() >= deadline {
                        return Err(CrowdError::Other(difference));
                    }
                }
            }
            device.reset()?;
        }
    }

    /// Demand that these records have each of its sockets once.
    ///
    /// # Errors
    /// As [`Self::take_census`].
    pub(crate) fn demand_each_once(&self, records: &[Record]) -> Result<Census, CrowdError> {
        let mut count = Count::default();
        for record in records {
            self.count_in(&mut count, record);
        }
        count
            .verdict(self.connections(), self.servers.0.len() as u64)
            .map_err(CrowdError::Other)?;
        Ok(count.census)
    }

    fn count(&self, device: &Device) -> Result<Count, DeviceError> {
        let mut count = Count::default();
        device.for_each(BUFFER_RECORDS, |record| {
            self.count_in(&mut count, record);
            ControlFlow::Continue(())
        })?;
        Ok(count)
    }

    fn count_in(&self, count: &mut Count, record: &Record) {
        if !self.servers.have(record) {
            count.census.others += 1;
            return;
        }
        let ends = (record.local(), record.remote());
        match record.state() {
            Some(State::Listen) => count.census.listening += 1,
            Some(State::Established) => {
                count.census.ends += 1;
                let is_new = if self.servers.0.contains(&ends.1) {
                    count.clients.insert(ends)
                } else {
                    count.servers.insert((ends.1, ends.0))
                };
                count.repeated += u64::from(!is_new);
            }
            _ => count.unsettled += 1,
        }
    }

    /// Whether all of its processes run.
    pub(crate) fn is_alive(&mut self) -> bool {
        self.halves
            .iter_mut()
            .all(|half| half.server.is_running() && half.client.is_running())
    }
}

/// What one read-through has given of a crowd.
#[derive(Default)]
struct Count {
    census: Census,
    /// Ends of connections, from the client's point of view.
    clients: HashSet<(SocketAddr, SocketAddr)>,
    servers: HashSet<(SocketAddr, SocketAddr)>,
    repeated: u64,
    /// Sockets of it that are in another state.
    unsettled: u64,
}

impl Count {
    fn verdict(&self, connections: u64, listeners: u64) -> Result<(), String> {
        let (clients, servers) = (self.clients.len() as u64, self.servers.len() as u64);
        if self.repeated > 0 {
            return Err(format!("{} sockets were given twice", self.repeated));
        }
        if self.census.listening != listeners {
            return Err(format!(
                "{} listening sockets were given, {listeners} listen",
                self.census.listening
            ));
        }
        if clients != connections || servers != connections {
            return Err(format!(
                "{clients} clients' and {servers} servers' ends were given, {connections} \
                 connections stand ({} sockets are in another state)",
                self.unsettled
            ));
        }
        let unpaired = self.clients.difference(&self.servers).count();
        if unpaired > 0 {
            return Err(format!(
                "of {unpaired} clients' ends the server's end was not given"
            ));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn count(pairs: &[(u16, u16)]) -> Count {
        let at = |port| SocketAddr::from(([127, 0, 0, 1], port));
        let mut count = Count::default();
        for (client, server) in pairs {
            count.clients.insert((at(*client), at(1)));
            count.servers.insert((at(*server), at(1)));
        }
        count.census.listening = 1;
        count
    }

    #[test]
    fn both_ends_of_each_connection_pass() {
        assert_eq!(count(&[(10, 10), (11, 11)]).verdict(2, 1), Ok(()));
    }

    #[test]
    fn ends_that_are_missing_repeated_or_unpaired_are_told() {
        let told = |count: Count| count.verdict(2, 1).unwrap_err();
        assert!(told(count(&[(10, 10)])).starts_with("1 clients' and 1 servers' ends"));
        assert_eq!(
            told(count(&[(10, 10), (11, 12)])),
            "of 1 clients' ends the server's end was not given"
        );
        let mut repeated = count(&[(10, 10), (11, 11)]);
        repeated.repeated = 3;
        assert_eq!(told(repeated), "3 sockets were given twice");
        let mut deaf = count(&[(10, 10), (11, 11)]);
        deaf.census.listening = 0;
        assert_eq!(told(deaf), "0 listening sockets were given, 1 listen");
    }
}
