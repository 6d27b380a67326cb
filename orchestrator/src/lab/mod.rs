// SPDX-License-Identifier: BSD-2-Clause
//! The embedded lab: real SSH hosts on a machine that has no VM.
//!
//! A lab is a bridge and some hosts. A host is a process tree with its own
//! network, mount, UTS, PID and IPC namespaces. Its first process ([`init`])
//! gives it an address on the bridge, a read-only view of the machine's root
//! with its own /dev, /root, /tmp and /run, OpenSSH's sshd and tcpstatsd.
//!
//! Invariant: the kernel is the truth. What lives is found by looking
//! (processes, mounts, links), so that `lab down` works whatever happened
//! before it; the state file holds only what the kernel cannot tell.
//!
//! A lab keeps tests and the machine out of each other's way. It is no wall
//! against a hostile program: root in a host is root.

pub mod cli;

mod command;
mod down;
mod error;
mod exec;
mod find;
mod health;
mod host;
mod init;
mod inventory;
mod name;
mod namespaces;
mod network;
mod prerequisites;
mod processes;
mod remains;
mod rising;
mod signals;
mod sshd;
mod state;
mod status;
mod up;

use name::LabName;
use state::StateDir;

/// One lab of this machine, whether it is up or not.
#[derive(Debug)]
struct Lab {
    /// What its bridge, links and hosts are named after.
    name: LabName,
    /// Where its files are.
    dir: StateDir,
}

impl Lab {
    /// The command line that does `what` with this lab, for advice.
    fn command(&self, what: &str) -> String {
        let mut line = "orchestrator lab".to_owned();
        if self.name != LabName::default() {
            line += &format!(" --name {}", self.name);
        }
        if self.dir.path() != self.name.default_dir() {
            line += &format!(" --dir {}", self.dir.path().display());
        }
        format!("{line} {what}")
    }
}
