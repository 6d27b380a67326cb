// SPDX-License-Identifier: BSD-2-Clause
//! Category E: several directives at once, all of which must hold.

use std::net::SocketAddr;

use tcpstats::record::{FieldGroup, State};

use super::model::{Family, Filter, Format, Prefix};
use super::{Case, Lab, TestResult};
use crate::framework::fixture::{Fixture, FixtureError};
use crate::framework::loopback::{V4_A, V4_B, V4_C, V6_A, V6_B};

pub(super) fn cases() -> Vec<Case> {
    vec![
        mixed("port and state", |m| {
            Filter::new().local_ports([m.port]).exclude([State::Listen])
        }),
        mixed("port and IP version", |m| {
            Filter::new().local_ports([m.port]).only(Family::V6)
        }),
        mixed("state and IP version", |_| {
            Filter::new()
                .include([State::CloseWait, State::FinWait2])
                .only(Family::V4)
        }),
        mixed("port, state and IP version", |m| {
            Filter::new()
                .remote_ports([m.port])
                .include([State::Established])
                .only(Family::V4)
        }),
        mixed("address and ports", |m| {
            Filter::new()
                .local_addr(V4_B)
                .remote_ports([m.port, m.other_port])
        }),
        mixed("address and state", |_| {
            Filter::new()
                .remote_addr(V4_A)
                .exclude([State::Established])
        }),
        mixed("all four of one connection", |m| {
            Filter::new()
                .local_ports([m.client.port()])
                .remote_ports([m.port])
                .local_addr(m.client.ip())
                .remote_addr(V4_A)
        }),
        mixed("every directive, in any case and order", |m| {
            let (near, far) = (m.client.port(), m.port);
            let home = V4_A;
            Filter::new()
                .local_ports([near])
                .remote_ports([far])
                .local_addr(Prefix::new(V4_B, 31))
                .remote_addr(V4_A)
                .include([State::Established, State::TimeWait])
                .only(Family::V4)
                .fields(FieldGroup::ALL)
                .format(Format::Full)
                .spelled(format!(
                    "Format=FULL IPV4_ONLY fields=ALL  Include_State=Established,TIMEWAIT \
                     remote_addr={home} LOCAL_ADDR={home}/31 REMOTE_PORT={far} local_port={near} "
                ))
        }),
    ]
}

/// Of both IP versions on one port, open and half closed, from several addresses.
struct Mixed {
    port: u16,
    other_port: u16,
    /// The client end of an open IPv4 connection to `port`.
    client: SocketAddr,
}

fn mixed(name: &'static str, filter: fn(&Mixed) -> Filter) -> Case {
    Case::new(name, move |lab: &Lab| -> TestResult {
        let (fixture, mixed) = build(lab)?;
        lab.expect(&fixture, &filter(&mixed))
    })
}

fn build(lab: &Lab) -> Result<(Fixture, Mixed), FixtureError> {
    lab.fixture_with_ports(|fixture| {
        let at = fixture.listen(V4_A)?;
        let other = fixture.listen(V4_A)?;
        let v6 = fixture.listen_at(SocketAddr::new(V6_A, at.port()))?;
        let open = fixture.connect(V4_B, at)?;
        fixture.connect(V4_B, other)?;
        fixture.connect(V4_C, at)?;
        fixture.connect(V6_B, v6)?;
        for (from, to) in [(V4_B, at), (V4_C, at), (V6_B, v6)] {
            let connection = fixture.connect(from, to)?;
            fixture.half_close(&connection)?;
        }
        Ok(Mixed {
            port: at.port(),
            other_port: other.port(),
            client: open.near,
        })
    })
}
