// SPDX-License-Identifier: BSD-2-Clause
//! Bringing a lab up: all of it, or nothing.

use std::path::PathBuf;

use rustix::process::{WaitOptions, wait};
use tokio::task::JoinSet;

use super::error::{LabError, Tried};
use super::host::HostSpec;
use super::inventory::Inventory;
use super::prerequisites;
use super::rising::RisingHost;
use super::signals::Ending;
use super::state::{Lock, Program, State, StateDir};
use super::{Lab, down, network, processes, remains, sshd, status};
use crate::tell;

/// What lab is wanted.
#[derive(Debug)]
pub(super) struct Request {
    /// How many hosts, 1 to [`network::MOST_HOSTS`].
    pub(super) hosts: u8,
    /// The folder of tcpstatsd.
    pub(super) bin_dir: PathBuf,
}

/// How a lab came to be up.
#[derive(Debug)]
pub(super) enum Up {
    /// It is now.
    New(State),
    /// It was before, and is as wanted.
    Already(State),
}

/// Bring the lab up. Where it is up already, as wanted and well, that is good.
///
/// # Errors
/// The machine lacks something, another lab is in the way, a step failed, or
/// it was interrupted. Nothing is left then of what was begun.
pub(super) async fn up(lab: &Lab, request: &Request) -> Result<Up, LabError> {
    let mut ending = Ending::new()?;
    let programs = prerequisites::check(&request.bin_dir)?;
    let tcpstatsd = Program::at(&programs.tcpstatsd)?;
    let lock = lab.dir.lock()?;
    if let Some(state) = standing(lab, request, &tcpstatsd, &lock).await? {
        return Ok(Up::Already(state));
    }
    let made = tokio::select! {
        made = make(lab, request.hosts, programs.sshd, tcpstatsd) => made,
        _ = ending.asked() => Err(LabError::Interrupted),
    };
    match made {
        Ok(state) => Ok(Up::New(state)),
        Err(cause) => {
            let cleaned = down::take_down(lab, &lock);
            reap();
            Err(match cleaned {
                Ok(()) => cause,
                Err(cleanup) => LabError::Both {
                    cause: Box::new(cause),
                    cleanup: Box::new(cleanup),
                    advice: format!("run `{}`", lab.command("down")),
                },
            })
        }
    }
}

/// Take notice of the hosts that have ended, so that nobody else has to.
fn reap() {
    while let Ok(Some(_)) = wait(WaitOptions::NOHANG) {}
}

/// The lab that is up already, if it is what is wanted. Clears away what a lab
/// without a living host has left.
async fn standing(
    lab: &Lab,
    request: &Request,
    tcpstatsd: &Program,
    lock: &Lock,
) -> Result<Option<State>, LabError> {
    if processes::inits(lab)?.is_empty() {
        let state = lab.dir.load().unwrap_or(None);
        if state.is_some() || !remains::find(lab, &[])?.is_empty() || !lab.dir.is_empty()? {
            tell::note("clearing away what is left of an earlier lab");
            down::clear_away(lab, lock)?;
        }
        return Ok(None);
    }
    let refused = |what: String| LabError::Refused {
        what,
        advice: format!("run `{}` first", lab.command("down")),
    };
    let Some(state) = lab.dir.load()? else {
        return Err(refused("hosts of a lab live that is not whole".to_owned()));
    };
    if state.hosts.len() != usize::from(request.hosts) {
        return Err(refused(format!(
            "a lab of {} hosts is up",
            state.hosts.len()
        )));
    }
    if state.tcpstatsd != *tcpstatsd {
        return Err(refused(format!(
            "a lab is up with another build of tcpstatsd than {}",
            tcpstatsd.path.display()
        )));
    }
    let hosts = status::survey(lab, &state).await?;
    match hosts.iter().find(|host| !host.is_well()) {
        Some(host) => Err(refused(format!("a lab is up, but not well: {host}"))),
        None => Ok(Some(state)),
    }
}

async fn make(lab: &Lab, count: u8, sshd: PathBuf, tcpstatsd: Program) -> Result<State, LabError> {
    StateDir::make_private(&lab.dir.root())?;
    let subnet = network::create_bridge(lab)?;
    let client_key = sshd::make_key(&lab.dir.client_key(), &lab.name.bridge())?;
    let mut known_hosts = String::new();
    let mut rising = JoinSet::new();
    for number in 1..=count {
        let name = lab.name.host(number);
        let dir = lab.dir.host(&name);
        let address = subnet.host(number);
        let host_key = sshd::prepare(&dir, &name, &client_key)?;
        known_hosts.push_str(&sshd::known_host(address, &host_key));
        let spec = HostSpec {
            name,
            address,
            dir,
            root: lab.dir.root(),
            mount_source: lab.name.mount_source(),
            sshd: sshd.clone(),
            tcpstatsd: tcpstatsd.path.clone(),
        };
        rising.spawn(RisingHost::start(lab, number, spec)?.risen());
    }
    let mut risen = Vec::new();
    while let Some(host) = rising.join_next().await {
        risen.push(host.tried(|| "wait for a host".to_owned())??);
    }
    risen.sort_by_key(RisingHost::address);

    let hosts: Vec<_> = risen.iter().map(RisingHost::state).collect();
    StateDir::write_private(&lab.dir.known_hosts(), &known_hosts)?;
    let inventory = Inventory::of(lab, &hosts).to_toml()?;
    StateDir::write_private(&lab.dir.inventory(), &inventory)?;
    let state = State {
        subnet,
        tcpstatsd,
        hosts,
    };
    lab.dir.save(&state)?;
    for host in risen {
        host.keep()?;
    }
    Ok(state)
}
