// SPDX-License-Identifier: BSD-2-Clause
//! Category D: `local_addr` and `remote_addr`, with and without a prefix length.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::model::{Filter, Prefix};
use super::{Case, Lab, TestResult};
use crate::framework::fixture::{Fixture, FixtureError};
use crate::framework::loopback::{
    V4_A, V4_B, V4_C, V4_FAR_16, V4_FAR_24, V6_A, V6_B, V6_C, V6_FAR_16, V6_FAR_32, V6_FAR_64,
};

#[derive(Debug, Clone, Copy)]
enum Side {
    Local,
    Remote,
}

impl fmt::Display for Side {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Local => "local",
            Self::Remote => "remote",
        })
    }
}

/// A prefix of `home`, with an address that it contains and, where loopback has
/// one, an address of the same family that it does not.
#[derive(Clone, Copy)]
struct Range {
    home: IpAddr,
    len: u8,
    inside: IpAddr,
    outside: Option<IpAddr>,
}

const fn range(home: IpAddr, len: u8, inside: IpAddr, outside: Option<IpAddr>) -> Range {
    Range {
        home,
        len,
        inside,
        outside,
    }
}

/// Each tried at both sides.
const RANGES: [Range; 8] = [
    range(V4_A, 8, V4_FAR_16, None),
    range(V4_A, 16, V4_FAR_24, Some(V4_FAR_16)),
    range(V4_A, 24, V4_C, Some(V4_FAR_24)),
    range(V4_A, 32, V4_A, Some(V4_B)),
    range(V6_A, 16, V6_FAR_32, Some(V6_FAR_16)),
    range(V6_A, 32, V6_FAR_64, Some(V6_FAR_32)),
    range(V6_A, 64, V6_C, Some(V6_FAR_64)),
    range(V6_A, 128, V6_A, Some(V6_B)),
];

pub(super) fn cases() -> Vec<Case> {
    let sided = RANGES.into_iter().flat_map(|range| {
        [Side::Local, Side::Remote].map(|side| {
            Case::new(format!("{side} {}", describe(&range)), move |lab| {
                prefix(lab, side, range)
            })
        })
    });
    let zero = [
        Case::new("0.0.0.0/0 is all IPv4 and no IPv6", |lab| {
            let any = Prefix::new(IpAddr::V4(Ipv4Addr::UNSPECIFIED), 0);
            lab.expect(&both_versions(lab)?, &Filter::new().local_addr(any))
        }),
        Case::new("::/0 is all IPv6 and no IPv4", |lab| {
            let any = Prefix::new(IpAddr::V6(Ipv6Addr::UNSPECIFIED), 0);
            lab.expect(&both_versions(lab)?, &Filter::new().remote_addr(any))
        }),
    ];
    let within_octets = [
        (Side::Remote, range(V4_A, 31, V4_B, Some(V4_C))),
        (Side::Local, range(V6_A, 127, V6_B, Some(V6_C))),
    ];
    let within_octets = within_octets.into_iter().map(|(side, range)| {
        let name = format!("{side} {}, which ends within an octet", describe(&range));
        Case::new(name, move |lab| prefix(lab, side, range))
    });
    let unadorned = [
        Case::new("local IPv4 address without a length", |lab| {
            let range = range(V4_A, 32, V4_A, Some(V4_B));
            lab.expect(&around(lab, range)?, &Filter::new().local_addr(range.home))
        }),
        Case::new("remote IPv6 address without a length", |lab| {
            let range = range(V6_A, 128, V6_A, Some(V6_B));
            lab.expect(&around(lab, range)?, &Filter::new().remote_addr(range.home))
        }),
    ];
    sided
        .chain(zero)
        .chain(within_octets)
        .chain(unadorned)
        .collect()
}

fn describe(range: &Range) -> String {
    let family = if range.home.is_ipv4() { "IPv4" } else { "IPv6" };
    format!("{family} /{}", range.len)
}

fn prefix(lab: &Lab, side: Side, range: Range) -> TestResult {
    let prefix = Prefix::new(range.home, range.len);
    let filter = match side {
        Side::Local => Filter::new().local_addr(prefix),
        Side::Remote => Filter::new().remote_addr(prefix),
    };
    lab.expect(&around(lab, range)?, &filter)
}

/// Servers and clients at home, inside and outside, a server at every address,
/// and a connection of the other IP version.
fn around(lab: &Lab, range: Range) -> Result<Fixture, FixtureError> {
    let mut fixture = lab.fixture();
    let any = match range.home {
        IpAddr::V4(_) => IpAddr::V4(Ipv4Addr::UNSPECIFIED),
        IpAddr::V6(_) => IpAddr::V6(Ipv6Addr::UNSPECIFIED),
    };
    fixture.listen(any)?;
    let mut hosts = vec![range.home, range.inside];
    hosts.extend(range.outside);
    let home = fixture.listen(range.home)?;
    for host in hosts {
        let at = fixture.listen(host)?;
        fixture.connect(range.home, at)?;
        fixture.connect(host, home)?;
    }
    let [server, client] = if range.home.is_ipv4() {
        [V6_A, V6_B]
    } else {
        [V4_A, V4_B]
    };
    let at = fixture.listen(server)?;
    fixture.connect(client, at)?;
    Ok(fixture)
}

fn both_versions(lab: &Lab) -> Result<Fixture, FixtureError> {
    around(lab, range(V4_A, 32, V4_A, None))
}
