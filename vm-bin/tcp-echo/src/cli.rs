// SPDX-License-Identifier: BSD-2-Clause
//! The command line as plain data.

use std::collections::HashSet;
use std::ffi::OsString;
use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

use clap::error::ErrorKind;
use clap::{Args, CommandFactory as _, Parser, Subcommand};

use crate::client::Traffic;
use crate::worker::MAX_WORKERS;

/// Many real TCP connections: an echo server, and a client that verifies every byte.
///
/// A connection takes one descriptor and about 1.6 kB of memory at each end, and on Linux some 4 kB
/// of the kernel's. On Linux RLIMIT_NOFILE bounds each of the threads, not the process.
///
/// Exit status: 0 all went well, 1 something failed while running, 2 wrong use, 3 the machine lacks
/// what was asked for (descriptors, ports, addresses, memory).
#[derive(Debug, Parser)]
#[command(version, propagate_version = true)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    pub(crate) role: Role,
}

impl Arguments {
    /// What `words`, the program's name and its arguments, ask for.
    pub(crate) fn of(words: impl IntoIterator<Item = OsString>) -> Result<Self, clap::Error> {
        let arguments = Self::try_parse_from(words)?;
        match &arguments.role {
            Role::Server(options) => match options.port_named_twice() {
                Some(port) => Err(Self::command().error(
                    ErrorKind::ValueValidation,
                    format!("--ports names {port} twice"),
                )),
                None => Ok(arguments),
            },
            Role::Client(_) => Ok(arguments),
        }
    }
}

#[derive(Debug, Subcommand)]
pub(crate) enum Role {
    /// Echo whatever arrives; prints `ready PORT[,PORT…]` once it listens
    Server(ServerOptions),
    /// Hold connections and verify the echo; prints `ready N` once all N stand
    Client(ClientOptions),
}

/// What both sides understand.
#[derive(Debug, Args)]
pub(crate) struct CommonOptions {
    /// Seconds between reports; without it only the final one is printed
    #[arg(long, value_name = "S", value_parser = positive_seconds)]
    pub(crate) report_interval: Option<Duration>,

    /// Print every line on stdout as a JSON object
    #[arg(long)]
    pub(crate) json: bool,

    /// Threads at most; on Linux each has a table of RLIMIT_NOFILE descriptors of its own
    #[arg(long, value_name = "W", default_value_t = MAX_WORKERS,
          value_parser = clap::value_parser!(u32).range(1..=i64::from(MAX_WORKERS)))]
    pub(crate) workers: u32,

    /// End as on SIGTERM when the process that started this one has ended
    #[arg(long)]
    pub(crate) die_with_parent: bool,
}

#[derive(Debug, Args)]
pub(crate) struct ServerOptions {
    /// Ports to listen on; 0 lets the system choose one
    #[arg(long, value_name = "P", value_delimiter = ',', required = true)]
    pub(crate) ports: Vec<u16>,

    /// Address to listen on
    #[arg(long, value_name = "A", default_value_t = IpAddr::V4(Ipv4Addr::LOCALHOST))]
    pub(crate) bind: IpAddr,

    #[command(flatten)]
    pub(crate) common: CommonOptions,
}

impl ServerOptions {
    /// The system would call it in use, by whom it does not say.
    fn port_named_twice(&self) -> Option<u16> {
        let mut seen = HashSet::new();
        let mut chosen = self.ports.iter().filter(|port| **port != 0);
        chosen.find(|port| !seen.insert(**port)).copied()
    }
}

#[derive(Debug, Args)]
pub(crate) struct ClientOptions {
    /// Address of the server
    #[arg(long, value_name = "A", default_value_t = IpAddr::V4(Ipv4Addr::LOCALHOST))]
    pub(crate) host: IpAddr,

    /// Ports of the server; the connections are spread evenly over them
    #[arg(long, value_name = "P", value_delimiter = ',', required = true,
          value_parser = clap::value_parser!(u16).range(1..))]
    pub(crate) ports: Vec<u16>,

    /// Connections to hold
    #[arg(long, value_name = "N", default_value_t = 1,
          value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) connections: u32,

    /// Bytes each connection sends a second, in whole payloads; 0 sends one byte, which proves that
    /// the connection stands, and then nothing
    #[arg(long, value_name = "BYTES/S", default_value_t = 16)]
    pub(crate) rate: u32,

    /// Bytes of one payload
    #[arg(long, value_name = "B", default_value_t = 64,
          value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) payload_size: u32,

    /// Seconds over which the connections are opened; 0 opens them as fast as they stand
    #[arg(long, value_name = "S", default_value = "0", value_parser = seconds)]
    pub(crate) ramp_duration: Duration,

    /// Seconds to hold the connections once all stand; 0 holds them until SIGTERM or SIGINT
    #[arg(long, value_name = "S", default_value = "0", value_parser = seconds)]
    pub(crate) duration: Duration,

    /// Local addresses; the connections are spread evenly over them
    #[arg(long, value_name = "A", value_delimiter = ',')]
    pub(crate) source: Vec<IpAddr>,

    #[command(flatten)]
    pub(crate) common: CommonOptions,
}

impl ClientOptions {
    /// What each connection sends.
    pub(crate) fn traffic(&self) -> Traffic {
        if self.rate == 0 {
            return Traffic {
                payload_bytes: 1,
                interval: None,
            };
        }
        let interval = f64::from(self.payload_size) / f64::from(self.rate);
        Traffic {
            payload_bytes: self.payload_size.into(),
            interval: Some(Duration::from_secs_f64(interval)),
        }
    }
}

fn seconds(text: &str) -> Result<Duration, String> {
    let number: f64 = text
        .parse()
        .map_err(|_| "not a number of seconds".to_owned())?;
    Duration::try_from_secs_f64(number).map_err(|error| error.to_string())
}

fn positive_seconds(text: &str) -> Result<Duration, String> {
    match seconds(text)? {
        Duration::ZERO => Err("must be more than 0 seconds".to_owned()),
        duration => Ok(duration),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn client(arguments: &[&str]) -> Result<ClientOptions, clap::Error> {
        let common = ["tcp-echo", "client", "--ports", "9000,9001"];
        match Arguments::try_parse_from(common.iter().chain(arguments))?.role {
            Role::Client(options) => Ok(options),
            Role::Server(_) => panic!("client parsed as server"),
        }
    }

    #[test]
    fn definition_is_consistent() {
        Arguments::command().debug_assert();
    }

    #[test]
    fn rate_and_payload_give_the_interval() {
        let traffic = client(&["--rate", "128", "--payload-size", "64"])
            .unwrap()
            .traffic();
        assert_eq!(traffic.payload_bytes, 64);
        assert_eq!(traffic.interval, Some(Duration::from_millis(500)));
    }

    #[test]
    fn rate_zero_is_one_byte_and_then_silence() {
        let traffic = client(&["--rate", "0"]).unwrap().traffic();
        assert_eq!(traffic.payload_bytes, 1);
        assert_eq!(traffic.interval, None);
    }

    #[test]
    fn defaults_stay_on_loopback() {
        let options = client(&[]).unwrap();
        assert!(options.host.is_loopback());
        assert_eq!(options.ports, [9000, 9001]);
        assert_eq!(options.duration, Duration::ZERO);
    }

    #[test]
    fn refuses_what_makes_no_sense() {
        for wrong in [
            ["--connections", "0"],
            ["--payload-size", "0"],
            ["--duration", "-1"],
            ["--duration", "soon"],
            ["--report-interval", "0"],
            ["--source", "localhost"],
            ["--host", "127.0.0.256"],
            ["--workers", "0"],
            ["--workers", "257"],
        ] {
            assert!(client(&wrong).is_err(), "{wrong:?} accepted");
        }
    }

    #[test]
    fn a_server_listens_on_a_port_once() {
        let server = |ports: &str| {
            let words = ["tcp-echo", "server", "--ports", ports];
            Arguments::of(words.map(OsString::from))
        };
        assert!(server("80,81,0,0").is_ok());
        let error = server("80,81,80").unwrap_err();
        assert_eq!(error.exit_code(), 2);
        let text = error.to_string();
        assert!(text.contains("--ports names 80 twice"), "{text}");
    }

    #[test]
    fn the_manual_has_every_option_and_no_other() {
        manual_check::assert_options(Arguments::command(), include_str!("../man/tcp-echo.1"));
    }
}
