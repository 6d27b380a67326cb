// SPDX-License-Identifier: BSD-2-Clause
//! Whom a service answers as: nobody's web page can have a name of its own lead
//! here and read what is served.

use std::io::{Read, Write};
use std::net::TcpStream;

use crate::fixture::Lab;

/// The status of a request to `address` that names `host`.
fn status(address: &str, path: &str, host: &str) -> u16 {
    let mut stream = TcpStream::connect(address).unwrap();
    let request = format!("GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer.split(' ').nth(1).unwrap().parse().unwrap()
}

#[test]
fn a_service_answers_for_addresses_and_its_own_names_only() {
    let lab = Lab::new(&["a"]);
    let service = lab.serve_with("serve", "", &["--allowed-host", "lab.example"]);
    let address = service.address();
    for path in ["/", "/metrics", "/healthz"] {
        for host in [address, "localhost:9815", "192.0.2.1", "lab.example"] {
            assert_eq!(status(address, path, host), 200, "{path} {host}");
        }
        assert_eq!(status(address, path, "evil.example:9815"), 421, "{path}");
    }
    assert_eq!(status(address, "/api/v1/vms", "evil.example"), 421);
    assert_eq!(status(address, "/api/v1/vms", "lab.example"), 401);
}

#[test]
fn so_does_a_run() {
    let lab = Lab::new(&["a"]);
    let run = lab.start(&["--target", "hang"]);
    run.wait_for_harness("a");
    run.wait_for_stderr("/metrics");
    let address = run.metrics_address();
    assert_eq!(status(&address, "/metrics", &address), 200);
    assert_eq!(status(&address, "/metrics", "evil.example"), 421);
    run.signal("INT");
    run.wait();
}
