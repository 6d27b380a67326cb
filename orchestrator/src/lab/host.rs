// SPDX-License-Identifier: BSD-2-Clause
//! What `lab up` tells a host's first process, and the words they exchange.
//!
//! The first process reads a [`HostSpec`] from its standard input, one line of
//! JSON, answers [`READY`] on its standard output once its services run, and
//! then waits for [`KEEP`]. If its input ends before that, whoever was making
//! the lab is gone, and the host ends too: a lab is never left half made.

use std::net::Ipv4Addr;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

/// "My services run."
pub(super) const READY: &str = "ready";

/// "You belong to a whole lab; stay."
pub(super) const KEEP: &str = "keep";

/// Where a host sees its own configuration and programs.
pub(super) const INSIDE: &str = "/run/lab";

/// Where programs are in a host.
pub(super) const PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// The host's private key, in its folder on the machine and inside.
pub(super) const HOST_KEY: &str = "ssh_host_key";
/// sshd's configuration, likewise.
pub(super) const SSHD_CONFIG: &str = "sshd_config";
/// Who may log in, likewise.
pub(super) const AUTHORIZED_KEYS: &str = "authorized_keys";
/// The log of the first process, in the host's folder on the machine.
pub(super) const INIT_LOG: &str = "init.log";

/// A host that is to be.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct HostSpec {
    /// Its host name.
    pub(super) name: String,
    /// Its address on the bridge.
    pub(super) address: Ipv4Addr,
    /// Its folder on the machine: keys, configuration and logs.
    pub(super) dir: PathBuf,
    /// An empty folder of the machine, to assemble its root in.
    pub(super) root: PathBuf,
    /// The source of its own file systems' mounts.
    pub(super) mount_source: String,
    /// OpenSSH's server.
    pub(super) sshd: PathBuf,
    /// The daemon that serves the device.
    pub(super) tcpstatsd: PathBuf,
}
