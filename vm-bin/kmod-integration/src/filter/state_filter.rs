// SPDX-License-Identifier: BSD-2-Clause
//! Category B: `exclude` and `include_state`, on a fixture with sockets in every
//! state that TCP has.

use std::net::IpAddr;

use tcpstats::record::State;

use super::model::Filter;
use super::{Case, Ending, Lab, TestResult};
use crate::framework::fixture::{Fixture, FixtureError};
use crate::framework::loopback::{V4_A, V4_B, V6_A, V6_B};
use crate::framework::system;

pub(super) fn cases() -> Vec<Case> {
    let themes = [
        ("all but listeners", Filter::new().exclude([State::Listen])),
        (
            "listeners or established",
            Filter::new().include([State::Listen, State::Established]),
        ),
        (
            "half open at either end",
            Filter::new().include([State::SynSent, State::SynReceived]),
        ),
        (
            "half closed at either end",
            Filter::new().include([State::CloseWait, State::FinWait2]),
        ),
        (
            "on the way out",
            Filter::new().include([
                State::FinWait1,
                State::Closing,
                State::LastAck,
                State::TimeWait,
            ]),
        ),
        (
            "nothing but established, by exclusion",
            Filter::new().exclude(
                State::ALL
                    .into_iter()
                    .filter(|state| *state != State::Established)
                    .collect::<Vec<_>>(),
            ),
        ),
        (
            "excluded by the other names of states",
            Filter::new()
                .exclude([State::TimeWait, State::CloseWait, State::SynReceived])
                .spelled("exclude=timewait,closewait,syn_rcvd"),
        ),
        (
            "included by names in capitals",
            Filter::new()
                .include([State::FinWait1, State::SynReceived])
                .spelled("INCLUDE_STATE=FIN_WAIT_1,Syn_Rcvd"),
        ),
    ];
    let themes = themes
        .into_iter()
        .map(|(name, filter)| Case::new(name, move |lab| on_every_state(lab, V4, &filter)));
    let alone = State::ALL.into_iter().map(|state| {
        let filter = Filter::new().include([state]);
        Case::new(format!("nothing but {state}"), move |lab| {
            needs(state)?;
            on_every_state(lab, V4, &filter)
        })
    });
    let without = State::ALL.into_iter().map(|state| {
        let filter = Filter::new().exclude([state]);
        Case::new(format!("all but {state}, IPv6"), move |lab| {
            needs(state)?;
            on_every_state(lab, V6, &filter)
        })
    });
    themes.chain(alone).chain(without).collect()
}

/// A server's and a client's address.
type Hosts = [IpAddr; 2];
const V4: Hosts = [V4_A, V4_B];
const V6: Hosts = [V6_A, V6_B];

/// Can the fixture have a socket in this state?
fn needs(state: State) -> Result<(), Ending> {
    if state == State::Closed && !system::lists_bound_sockets() {
        return Err(Ending::Skipped(
            "this kernel does not list sockets that are only bound (Linux does from 6.8 on)"
                .to_owned(),
        ));
    }
    Ok(())
}

fn on_every_state(lab: &Lab, hosts: Hosts, filter: &Filter) -> TestResult {
    let fixture = every_state(lab, hosts)?;
    lab.expect(&fixture, filter)
}

fn every_state(lab: &Lab, [server, client]: Hosts) -> Result<Fixture, FixtureError> {
    let mut fixture = lab.fixture();
    fixture.every_state(server, client)?;
    if system::lists_bound_sockets() {
        fixture.closed(client)?;
    }
    Ok(fixture)
}
