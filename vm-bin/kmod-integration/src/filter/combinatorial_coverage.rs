// SPDX-License-Identifier: BSD-2-Clause
//! Category I: every combination of two to six of a filter's dimensions.
//!
//! For each combination there is one filter, tried on two fixtures. Around a
//! target connection stand witnesses, each unlike the target in one dimension
//! alone. The matching test has the target and all witnesses: a matcher that
//! overlooks a dimension reports that dimension's witness. The conflicting test
//! has the witnesses of the filter's dimensions without the target: each
//! directive finds something, all together nothing.

use std::net::{IpAddr, SocketAddr, TcpListener};

use tcpstats::record::State;

use super::model::{Family, Filter, Socket, States};
use super::{Case, Ending, Lab, TestResult};
use crate::framework::fixture::{Fixture, FixtureError};
use crate::framework::loopback::{V4_A, V4_B, V4_C, V4_FAR_24, V6_A, V6_B, V6_C, V6_FAR_64};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Dimension {
    LocalPort,
    RemotePort,
    LocalAddr,
    RemoteAddr,
    State,
    Version,
}
use Dimension::{LocalAddr, LocalPort, RemoteAddr, RemotePort, Version};

impl Dimension {
    const ALL: [Self; 6] = [
        LocalPort,
        RemotePort,
        LocalAddr,
        RemoteAddr,
        Self::State,
        Version,
    ];

    fn name(self) -> &'static str {
        match self {
            LocalPort => "local port",
            RemotePort => "remote port",
            LocalAddr => "local address",
            RemoteAddr => "remote address",
            Self::State => "state",
            Version => "IP version",
        }
    }
}

/// Whose end of the target the filter describes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum View {
    Client,
    Server,
}

/// One combination, and how its filter is put.
#[derive(Debug, Clone)]
struct Combination {
    dimensions: Vec<Dimension>,
    family: Family,
    view: View,
    /// The state by `exclude` instead of `include_state`.
    excludes: bool,
}

pub(super) fn cases() -> Vec<Case> {
    let mut cases = Vec::new();
    for combination in combinations() {
        let name = combination
            .dimensions
            .iter()
            .map(|dimension| dimension.name())
            .collect::<Vec<_>>()
            .join(" + ");
        let same = combination.clone();
        cases.push(Case::new(format!("{name}: matching"), move |lab| {
            matching(lab, &same)
        }));
        cases.push(Case::new(format!("{name}: conflicting"), move |lab| {
            conflicting(lab, &combination)
        }));
    }
    cases.push(Case::new(
        "ports of two connections crossed: each way that stands",
        crossed_lists,
    ));
    cases.push(Case::new(
        "ends of two connections crossed: none",
        crossed_ends,
    ));
    cases
}

/// The 57 subsets of two and more dimensions; IP version, end and the way to put
/// the state change from one to the next.
fn combinations() -> Vec<Combination> {
    let subsets = (0..1_usize << Dimension::ALL.len())
        .filter(|subset| subset.count_ones() >= 2)
        .map(|subset| -> Vec<Dimension> {
            (0..)
                .zip(Dimension::ALL)
                .filter(|(bit, _)| subset >> bit & 1 == 1)
                .map(|(_, dimension)| dimension)
                .collect()
        });
    subsets
        .enumerate()
        .map(|(number, dimensions)| {
            // A listener has no remote end and its own state: without one of
            // these dimensions it would match where a server's end does.
            let tells_listeners_apart = [RemotePort, RemoteAddr, Dimension::State]
                .iter()
                .any(|dimension| dimensions.contains(dimension));
            Combination {
                family: if number % 2 == 0 {
                    Family::V4
                } else {
                    Family::V6
                },
                view: if number / 2 % 2 == 1 && tells_listeners_apart {
                    View::Server
                } else {
                    View::Client
                },
                excludes: number % 3 == 0,
                dimensions,
            }
        })
        .collect()
}

/// Addresses and ports of the target and its witnesses.
struct Plan {
    client: SocketAddr,
    server: SocketAddr,
    /// The client of the witness for the client's port.
    other_client: SocketAddr,
    /// The client of the witness for the state; filters list its port too.
    half_closed: SocketAddr,
}

/// Addresses that a fixture uses, of one family.
struct Hosts {
    server: IpAddr,
    client: IpAddr,
    other_server: IpAddr,
    other_client: IpAddr,
}

impl Hosts {
    fn of(family: Family) -> Self {
        match family {
            Family::V4 => Self {
                server: V4_A,
                client: V4_B,
                other_server: V4_FAR_24,
                other_client: V4_C,
            },
            Family::V6 => Self {
                server: V6_A,
                client: V6_B,
                other_server: V6_FAR_64,
                other_client: V6_C,
            },
        }
    }
}

impl Combination {
    /// The filter that describes the target by the chosen dimensions.
    fn filter(&self, plan: &Plan) -> Filter {
        let client = vec![plan.client.port(), plan.half_closed.port()];
        let server = vec![plan.server.port()];
        let (local, remote) = match self.view {
            View::Client => ((client, plan.client.ip()), (server, plan.server.ip())),
            View::Server => ((server, plan.server.ip()), (client, plan.client.ip())),
        };
        let mut filter = Filter::new();
        for dimension in &self.dimensions {
            filter = match dimension {
                LocalPort => filter.local_ports(local.0.clone()),
                RemotePort => filter.remote_ports(remote.0.clone()),
                LocalAddr => filter.local_addr(local.1),
                RemoteAddr => filter.remote_addr(remote.1),
                Dimension::State if self.excludes => {
                    filter.exclude([State::Listen, State::FinWait2, State::CloseWait])
                }
                Dimension::State => filter.include([State::Established]),
                Version => filter.only(self.family),
            };
        }
        filter
    }

    /// Connect what is unlike the target in this dimension alone.
    fn witness(
        &self,
        fixture: &mut Fixture,
        plan: &Plan,
        dimension: Dimension,
    ) -> Result<(), FixtureError> {
        let hosts = Hosts::of(self.family);
        let (client, server) = (plan.client, plan.server);
        // The server's view has the ends the other way round.
        let dimension = match (self.view, dimension) {
            (View::Client, same) => same,
            (View::Server, LocalPort) => RemotePort,
            (View::Server, RemotePort) => LocalPort,
            (View::Server, LocalAddr) => RemoteAddr,
            (View::Server, RemoteAddr) => LocalAddr,
            (View::Server, same) => same,
        };
        match dimension {
            LocalPort => fixture.connect_from(plan.other_client, server)?,
            RemotePort => {
                let other = fixture.listen(server.ip())?;
                fixture.connect_from(client, other)?
            }
            LocalAddr => {
                fixture.connect_from(SocketAddr::new(hosts.other_client, client.port()), server)?
            }
            RemoteAddr => {
                let other = SocketAddr::new(hosts.other_server, server.port());
                fixture.listen_at(other)?;
                fixture.connect_from(client, other)?
            }
            Dimension::State => {
                let connection = fixture.connect_from(plan.half_closed, server)?;
                fixture.half_close(&connection)?;
                connection
            }
            Version => {
                let hosts = Hosts::of(match self.family {
                    Family::V4 => Family::V6,
                    Family::V6 => Family::V4,
                });
                let server = SocketAddr::new(hosts.server, server.port());
                fixture.listen_at(server)?;
                fixture.connect_from(SocketAddr::new(hosts.client, client.port()), server)?
            }
        };
        Ok(())
    }

    fn plan(&self, fixture: &mut Fixture) -> Result<Plan, FixtureError> {
        let hosts = Hosts::of(self.family);
        let [client, other_client, half_closed] = free_ports(hosts.client)?;
        Ok(Plan {
            client,
            server: fixture.listen(hosts.server)?,
            other_client,
            half_closed,
        })
    }

    /// Would the fixture show it if this dimension did not count? An address has
    /// a family, so that beside one the IP version cannot be told to count.
    fn is_told_by(&self, dimension: Dimension, filter: &Filter, sockets: &[Socket]) -> bool {
        let has_address =
            self.dimensions.contains(&LocalAddr) || self.dimensions.contains(&RemoteAddr);
        let count = |filter: &Filter| sockets.iter().filter(|s| filter.admits(s)).count();
        (dimension == Version && has_address) || count(&without(filter, dimension)) > count(filter)
    }

    fn demand_told(&self, filter: &Filter, fixture: &Fixture) -> Result<(), Ending> {
        let sockets = fixture.sockets();
        for dimension in &self.dimensions {
            if !self.is_told_by(*dimension, filter, &sockets) {
                return Err(Ending::failed(format!(
                    "the fixture does not tell whether the {} counts",
                    dimension.name()
                )));
            }
        }
        Ok(())
    }
}

/// The filter as it is when a dimension is overlooked.
fn without(filter: &Filter, dimension: Dimension) -> Filter {
    let mut filter = filter.clone();
    match dimension {
        LocalPort => filter.local.ports.clear(),
        RemotePort => filter.remote.ports.clear(),
        LocalAddr => filter.local.prefix = None,
        RemoteAddr => filter.remote.prefix = None,
        Dimension::State => filter.states = States::Any,
        Version => filter.family = None,
    }
    filter
}

/// Three different ports that were free at this address a moment ago.
fn free_ports(addr: IpAddr) -> Result<[SocketAddr; 3], FixtureError> {
    let find = || {
        let bind = || TcpListener::bind(SocketAddr::new(addr, 0));
        let held = [bind()?, bind()?, bind()?];
        let [a, b, c] = held.each_ref().map(TcpListener::local_addr);
        Ok([a?, b?, c?])
    };
    find().map_err(FixtureError::at(format!("find free ports at {addr}")))
}

fn matching(lab: &Lab, combination: &Combination) -> TestResult {
    let (fixture, plan) = lab.fixture_with_ports(|fixture| {
        let plan = combination.plan(fixture)?;
        fixture.connect_from(plan.client, plan.server)?;
        for dimension in Dimension::ALL {
            combination.witness(fixture, &plan, dimension)?;
        }
        Ok(plan)
    })?;
    let filter = combination.filter(&plan);
    combination.demand_told(&filter, &fixture)?;
    lab.expect(&fixture, &filter)
}

fn conflicting(lab: &Lab, combination: &Combination) -> TestResult {
    let (fixture, plan) = lab.fixture_with_ports(|fixture| {
        let plan = combination.plan(fixture)?;
        for dimension in &combination.dimensions {
            combination.witness(fixture, &plan, *dimension)?;
        }
        Ok(plan)
    })?;
    let filter = combination.filter(&plan);
    combination.demand_told(&filter, &fixture)?;
    lab.expect_none(&fixture, &filter)
}

/// Three servers and three client ports, each connected with each.
fn grid(fixture: &mut Fixture) -> Result<([u16; 3], [u16; 3]), FixtureError> {
    let servers = [
        fixture.listen(V4_A)?,
        fixture.listen(V4_A)?,
        fixture.listen(V4_A)?,
    ];
    let clients = free_ports(V4_B)?;
    for client in clients {
        for server in servers {
            fixture.connect_from(client, server)?;
        }
    }
    Ok((clients.map(|c| c.port()), servers.map(|s| s.port())))
}

fn crossed_lists(lab: &Lab) -> TestResult {
    let (fixture, (clients, servers)) = lab.fixture_with_ports(grid)?;
    let filter = Filter::new()
        .local_ports(&clients[..2])
        .remote_ports(&servers[1..]);
    lab.expect(&fixture, &filter)
}

fn crossed_ends(lab: &Lab) -> TestResult {
    let mut fixture = lab.fixture();
    let (one, other) = (fixture.listen(V4_A)?, fixture.listen(V4_FAR_24)?);
    let near = fixture.connect(V4_B, one)?;
    let far = fixture.connect(V4_C, other)?;
    let filter = Filter::new()
        .local_ports([near.near.port()])
        .local_addr(near.near.ip())
        .remote_ports([far.far.port()])
        .remote_addr(far.far.ip());
    lab.expect_none(&fixture, &filter)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_are_57_combinations_in_all_variants() {
        let all = combinations();
        assert_eq!(all.len(), 57);
        let of_size = |size| all.iter().filter(|c| c.dimensions.len() == size).count();
        assert_eq!([2, 3, 4, 5, 6].map(of_size), [15, 20, 15, 6, 1]);
        for view in [View::Client, View::Server] {
            for family in [Family::V4, Family::V6] {
                let count = all
                    .iter()
                    .filter(|c| c.view == view && c.family == family)
                    .count();
                assert!(count >= 8, "{count} combinations in {view:?} {family:?}");
            }
        }
    }

    #[test]
    fn overlooking_a_dimension_leaves_the_others() {
        let filter = Filter::new()
            .local_ports([1])
            .remote_ports([2])
            .local_addr(V4_A)
            .remote_addr(V4_B)
            .include([State::Listen])
            .only(Family::V4);
        let texts = Dimension::ALL.map(|dimension| without(&filter, dimension).to_string());
        let words = filter.to_string();
        let words: Vec<&str> = words.split(' ').collect();
        for (left_out, text) in texts.iter().enumerate() {
            let mut rest = words.clone();
            rest.remove(left_out);
            assert_eq!(*text, rest.join(" "));
        }
    }
}
