// SPDX-License-Identifier: BSD-2-Clause
//! What there still is of a lab, in the kernel's words.

use procfs::process::{MountInfo, Process};

use super::error::LabError;
use super::processes::Namespace;
use super::{Lab, network, processes};

/// What a machine that has none of the lab's things says.
pub(super) const NONE: &str = "no namespace, mount, process, bridge or lock is left";

/// Every process, mount and link of the lab, one line each, and with its
/// processes its namespaces. Empty: the kernel knows nothing of it.
///
/// A process in a host's mount namespace is known by the mounts it sees, one
/// in `namespaces` by those.
///
/// # Errors
/// /proc or the links cannot be read.
pub(super) fn find(lab: &Lab, namespaces: &[Namespace]) -> Result<Vec<String>, LabError> {
    let mut found = found_processes(lab, namespaces)?;
    found.extend(found_mounts(lab)?);
    let links = network::links(lab)?;
    found.extend(links.into_iter().map(|link| format!("network link {link}")));
    Ok(found)
}

/// The hosts' first processes, and whatever else is in a host's namespaces.
fn found_processes(lab: &Lab, namespaces: &[Namespace]) -> Result<Vec<String>, LabError> {
    let inits = processes::inits(lab)?;
    let mut found: Vec<_> = inits
        .iter()
        .map(|init| format!("process {} (host {})", init.pid, init.host))
        .collect();
    for process in processes::all()? {
        let is_init = inits.iter().any(|init| init.pid == process.pid());
        let is_inside = || namespaces.iter().any(|namespace| namespace.holds(&process));
        if !is_init && (sees_mounts(lab, &process) || is_inside()) {
            let name = process
                .stat()
                .map_or_else(|_| "?".to_owned(), |stat| stat.comm);
            let pid = process.pid();
            found.push(format!("process {pid} ({name}) in a namespace of the lab"));
        }
    }
    Ok(found)
}

fn sees_mounts(lab: &Lab, process: &Process) -> bool {
    let source = lab.name.mount_source();
    process
        .mountinfo()
        .is_ok_and(|mounts| mounts.iter().any(|mount| is_of(mount, &source)))
}

/// Mounts in the machine's own mount namespace: there must never be one.
fn found_mounts(lab: &Lab) -> Result<Vec<String>, LabError> {
    let source = lab.name.mount_source();
    let folder = lab.dir.path();
    Ok(processes::own_mounts()?
        .iter()
        .filter(|mount| is_of(mount, &source) || mount.mount_point.starts_with(folder))
        .map(|mount| format!("mount {}", mount.mount_point.display()))
        .collect())
}

fn is_of(mount: &MountInfo, source: &str) -> bool {
    mount.mount_source.as_deref() == Some(source)
}
