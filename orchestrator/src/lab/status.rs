// SPDX-License-Identifier: BSD-2-Clause
//! How a lab is: what of it lives, and what is left of one that is down.

use std::fmt;
use std::net::Ipv4Addr;

use comfy_table::Table;
use comfy_table::presets::NOTHING;
use serde::Serialize;

use super::error::LabError;
use super::state::State;
use super::{Lab, health, processes, remains};

/// How a lab is.
#[derive(Debug, Serialize)]
pub(super) struct Status {
    /// The lab's name.
    name: String,
    /// The command that clears away what is left.
    #[serde(skip)]
    way_out: String,
    /// Its hosts; none where it is down.
    hosts: Vec<HostStatus>,
    /// What should not be there.
    left: Vec<String>,
}

/// How one host is.
#[derive(Debug, Serialize)]
pub(super) struct HostStatus {
    name: String,
    address: Ipv4Addr,
    /// Number of its first process, while that lives.
    pid: Option<i32>,
    sshd: Check,
    device: Check,
}

/// What a look at something gave.
#[derive(Debug, Serialize)]
struct Check {
    ok: bool,
    /// Why not.
    #[serde(skip_serializing_if = "Option::is_none")]
    problem: Option<String>,
}

impl From<Result<(), String>> for Check {
    fn from(result: Result<(), String>) -> Self {
        Self {
            ok: result.is_ok(),
            problem: result.err(),
        }
    }
}

impl Check {
    fn said(&self, good: &str) -> String {
        self.problem.clone().unwrap_or_else(|| good.to_owned())
    }
}

impl HostStatus {
    /// Whether it can be driven.
    pub(super) fn is_well(&self) -> bool {
        self.pid.is_some() && self.sshd.ok && self.device.ok
    }

    fn cells(&self) -> [String; 5] {
        [
            self.name.clone(),
            self.address.to_string(),
            self.pid
                .map_or_else(|| "ended".to_owned(), |pid| pid.to_string()),
            self.sshd.said("answers"),
            self.device.said("served"),
        ]
    }
}

impl fmt::Display for HostStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [name, _, process, sshd, device] = self.cells();
        write!(f, "{name}: process {process}, sshd {sshd}, device {device}")
    }
}

impl Status {
    /// Look at the lab.
    ///
    /// # Errors
    /// The system cannot be read.
    pub(super) async fn of(lab: &Lab) -> Result<Self, LabError> {
        let mut status = Self {
            name: lab.name.to_string(),
            way_out: lab.command("down"),
            hosts: Vec::new(),
            left: Vec::new(),
        };
        if let Some(pid) = lab.dir.locked_by() {
            status.left.push(format!(
                "lock of {}: process {pid} is at work on the lab",
                lab.dir.path().display()
            ));
        }
        match lab.dir.load() {
            Ok(Some(state)) => {
                status.hosts = survey(lab, &state).await?;
                return Ok(status);
            }
            Ok(None) => (),
            Err(error) => status.left.push(error.to_string()),
        }
        status.left.extend(remains::find(lab, &[])?);
        if lab.dir.exists() {
            status
                .left
                .push(format!("folder {}", lab.dir.path().display()));
        }
        Ok(status)
    }

    /// Whether it is either up and well, or down without a trace.
    pub(super) fn is_good(&self) -> bool {
        self.left.is_empty() && self.hosts.iter().all(HostStatus::is_well)
    }
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for left in &self.left {
            writeln!(f, "left: {left}")?;
        }
        if !self.hosts.is_empty() {
            let mut table = Table::new();
            table
                .load_style(NOTHING)
                .set_header(["HOST", "ADDRESS", "PROCESS", "SSHD", "DEVICE"])
                .add_rows(self.hosts.iter().map(HostStatus::cells));
            return writeln!(f, "{}", table.trim_fmt());
        }
        if self.left.is_empty() {
            writeln!(f, "no lab: {}", remains::NONE)
        } else {
            writeln!(f, "`{}` clears it away", self.way_out)
        }
    }
}

/// How the hosts of a lab that is up are; all are looked at together.
///
/// # Errors
/// /proc cannot be read.
pub(super) async fn survey(lab: &Lab, state: &State) -> Result<Vec<HostStatus>, LabError> {
    let inits = processes::inits(lab)?;
    let mut looking = tokio::task::JoinSet::new();
    for host in &state.hosts {
        let pid = inits
            .iter()
            .find(|init| init.host == host.name)
            .map(|init| init.pid);
        looking.spawn(look_at(host.name.clone(), host.address, pid));
    }
    let mut hosts = looking.join_all().await;
    hosts.sort_by_key(|host| host.address);
    Ok(hosts)
}

async fn look_at(name: String, address: Ipv4Addr, pid: Option<i32>) -> HostStatus {
    let device = async {
        match pid {
            Some(pid) => health::device(pid).await,
            None => Err("no host".to_owned()),
        }
    };
    let (sshd, device) = tokio::join!(health::sshd(address), device);
    HostStatus {
        name,
        address,
        pid,
        sshd: sshd.into(),
        device: device.into(),
    }
}
