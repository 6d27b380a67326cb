// SPDX-License-Identifier: BSD-2-Clause
//! Whom a server answers as. A web page may have a name of its own lead to an
//! address that only this machine reaches, and read what is served there; the
//! request then has the page's name in its `Host`.

use std::net::IpAddr;
use std::sync::Arc;

use axum::Router;
use axum::extract::{Request, State};
use axum::http::uri::Authority;
use axum::http::{HeaderMap, StatusCode, header};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};

/// Names that a server answers for, besides `localhost` and every address: those
/// can't be made to lead elsewhere.
#[derive(Debug, Clone, Default)]
pub struct Hosts(Arc<[String]>);

impl Hosts {
    /// With these names.
    #[must_use]
    pub fn new(names: &[String]) -> Self {
        Self(names.into())
    }

    /// `routes`, for requests to these hosts only.
    pub(super) fn guard(self, routes: Router) -> Router {
        routes.layer(middleware::from_fn_with_state(self, answered))
    }

    /// A program of HTTP/1.0 may name no host; every browser does.
    fn has_that_of(&self, headers: &HeaderMap) -> bool {
        let mut named = headers.get_all(header::HOST).iter();
        match (named.next(), named.next()) {
            (None, _) => true,
            (Some(host), None) => Authority::try_from(host.as_bytes())
                .is_ok_and(|authority| self.has(authority.host())),
            (Some(_), Some(_)) => false,
        }
    }

    fn has(&self, host: &str) -> bool {
        let address = host.trim_start_matches('[').trim_end_matches(']');
        let is = |name: &String| name.eq_ignore_ascii_case(host);
        address.parse::<IpAddr>().is_ok()
            || host.eq_ignore_ascii_case("localhost")
            || self.0.iter().any(is)
    }
}

async fn answered(State(hosts): State<Hosts>, request: Request, next: Next) -> Response {
    if hosts.has_that_of(request.headers()) {
        return next.run(request).await;
    }
    let reason = "this service does not answer for the host of the request; \
                  name it with --allowed-host, or ask by address\n";
    (StatusCode::MISDIRECTED_REQUEST, reason).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answers(named: &[&str]) -> bool {
        let mut headers = HeaderMap::new();
        for host in named {
            headers.append(header::HOST, host.parse().unwrap());
        }
        Hosts::new(&["Lab.example".into()]).has_that_of(&headers)
    }

    #[test]
    fn addresses_and_known_names_are_answered() {
        for host in [
            "127.0.0.1:9815",
            "192.0.2.7",
            "[::1]:9815",
            "localhost:9815",
            "LOCALHOST",
            "lab.example:443",
        ] {
            assert!(answers(&[host]), "{host}");
        }
        assert!(answers(&[]));
    }

    #[test]
    fn other_names_and_what_is_no_host_are_not() {
        for host in [
            "evil.example:9815",
            "127.0.0.1.evil.example",
            "localhost.evil.example",
            "evil.example@127.0.0.1/",
            "",
            "not a host",
        ] {
            assert!(!answers(&[host]), "{host}");
        }
        assert!(!answers(&["localhost", "evil.example"]));
    }
}
