// SPDX-License-Identifier: BSD-2-Clause
//! Finding the lab's processes among the machine's.
//!
//! A process is known by what the kernel says of it now, never by a number
//! that was written down and may be another process' by then.

use std::fs::File;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::fs::MetadataExt;
use std::time::Instant;

use procfs::ProcError;
use procfs::process::{MountInfo, Process, all_processes};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal};

use super::Lab;
use super::error::{LabError, Tried};
use super::namespaces;

/// The first process of a host.
#[derive(Debug)]
pub(super) struct Init {
    /// Name of the host.
    pub(super) host: String,
    /// Its number in this process' PID namespace.
    pub(super) pid: i32,
    process: Process,
    pidfd: OwnedFd,
}

impl Init {
    /// Refers to this very process, whoever gets its number later.
    pub(super) fn pidfd(&self) -> BorrowedFd<'_> {
        self.pidfd.as_fd()
    }

    /// Its host's namespaces.
    ///
    /// # Errors
    /// It has ended.
    pub(super) fn namespaces(&self) -> Result<Vec<Namespace>, LabError> {
        namespaces::KINDS
            .iter()
            .map(|kind| Namespace::of(&self.process, kind))
            .collect::<io::Result<_>>()
            .tried(|| format!("look at process {} ({})", self.pid, self.host))
    }

    /// Whether its parent, in the end the machine's process 1, has taken
    /// notice that it ended. Until then it keeps its PID namespace.
    pub(super) fn is_reaped(&self) -> bool {
        self.process.stat().is_err()
    }

    /// Ask it to end, or with [`Signal::KILL`] end it.
    ///
    /// # Errors
    /// The kernel refuses. That it has ended already is none.
    pub(super) fn signal(&self, signal: Signal) -> Result<(), LabError> {
        match pidfd_send_signal(&self.pidfd, signal) {
            Err(rustix::io::Errno::SRCH) => Ok(()),
            other => other.tried(|| format!("signal process {} ({})", self.pid, self.host)),
        }
    }

    /// Wait until it has ended, and with it every process of its host, or
    /// until the deadline.
    ///
    /// # Errors
    /// The kernel refuses to watch it.
    pub(super) fn wait_until(&self, deadline: Instant) -> Result<(), LabError> {
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            let timeout = Timespec::try_from(left).ok();
            let mut watched = [PollFd::new(&self.pidfd, PollFlags::IN)];
            match poll(&mut watched, timeout.as_ref()) {
                Err(rustix::io::Errno::INTR) => (),
                other => {
                    return other
                        .map(drop)
                        .tried(|| format!("watch process {} ({})", self.pid, self.host));
                }
            }
        }
    }
}

/// A namespace. While this value lives, its number is no other namespace's.
#[derive(Debug)]
pub(super) struct Namespace {
    number: u64,
    _pin: File,
}

impl Namespace {
    fn of(process: &Process, kind: &str) -> io::Result<Self> {
        let link = format!("ns/{kind}");
        let pin = process.open_relative(&link).map_err(into_io)?;
        let number = pin.metadata()?.ino();
        Ok(Self { number, _pin: pin })
    }

    /// Whether the process is in it.
    pub(super) fn holds(&self, process: &Process) -> bool {
        process.namespaces().is_ok_and(|all| {
            all.0
                .values()
                .any(|namespace| namespace.identifier == self.number)
        })
    }
}

/// The arguments that make this program a host's first process.
pub(super) fn init_arguments(lab: &Lab, host: &str) -> [String; 4] {
    ["lab", "init", &lab.name.to_string(), host].map(str::to_owned)
}

/// The first processes of the lab's hosts that live now, in the hosts' order.
///
/// # Errors
/// /proc cannot be read.
pub(super) fn inits(lab: &Lab) -> Result<Vec<Init>, LabError> {
    let depth = Process::myself()
        .and_then(|me| me.status())
        .map_or(1, |status| status.nspid.map_or(1, |pids| pids.len()));
    let mut inits: Vec<_> = all()?
        .filter_map(|process| as_init(lab, depth, process))
        .collect();
    inits.sort_by(|a, b| (a.host.len(), &a.host).cmp(&(b.host.len(), &b.host)));
    Ok(inits)
}

/// The process as a host's first one, if it is: process 1 of a PID namespace
/// right below ours (`depth` is ours), with the arguments of this lab's.
fn as_init(lab: &Lab, depth: usize, process: Process) -> Option<Init> {
    let arguments = process.cmdline().ok()?;
    let host = arguments.get(4)?;
    if arguments[1..] != init_arguments(lab, host) {
        return None;
    }
    let pidfd = pidfd_open(Pid::from_raw(process.pid())?, PidfdFlags::empty()).ok()?;
    // Read through the folder that was opened first: if it still answers, the
    // number was this process' all the time, and `pidfd` refers to it.
    let pids = process.status().ok()?.nspid?;
    (pids.len() == depth + 1 && pids.last() == Some(&1)).then(|| Init {
        host: host.clone(),
        pid: process.pid(),
        process,
        pidfd,
    })
}

/// Every process of the machine.
///
/// # Errors
/// /proc cannot be read.
pub(super) fn all() -> Result<impl Iterator<Item = Process>, LabError> {
    let processes = all_processes()
        .map_err(into_io)
        .tried(|| "list the processes in /proc".to_owned())?;
    // A process may end while the list is read.
    Ok(processes.filter_map(Result::ok))
}

/// The mounts of this process' own mount namespace.
///
/// # Errors
/// /proc cannot be read.
pub(super) fn own_mounts() -> Result<Vec<MountInfo>, LabError> {
    Process::myself()
        .and_then(|me| me.mountinfo())
        .map(|mounts| mounts.0)
        .map_err(into_io)
        .tried(|| "read /proc/self/mountinfo".to_owned())
}

fn into_io(error: ProcError) -> io::Error {
    match error {
        ProcError::Io(error, _) => error,
        other => io::Error::other(other.to_string()),
    }
}
