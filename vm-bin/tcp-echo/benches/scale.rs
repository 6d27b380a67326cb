// SPDX-License-Identifier: BSD-2-Clause
//! How fast connections come to stand and what they take, as ratios: against a bare loop of connect
//! and accept in the same run, and against what this program is allowed.
#![expect(
    clippy::expect_used,
    clippy::unwrap_used,
    reason = "a benchmark that can't measure ends"
)]

use std::io::{BufRead as _, BufReader, Lines, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::time::Instant;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

/// Within which 100,000 connections are to stand on 2 processors, in seconds.
const ALLOWED_S: f64 = 15.0;

/// Memory that client and server may take for them together, in bytes.
const ALLOWED_BYTES: f64 = 400e6;

/// Ports of the server: few connections a port keep the search for a free one short.
const PORTS: &str = "0,0,0,0,0,0,0,0";

const SAMPLES: usize = 3;

fn main() {
    let bare: Vec<f64> = (0..SAMPLES).map(|_| bare_loop(5_000)).collect();
    let bare = median(bare);
    println!(
        "connections each with one byte echoed, from the first connect until all stand; median of {SAMPLES}"
    );
    println!("{:<24}{:>9.0} connections/s", "bare loop, 5000", bare);
    for connections in [1_000, 10_000, 100_000] {
        let samples: Vec<Sample> = (0..SAMPLES).map(|_| tcp_echo(connections)).collect();
        let ready_s = median(samples.iter().map(|sample| sample.ready_s).collect());
        let bytes = median(samples.iter().map(|sample| sample.memory_bytes).collect());
        let rate = f64::from(connections) / ready_s;
        println!(
            "{:<24}{rate:>9.0} connections/s = {:.2} of the bare loop; {ready_s:.2} s, {:.0} MB, \
             {:.0} bytes a connection's end",
            format!("tcp-echo, {connections}"),
            rate / bare,
            bytes / 1e6,
            bytes / f64::from(connections) / 2.0,
        );
        if connections == 100_000 {
            println!(
                "{:<24}{:>9.2} of {ALLOWED_S} s, {:.2} of {:.0} MB",
                "of what is allowed",
                ready_s / ALLOWED_S,
                bytes / ALLOWED_BYTES,
                ALLOWED_BYTES / 1e6
            );
        }
    }
}

/// Connections a second of one thread that opens them one after the other.
fn bare_loop(connections: usize) -> f64 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let start = Instant::now();
    let mut held = Vec::new();
    for _ in 0..connections {
        let mut client = TcpStream::connect(address).unwrap();
        let (mut server, _) = listener.accept().unwrap();
        let mut byte = [7];
        client.write_all(&byte).unwrap();
        server.read_exact(&mut byte).unwrap();
        server.write_all(&byte).unwrap();
        client.read_exact(&mut byte).unwrap();
        held.push((client, server));
    }
    connections as f64 / start.elapsed().as_secs_f64()
}

struct Sample {
    ready_s: f64,
    /// Of both processes, at their peaks.
    memory_bytes: f64,
}

fn tcp_echo(connections: u32) -> Sample {
    let mut server = Running::start(&["server", "--ports", PORTS]);
    let ports = server.line()["ports"].to_string();
    let connections = connections.to_string();
    let mut client = Running::start(&[
        "client",
        "--ports",
        ports.trim_matches(['[', ']']),
        "--connections",
        &connections,
        "--rate",
        "0",
    ]);
    assert_eq!(client.line()["type"], "ready");
    let client = client.terminate();
    let server = server.terminate();
    let number = |report: &serde_json::Value, name: &str| report[name].as_f64().expect("a number");
    Sample {
        ready_s: number(&client, "ready_s"),
        memory_bytes: number(&client, "memory_peak_bytes") + number(&server, "memory_peak_bytes"),
    }
}

struct Running {
    child: Child,
    stdout: Lines<BufReader<ChildStdout>>,
}

impl Running {
    fn start(arguments: &[&str]) -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_tcp-echo"))
            .args(arguments)
            .args(["--json", "--die-with-parent"])
            .stdout(Stdio::piped())
            .spawn()
            .expect("tcp-echo starts");
        let stdout = BufReader::new(child.stdout.take().expect("stdout is piped")).lines();
        Self { child, stdout }
    }

    fn line(&mut self) -> serde_json::Value {
        let line = self.stdout.next().expect("a line").expect("stdout is read");
        serde_json::from_str(&line).expect("JSON")
    }

    /// The final report.
    fn terminate(mut self) -> serde_json::Value {
        let pid = Pid::from_raw(self.child.id().try_into().expect("a pid"));
        kill(pid, Signal::SIGTERM).expect("signal is delivered");
        let report = self.line();
        assert!(self.child.wait().expect("it ends").success());
        report
    }
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}
