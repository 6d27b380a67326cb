// SPDX-License-Identifier: BSD-2-Clause
//! The server: its routes without a port, and the port itself.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::time::Duration;

use axum::body::Body;
use axum::http::{Request, StatusCode, header};
use orchestrator::http::{Server, router};
use tower::ServiceExt;

use crate::events::troubled_run;
use crate::metrics::{feed, metrics};

const ANY_PORT: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), 0);

async fn ask(method: &str, path: &str) -> (StatusCode, Option<String>, String) {
    let (metrics, mut fold) = metrics();
    feed(&mut fold, &troubled_run().events);
    let request = Request::builder().method(method).uri(path);
    let request = request.body(Body::empty()).unwrap();
    let response = router(metrics).oneshot(request).await.unwrap();
    let status = response.status();
    let media = response.headers().get(header::CONTENT_TYPE);
    let media = media.map(|value| value.to_str().unwrap().to_owned());
    let bytes = axum::body::to_bytes(response.into_body(), 1 << 20).await;
    let text = String::from_utf8(bytes.unwrap().to_vec()).unwrap();
    (status, media, text)
}

#[tokio::test]
async fn metrics_are_served_as_prometheus_wants_them() {
    let (status, media, text) = ask("GET", "/metrics").await;
    assert_eq!(status, StatusCode::OK);
    assert_eq!(media.unwrap(), "text/plain; version=0.0.4; charset=utf-8");
    assert!(text.contains("orchestrator_vm_up{vm=\"freebsd143\"} 0\n"));
}

#[tokio::test]
async fn health_is_ok_and_the_rest_is_refused() {
    let (status, _, text) = ask("GET", "/healthz").await;
    assert_eq!((status, text.as_str()), (StatusCode::OK, "ok\n"));
    assert_eq!(ask("GET", "/").await.0, StatusCode::NOT_FOUND);
    assert_eq!(
        ask("POST", "/metrics").await.0,
        StatusCode::METHOD_NOT_ALLOWED
    );
}

fn get(address: SocketAddr, path: &str) -> String {
    let mut stream = TcpStream::connect(address).unwrap();
    stream
        .set_read_timeout(Some(Duration::from_secs(10)))
        .unwrap();
    write!(
        stream,
        "GET {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n"
    )
    .unwrap();
    let mut text = String::new();
    stream.read_to_string(&mut text).unwrap();
    text
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_answers_on_its_port_until_it_is_stopped() {
    let (metrics, mut fold) = metrics();
    let server = Server::start(&ANY_PORT.into(), metrics).await.unwrap();
    let address = server.address();
    assert_eq!(address.ip(), Ipv4Addr::LOCALHOST);
    assert_ne!(address.port(), 0);
    let text = get(address, "/metrics");
    assert!(text.starts_with("HTTP/1.1 200 OK\r\n"), "{text}");
    assert!(
        text.contains("\norchestrator_run_in_progress 0\n"),
        "{text}"
    );
    feed(&mut fold, &troubled_run().events[..1]);
    assert!(get(address, "/metrics").contains("\norchestrator_run_in_progress 1\n"));
    server.stop().await;
    assert!(TcpStream::connect(address).is_err());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_never_finishes_does_not_hold_the_server() {
    let (metrics, _) = metrics();
    let server = Server::start(&ANY_PORT.into(), metrics).await.unwrap();
    let mut slow = TcpStream::connect(server.address()).unwrap();
    slow.write_all(b"GET /metrics HTTP/1.1\r\n").unwrap();
    // Answered after `slow` was accepted, since connections are taken in order.
    assert!(get(server.address(), "/healthz").ends_with("ok\n"));
    let address = server.address();
    tokio::time::timeout(Duration::from_secs(60), server.stop())
        .await
        .expect("the server should stop whatever its clients do");
    assert!(TcpStream::connect(address).is_err());
}

#[tokio::test]
async fn an_address_that_is_taken_is_said_with_the_way_out() {
    let taken = TcpListener::bind(ANY_PORT).unwrap();
    let address = taken.local_addr().unwrap();
    let error = Server::start(&address.into(), metrics().0)
        .await
        .unwrap_err();
    assert_eq!(
        error.to_string(),
        format!(
            "failed to listen on {address}: Address already in use (os error 98); end the program that listens there, or choose another address with --listen (port 0 takes a free one)"
        )
    );
    let elsewhere: SocketAddr = "192.0.2.1:0".parse().unwrap();
    let error = Server::start(&elsewhere.into(), metrics().0).await;
    let text = error.unwrap_err().to_string();
    assert!(
        text.ends_with("choose one of its own with --listen"),
        "{text}"
    );
}
