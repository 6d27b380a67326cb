// SPDX-License-Identifier: BSD-2-Clause
//! The lab as an inventory for `orchestrator run`. To a run, its hosts are
//! VMs like any other.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;
use std::path::PathBuf;

use serde::Serialize;

use super::error::LabError;
use super::state::HostState;
use super::{Lab, sshd};

/// An inventory file; [`crate::inventory`] has the other half of the format.
#[derive(Debug, Serialize)]
pub(super) struct Inventory {
    defaults: Defaults,
    vm: Vec<Vm>,
}

#[derive(Debug, Serialize)]
struct Defaults {
    user: &'static str,
    port: u16,
    identity: PathBuf,
    known_hosts: PathBuf,
    host_keys: &'static str,
    dir: &'static str,
    deploy: &'static str,
    labels: BTreeMap<&'static str, String>,
}

#[derive(Debug, Serialize)]
struct Vm {
    name: String,
    host: Ipv4Addr,
    os: String,
    arch: &'static str,
}

impl Inventory {
    /// The inventory of a lab with these hosts.
    pub(super) fn of(lab: &Lab, hosts: &[HostState]) -> Self {
        let os = system();
        Self {
            defaults: Defaults {
                user: "root",
                port: sshd::PORT,
                identity: lab.dir.client_key(),
                known_hosts: lab.dir.known_hosts(),
                host_keys: "strict",
                dir: "/root/tcpstats-reader",
                deploy: "cross",
                labels: BTreeMap::from([("lab", lab.name.to_string())]),
            },
            vm: hosts
                .iter()
                .map(|host| Vm {
                    name: host.name.clone(),
                    host: host.address,
                    os: os.clone(),
                    arch: processor(),
                })
                .collect(),
        }
    }

    /// The text of the file.
    ///
    /// # Errors
    /// A path in it is not UTF-8.
    pub(super) fn to_toml(&self) -> Result<String, LabError> {
        let text = toml::to_string(self).map_err(|error| LabError::Malformed {
            what: "the lab's own inventory".to_owned(),
            problem: error.to_string(),
        })?;
        Ok(format!("# Written by `orchestrator lab up`.\n\n{text}"))
    }
}

/// The kernel's name and version, such as `Linux 6.1`.
fn system() -> String {
    let name = rustix::system::uname();
    let release = name.release().to_string_lossy();
    let version: Vec<_> = release.split('.').take(2).collect();
    format!("{} {}", name.sysname().to_string_lossy(), version.join("."))
}

/// The processor as FreeBSD and Debian name it, which the inventory follows.
fn processor() -> &'static str {
    match std::env::consts::ARCH {
        "x86_64" => "amd64",
        "aarch64" => "arm64",
        other => other,
    }
}
