// SPDX-License-Identifier: BSD-2-Clause
//! Whether a host does what it is for, seen from the machine.

use std::io;
use std::net::Ipv4Addr;
use std::thread;
use std::time::Duration;

use rustix::fs::{Mode, OFlags, ResolveFlags, fstatfs, open, openat2};
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::net::TcpStream;
use tokio::sync::oneshot;
use tokio::time::timeout;

use super::sshd;

/// A host that is well answers in far less; one that does not is not well.
const LIMIT: Duration = Duration::from_secs(2);

/// What OpenSSH's server says first, whatever its version (RFC 4253, 4.2).
const BANNER: &str = "SSH-2.0-OpenSSH";

/// `f_type` of a FUSE file system (statfs(2)).
const FUSE_SUPER_MAGIC: i64 = 0x6573_5546;

/// Whether OpenSSH answers at the address; otherwise why not.
///
/// # Errors
/// What happened instead.
pub(super) async fn sshd(address: Ipv4Addr) -> Result<(), String> {
    let greeting = async {
        let stream = TcpStream::connect((address, sshd::PORT)).await?;
        let mut line = String::new();
        BufReader::new(stream).read_line(&mut line).await?;
        Ok::<_, io::Error>(line)
    };
    match timeout(LIMIT, greeting).await {
        Err(_) => Err(format!("no answer within {} s", LIMIT.as_secs())),
        Ok(Err(error)) => Err(error.to_string()),
        Ok(Ok(line)) if line.starts_with(BANNER) => Ok(()),
        Ok(Ok(line)) => Err(format!("it says {:?}, not {BANNER}", line.trim_end())),
    }
}

/// Whether the device is served in the host whose first process is `pid`.
/// Opens nothing: a descriptor more would show in the device's counters.
///
/// # Errors
/// What happened instead.
pub(super) async fn device(pid: i32) -> Result<(), String> {
    let (answer, answered) = oneshot::channel();
    // A thread of its own, since a frozen daemon blocks whoever looks.
    thread::spawn(move || answer.send(look_at_device(pid)));
    match timeout(LIMIT, answered).await {
        Ok(Ok(Ok(FUSE_SUPER_MAGIC))) => Ok(()),
        Ok(Ok(Ok(_))) => Err("it is no file of tcpstatsd's".to_owned()),
        Ok(Ok(Err(error))) => Err(error.to_string()),
        Ok(Err(_)) | Err(_) => Err(format!("no answer within {} s", LIMIT.as_secs())),
    }
}

/// The type of the file system that the host's /dev/tcpstats is on.
fn look_at_device(pid: i32) -> io::Result<i64> {
    let flags = OFlags::PATH | OFlags::CLOEXEC;
    let root = open(
        format!("/proc/{pid}/root"),
        flags | OFlags::DIRECTORY,
        Mode::empty(),
    )?;
    // The device is a symbolic link, which must lead within the host's root.
    let inside = ResolveFlags::IN_ROOT;
    let device = openat2(&root, "dev/tcpstats", flags, Mode::empty(), inside)?;
    Ok(fstatfs(&device)?.f_type)
}
