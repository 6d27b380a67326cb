// SPDX-License-Identifier: BSD-2-Clause
//! What stands on the page: each number is what the fixture makes it.

use std::collections::BTreeMap;
use std::io::Write;
use std::net::{Shutdown, TcpListener, TcpStream};
use std::process::{Command, Stdio};

use nix::sys::signal::Signal;
use socket2::SockRef;
use tcpstats::filter::Filter;
use tcpstats::record::{Record, State};
use test_host::{Connections, Daemon, eventually};

use crate::support::{Exporter, OFTEN, ONCE, Page, command, with_daemon, with_exporter};

/// Connections in several states, for as long as it lives.
struct Fixture {
    _established: Connections,
    _half_closed: (TcpListener, TcpStream, TcpStream),
}

impl Fixture {
    /// Two listeners, five connections that stand, one that is half closed, one in time-wait, and
    /// bytes that nobody reads.
    fn new() -> Self {
        let established = Connections::new(5);
        let listener = TcpListener::bind("127.0.0.1:0").expect("a listener");
        let connect = || {
            let addr = listener.local_addr().expect("its address");
            let client = TcpStream::connect(addr).expect("a connection");
            (client, listener.accept().expect("its other end").0)
        };
        let (client, server) = connect();
        drop(client);
        drop(server);
        let (client, mut server) = connect();
        client.shutdown(Shutdown::Write).expect("closed one way");
        server.write_all(&[7; 5000]).expect("into the buffer");
        Self {
            _established: established,
            _half_closed: (listener, client, server),
        }
    }

    /// Sockets by state.
    const STATES: [(&str, f64); 5] = [
        ("listen", 2.0),
        ("established", 10.0),
        ("fin_wait_2", 1.0),
        ("close_wait", 1.0),
        ("time_wait", 1.0),
    ];
}

/// Every field of every socket.
fn records(daemon: &Daemon) -> Vec<Record> {
    let device = daemon.open();
    let filter = Filter::parse("fields=all").expect("a filter");
    device.set_filter(&filter).expect("set");
    device.collect().expect("records")
}

/// Wait until the kernel is done with the fixture's segments.
fn settle(daemon: &Daemon) {
    eventually("the states that the fixture is to have", || {
        let mut states = BTreeMap::new();
        for record in records(daemon) {
            *states.entry(record.state().expect("a state")).or_insert(0) += 1;
        }
        let wanted = [
            (State::Listen, 2),
            (State::Established, 10),
            (State::CloseWait, 1),
            (State::FinWait2, 1),
            (State::TimeWait, 1),
        ];
        (states == BTreeMap::from(wanted)).then_some(())
    });
}

#[test]
fn every_socket_is_counted_once_in_its_state() {
    with_daemon(|daemon| {
        let _fixture = Fixture::new();
        settle(daemon);
        with_exporter(daemon, OFTEN, |exporter| {
            let page = exporter.scrape();
            assert_eq!(page.get("tcpstats_exporter_up"), 1.0);
            assert_eq!(page.get("tcpstats_sockets_total"), 15.0);
            for state in State::ALL {
                let series = format!("tcpstats_sockets_by_state{{state=\"{state}\"}}");
                let expected = Fixture::STATES
                    .iter()
                    .find(|(name, _)| *name == state.name());
                assert_eq!(page.get(&series), expected.map_or(0.0, |(_, count)| *count));
            }
        });
    });
}

#[test]
fn the_distributions_are_those_of_the_records() {
    with_daemon(|daemon| {
        let _fixture = Fixture::new();
        settle(daemon);
        let records: Vec<_> = records(daemon)
            .into_iter()
            .filter(|r| !matches!(r.state(), Some(State::Listen | State::TimeWait)))
            .collect();
        assert_eq!(records.len(), 12);
        let of = |value: fn(&Record) -> f64| records.iter().map(value).collect::<Vec<_>>();
        with_exporter(daemon, OFTEN, |exporter| {
            let page = exporter.scrape();
            let rtt = of(|r| f64::from(r.rtt) / 1e6);
            assert!(rtt.iter().all(|&rtt| rtt > 0.0), "all have measured one");
            assert_distribution(&page, "tcpstats_socket_rtt_seconds", "", &rtt);
            let cwnd = of(|r| f64::from(r.snd_cwnd));
            assert_distribution(&page, "tcpstats_socket_cwnd_bytes", "", &cwnd);
            let retransmits = of(|r| f64::from(r.snd_rexmitpack));
            assert_distribution(&page, "tcpstats_socket_retransmits", "", &retransmits);
            let buffers = "tcpstats_socket_buffer_used_ratio";
            let send = of(|r| f64::from(r.snd_buf_cc) / f64::from(r.snd_buf_hiwat));
            assert_distribution(&page, buffers, "buffer=\"send\"", &send);
            let receive = of(|r| f64::from(r.rcv_buf_cc) / f64::from(r.rcv_buf_hiwat));
            assert_distribution(&page, buffers, "buffer=\"receive\"", &receive);
            // But for the bytes that nobody reads, and the end that nobody has seen.
            let empty = "tcpstats_socket_buffer_used_ratio_bucket{buffer=\"receive\",le=\"0\"}";
            assert_eq!(page.get(empty), 10.0);
        });
    });
}

/// Count, sum and every bucket are those of `values`.
fn assert_distribution(page: &Page, name: &str, label: &str, values: &[f64]) {
    let braced = if label.is_empty() {
        String::new()
    } else {
        format!("{{{label}}}")
    };
    let count = page.get(&format!("{name}_count{braced}"));
    assert_eq!(count, values.len() as f64, "{name}");
    let (sum, expected) = (
        page.get(&format!("{name}_sum{braced}")),
        values.iter().sum::<f64>(),
    );
    // Additions in another order.
    assert!((sum - expected).abs() <= expected * 1e-9, "{name} {sum}");
    let prefix = if label.is_empty() {
        format!("{name}_bucket{{le=\"")
    } else {
        format!("{name}_bucket{{{label},le=\"")
    };
    let buckets = page.text.lines().filter_map(|l| l.strip_prefix(&prefix));
    let mut seen = 0;
    for (bound, count) in buckets.map(|bucket| bucket.split_once("\"} ").expect("a bucket")) {
        let bound: f64 = bound.parse().expect("a bound");
        let below = values.iter().filter(|&&value| value <= bound).count();
        assert_eq!(count, below.to_string(), "{name} up to {bound}");
        seen += 1;
    }
    assert!(seen > 5, "{name} has {seen} buckets");
}

#[test]
fn a_collection_is_one_open_and_its_counters_are_the_devices() {
    with_daemon(|daemon| {
        let _fixture = Connections::new(20);
        daemon.set("max_open_fds", 7);
        with_exporter(daemon, OFTEN, |exporter| {
            exporter.scrape();
            let page = exporter.scrape();
            for (series, value) in [
                ("opens_total", 2.0),
                // All that fits, and the end.
                ("reads_total", 4.0),
                ("records_emitted_total", 82.0),
                ("sockets_visited_total", 82.0),
                ("sockets_skipped_total{reason=\"gencnt\"}", 0.0),
                ("sockets_skipped_total{reason=\"cred\"}", 0.0),
                ("sockets_skipped_total{reason=\"ipver\"}", 0.0),
                ("sockets_skipped_total{reason=\"state\"}", 0.0),
                ("sockets_skipped_total{reason=\"port\"}", 0.0),
                ("sockets_skipped_total{reason=\"addr\"}", 0.0),
                ("uiomove_errors_total", 0.0),
                ("reads_timed_out_total", 0.0),
                ("reads_interrupted_total", 0.0),
                ("active_fds", 0.0),
                ("limit{name=\"max_open_fds\"}", 7.0),
                ("limit{name=\"max_concurrent_readers\"}", 32.0),
                ("limit{name=\"max_read_duration_ms\"}", 5000.0),
                ("limit{name=\"min_read_interval_ms\"}", 0.0),
            ] {
                assert_eq!(
                    page.get(&format!("tcpstats_kmod_{series}")),
                    value,
                    "{series}"
                );
            }
            let seconds = daemon.number("read_duration_ns_total") as f64 / 1e9;
            let series = "tcpstats_kmod_read_duration_seconds_total";
            assert_eq!(page.get(series), seconds);
            let seconds = daemon.number("read_duration_ns_max") as f64 / 1e9;
            let series = "tcpstats_kmod_read_duration_seconds_max";
            assert_eq!(page.get(series), seconds);
        });
    });
}

#[test]
fn the_systems_counters_are_of_the_exporters_namespace() {
    with_daemon(|daemon| {
        let exporter = Exporter::start(&daemon.mount(), OFTEN);
        let fixture = Connections::new(6);
        // Ended by a reset: both ends count it.
        let client = TcpStream::connect(fixture.listener.local_addr().expect("an address"));
        let client = client.expect("a connection");
        let server = fixture.listener.accept().expect("its other end").0;
        let hard = Some(std::time::Duration::ZERO);
        SockRef::from(&client).set_linger(hard).expect("set");
        drop(client);
        let page = exporter.scrape();
        drop(server);
        let sys = |name: &str| page.find(&format!("tcpstats_sys_{name}_total"));
        // And the scrape's own.
        assert_eq!(sys("connection_attempts"), Some(8.0));
        assert_eq!(sys("accepts"), Some(8.0));
        assert_eq!(sys("connects"), Some(16.0));
        assert_eq!(sys("drops"), Some(2.0));
        assert_eq!(sys("retransmit_packets"), Some(0.0));
        assert_eq!(sys("duplicate_packets"), Some(0.0));
        assert_eq!(sys("bad_checksum"), Some(0.0));
        // Each segment on the loopback interface is sent here and received here: the handshakes'
        // three, a reset, the request and its acknowledgement.
        assert_eq!(sys("sent_packets"), Some(8.0 * 3.0 + 1.0 + 2.0));
        assert_eq!(sys("received_packets"), sys("sent_packets"));
        for unknown in ["sent_bytes", "retransmit_bytes", "received_bytes"] {
            assert_eq!(sys(unknown), None, "Linux does not count {unknown}");
        }
        assert_eq!(exporter.stop(Signal::SIGTERM).code(), Some(0));
    });
}

#[test]
fn all_that_the_reference_names_is_served_and_nothing_else() {
    let output = command("/nonexistent".as_ref())
        .arg("--print-metrics")
        .output();
    let reference = String::from_utf8(output.expect("it runs").stdout).expect("text");
    let checked_in = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../../docs/tcpstats-exporter-metrics.md"
    );
    let checked_in = std::fs::read_to_string(checked_in).expect("the reference");
    assert_eq!(
        checked_in, reference,
        "write the output of `tcpstats-exporter --print-metrics` there"
    );
    let rows = reference
        .lines()
        .filter_map(|line| line.strip_prefix("| `"));
    let mut documented: BTreeMap<String, String> = rows
        .map(|row| row.split('|').collect::<Vec<_>>())
        .filter(|cells| cells.len() > 3)
        .map(|cells| (cells[0].trim().replace('`', ""), cells[1].trim().to_owned()))
        .collect();
    assert_eq!(documented.len(), 37);
    for unknown in ["sent_bytes", "retransmit_bytes", "received_bytes"] {
        documented.remove(&format!("tcpstats_sys_{unknown}_total"));
    }
    with_daemon(|daemon| {
        with_exporter(daemon, ONCE, |exporter| {
            assert_eq!(exporter.scrape().types(), documented);
        });
    });
}

#[test]
fn promtool_complains_of_the_historical_name_alone() {
    with_daemon(|daemon| {
        let _fixture = Fixture::new();
        with_exporter(daemon, ONCE, |exporter| {
            let mut promtool = Command::new("promtool")
                .args(["check", "metrics"])
                .stdin(Stdio::piped())
                .stdout(Stdio::piped())
                .stderr(Stdio::piped())
                .spawn()
                .expect("promtool is needed (Debian package prometheus)");
            let mut stdin = promtool.stdin.take().expect("piped");
            stdin
                .write_all(exporter.scrape().text.as_bytes())
                .expect("written");
            drop(stdin);
            let output = promtool.wait_with_output().expect("an end");
            let said = [output.stdout, output.stderr].concat();
            assert_eq!(
                String::from_utf8(said).expect("text"),
                "tcpstats_sockets_total non-counter metrics should not have \"_total\" suffix\n"
            );
        });
    });
}
