// SPDX-License-Identifier: BSD-2-Clause
//! The bridge, the links to it, and their addresses.
//!
//! Addresses are from 198.18.0.0/15, which RFC 2544 sets aside for tests of
//! network equipment: no machine's own network has them.

use std::fmt;
use std::fs::File;
use std::net::Ipv4Addr;
use std::path::Path;

use rustix::fs::{FlockOperation, flock};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::Lab;
use super::command;
use super::error::{LabError, Tried};

/// How many hosts a lab may have.
pub(super) const MOST_HOSTS: u8 = 200;

/// The number of the first host's address in the subnet, less one.
const BEFORE_FIRST_HOST: u8 = 10;

/// The name of a host's own end of its link.
const INTERFACE: &str = "eth0";

/// A /24 of 198.18.0.0/15.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Subnet {
    base: Ipv4Addr,
}

impl Subnet {
    /// Length of the network part in bits.
    const PREFIX: u8 = 24;

    /// Every subnet a lab may have, the usual one first.
    fn candidates() -> impl Iterator<Item = Self> {
        let usual = (18, 77);
        let all = [18, 19]
            .into_iter()
            .flat_map(|second| (0..=255).map(move |third| (second, third)));
        std::iter::once(usual)
            .chain(all.filter(move |pair| *pair != usual))
            .map(|(second, third)| Self {
                base: Ipv4Addr::new(198, second, third, 0),
            })
    }

    /// The bridge's own address.
    fn bridge(self) -> Ipv4Addr {
        self.address(1)
    }

    /// The address of host `number`, counted from 1 to [`MOST_HOSTS`].
    pub(super) fn host(self, number: u8) -> Ipv4Addr {
        self.address(BEFORE_FIRST_HOST + number)
    }

    fn address(self, last: u8) -> Ipv4Addr {
        let [first, second, third, _] = self.base.octets();
        Ipv4Addr::new(first, second, third, last)
    }

    /// Whether the two have an address in common.
    fn overlaps(self, base: Ipv4Addr, prefix: u8) -> bool {
        let shift = 32 - u32::from(prefix.min(Self::PREFIX));
        let network = |address: Ipv4Addr| u64::from(address.to_bits()) >> shift;
        network(self.base) == network(base)
    }
}

impl fmt::Display for Subnet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.base, Self::PREFIX)
    }
}

/// An interface, as `ip -json address` prints it.
#[derive(Deserialize)]
struct Interface {
    // With a filter, `ip` prints an empty object for what it leaves out.
    #[serde(default)]
    ifname: String,
    #[serde(default)]
    addr_info: Vec<Address>,
}

#[derive(Deserialize)]
struct Address {
    local: Option<Ipv4Addr>,
    prefixlen: u8,
}

/// A route, as `ip -json route` prints it.
#[derive(Deserialize)]
struct Route {
    dst: String,
}

/// Make the lab's bridge, with an address of a subnet that is free.
///
/// # Errors
/// No subnet is free, or `ip` fails.
pub(super) fn create_bridge(lab: &Lab) -> Result<Subnet, LabError> {
    // Two labs that come up at once must not choose the same subnet.
    let _choosing = exclusively(Path::new("/run"))?;
    let subnet = free_subnet()?;
    let bridge = lab.name.bridge();
    ip(&["link", "add", &bridge, "type", "bridge"])?;
    // The machine needs no link-local address there.
    ip(&["link", "set", &bridge, "addrgenmode", "none"])?;
    let address = format!("{}/{}", subnet.bridge(), Subnet::PREFIX);
    ip(&["address", "add", &address, "dev", &bridge])?;
    ip(&["link", "set", &bridge, "up"])?;
    Ok(subnet)
}

fn exclusively(folder: &Path) -> Result<File, LabError> {
    File::open(folder)
        .and_then(|file| {
            flock(&file, FlockOperation::LockExclusive)?;
            Ok(file)
        })
        .tried(|| format!("lock {}", folder.display()))
}

fn free_subnet() -> Result<Subnet, LabError> {
    let interfaces: Vec<Interface> = ip_json(&["-json", "-4", "address", "show"])?;
    let routes: Vec<Route> = ip_json(&["-json", "-4", "route", "show", "table", "all"])?;
    let addresses = interfaces
        .iter()
        .flat_map(|interface| &interface.addr_info)
        .filter_map(|address| Some((address.local?, address.prefixlen)));
    let taken: Vec<_> = addresses
        .chain(routes.iter().filter_map(|route| destination(&route.dst)))
        .collect();
    Subnet::candidates()
        .find(|subnet| {
            !taken
                .iter()
                .any(|&(base, prefix)| subnet.overlaps(base, prefix))
        })
        .ok_or_else(|| LabError::Refused {
            what: "every /24 of 198.18.0.0/15 is in use on this machine".to_owned(),
            advice: "free one of its addresses or routes (`ip address`, `ip route`)".to_owned(),
        })
}

/// A route's destination; none for the default route and its kin, which take
/// only what nothing else takes.
fn destination(text: &str) -> Option<(Ipv4Addr, u8)> {
    let (base, prefix) = match text.split_once('/') {
        Some((base, prefix)) => (base, prefix.parse().ok()?),
        None => (text, 32),
    };
    let base = base.parse().ok()?;
    (prefix > 0).then_some((base, prefix))
}

/// Connect host `number`, whose first process is `pid`, to the bridge.
///
/// # Errors
/// `ip` fails.
pub(super) fn connect_host(lab: &Lab, number: u8, pid: u32) -> Result<(), LabError> {
    let link = lab.name.link(number);
    let pid = pid.to_string();
    #[rustfmt::skip]
    ip(&["link", "add", &link, "type", "veth", "peer", "name", INTERFACE, "netns", &pid])?;
    ip(&["link", "set", &link, "master", &lab.name.bridge(), "up"])
}

/// From inside a host: give its end of the link its address and bring it and
/// the loopback up.
///
/// # Errors
/// `ip` fails.
pub(super) fn configure_host(address: Ipv4Addr) -> Result<(), LabError> {
    let address = format!("{address}/{}", Subnet::PREFIX);
    ip(&["address", "add", &address, "dev", INTERFACE])?;
    ip(&["link", "set", INTERFACE, "up"])?;
    ip(&["link", "set", "lo", "up"])
}

/// Try whether the kernel can make a link of this kind. To be called in a
/// network namespace that goes away.
///
/// # Errors
/// `ip` fails: the kernel cannot.
pub(super) fn probe(kind: &str) -> Result<(), LabError> {
    ip(&["link", "add", "probe0", "type", kind])
}

/// The lab's links in the machine's own network namespace, the bridge last.
///
/// # Errors
/// `ip` fails.
pub(super) fn links(lab: &Lab) -> Result<Vec<String>, LabError> {
    let (bridge, prefix) = (lab.name.bridge(), lab.name.link_prefix());
    let all: Vec<Interface> = ip_json(&["-json", "link", "show"])?;
    let mut links: Vec<_> = all
        .into_iter()
        .map(|interface| interface.ifname)
        .filter(|name| *name == bridge || name.starts_with(&prefix))
        .collect();
    links.sort_by_key(|name| *name == bridge);
    Ok(links)
}

/// Remove the lab's links and bridge.
///
/// # Errors
/// One of them is still there afterwards.
pub(super) fn remove_links(lab: &Lab) -> Result<(), LabError> {
    for link in links(lab)? {
        // A link goes away by itself when the host's namespace does; that it
        // is gone is what counts.
        if let Err(error) = ip(&["link", "delete", &link])
            && links(lab)?.contains(&link)
        {
            return Err(error);
        }
    }
    Ok(())
}

fn ip(arguments: &[&str]) -> Result<(), LabError> {
    command::run("ip", arguments).map(drop)
}

fn ip_json<T: DeserializeOwned>(arguments: &[&str]) -> Result<T, LabError> {
    let text = command::run("ip", arguments)?;
    serde_json::from_str(&text).map_err(|error| LabError::Malformed {
        what: format!("what `ip {}` printed", arguments.join(" ")),
        problem: error.to_string(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn subnet() -> Subnet {
        Subnet::candidates().next().unwrap()
    }

    #[test]
    fn the_usual_subnet_comes_first_and_each_of_the_512_once() {
        let mut all: Vec<_> = Subnet::candidates()
            .map(|subnet| subnet.to_string())
            .collect();
        assert_eq!(all[0], "198.18.77.0/24");
        all.sort_unstable();
        all.dedup();
        assert_eq!(all.len(), 512);
    }

    #[test]
    fn addresses_of_the_bridge_and_the_hosts() {
        assert_eq!(subnet().bridge(), Ipv4Addr::new(198, 18, 77, 1));
        assert_eq!(subnet().host(1), Ipv4Addr::new(198, 18, 77, 11));
        assert_eq!(subnet().host(MOST_HOSTS), Ipv4Addr::new(198, 18, 77, 210));
    }

    #[test]
    fn a_wider_a_narrower_and_a_foreign_network() {
        let at = |text| {
            let (base, prefix) = destination(text).unwrap();
            subnet().overlaps(base, prefix)
        };
        assert!(at("198.18.0.0/15"));
        assert!(at("198.18.77.128/25"));
        assert!(at("198.18.77.9"));
        assert!(!at("198.18.76.0/24"));
        assert!(!at("198.16.0.0/15"));
    }

    #[test]
    fn a_default_route_takes_no_subnet() {
        assert_eq!(destination("default"), None);
        assert_eq!(destination("0.0.0.0/0"), None);
        assert_eq!(
            destination("10.0.0.0/8"),
            Some((Ipv4Addr::new(10, 0, 0, 0), 8))
        );
    }
}
