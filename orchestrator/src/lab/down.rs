// SPDX-License-Identifier: BSD-2-Clause
//! Taking a lab down, from whatever state it is in.

use std::thread;
use std::time::{Duration, Instant};

use rustix::process::Signal;

use super::error::LabError;
use super::processes::{self, Init};
use super::state::{Lock, State};
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

/// The same for one who has the lock.
///
/// # Errors
/// Something of the lab is left.
pub(super) fn take_down(lab: &Lab, lock: &Lock) -> Result<(), LabError> {
    // A state file that cannot be understood only makes looking for remains
    // less thorough: hosts are found without it.
    let state = lab.dir.load().unwrap_or_else(|error| {
        eprintln!("warning: {error}");
        None
    });
    let hosts = processes::inits(lab)?;
    end(&hosts, Signal::TERM, ENDING)?;
    end(&hosts, Signal::KILL, SETTLING)?;
    network::remove_links(lab)?;
    nothing_left(lab, state.as_ref())?;
    lab.dir.remove(lock)
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
fn nothing_left(lab: &Lab, state: Option<&State>) -> Result<(), LabError> {
    wait_until(SETTLING, || Ok(remains::find(lab, state)?.is_empty()))?;
    match remains::find(lab, state)? {
        left if left.is_empty() => {
            // Not every container has a process 1 that does its duty, and what
            // it leaves undone is no fault of the lab.
            wait_until(REAPING, || Ok(!remains::unreaped(state)?))
        }
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
