// SPDX-License-Identifier: BSD-2-Clause
//! What there still is of a lab, in the kernel's words.

use std::collections::HashSet;
use std::fs;
use std::os::unix::fs::MetadataExt;

use procfs::process::{MountInfo, Process};

use super::error::LabError;
use super::state::State;
use super::{Lab, network, processes};

/// What a machine that has none of the lab's things says.
pub(super) const NONE: &str = "no namespace, mount, process, bridge or lock is left";

/// Every process, namespace, mount and link of the lab, one line each. Empty:
/// the kernel knows nothing of it. `state` is what the lab was, where known.
///
/// # Errors
/// /proc or the links cannot be read.
pub(super) fn find(lab: &Lab, state: Option<&State>) -> Result<Vec<String>, LabError> {
    let namespaces = namespaces_of(state);
    let mut found = found_processes(lab, &namespaces)?;
    found.extend(found_mounts(lab, &namespaces)?);
    found.extend(
        network::links(lab)?
            .into_iter()
            .map(|link| format!("network link {link}")),
    );
    Ok(found)
}

/// Whether a host's first process has ended, but its parent, the machine's
/// process 1, has not taken notice yet: that keeps its PID namespace.
///
/// # Errors
/// /proc cannot be read.
pub(super) fn unreaped(state: Option<&State>) -> Result<bool, LabError> {
    let namespaces = namespaces_of(state);
    let waits = |process: Process| {
        // Of the links in ns/, an ended process has this one only.
        let link = format!("/proc/{}/ns/pid", process.pid());
        process.stat().is_ok_and(|stat| stat.state == 'Z')
            && fs::metadata(link).is_ok_and(|meta| namespaces.contains(&meta.ino()))
    };
    Ok(processes::all()?.any(waits))
}

fn namespaces_of(state: Option<&State>) -> HashSet<u64> {
    state
        .iter()
        .flat_map(|state| &state.hosts)
        .flat_map(|host| host.namespaces.iter().copied())
        .collect()
}

/// The hosts' first processes, and whatever else is in a host's namespaces.
fn found_processes(lab: &Lab, namespaces: &HashSet<u64>) -> Result<Vec<String>, LabError> {
    let inits = processes::inits(lab)?;
    let mut found: Vec<_> = inits
        .iter()
        .map(|init| format!("process {} (host {})", init.pid, init.host))
        .collect();
    for process in processes::all()? {
        if inits.iter().any(|init| init.pid == process.pid()) {
            continue;
        }
        let shares = processes::namespaces_of(&process)
            .is_ok_and(|of_it| of_it.iter().any(|number| namespaces.contains(number)));
        if shares || sees_mounts(lab, &process) {
            let name = process
                .stat()
                .map_or_else(|_| "?".to_owned(), |stat| stat.comm);
            found.push(format!(
                "process {} ({name}) in a namespace of the lab",
                process.pid()
            ));
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
fn found_mounts(lab: &Lab, namespaces: &HashSet<u64>) -> Result<Vec<String>, LabError> {
    let source = lab.name.mount_source();
    let folder = lab.dir.path();
    let mounts = processes::own_mounts()?;
    Ok(mounts
        .iter()
        .filter(|mount| {
            is_of(mount, &source)
                || mount.mount_point.starts_with(folder)
                || pinned_namespace(mount).is_some_and(|number| namespaces.contains(&number))
        })
        .map(|mount| format!("mount {}", mount.mount_point.display()))
        .collect())
}

fn is_of(mount: &MountInfo, source: &str) -> bool {
    mount.mount_source.as_deref() == Some(source)
}

/// The namespace that a mount keeps alive, as `ip netns attach` makes them.
fn pinned_namespace(mount: &MountInfo) -> Option<u64> {
    let (_kind, rest) = mount.root.split_once(":[")?;
    rest.strip_suffix(']')?.parse().ok()
}
