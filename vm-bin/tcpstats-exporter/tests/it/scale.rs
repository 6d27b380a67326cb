// SPDX-License-Identifier: BSD-2-Clause
//! Many sockets in one scrape, and a Prometheus that scrapes.

use std::fs;
use std::net::{SocketAddr, TcpStream};
use std::process::{Child, Command, Stdio};

use test_host::{Connections, Crowd, eventually};

use crate::support::{OFTEN, ONCE, request, with_daemon, with_exporter};

#[test]
fn a_hundred_thousand_sockets_are_in_one_scrape_in_bounded_memory() {
    with_daemon(|daemon| {
        let fixture = Crowd::new(50_000);
        let sockets = fixture.tuples.len() as f64;
        assert_eq!(sockets, 100_000.0 + fixture.ports.len() as f64);
        with_exporter(daemon, ONCE, |exporter| {
            let page = exporter.scrape();
            assert_eq!(page.get("tcpstats_sockets_total"), sockets);
            let established = "tcpstats_sockets_by_state{state=\"established\"}";
            assert_eq!(page.get(established), 100_000.0);
            assert_eq!(page.get("tcpstats_socket_cwnd_bytes_count"), 100_000.0);
            assert_eq!(page.get("tcpstats_kmod_opens_total"), 1.0);
            // Their records alone are 32 MB.
            let most = exporter.memory_kb("VmHWM");
            assert!(most < 20_000, "{most} kB at most");
        });
    });
}

/// A program that ends with this value.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn prometheus_scrapes_it() {
    with_daemon(|daemon| {
        let _fixture = Connections::new(11);
        with_exporter(daemon, OFTEN, |exporter| {
            let folder = tempfile::tempdir().expect("a folder");
            let config = folder.path().join("prometheus.yml");
            let target = exporter.addresses[0];
            fs::write(
                &config,
                format!(
                    "scrape_configs:\n- job_name: tcpstats\n  scrape_interval: 1s\n  \
                     static_configs: [{{targets: ['{target}']}}]\n"
                ),
            )
            .expect("written");
            // In a namespace of this test's own: no other has the port.
            let address = SocketAddr::from(([127, 0, 0, 1], 9090));
            let _prometheus = Running(
                Command::new("prometheus")
                    .arg(format!("--config.file={}", config.display()))
                    .arg(format!("--storage.tsdb.path={}", folder.path().display()))
                    .arg(format!("--web.listen-address={address}"))
                    .stderr(Stdio::null())
                    .spawn()
                    .expect("prometheus is needed (Debian package prometheus)"),
            );
            eventually("prometheus listens", || TcpStream::connect(address).ok());
            for (query, value) in [
                ("up", "1"),
                ("tcpstats_exporter_up", "1"),
                ("tcpstats_sockets_total", "23"),
                ("tcpstats_socket_cwnd_bytes_count", "22"),
            ] {
                eventually(&format!("{query} is {value}"), || {
                    let path = format!("/api/v1/query?query={query}");
                    let answer = request(address, "GET", &path).body;
                    answer.contains(&format!(",\"{value}\"]")).then_some(())
                });
            }
        });
    });
}
