// SPDX-License-Identifier: BSD-2-Clause
//! Category A: `local_port` and `remote_port`.

use std::net::SocketAddr;

use super::model::Filter;
use super::{Case, Lab, TestResult};
use crate::framework::fixture::{Connection, Fixture, FixtureError};
use crate::framework::loopback::{V4_A, V4_B, V6_A, V6_B};

pub(super) fn cases() -> Vec<Case> {
    vec![
        Case::new("one local port", one_local),
        Case::new("one remote port", one_remote),
        Case::new("any of two local ports", two_local),
        Case::new("any of two remote ports", two_remote),
        Case::new("eight local ports, not the ninth", eight_local),
        Case::new("eight remote ports, not the ninth", eight_remote),
        Case::new("local and remote port of one connection", one_connection),
        Case::new(
            "the port of a client and that of a server",
            client_and_server,
        ),
        Case::new("not the port of the same bytes swapped", swapped_bytes),
        Case::new("the lowest and the highest port", extremes),
        Case::new("the same port of both IP versions", both_versions),
        Case::new("the ports of two connections never meet", crossed),
    ]
}

/// Three servers at one address; two connections to the first, one to each other.
struct Servers {
    fixture: Fixture,
    at: [SocketAddr; 3],
    connections: [Connection; 4],
}

fn servers(lab: &Lab) -> Result<Servers, FixtureError> {
    let mut fixture = lab.fixture();
    let at = [
        fixture.listen(V4_A)?,
        fixture.listen(V4_A)?,
        fixture.listen(V4_A)?,
    ];
    let connections = [
        fixture.connect(V4_B, at[0])?,
        fixture.connect(V4_B, at[0])?,
        fixture.connect(V4_B, at[1])?,
        fixture.connect(V4_B, at[2])?,
    ];
    Ok(Servers {
        fixture,
        at,
        connections,
    })
}

impl Servers {
    fn client_port(&self, connection: usize) -> u16 {
        self.connections[connection].near.port()
    }
}

fn one_local(lab: &Lab) -> TestResult {
    let s = servers(lab)?;
    lab.expect(&s.fixture, &Filter::new().local_ports([s.at[0].port()]))
}

fn one_remote(lab: &Lab) -> TestResult {
    let s = servers(lab)?;
    lab.expect(&s.fixture, &Filter::new().remote_ports([s.at[0].port()]))
}

fn two_local(lab: &Lab) -> TestResult {
    let s = servers(lab)?;
    let ports = [s.at[2].port(), s.at[0].port()];
    lab.expect(&s.fixture, &Filter::new().local_ports(ports))
}

fn two_remote(lab: &Lab) -> TestResult {
    let s = servers(lab)?;
    let ports = [s.at[1].port(), s.at[2].port()];
    lab.expect(&s.fixture, &Filter::new().remote_ports(ports))
}

/// Nine servers with a connection each, and the ports of the first eight.
fn nine_servers(lab: &Lab) -> Result<(Fixture, Vec<u16>), FixtureError> {
    let mut fixture = lab.fixture();
    let mut ports = Vec::new();
    for _ in 0..9 {
        let at = fixture.listen(V4_A)?;
        fixture.connect(V4_B, at)?;
        ports.push(at.port());
    }
    ports.pop();
    Ok((fixture, ports))
}

fn eight_local(lab: &Lab) -> TestResult {
    let (fixture, ports) = nine_servers(lab)?;
    lab.expect(&fixture, &Filter::new().local_ports(ports))
}

fn eight_remote(lab: &Lab) -> TestResult {
    let (fixture, ports) = nine_servers(lab)?;
    lab.expect(&fixture, &Filter::new().remote_ports(ports))
}

fn one_connection(lab: &Lab) -> TestResult {
    let s = servers(lab)?;
    let filter = Filter::new()
        .local_ports([s.at[0].port()])
        .remote_ports([s.client_port(1)]);
    lab.expect(&s.fixture, &filter)
}

fn client_and_server(lab: &Lab) -> TestResult {
    let s = servers(lab)?;
    let ports = [s.client_port(0), s.at[1].port()];
    lab.expect(&s.fixture, &Filter::new().local_ports(ports))
}

fn swapped_bytes(lab: &Lab) -> TestResult {
    // 0x2180 and 0x8021 and so on: both beyond what only root may bind.
    for low in 0x80..=0xff_u16 {
        let port = 0x2100 | low;
        let mut fixture = lab.fixture();
        match listen_twice(&mut fixture, port, port.swap_bytes()) {
            Err(error) if error.is_in_use() => continue,
            result => result?,
        }
        return lab.expect(&fixture, &Filter::new().local_ports([port]));
    }
    Err(super::Ending::failed("128 pairs of ports are all in use"))
}

fn listen_twice(fixture: &mut Fixture, one: u16, other: u16) -> Result<(), FixtureError> {
    for port in [one, other] {
        let at = fixture.listen_at(SocketAddr::new(V4_A, port))?;
        fixture.connect(V4_B, at)?;
    }
    Ok(())
}

fn extremes(lab: &Lab) -> TestResult {
    let mut s = servers(lab)?;
    listen_twice(&mut s.fixture, 1, 65535)?;
    lab.expect(&s.fixture, &Filter::new().local_ports([65535, 1]))
}

fn both_versions(lab: &Lab) -> TestResult {
    let (fixture, port) = lab.fixture_with_ports(|fixture| {
        let v4 = fixture.listen(V4_A)?;
        let v6 = fixture.listen_at(SocketAddr::new(V6_A, v4.port()))?;
        let other = fixture.listen(V6_A)?;
        fixture.connect(V4_B, v4)?;
        fixture.connect(V6_B, v6)?;
        fixture.connect(V6_B, other)?;
        Ok(v4.port())
    })?;
    lab.expect(&fixture, &Filter::new().local_ports([port]))
}

fn crossed(lab: &Lab) -> TestResult {
    let s = servers(lab)?;
    let filter = Filter::new()
        .local_ports([s.at[1].port()])
        .remote_ports([s.client_port(3)]);
    lab.expect_none(&s.fixture, &filter)
}
