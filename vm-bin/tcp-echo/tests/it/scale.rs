// SPDX-License-Identifier: BSD-2-Clause
//! More connections than one table of descriptors takes.

#[cfg(target_os = "linux")]
use std::process::Command;

use crate::support::{Running, tcp_echo, tcp_echo_after};

/// Every table takes 32 connections: 10 times the client spreads them over more tables than there
/// are processors, and the server adds workers while they come.
#[cfg(target_os = "linux")]
#[test]
fn a_process_holds_more_connections_than_its_limit_of_descriptors() {
    let limit = "ulimit -n 64";
    let server = Running::start(tcp_echo_after(limit, &["server", "--ports", "0,0"]));
    let ports = server.line().strip_prefix("ready ").unwrap().to_owned();
    let arguments = [
        "client",
        "--ports",
        &ports,
        "--connections",
        "320",
        "--rate",
        "640",
    ];
    let client = Running::start(tcp_echo_after(limit, &arguments));
    assert_eq!(client.line(), "ready 320");
    let client = client.terminate();
    assert_eq!(client.code, Some(0), "{client:?}");
    assert_eq!(client.number("workers"), 10);
    assert_eq!(client.number("descriptors_per_table"), 64);
    assert_eq!(client.number("stood"), 320);
    assert_eq!(client.number("lost"), 0);
    let server = server.terminate();
    assert_eq!(server.code, Some(0), "{server:?}");
    assert_eq!(server.number("accepted"), 320);
    assert_eq!(server.number("accept_pauses"), 0);
    assert!(
        server.number("workers") >= 6,
        "at most 61 a table: {server:?}"
    );
    assert_eq!(
        server.number("echoed_bytes"),
        client.number("verified_bytes")
    );
}

/// What the process was started with takes room in every table.
#[cfg(target_os = "linux")]
#[test]
fn inherited_descriptors_are_counted() {
    let (_server, port) = crate::support::server(&[]);
    let shell = "ulimit -n 64; for fd in $(seq 10 29); do eval \"exec $fd</dev/null\"; done";
    let program = tcp_echo(&["client", "--ports", &port, "--connections", "96"]);
    let mut command = Command::new("bash");
    command.args(["-ec", &format!("{shell}; exec \"$0\" \"$@\"")]);
    command.arg(program.get_program()).args(program.get_args());
    let client = Running::start(command);
    assert_eq!(client.line(), "ready 96");
    let client = client.terminate();
    assert_eq!(client.code, Some(0), "{client:?}");
    assert!(
        client.number("workers") > 3,
        "32 in each of 3 would not fit: {client:?}"
    );
}

#[test]
fn few_connections_take_one_thread() {
    let (server, port) = crate::support::server(&["--workers", "1"]);
    let client = Running::start(tcp_echo(&[
        "client",
        "--ports",
        &port,
        "--connections",
        "1000",
    ]));
    assert_eq!(client.line(), "ready 1000");
    let client = client.terminate();
    assert_eq!(client.number("workers"), 1);
    assert_eq!(server.terminate().number("workers"), 1);
}

#[test]
fn the_memory_of_a_thousand_connections_is_told() {
    let (_server, port) = crate::support::server(&[]);
    let client = Running::start(tcp_echo(&[
        "client",
        "--ports",
        &port,
        "--connections",
        "1000",
    ]));
    assert_eq!(client.line(), "ready 1000");
    let peak = client.terminate().number("memory_peak_bytes");
    assert!((1 << 20..50 << 20).contains(&peak), "{peak} bytes");
}
