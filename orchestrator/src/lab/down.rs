// SPDX-License-Identifier: BSD-2-Clause
//! Taking a lab down, from whatever state it is in.

use std::thread;
use std::time::{Duration, Instant};

use rustix::process::Signal;

use super::error::LabError;
use super::processes::{self, Init, Namespace};
use super::state::Lock;
use super::{Lab, network, remains};

/// How long a host may take to end in good order: a little more than its
/// first process gives its services.
const ENDING: Duration = Duration::from_secs(8);

/// How long the kernel may take for what it does by itself.
const SETTLING: Duration = Duration::from_secs(8);

/// How long the machine's process 1 may take to notice that a host has ended.
const REAPING: Duration = Duration::from_secs(2);

/// Take the lab down. Nothing of it is left, or the error says what is. Where
/// there is no lab, that is no error.
///
/// # Errors
/// Another process is at work on the lab, or something of it is left.
pub(super) fn down(lab: &Lab) -> Result<(), LabError> {
    let lock = lab.dir.lock()?;
    take_down(lab, &lock)
}

/// The same for one who has the lock, which guards nothing after this.
///
/// # Errors
/// Something of the lab is left.
pub(super) fn take_down(lab: &Lab, lock: &Lock) -> Result<(), LabError> {
    clear_away(lab, lock)?;
    lab.dir.remove(lock)
}

/// The same, but for the empty folder, on which the lock is.
///
/// # Errors
/// Something of the lab is left.
pub(super) fn clear_away(lab: &Lab, lock: &Lock) -> Result<(), LabError> {
    let hosts = processes::inits(lab)?;
    // Of a host that ends just now there is nothing to look at, nor need be.
    let namespaces: Vec<_> = hosts.iter().flat_map(Init::namespaces).flatten().collect();
    end(&hosts, Signal::TERM, ENDING)?;
    end(&hosts, Signal::KILL, SETTLING)?;
    network::remove_links(lab)?;
    nothing_left(lab, &namespaces)?;
    // Not every container has a process 1 that does its duty, and what it
    // leaves undone is no fault of the lab.
    wait_until(REAPING, || Ok(hosts.iter().all(Init::is_reaped)))?;
    lab.dir.clear(lock)
}

/// Signal the hosts and wait until all have ended, or the time is over.
fn end(hosts: &[Init], signal: Signal, limit: Duration) -> Result<(), LabError> {
    let deadline = Instant::now() + limit;
    for host in hosts {
        host.signal(signal)?;
    }
    for host in hosts {
        host.wait_until(deadline)?;
    }
    Ok(())
}

/// Wait until the kernel has dismantled everything; say what it has not.
fn nothing_left(lab: &Lab, namespaces: &[Namespace]) -> Result<(), LabError> {
    wait_until(SETTLING, || Ok(remains::find(lab, namespaces)?.is_empty()))?;
    match remains::find(lab, namespaces)? {
        left if left.is_empty() => Ok(()),
        left => Err(LabError::Left(left)),
    }
}

/// Wait until `holds`, or until the time is over.
fn wait_until(limit: Duration, holds: impl Fn() -> Result<bool, LabError>) -> Result<(), LabError> {
    let deadline = Instant::now() + limit;
    while !holds()? && Instant::now() < deadline {
        thread::sleep(Duration::from_millis(10));
    }
    Ok(())
}
