// SPDX-License-Identifier: BSD-2-Clause
//! Addresses, paths, wrong use, and the end.

use std::io::{BufRead, BufReader};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::thread;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use test_host::eventually;

use crate::support::{Exporter, ONCE, PROGRAM, address, command, request};

fn nowhere() -> Command {
    command(Path::new("/nonexistent"))
}

/// Status, and what it says on stderr.
fn fails(command: &mut Command) -> (Option<i32>, String) {
    let Output {
        status,
        stdout,
        stderr,
    } = command.output().expect("it runs");
    assert_eq!(stdout, b"", "it does not listen");
    (status.code(), String::from_utf8(stderr).expect("text"))
}

#[test]
fn each_path_has_its_answer_on_each_address() {
    let mut command = nowhere();
    command.args(["--listen", "127.0.0.1:0", "--listen", "[::1]:0"]);
    let exporter = Exporter::start_as(&mut command, 2);
    for &address in &exporter.addresses {
        let index = request(address, "GET", "/");
        assert_eq!(index.status, 200);
        assert_eq!(index.headers["content-type"], "text/html; charset=utf-8");
        assert!(index.body.contains("<a href=\"/metrics\">"));
        let health = request(address, "GET", "/healthz");
        assert_eq!((health.status, health.body.as_str()), (200, "ok\n"));
        let metrics = request(address, "GET", "/metrics");
        assert_eq!(metrics.status, 200);
        assert_eq!(
            metrics.headers["content-type"],
            "text/plain; version=0.0.4; charset=utf-8"
        );
        let head = request(address, "HEAD", "/metrics");
        assert_eq!((head.status, head.body.as_str()), (200, ""));
        let other = request(address, "GET", "/metrics/");
        assert_eq!(other.status, 404);
        assert_eq!(other.body, "no such page: see /metrics\n");
        for path in ["/", "/healthz", "/metrics"] {
            let post = request(address, "POST", path);
            assert_eq!(
                (post.status, post.headers["allow"].as_str()),
                (405, "GET,HEAD")
            );
        }
    }
    // Those of both addresses, whatever became of them, and this one.
    let requests = exporter
        .scrape()
        .get("tcpstats_exporter_http_requests_total");
    assert_eq!(requests, 2.0 * 8.0 + 1.0);
}

#[test]
fn a_port_in_use_is_one_line_with_the_way_out() {
    let taken = TcpListener::bind("127.0.0.1:0").expect("a port");
    let taken = taken.local_addr().expect("its address").to_string();
    let listen = ["--listen", "127.0.0.1:0", "--listen", &taken];
    // The first address is not announced either.
    let (status, said) = fails(nowhere().args(listen));
    assert_eq!(status, Some(1));
    assert_eq!(said.lines().count(), 1, "{said}");
    let start = format!("tcpstats-exporter: failed to listen on {taken}: ");
    assert!(
        said.starts_with(&start) && said.contains("--listen"),
        "{said}"
    );
}

#[test]
fn a_wrong_rate_names_the_variable() {
    for wrong in ["0", "-2", "two", "", "1001"] {
        let (status, said) = fails(nowhere().env("TCPSTATS_MAX_QUERY_RATE", wrong));
        assert_eq!(status, Some(2), "{said}");
        assert!(said.contains("TCPSTATS_MAX_QUERY_RATE"), "{said}");
        let flag = format!("--max-query-rate={wrong}");
        assert_eq!(fails(nowhere().arg(flag)).0, Some(2));
    }
}

#[test]
fn the_variable_sets_the_rate() {
    let mut command = nowhere();
    command
        .args(["--listen", "127.0.0.1:0"])
        .env("TCPSTATS_MAX_QUERY_RATE", ONCE);
    let exporter = Exporter::start_as(&mut command, 1);
    exporter.scrape();
    let page = exporter.scrape();
    assert_eq!(
        page.get("tcpstats_exporter_collection_latency_seconds_count"),
        1.0
    );
}

#[test]
fn signals_end_it_although_clients_linger() {
    for signal in [Signal::SIGTERM, Signal::SIGINT] {
        let exporter = Exporter::start(Path::new("/nonexistent"), ONCE);
        let _silent = TcpStream::connect(exporter.addresses[0]).expect("a connection");
        assert_eq!(exporter.get("/healthz").status, 200);
        assert_eq!(exporter.stop(signal).code(), Some(0));
    }
}

/// Started by a shell, which says its process id; ended with the test, however that ends.
struct OfShell {
    shell: Child,
    address: SocketAddr,
    pid: Pid,
}

impl OfShell {
    fn start() -> Self {
        let script = "\"$0\" --listen 127.0.0.1:0 --die-with-parent & echo $!; wait";
        let mut shell = Command::new("sh")
            .args(["-c", script, PROGRAM])
            .stdout(Stdio::piped())
            .spawn()
            .expect("a shell");
        let stdout = BufReader::new(shell.stdout.take().expect("piped"));
        let mut lines: Vec<_> = stdout.lines().take(2).map(|l| l.expect("text")).collect();
        // The number is before the words.
        lines.sort();
        Self {
            shell,
            address: address(&lines[1]),
            pid: Pid::from_raw(lines[0].parse().expect("a process id")),
        }
    }
}

impl Drop for OfShell {
    fn drop(&mut self) {
        let _ = self.shell.kill();
        let _ = self.shell.wait();
        // Gone otherwise, and the number may be another's.
        if thread::panicking() {
            let _ = kill(self.pid, Signal::SIGKILL);
        }
    }
}

#[test]
fn it_ends_with_its_parent_if_asked_to() {
    let mut exporter = OfShell::start();
    assert_eq!(request(exporter.address, "GET", "/healthz").status, 200);
    exporter.shell.kill().expect("killed");
    exporter.shell.wait().expect("gone");
    eventually("nobody listens any more", || {
        TcpStream::connect(exporter.address).err()
    });
}
