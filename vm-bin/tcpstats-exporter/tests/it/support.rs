// SPDX-License-Identifier: BSD-2-Clause
//! A running exporter, and scrapes of it.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tcpstats::paths::MOUNT_VARIABLE;
use test_host::{DEADLINE, Daemon, Places, beside, eventually, in_namespace};

pub(crate) const PROGRAM: &str = env!("CARGO_BIN_EXE_tcpstats-exporter");
/// A rate that bounds nothing here.
pub(crate) const OFTEN: &str = "1000";
/// A rate that allows one collection in a test.
pub(crate) const ONCE: &str = "0.0001";

/// Folders for a tcpstatsd.
pub(crate) fn places() -> Places {
    Places::new(beside(PROGRAM, "tcpstatsd"))
}

/// Run a test in a namespace with a daemon.
pub(crate) fn with_daemon(test: impl FnOnce(&Daemon) + Send) {
    test_host::with_daemon(beside(PROGRAM, "tcpstatsd"), test);
}

/// Run a test of an exporter of this device in a namespace next to the device's.
pub(crate) fn with_exporter(daemon: &Daemon, rate: &str, test: impl FnOnce(&Exporter) + Send) {
    let mount = daemon.mount();
    in_namespace(|| {
        let exporter = Exporter::start(&mount, rate);
        test(&exporter);
        assert_eq!(exporter.stop(Signal::SIGTERM).code(), Some(0));
    });
}

/// The exporter of the device that is mounted at `mount`.
pub(crate) fn command(mount: &Path) -> Command {
    let mut command = Command::new(PROGRAM);
    command
        .env(MOUNT_VARIABLE, mount)
        .env_remove("TCPSTATS_MAX_QUERY_RATE");
    command
}

/// A running exporter; ended with the test, however that ends.
pub(crate) struct Exporter {
    child: Child,
    pub(crate) addresses: Vec<SocketAddr>,
}

impl Exporter {
    /// On a port that it takes.
    pub(crate) fn start(mount: &Path, rate: &str) -> Self {
        let mut command = command(mount);
        command.args(["--listen", "127.0.0.1:0", "--max-query-rate", rate]);
        Self::start_as(&mut command, 1)
    }

    /// Start it; it is to listen on so many addresses.
    pub(crate) fn start_as(command: &mut Command, addresses: usize) -> Self {
        let mut child = command
            .stdout(Stdio::piped())
            .spawn()
            .expect("the exporter starts");
        let stdout = child.stdout.take().expect("piped");
        let mut exporter = Self {
            child,
            addresses: Vec::new(),
        };
        exporter.addresses = BufReader::new(stdout)
            .lines()
            .take(addresses)
            .map(|line| address(&line.expect("text")))
            .collect();
        assert_eq!(exporter.addresses.len(), addresses, "it listens");
        exporter
    }

    pub(crate) fn pid(&self) -> Pid {
        Pid::from_raw(i32::try_from(self.child.id()).expect("a pid"))
    }

    /// `GET path` from the first address.
    pub(crate) fn get(&self, path: &str) -> Answer {
        request(self.addresses[0], "GET", path)
    }

    /// The page, which must be there.
    pub(crate) fn scrape(&self) -> Page {
        let answer = self.get("/metrics");
        assert_eq!(answer.status, 200, "{}", answer.body);
        Page::parse(&answer.body)
    }

    /// Send the signal and wait.
    pub(crate) fn stop(mut self, signal: Signal) -> ExitStatus {
        kill(self.pid(), signal).expect("it runs");
        eventually("the exporter ends", || {
            self.child.try_wait().expect("our child")
        })
    }

    /// A field of its /proc/PID/status, kB.
    pub(crate) fn memory_kb(&self, field: &str) -> u64 {
        let path = PathBuf::from(format!("/proc/{}/status", self.child.id()));
        let status = std::fs::read_to_string(path).expect("status");
        status
            .lines()
            .find_map(|line| line.strip_prefix(field)?.strip_prefix(':'))
            .and_then(|rest| rest.split_whitespace().next()?.parse().ok())
            .expect("a number of kB")
    }
}

impl Drop for Exporter {
    fn drop(&mut self) {
        // It matters only that nothing stays behind. Not longer than that: a test that failed may
        // have a device hang that holds it.
        let _ = self.child.kill();
        let start = Instant::now();
        while matches!(self.child.try_wait(), Ok(None)) && start.elapsed() < DEADLINE {
            thread::sleep(Duration::from_millis(1));
        }
    }
}

/// The address of a line `listening on ADDR`.
pub(crate) fn address(line: &str) -> SocketAddr {
    let address = line.trim_end().strip_prefix("listening on ").expect(line);
    address.parse().expect("an address")
}

/// What came back.
pub(crate) struct Answer {
    pub(crate) status: u16,
    /// By name in lower case.
    pub(crate) headers: BTreeMap<String, String>,
    pub(crate) body: String,
}

/// Send a request, and give the connection on which the answer is to come.
pub(crate) fn send(address: SocketAddr, method: &str, path: &str) -> TcpStream {
    let mut stream = TcpStream::connect(address).expect("a connection");
    stream.set_read_timeout(Some(DEADLINE)).expect("set");
    let head = format!("{method} {path} HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\r\n");
    stream.write_all(head.as_bytes()).expect("sent");
    stream
}

/// The whole answer on this connection.
pub(crate) fn receive(mut stream: TcpStream) -> Answer {
    let mut text = String::new();
    stream.read_to_string(&mut text).expect("an answer");
    let (head, body) = text.split_once("\r\n\r\n").expect("a head");
    let mut lines = head.lines();
    let status = lines.next().and_then(|line| line.split(' ').nth(1));
    Answer {
        status: status.expect("a status").parse().expect("a number"),
        headers: lines
            .filter_map(|line| line.split_once(": "))
            .map(|(name, value)| (name.to_lowercase(), value.to_owned()))
            .collect(),
        body: body.to_owned(),
    }
}

/// Send a request and wait for the answer.
pub(crate) fn request(address: SocketAddr, method: &str, path: &str) -> Answer {
    receive(send(address, method, path))
}

/// A page of metrics.
#[derive(Debug)]
pub(crate) struct Page {
    pub(crate) text: String,
    /// By the text before the number.
    samples: BTreeMap<String, f64>,
}

impl Page {
    pub(crate) fn parse(text: &str) -> Self {
        let samples = text.lines().filter(|line| !line.starts_with('#'));
        let samples = samples.map(|line| {
            let (name, value) = line.rsplit_once(' ').expect("a name and a number");
            (name.to_owned(), value.parse().expect("a number"))
        });
        Self {
            samples: samples.collect(),
            text: text.to_owned(),
        }
    }

    /// The number of the series of this name and these labels.
    pub(crate) fn get(&self, series: &str) -> f64 {
        let value = self.find(series);
        value.unwrap_or_else(|| panic!("no {series} in\n{}", self.text))
    }

    pub(crate) fn find(&self, series: &str) -> Option<f64> {
        self.samples.get(series).copied()
    }

    /// The types of the families, by name.
    pub(crate) fn types(&self) -> BTreeMap<String, String> {
        let types = self.text.lines().filter_map(|l| l.strip_prefix("# TYPE "));
        types
            .map(|line| line.split_once(' ').expect("a name and a type"))
            .map(|(name, kind)| (name.to_owned(), kind.to_owned()))
            .collect()
    }
}
