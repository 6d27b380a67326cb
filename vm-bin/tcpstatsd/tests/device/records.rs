// SPDX-License-Identifier: BSD-2-Clause
//! What the records say of real sockets in every state that can be had for certain.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::net::{Ipv4Addr, Ipv6Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::os::fd::AsRawFd;
use std::process::{Command, Stdio};

use socket2::{Domain, Socket, Type};
use tcpstats::device::Device;
use tcpstats::record::{Record, State};

use crate::support::{Connections, Daemon, Tuple, anywhere, eventually, program, with_daemon};

const LOOPBACK: SocketAddr = SocketAddr::V4(std::net::SocketAddrV4::new(Ipv4Addr::LOCALHOST, 0));

/// Every field of every socket.
fn snapshot(daemon: &Daemon) -> BTreeMap<Tuple, Record> {
    let device = Device::open(daemon.node("tcpstats-full")).expect("it opens");
    let records = device.collect().expect("records");
    records
        .into_iter()
        .map(|record| ((record.local(), record.remote()), record))
        .collect()
}

/// Wait until the socket is in this state; a transition takes the kernel a moment.
fn in_state(daemon: &Daemon, tuple: Tuple, state: State) -> Record {
    eventually(&format!("{tuple:?} in {state}"), || {
        snapshot(daemon)
            .remove(&tuple)
            .filter(|record| record.state() == Some(state))
    })
}

fn tuple(stream: &TcpStream) -> Tuple {
    (
        stream.local_addr().expect("local"),
        stream.peer_addr().expect("remote"),
    )
}

fn reversed((local, remote): Tuple) -> Tuple {
    (remote, local)
}

#[test]
fn a_connection_says_what_was_sent_and_what_waits() {
    with_daemon(|daemon| {
        let listener = TcpListener::bind(LOOPBACK).expect("a listener");
        let addr = listener.local_addr().expect("its address");
        let mut client = TcpStream::connect(addr).expect("a connection");
        let server = listener.accept().expect("its other end").0;
        client.write_all(&[7; 1234]).expect("sent");
        let records = snapshot(daemon);
        assert_eq!(records.len(), 3);
        let (sent, received) = (&records[&tuple(&client)], &records[&tuple(&server)]);
        assert_eq!(received.rcv_buf_cc, 1234);
        assert!(received.rcv_buf_hiwat >= 1234 && sent.snd_buf_hiwat > 0);
        for record in [sent, received] {
            assert_eq!(
                (record.version, record.len, record.flags, record.af),
                (1, 320, 0, 2)
            );
            assert_eq!(record.state(), Some(State::Established));
            assert_eq!(record.uid, 0);
            assert_ne!({ record.inp_gencnt }, 0);
            assert_eq!({ record.so_addr }, 0);
            assert_eq!(
                (record.local_addr[4..].to_vec(), record.spare),
                (vec![0; 12], [0; 13])
            );
            // The kernel's slow start begins at ten segments, its shortest timeout is 200 ms.
            assert!(record.snd_cwnd >= 10 * record.maxseg && record.maxseg > 1000);
            assert!(
                record.rtt > 0 && record.rtt < 1_000_000,
                "{} us",
                record.rtt
            );
            assert!(record.rto >= 200_000, "{} us", record.rto);
            assert!(record.rttmin <= record.rtt * 8);
            assert!(
                record.rcvtime < 10_000,
                "{} ms since the last packet",
                record.rcvtime
            );
        }
        let listening = &records[&(addr, anywhere())];
        assert!(listening.is_listen());
        assert_eq!(listening.state(), Some(State::Listen));
        assert_eq!((listening.rcv_buf_cc, listening.snd_buf_cc), (0, 0));
    });
}

#[test]
fn closing_goes_through_its_states() {
    with_daemon(|daemon| {
        let listener = TcpListener::bind(LOOPBACK).expect("a listener");
        let client =
            TcpStream::connect(listener.local_addr().expect("its address")).expect("a connection");
        let server = listener.accept().expect("its other end").0;
        let ours = tuple(&client);
        client.shutdown(Shutdown::Write).expect("half closed");
        in_state(daemon, ours, State::FinWait2);
        in_state(daemon, reversed(ours), State::CloseWait);
        drop((server, client));
        let record = in_state(daemon, ours, State::TimeWait);
        assert!(
            (1..=60_000).contains(&record.tt_2msl),
            "{} ms",
            record.tt_2msl
        );
        assert_eq!((record.tt_rexmt, record.tt_keep, record.flags), (0, 0, 0));
        assert!(
            !snapshot(daemon).contains_key(&reversed(ours)),
            "the other end is gone"
        );
    });
}

#[test]
fn unsent_data_holds_closing_up() {
    with_daemon(|daemon| {
        let listener = TcpListener::bind(LOOPBACK).expect("a listener");
        let client =
            TcpStream::connect(listener.local_addr().expect("its address")).expect("a connection");
        let server = listener.accept().expect("its other end").0;
        // Fill both ends: the FIN comes behind what the other end does not read.
        client.set_nonblocking(true).expect("set");
        while (&client).write(&[1; 65_536]).is_ok() {}
        let ours = tuple(&client);
        client.shutdown(Shutdown::Write).expect("half closed");
        let record = in_state(daemon, ours, State::FinWait1);
        assert!(record.snd_buf_cc > 0);
        let waiting = eventually("a persist or retransmit timer", || {
            snapshot(daemon)
                .remove(&ours)
                .filter(|r| r.tt_persist > 0 || r.tt_rexmt > 0)
        });
        assert_eq!((waiting.tt_keep, waiting.tt_2msl), (0, 0));
        drop(server);
    });
}

#[test]
fn a_connection_request_without_an_answer_is_syn_sent() {
    with_daemon(|daemon| {
        let listener = Socket::new(Domain::IPV4, Type::STREAM, None).expect("a socket");
        listener.bind(&LOOPBACK.into()).expect("bound");
        // One connection fills this queue; the next request is not answered.
        listener.listen(0).expect("listening");
        let addr = listener
            .local_addr()
            .expect("its address")
            .as_socket()
            .expect("an address");
        let _queued = TcpStream::connect(addr).expect("the queue takes one");
        let client = Socket::new(Domain::IPV4, Type::STREAM, None).expect("a socket");
        client.set_nonblocking(true).expect("set");
        client.connect(&addr.into()).expect_err("in progress");
        let local = client
            .local_addr()
            .expect("its address")
            .as_socket()
            .expect("an address");
        let record = in_state(daemon, (local, addr), State::SynSent);
        assert!(record.tt_rexmt > 0, "the request will be repeated");
        assert_eq!(record.flags, 0);
    });
}

/// `TCP_DEFER_ACCEPT` of tcp(7).
#[expect(unsafe_code, reason = "a socket option that no library here sets")]
fn defer_accept(listener: &TcpListener) {
    let seconds: libc::c_int = 30;
    // SAFETY: the option is an int, and the call does not keep the pointer.
    let rc = unsafe {
        libc::setsockopt(
            listener.as_raw_fd(),
            libc::IPPROTO_TCP,
            libc::TCP_DEFER_ACCEPT,
            (&raw const seconds).cast(),
            size_of_val(&seconds) as libc::socklen_t,
        )
    };
    assert_eq!(rc, 0);
}

#[test]
fn a_half_open_connection_is_marked() {
    with_daemon(|daemon| {
        let listener = TcpListener::bind(LOOPBACK).expect("a listener");
        // The handshake's last segment is not taken before data comes.
        defer_accept(&listener);
        let client =
            TcpStream::connect(listener.local_addr().expect("its address")).expect("a connection");
        let theirs = reversed(tuple(&client));
        let record = in_state(daemon, theirs, State::SynReceived);
        assert!(record.is_syncache());
        assert_eq!(
            in_state(daemon, tuple(&client), State::Established).flags,
            0
        );
        (&client).write_all(b"now").expect("sent");
        let record = in_state(daemon, theirs, State::Established);
        assert!(!record.is_syncache());
        assert_eq!(record.rcv_buf_cc, 3);
    });
}

#[test]
fn ipv6_is_ipv6_and_mapped_is_ipv4() {
    with_daemon(|daemon| {
        let v6 = TcpListener::bind((Ipv6Addr::LOCALHOST, 0)).expect("a listener");
        let dual = TcpListener::bind((Ipv6Addr::UNSPECIFIED, 0)).expect("a listener");
        let port = dual.local_addr().expect("its address").port();
        let mapped = Socket::new(Domain::IPV6, Type::STREAM, None).expect("a socket");
        mapped.set_only_v6(false).expect("set");
        let any = SocketAddr::from((Ipv4Addr::LOCALHOST.to_ipv6_mapped(), 0));
        mapped.bind(&any.into()).expect("bound");
        mapped.listen(1).expect("listening");
        let mapped_port = mapped
            .local_addr()
            .expect("its")
            .as_socket()
            .expect("address")
            .port();

        let six = TcpStream::connect(v6.local_addr().expect("its address")).expect("connected");
        let four = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).expect("connected");
        let _ends = (
            v6.accept().expect("accepted"),
            dual.accept().expect("accepted"),
        );
        let records = snapshot(daemon);
        assert_eq!(records.len(), 7);

        let six = &records[&tuple(&six)];
        assert_eq!((six.af, six.flags), (10, 1));
        let listening = records[&(
            SocketAddr::from((Ipv6Addr::UNSPECIFIED, port)),
            SocketAddr::from((Ipv6Addr::UNSPECIFIED, 0)),
        )];
        assert_eq!((listening.af, listening.flags), (10, 3));
        // The server's end is an IPv6 socket with mapped addresses.
        let server = &records[&reversed(tuple(&four))];
        assert_eq!((server.af, server.flags), (2, 0));
        let listening = records[&(
            SocketAddr::from((Ipv4Addr::LOCALHOST, mapped_port)),
            SocketAddr::from((Ipv4Addr::UNSPECIFIED, 0)),
        )];
        assert_eq!((listening.af, listening.flags), (2, 2));
    });
}

#[test]
fn the_owner_is_the_sockets_user() {
    use std::os::unix::process::CommandExt;
    with_daemon(|daemon| {
        let mut child = Command::new("python3")
            .args([
                "-c",
                "import socket,sys\ns=socket.create_server(('127.0.0.1',7000))\nsys.stdin.read()",
            ])
            .stdin(Stdio::piped())
            .uid(4242)
            .spawn()
            .expect("python3");
        let at = SocketAddr::from(([127, 0, 0, 1], 7000));
        let record = in_state(daemon, (at, anywhere()), State::Listen);
        drop(child.stdin.take());
        assert!(child.wait().expect("it ends").success());
        assert_eq!(record.uid, 4242);
    });
}

/// `ss -tan` as local address, port, and state.
fn ss() -> Vec<(String, String)> {
    let output = Command::new("ss")
        .args(["-Htan"])
        .output()
        .expect("ss of iproute2");
    let mut lines: Vec<_> = String::from_utf8(output.stdout)
        .expect("text")
        .lines()
        .map(|line| {
            let words: Vec<_> = line.split_whitespace().collect();
            (
                format!("{} {}", words[3], words[4]).replace(":*", ":0"),
                words[0].to_owned(),
            )
        })
        .collect();
    lines.sort();
    lines
}

/// The command of the crate tcpstats.
fn tcpstats() -> Command {
    Command::new(program("tcpstats"))
}

#[test]
fn the_list_command_ends_quietly_with_its_reader() {
    with_daemon(|daemon| {
        let _fixture = Connections::new(500);
        let mut child = tcpstats()
            .arg("--device")
            .arg(daemon.node("tcpstats-full"))
            .args(["list", "--json", "fields=all"])
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("it runs");
        let mut line = String::new();
        let mut stdout = BufReader::new(child.stdout.take().expect("piped"));
        stdout.read_line(&mut line).expect("a line");
        assert!(line.starts_with('{') && line.ends_with("}\n"), "{line}");
        // More is to come than a pipe holds.
        drop(stdout);
        let output = child.wait_with_output().expect("it ends");
        assert_eq!(output.status.code(), Some(0));
        assert!(output.stderr.is_empty());
    });
}

#[test]
fn the_info_command_finds_the_daemon_of_the_device() {
    with_daemon(|daemon| {
        daemon.set("max_open_fds", 7);
        let output = tcpstats()
            .args(["info", "--json", "--device"])
            .arg(daemon.node("tcpstats"))
            .output()
            .expect("it runs");
        let info: serde_json::Value = serde_json::from_slice(&output.stdout).expect("json");
        assert_eq!(info["protocol_version"], 1);
        assert_eq!(info["limits"]["max_open_fds"], 7);
        assert_eq!(info["counters"]["active_fds"], 1);
    });
}

#[test]
fn the_list_command_agrees_with_ss() {
    with_daemon(|daemon| {
        let listener = TcpListener::bind(LOOPBACK).expect("a listener");
        let streams: Vec<_> = (0..5)
            .map(|_| {
                let addr = listener.local_addr().expect("its address");
                let client = TcpStream::connect(addr).expect("connected");
                (client, listener.accept().expect("accepted"))
            })
            .collect();
        streams[0].0.shutdown(Shutdown::Write).expect("half closed");
        in_state(daemon, tuple(&streams[0].0), State::FinWait2);
        let output = tcpstats()
            .arg("--device")
            .arg(daemon.node("tcpstats"))
            .arg("list")
            .output()
            .expect("it runs");
        let mut listed: Vec<_> = String::from_utf8(output.stdout)
            .expect("text")
            .lines()
            .skip(1)
            .map(|line| {
                let words: Vec<_> = line.split_whitespace().collect();
                let state = match words[2] {
                    "established" => "ESTAB",
                    "listen" => "LISTEN",
                    "fin_wait_2" => "FIN-WAIT-2",
                    "close_wait" => "CLOSE-WAIT",
                    other => other,
                };
                (format!("{} {}", words[0], words[1]), state.to_owned())
            })
            .collect();
        listed.sort();
        assert_eq!(listed.len(), 11);
        assert_eq!(listed, ss());
    });
}
