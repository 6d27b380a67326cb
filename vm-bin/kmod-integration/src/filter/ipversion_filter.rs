// SPDX-License-Identifier: BSD-2-Clause
//! Category C: `ipv4_only` and `ipv6_only`; IPv4-mapped sockets count as IPv4.

use std::net::SocketAddr;

use super::model::{Family, Filter};
use super::{Case, Lab, TestResult};
use crate::framework::fixture::{Fixture, FixtureError};
use crate::framework::loopback::{V4_A, V4_B, V6_A, V6_B};

pub(super) fn cases() -> Vec<Case> {
    vec![
        Case::new("IPv4 only, both versions there", |lab| {
            lab.expect(&both(lab)?, &Filter::new().only(Family::V4))
        }),
        Case::new("IPv6 only, both versions there", |lab| {
            lab.expect(&both(lab)?, &Filter::new().only(Family::V6))
        }),
        Case::new("both versions without a flag", |lab| {
            lab.expect(&both(lab)?, &Filter::new())
        }),
        Case::new(
            "IPv4 only has the IPv4 clients of a dual-stack server",
            |lab| lab.expect(&dual_stack(lab)?.0, &Filter::new().only(Family::V4)),
        ),
        Case::new(
            "IPv6 only has a dual-stack server, not its IPv4 clients",
            |lab| lab.expect(&dual_stack(lab)?.0, &Filter::new().only(Family::V6)),
        ),
        Case::new(
            "an IPv4 address finds its IPv4-mapped socket",
            mapped_address,
        ),
        Case::new("flags in capitals", |lab| {
            let filter = Filter::new().only(Family::V6).spelled("IPV6_ONLY");
            lab.expect(&both(lab)?, &filter)
        }),
        Case::new("IPv6 only finds nothing where all is IPv4", |lab| {
            let mut fixture = lab.fixture();
            let at = fixture.listen(V4_A)?;
            fixture.connect(V4_B, at)?;
            fixture.connect_mapped(at)?;
            lab.expect_none(&fixture, &Filter::new().only(Family::V6))
        }),
    ]
}

/// A server of each version, with unequal numbers of clients.
fn both(lab: &Lab) -> Result<Fixture, FixtureError> {
    let mut fixture = lab.fixture();
    let v4 = fixture.listen(V4_A)?;
    let v6 = fixture.listen(V6_A)?;
    fixture.connect(V4_B, v4)?;
    fixture.connect(V6_B, v6)?;
    fixture.connect(V6_B, v6)?;
    Ok(fixture)
}

/// A server of both versions with clients of either, and an IPv6 socket that is
/// connected to an IPv4 server.
fn dual_stack(lab: &Lab) -> Result<(Fixture, u16), FixtureError> {
    let mut fixture = lab.fixture();
    let port = fixture.listen_dual_stack()?;
    fixture.connect(V4_B, SocketAddr::new(V4_A, port))?;
    fixture.connect(V6_B, SocketAddr::new(V6_A, port))?;
    fixture.connect(V6_B, SocketAddr::new(V6_A, port))?;
    let v4 = fixture.listen(V4_A)?;
    fixture.connect_mapped(v4)?;
    Ok((fixture, port))
}

fn mapped_address(lab: &Lab) -> TestResult {
    let (fixture, port) = dual_stack(lab)?;
    let filter = Filter::new().local_ports([port]).local_addr(V4_A);
    lab.expect(&fixture, &filter)
}
