// SPDX-License-Identifier: BSD-2-Clause
//! OpenSSH in a host: its keys and its configuration.

use std::fs;
use std::net::Ipv4Addr;
use std::path::Path;

use super::command;
use super::error::{LabError, Tried};
use super::host::{AUTHORIZED_KEYS, HOST_KEY, INSIDE, SSHD_CONFIG};
use super::state::StateDir;

/// The port that sshd listens on in every host.
pub(super) const PORT: u16 = 22;

/// Make a key pair: `path`, and beside it the public half in `path.pub`.
/// Returns the public half, `TYPE BASE64 COMMENT`.
///
/// # Errors
/// ssh-keygen fails.
pub(super) fn make_key(path: &Path, comment: &str) -> Result<String, LabError> {
    let private = path.to_string_lossy();
    #[rustfmt::skip]
    command::run("ssh-keygen", &["-q", "-t", "ed25519", "-N", "", "-C", comment, "-f", &private])?;
    let public = path.with_extension("pub");
    fs::read_to_string(&public)
        .map(|key| key.trim().to_owned())
        .tried(|| format!("read {}", public.display()))
}

/// Put into a host's folder what its sshd needs: its key, its configuration
/// and the public key that may log in. Returns the host's public key.
///
/// # Errors
/// A file cannot be made.
pub(super) fn prepare(folder: &Path, host: &str, client_key: &str) -> Result<String, LabError> {
    StateDir::make_private(folder)?;
    StateDir::write_private(&folder.join(SSHD_CONFIG), &configuration())?;
    StateDir::write_private(&folder.join(AUTHORIZED_KEYS), &format!("{client_key}\n"))?;
    make_key(&folder.join(HOST_KEY), host)
}

/// The line of a known_hosts file for a host with this public key.
pub(super) fn known_host(address: Ipv4Addr, public_key: &str) -> String {
    format!("{address} {public_key}\n")
}

fn configuration() -> String {
    format!(
        "\
# Written by `orchestrator lab up`.
Port {PORT}
HostKey {INSIDE}/{HOST_KEY}
PidFile none
AllowUsers root
PermitRootLogin prohibit-password
AuthenticationMethods publickey
AuthorizedKeysFile {INSIDE}/{AUTHORIZED_KEYS}
PasswordAuthentication no
KbdInteractiveAuthentication no
UsePAM no
UseDNS no
X11Forwarding no
PrintMotd no
PrintLastLog no
# An orchestrator opens many sessions on one connection, several at once.
MaxSessions 64
MaxStartups 64
Subsystem sftp internal-sftp
"
    )
}
