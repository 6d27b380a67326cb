// SPDX-License-Identifier: BSD-2-Clause
//! Connections that stand, echo and end in good order.

use std::io::{ErrorKind, Read as _, Write as _};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::time::Duration;

use nix::sys::signal::Signal;

use crate::support::{DEADLINE, Running, server, tcp_echo};

#[test]
fn connections_stand_and_every_byte_comes_back() {
    let server = Running::start(tcp_echo(&["server", "--ports", "0,0"]));
    let ports = server.line().strip_prefix("ready ").unwrap().to_owned();
    assert_eq!(ports.split(',').count(), 2);
    let client = Running::start(tcp_echo(&[
        "client",
        "--ports",
        &ports,
        "--connections",
        "50",
        "--rate",
        "6400",
        "--duration",
        "0.1",
    ]));
    assert_eq!(client.line(), "ready 50");
    let client = client.end();
    assert_eq!(client.code, Some(0), "{client:?}");
    assert_eq!(client.number("stood"), 50);
    assert_eq!(client.number("lost"), 0);
    assert_eq!(client.number("mismatched"), 0);
    let verified = client.number("verified_bytes");
    assert_eq!(client.number("sent_bytes"), verified);
    assert_eq!(verified % 64, 0, "only whole payloads");
    assert!(
        verified >= 50 * 64,
        "each connection at least one payload, got {verified} bytes"
    );

    let server = server.terminate();
    assert_eq!(server.code, Some(0), "{server:?}");
    assert_eq!(server.number("accepted"), 50);
    assert_eq!(server.number("reset") + server.number("open"), 50);
    assert_eq!(server.number("echoed_bytes"), verified);
}

#[test]
fn ipv6_connections_stand() {
    let (server, port) = server(&["--bind", "::1"]);
    let client = Running::start(tcp_echo(&[
        "client",
        "--host",
        "::1",
        "--source",
        "::1",
        "--ports",
        &port,
        "--connections",
        "5",
    ]));
    assert_eq!(client.line(), "ready 5");
    let client = client.terminate();
    assert_eq!(client.code, Some(0), "{client:?}");
    assert_eq!(
        server.terminate().number("echoed_bytes"),
        client.number("verified_bytes")
    );
}

/// On FreeBSD 127.0.0.2 and its like are no addresses until someone adds them.
#[cfg(target_os = "linux")]
#[test]
fn connections_are_spread_evenly_over_ports_and_sources() {
    use std::collections::BTreeMap;

    let listeners = [(); 2].map(|()| TcpListener::bind("127.0.0.1:0").unwrap());
    let ports = listeners
        .each_ref()
        .map(|it| it.local_addr().unwrap().port().to_string());
    let client = Running::start(tcp_echo(&[
        "client",
        "--ports",
        &ports.join(","),
        "--source",
        "127.0.0.2,127.0.0.3",
        "--connections",
        "12",
        "--rate",
        "0",
    ]));
    let mut shares = BTreeMap::new();
    let mut streams = Vec::new();
    for (number, listener) in listeners.iter().enumerate() {
        for _ in 0..6 {
            let (mut stream, peer) = listener.accept().unwrap();
            *shares.entry((number, peer.ip().to_string())).or_insert(0) += 1;
            let mut byte = [0];
            stream.read_exact(&mut byte).unwrap();
            stream.write_all(&byte).unwrap();
            streams.push(stream);
        }
    }
    assert_eq!(client.line(), "ready 12");
    let even = [
        (0, "127.0.0.2"),
        (0, "127.0.0.3"),
        (1, "127.0.0.2"),
        (1, "127.0.0.3"),
    ];
    assert_eq!(
        shares,
        even.map(|(number, source)| ((number, source.to_owned()), 3))
            .into()
    );
}

#[test]
fn idle_connections_send_one_byte_and_then_nothing() {
    let (server, port) = server(&[]);
    let client = Running::start(tcp_echo(&[
        "client",
        "--ports",
        &port,
        "--connections",
        "20",
        "--rate",
        "0",
    ]));
    assert_eq!(client.line(), "ready 20");
    let client = client.terminate();
    assert_eq!(client.code, Some(0), "{client:?}");
    assert_eq!(client.number("sent_bytes"), 20);
    let server = server.terminate();
    assert_eq!(server.number("accepted"), 20);
    assert_eq!(server.number("echoed_bytes"), 20);
}

/// The system's queue holds connections that no program has; they don't count.
#[test]
fn an_idle_connection_stands_only_once_the_server_has_it() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port().to_string();
    let client = Running::start(tcp_echo(&[
        "client",
        "--ports",
        &port,
        "--connections",
        "2",
        "--rate",
        "0",
        "--report-interval",
        "0.01",
    ]));
    let echo_one = || {
        let (mut stream, _) = listener.accept().unwrap();
        let mut byte = [0];
        stream.read_exact(&mut byte).unwrap();
        stream.write_all(&byte).unwrap();
        stream
    };
    let _first = echo_one();
    let (_second, _) = listener.accept().unwrap();
    let report = client.line_with(" stood=1 ");
    assert!(report.starts_with("report "), "{report}");
    let client = client.terminate();
    assert_eq!(client.code, Some(0), "{client:?}");
    assert_eq!(client.number("stood"), 1);
    assert!(
        !client.stdout.iter().any(|line| line.contains("ready")),
        "{client:?}"
    );
}

/// More than the buffers of both sockets take together: the client must read while it writes.
#[test]
fn payloads_larger_than_all_buffers_come_back() {
    let (server, port) = server(&[]);
    let size = 64 << 20;
    let client = Running::start(tcp_echo(&[
        "client",
        "--ports",
        &port,
        "--payload-size",
        &size.to_string(),
        "--rate",
        "1",
    ]));
    assert_eq!(client.line(), "ready 1");
    let client = client.terminate();
    assert_eq!(client.code, Some(0), "{client:?}");
    assert_eq!(client.number("verified_bytes"), size);
    assert_eq!(server.terminate().number("echoed_bytes"), size);
}

/// The server must keep what its socket does not take.
#[test]
fn a_peer_that_reads_late_loses_nothing() {
    const LENGTH: usize = 64 << 20;
    let (server, port) = server(&[]);
    let mut stream = TcpStream::connect(format!("127.0.0.1:{port}")).unwrap();
    stream.set_read_timeout(Some(DEADLINE)).unwrap();
    stream
        .set_write_timeout(Some(Duration::from_millis(200)))
        .unwrap();
    let pattern: Vec<u8> = (0..LENGTH).map(|at| (at % 251) as u8).collect();
    let mut sent = 0;
    // Until nothing moves any more, because the buffers of both directions are full.
    while let Ok(written) = stream.write(&pattern[sent..]) {
        sent += written;
    }
    assert!(sent < LENGTH, "the buffers took everything");
    stream.shutdown(Shutdown::Write).unwrap();
    let mut received = Vec::new();
    stream.read_to_end(&mut received).unwrap();
    assert!(
        received == pattern[..sent],
        "{} of {sent} bytes came back",
        received.len()
    );
    let server = server.terminate();
    assert_eq!(server.number("closed"), 1);
    assert_eq!(server.number("echoed_bytes"), sent as u64);
}

/// Closing in the usual way would leave the server's side in TIME_WAIT.
#[test]
fn a_server_that_ends_resets_its_connections() {
    let (server, port) = server(&[]);
    let mut stream = TcpStream::connect(format!("127.0.0.1:{port}")).unwrap();
    stream.set_read_timeout(Some(DEADLINE)).unwrap();
    stream.write_all(b"x").unwrap();
    stream.read_exact(&mut [0]).unwrap();
    let server = server.terminate();
    assert_eq!(server.number("open"), 1);
    assert_eq!(
        stream.read(&mut [0]).unwrap_err().kind(),
        ErrorKind::ConnectionReset
    );
}

#[test]
fn the_duration_ends_the_client() {
    let (_server, port) = server(&[]);
    let client = Running::start(tcp_echo(&[
        "client",
        "--ports",
        &port,
        "--connections",
        "3",
        "--rate",
        "0",
        "--duration",
        "0.05",
        "--ramp-duration",
        "0.05",
    ]));
    assert_eq!(client.line(), "ready 3");
    assert_eq!(client.end().code, Some(0));
}

#[test]
fn sigint_ends_both_sides_in_good_order() {
    let (server, port) = server(&[]);
    let client = Running::start(tcp_echo(&["client", "--ports", &port]));
    assert_eq!(client.line(), "ready 1");
    for side in [client, server] {
        side.signal(Signal::SIGINT);
        let ended = side.end();
        assert_eq!(ended.code, Some(0), "{ended:?}");
        assert_eq!(ended.stdout.len(), 1, "the final report alone: {ended:?}");
    }
}

#[test]
fn reports_come_in_their_interval() {
    let (server, port) = server(&["--report-interval", "0.01"]);
    assert!(server.line().starts_with("report "));
    let client = Running::start(tcp_echo(&[
        "client",
        "--ports",
        &port,
        "--connections",
        "2",
        "--rate",
        "0",
        "--report-interval",
        "0.01",
    ]));
    client.line_with("ready 2");
    let report = client.line_with("report ");
    assert!(
        report.contains(" connections=2 stood=2 lost=0 mismatched=0 "),
        "{report}"
    );
}

#[test]
fn json_is_one_object_a_line() {
    let server = Running::start(tcp_echo(&["server", "--ports", "0", "--json"]));
    let ready: serde_json::Value = serde_json::from_str(&server.line()).unwrap();
    assert_eq!(ready["type"], "ready");
    let port = ready["ports"][0].to_string();
    let client = Running::start(tcp_echo(&[
        "client",
        "--ports",
        &port,
        "--connections",
        "4",
        "--rate",
        "1",
        "--json",
    ]));
    let ready: serde_json::Value = serde_json::from_str(&client.line()).unwrap();
    assert_eq!(
        ready,
        serde_json::json!({"type": "ready", "connections": 4})
    );
    let client = client.terminate();
    let report: serde_json::Value = serde_json::from_str(&client.stdout[0]).unwrap();
    for (name, value) in [
        ("connections", 4),
        ("stood", 4),
        ("lost", 0),
        ("mismatched", 0),
        ("sent_bytes", 256),
        ("verified_bytes", 256),
    ] {
        assert_eq!(report[name], value, "{name} in {report}");
    }
    assert_eq!(report["phase"], "final");
    let report: serde_json::Value = serde_json::from_str(&server.terminate().stdout[0]).unwrap();
    assert_eq!(report["accepted"], 4);
    assert_eq!(report["echoed_bytes"], 256);
}

/// With an address of its own, since ports are used again and TIME_WAIT of other tests may linger.
#[cfg(target_os = "linux")]
#[test]
fn no_time_wait_is_left_behind() {
    use std::collections::BTreeSet;

    let sockets = || {
        let table = std::fs::read_to_string("/proc/net/tcp").unwrap();
        let pair = |line: &str| {
            line.split_whitespace()
                .skip(1)
                .take(2)
                .collect::<Vec<_>>()
                .join(" ")
        };
        let own = |pair: &String| pair.contains("01004D7F:");
        table
            .lines()
            .map(pair)
            .filter(own)
            .collect::<BTreeSet<_>>()
            .len()
    };
    let (server, port) = server(&["--bind", "127.77.0.1"]);
    let client = Running::start(tcp_echo(&[
        "client",
        "--host",
        "127.77.0.1",
        "--ports",
        &port,
        "--connections",
        "30",
    ]));
    assert_eq!(client.line(), "ready 30");
    assert_eq!(sockets(), 1 + 2 * 30, "the listener and both ends");
    assert_eq!(client.terminate().code, Some(0));
    assert_eq!(server.terminate().code, Some(0));
    assert_eq!(sockets(), 0);
}
