// SPDX-License-Identifier: BSD-2-Clause
//! Serves the tcpstats device on Linux: the device nodes as FUSE files over the portable C core,
//! the sockets from `NETLINK_SOCK_DIAG`, the sysctl names as files.

mod closing;
mod descriptor;
mod fuse;
mod memory;
mod mount;
mod registry;
mod server;
mod sockets;
mod tree;

use std::fmt::Display;
use std::fs::File;
use std::io::{self, Write};
use std::path::PathBuf;
use std::process::ExitCode;
use std::thread;

use clap::Parser;
use nix::sys::signal::{SigSet, Signal, kill};
use nix::unistd::{Group, Pid};
use rustix::io::Errno;
use tcpstats::filter::Filter;

use fuse::Session;
use mount::{Links, MountError, MountPoint};
use registry::MAX_READERS;
use server::Server;
use sockets::{DumpError, Snapshot};

/// Exit status where the machine lacks what is needed.
const EXIT_LACKING: u8 = 3;
/// Threads beside those that read: for signals of readers, names, sysctl files, other ioctls.
const SPARE_THREADS: u32 = 24;

/// Serve the tcpstats device over FUSE until SIGTERM or SIGINT; prints "ready" when it is there.
#[derive(Debug, Parser)]
#[command(version)]
struct Arguments {
    /// Where to mount
    #[arg(long, env = tcpstats::paths::MOUNT_VARIABLE,
          default_value = tcpstats::paths::DEFAULT_MOUNT)]
    mount: PathBuf,
    /// Where to put the links tcpstats, tcpstats-full and tcpstats.d
    #[arg(long, default_value = "/dev")]
    dev_dir: PathBuf,
    /// Group that may read the device, a name or a number
    #[arg(long, default_value = "0", value_parser = group_id)]
    group: u32,
}

/// Why the daemon ended.
#[derive(Debug, thiserror::Error)]
enum Failure {
    #[error("not root: mounting a file system takes root")]
    NotRoot,
    #[error(
        "failed to open /dev/fuse: {0}: load the kernel's fuse module, or give this \
             container the device (mknod /dev/fuse c 10 229)"
    )]
    NoFuse(io::Error),
    #[error("{0}: does the kernel have CONFIG_INET_TCP_DIAG?")]
    NoSockDiag(DumpError),
    #[error(transparent)]
    Mount(#[from] MountError),
    #[error("failed to mount on {path}: {source}", path = path.display())]
    Fuse { path: PathBuf, source: io::Error },
    #[error("failed to wait for signals: {0}")]
    Signals(io::Error),
    #[error("the connection to the kernel broke: {0}")]
    Serve(Errno),
}

impl Failure {
    fn exit_code(&self) -> ExitCode {
        match self {
            Self::NotRoot | Self::NoFuse(_) | Self::NoSockDiag(_) => ExitCode::from(EXIT_LACKING),
            _ => ExitCode::FAILURE,
        }
    }
}

fn main() -> ExitCode {
    match run(&Arguments::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            complain(&failure);
            failure.exit_code()
        }
    }
}

fn run(arguments: &Arguments) -> Result<(), Failure> {
    check_machine()?;
    memory::return_snapshots();
    // Before any thread is there, so that none of them takes a signal by its default action.
    let signals = SigSet::from_iter([Signal::SIGTERM, Signal::SIGINT, Signal::SIGHUP]);
    signals
        .thread_block()
        .map_err(|errno| Failure::Signals(errno.into()))?;

    let mount = MountPoint::claim(&arguments.mount)?;
    let server = Server::new(arguments.group, announce);
    let mut session = Session::mount(mount.path(), &server).map_err(|source| Failure::Fuse {
        path: mount.path().to_path_buf(),
        source,
    })?;
    let links = Links::make(&arguments.dev_dir, &mount)?;

    thread::scope(|scope| {
        let waiter = thread::Builder::new()
            .name("signals".to_owned())
            .spawn_scoped(scope, || wait_and_unmount(signals, links, &mount))
            .map_err(Failure::Signals)?;
        let served = session
            .serve(MAX_READERS + SPARE_THREADS)
            .map_err(Failure::Serve);
        if !waiter.is_finished() {
            // Somebody else unmounted: let the waiter go, too.
            kill(Pid::this(), Signal::SIGTERM).map_err(|errno| Failure::Signals(errno.into()))?;
        }
        served
    })
}

/// What the daemon cannot do without, before anything is touched.
fn check_machine() -> Result<(), Failure> {
    if !rustix::process::geteuid().is_root() {
        return Err(Failure::NotRoot);
    }
    File::options()
        .read(true)
        .write(true)
        .open("/dev/fuse")
        .map_err(Failure::NoFuse)?;
    Snapshot::take(&Filter::default()).map_err(Failure::NoSockDiag)?;
    Ok(())
}

/// Wait for a signal to end, then take the device away: its links first, that nobody follows
/// them into nothing. The server's loop ends by the unmounting.
fn wait_and_unmount(signals: SigSet, links: Links, mount: &MountPoint) {
    if let Err(errno) = signals.wait() {
        complain(&format_args!("failed to wait for signals: {errno}"));
    }
    drop(links);
    if let Err(error) = mount.unmount() {
        complain(&error);
    }
}

fn announce() {
    let mut stdout = io::stdout().lock();
    if let Err(error) = writeln!(stdout, "ready").and_then(|()| stdout.flush()) {
        complain(&format_args!(
            "failed to say that the device is ready: {error}"
        ));
    }
}

/// A line on stderr; where that is closed there is nobody to tell, and no reason to end.
fn complain(what: &dyn Display) {
    let _ = writeln!(io::stderr(), "tcpstatsd: {what}");
}

fn group_id(group: &str) -> Result<u32, String> {
    if let Ok(gid) = group.parse() {
        return Ok(gid);
    }
    match Group::from_name(group) {
        Ok(Some(found)) => Ok(found.gid.as_raw()),
        Ok(None) => Err("there is no such group".to_owned()),
        Err(errno) => Err(format!("failed to look up the group: {errno}")),
    }
}
