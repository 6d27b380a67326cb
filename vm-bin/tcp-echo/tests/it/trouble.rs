// SPDX-License-Identifier: BSD-2-Clause
//! What goes wrong is told, with the way out and the documented exit status.

use std::io::{self, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::mpsc::channel;
use std::thread::{self, JoinHandle};

use crate::support::{DEADLINE, Ended, Running, server, tcp_echo, tcp_echo_after};

/// Accepts one connection and lets `serve` do with it what it likes.
fn peer(
    serve: impl FnOnce(TcpStream) -> io::Result<()> + Send + 'static,
) -> (String, JoinHandle<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port().to_string();
    let thread = thread::spawn(move || {
        let (stream, _) = listener.accept().unwrap();
        stream.set_read_timeout(Some(DEADLINE)).unwrap();
        // That the client ends the connection is what the tests are about.
        let _ = serve(stream);
    });
    (port, thread)
}

/// Echoes, with the byte at `offset` of the stream flipped.
fn corrupting_peer(offset: usize) -> (String, JoinHandle<()>) {
    peer(move |mut stream| {
        let mut buffer = [0; 64];
        let mut done = 0;
        loop {
            let length = stream.read(&mut buffer)?;
            if length == 0 {
                return Ok(());
            }
            if (done..done + length).contains(&offset) {
                buffer[offset - done] ^= 0x20;
            }
            done += length;
            stream.write_all(&buffer[..length])?;
        }
    })
}

fn assert_trouble(ended: &Ended, code: i32, texts: &[&str]) {
    assert_eq!(ended.code, Some(code), "{ended:?}");
    for text in texts {
        assert!(
            ended.complaints().contains(text),
            "no `{text}` in {ended:?}"
        );
    }
}

#[test]
fn a_corrupted_byte_is_found() {
    let (port, thread) = corrupting_peer(100);
    let client = Running::start(tcp_echo(&["client", "--ports", &port, "--rate", "6400"]));
    assert_eq!(client.line(), "ready 1", "the first payload is whole");
    let client = client.end();
    assert_trouble(
        &client,
        1,
        &["connection 0 (127.0.0.1:", "byte 100 came back as 0x"],
    );
    assert_eq!(client.number("mismatched"), 1);
    assert_eq!(client.number("lost"), 0);
    assert_eq!(client.number("verified_bytes"), 64);
    thread.join().unwrap();
}

#[test]
fn a_corrupted_byte_before_all_stand_ends_the_client() {
    let (port, thread) = corrupting_peer(63);
    let client = Running::start(tcp_echo(&["client", "--ports", &port])).end();
    assert_trouble(&client, 1, &["byte 63 came back as 0x"]);
    assert_eq!(
        client.stdout.len(),
        1,
        "the final report, and never ready: {client:?}"
    );
    assert_eq!(client.number("mismatched"), 1);
    thread.join().unwrap();
}

/// With one lost `ready` can never come: whoever waits for it has to see the end instead.
#[test]
fn a_connection_lost_before_all_stand_ends_the_client() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port().to_string();
    let arguments = ["client", "--ports", &port, "--connections", "2"];
    let client = Running::start(tcp_echo(&arguments));
    let (held, _) = listener.accept().unwrap();
    let (lost, _) = listener.accept().unwrap();
    drop(lost);
    let client = client.end();
    assert_trouble(&client, 1, &["connection ", "not yet given back"]);
    assert_eq!(client.number("lost"), 1);
    assert_eq!(
        client.stdout.len(),
        1,
        "the final report, and never ready: {client:?}"
    );
    drop(held);
}

#[test]
fn bytes_that_were_never_sent_are_found() {
    let (stands, standing) = channel();
    let (port, thread) = peer(move |mut stream| {
        let mut byte = [0];
        stream.read_exact(&mut byte)?;
        stream.write_all(&byte)?;
        standing.recv().map_err(io::Error::other)?;
        stream.write_all(b"xyz")?;
        stream.read(&mut byte).map(drop)
    });
    let client = Running::start(tcp_echo(&["client", "--ports", &port, "--rate", "0"]));
    assert_eq!(client.line(), "ready 1");
    stands.send(()).unwrap();
    let client = client.end();
    assert_trouble(&client, 1, &["3 bytes came back that were never sent"]);
    assert_eq!(client.number("mismatched"), 1);
    thread.join().unwrap();
}

#[test]
fn lost_connections_are_counted() {
    let (server, port) = server(&["--report-interval", "0.01"]);
    let client = Running::start(tcp_echo(&[
        "client",
        "--ports",
        &port,
        "--connections",
        "25",
        "--rate",
        "0",
    ]));
    assert_eq!(client.line(), "ready 25");
    server.line_with(" accepted=25 ");
    assert_eq!(server.terminate().number("accepted"), 25);
    let client = client.end();
    assert_trouble(
        &client,
        1,
        &[
            "25 connections were lost",
            "further failures are only counted",
        ],
    );
    assert_eq!(client.number("lost"), 25);
    assert_eq!(
        client.stderr.len(),
        10 + 1 + 1,
        "ten told, the rest counted: {client:?}"
    );
}

#[test]
fn an_echo_that_never_comes_fails_within_the_drain_limit() {
    let (port, thread) = peer(|mut stream| {
        let mut first = [0; 64];
        stream.read_exact(&mut first)?;
        stream.write_all(&first)?;
        io::copy(&mut stream, &mut io::sink()).map(drop)
    });
    let client = Running::start(tcp_echo(&[
        "client",
        "--ports",
        &port,
        "--rate",
        "6400",
        "--duration",
        "0.2",
    ]));
    assert_eq!(client.line(), "ready 1");
    let client = client.end();
    assert_trouble(&client, 1, &["64 bytes not given back within 5 s"]);
    assert_eq!(client.number("lost"), 1);
    thread.join().unwrap();
}

#[test]
fn a_port_in_use_is_named() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port().to_string();
    let server = Running::start(tcp_echo(&["server", "--ports", &port])).end();
    assert_trouble(
        &server,
        1,
        &[&format!("port {port} of 127.0.0.1 is in use")],
    );
    assert!(server.stdout.is_empty(), "{server:?}");
}

#[test]
fn nobody_listening_is_named() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    let port = address.port().to_string();
    let client = Running::start(tcp_echo(&["client", "--ports", &port])).end();
    assert_trouble(&client, 1, &[&format!("nothing listens on {address}")]);
}

#[test]
fn addresses_that_are_not_here_are_named() {
    // From the block reserved for documentation, so that no machine has it.
    let server = Running::start(tcp_echo(&["server", "--ports", "0", "--bind", "192.0.2.1"])).end();
    assert_trouble(&server, 3, &["192.0.2.1 is no address of this machine"]);
    let client = Running::start(tcp_echo(&[
        "client",
        "--ports",
        "1",
        "--source",
        "192.0.2.1",
    ]))
    .end();
    assert_trouble(&client, 3, &["192.0.2.1 is no address of this machine"]);
}

#[test]
fn wrong_use_has_its_own_status() {
    let mixed = ["client", "--ports", "1", "--source", "::1"];
    assert_trouble(
        &Running::start(tcp_echo(&mixed)).end(),
        2,
        &["different address families"],
    );
    for wrong in [
        &["client"] as &[&str],
        &["server"],
        &[],
        &["client", "--ports", "0"],
    ] {
        assert_eq!(
            Running::start(tcp_echo(wrong)).end().code,
            Some(2),
            "{wrong:?}"
        );
    }
}

#[test]
fn too_few_descriptors_are_told_before_connecting() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    let port = listener.local_addr().unwrap().port().to_string();
    let arguments = [
        "client",
        "--ports",
        &port,
        "--connections",
        "100",
        "--workers",
        "1",
    ];
    let client = Running::start(tcp_echo_after("ulimit -n 64", &arguments)).end();
    assert_trouble(
        &client,
        3,
        &[
            "100 connections need 132 descriptors",
            "RLIMIT_NOFILE allows 64 to each of 1 tables",
        ],
    );
    let error = listener.accept().unwrap_err();
    assert_eq!(
        error.kind(),
        io::ErrorKind::WouldBlock,
        "something was connected"
    );
}

#[test]
fn a_low_soft_limit_is_raised() {
    let (_server, port) = server(&[]);
    let arguments = ["client", "--ports", &port, "--connections", "100"];
    let client = Running::start(tcp_echo_after("ulimit -Sn 64", &arguments));
    assert_eq!(client.line(), "ready 100");
    assert_eq!(client.terminate().code, Some(0));
}

#[test]
fn a_server_out_of_descriptors_says_so_once_and_recovers() {
    let arguments = [
        "server",
        "--ports",
        "0",
        "--workers",
        "1",
        "--report-interval",
        "0.01",
    ];
    let server = Running::start(tcp_echo_after("ulimit -n 32", &arguments));
    let port = server.line().strip_prefix("ready ").unwrap().to_owned();
    let connect = || TcpStream::connect(format!("127.0.0.1:{port}")).unwrap();
    let waiting: Vec<TcpStream> = (0..40).map(|_| connect()).collect();
    let complaint = server.complaint();
    assert!(
        complaint.contains("pauses until connections close"),
        "{complaint}"
    );
    assert!(complaint.contains("RLIMIT_NOFILE"), "{complaint}");
    server.line_with(" accept_pauses=4");
    drop(waiting);

    let echoing = Running::start(tcp_echo(&["client", "--ports", &port]));
    assert_eq!(echoing.line(), "ready 1");
    assert_eq!(echoing.terminate().code, Some(0));
    let server = server.terminate();
    assert_eq!(server.code, Some(0));
    assert!(server.stderr.is_empty(), "said once only: {server:?}");
}

/// Ten ports, in a network namespace of its own since the range holds for the whole of one.
#[cfg(target_os = "linux")]
#[test]
fn every_port_is_used_towards_each_target_and_running_out_is_told() {
    use std::process::Command;

    if !nix::unistd::geteuid().is_root() {
        eprintln!("skipped: only root can make a network namespace");
        return;
    }
    let in_namespace = |enter: &[&str], setup: &str, arguments: &[&str]| {
        let inner = tcp_echo_after(setup, arguments);
        let mut command = Command::new(enter[0]);
        command
            .args(&enter[1..])
            .arg(inner.get_program())
            .args(inner.get_args());
        Running::start(command)
    };
    let setup = "ip link set lo up; echo 40000 40009 > /proc/sys/net/ipv4/ip_local_port_range";
    let server = in_namespace(
        &["unshare", "--net"],
        setup,
        &["server", "--ports", "9000,9001"],
    );
    assert_eq!(server.line(), "ready 9000,9001");
    let net = format!("--net=/proc/{}/ns/net", server.pid());
    let client = |connections, source| {
        let arguments = [
            "client",
            "--ports",
            "9000,9001",
            "--source",
            source,
            "--connections",
            connections,
        ];
        in_namespace(&["nsenter", &net], "", &arguments)
    };

    let too_many = client("21", "127.0.0.1").end();
    let told = [
        "21 connections need 3 pairs of source address and server port",
        "net.ipv4.ip_local_port_range leaves 10 ports to each, and there are 2",
        "--source",
    ];
    assert_trouble(&too_many, 3, &told);
    let all = client("20", "127.0.0.1");
    assert_eq!(all.line(), "ready 20");
    let no_port_left = client("1", "127.0.0.1").end();
    let told = [
        "no ephemeral port left for 127.0.0.1:9000 from 127.0.0.1",
        "net.ipv4.ip_local_port_range",
        "--source",
    ];
    assert_trouble(&no_port_left, 3, &told);
    assert_eq!(all.terminate().code, Some(0));
    let spread = client("40", "127.0.0.1,127.0.0.2");
    assert_eq!(spread.line(), "ready 40");
    assert_eq!(spread.terminate().code, Some(0));
}
