// SPDX-License-Identifier: BSD-2-Clause
//! Stages `load` and `unload`: have the device served, and leave it as it was.
//!
//! On Linux a device that is served already is used as it is, and it is told
//! where another tcpstatsd than the run's own serves it; else that one does. On FreeBSD a module that is loaded already is of an
//! unknown version: it makes way for the run's own.

use std::io;

use openssh::ChildStdout;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, BufReader, copy, sink};
use tokio::task::JoinSet;

use super::connect::{Machine, System};
use super::deploy::MODULE;
use super::place::Programs;
use super::terminate::terminate;
use super::{Failure, Pipeline};
use crate::event::Stage;
use crate::ssh::remote::{Handle, Process, beginning, last_line};
use crate::ssh::{Connection, Exit, RemoteError};

/// What the live targets open at once; the default is too low for them.
const MAX_OPEN_FDS: &str = "dev.tcpstats.max_open_fds=64";
/// What tcpstatsd may say before it is ready, bytes.
const GREETING_BYTES_MAX: u64 = 64 << 10;

/// Whether `target` reads the device.
pub(super) fn needs_device(target: &str) -> bool {
    target.starts_with("live_")
}

/// What `load` did so far, for `unload` to undo.
#[derive(Debug, Default)]
pub(super) struct Loaded {
    daemon: Option<Handle>,
    readers: JoinSet<io::Result<u64>>,
    module: bool,
}

impl Pipeline {
    pub(super) async fn load(
        &self,
        machine: &Machine,
        programs: &Programs,
        loaded: &mut Loaded,
    ) -> Result<(), Failure> {
        match machine.system {
            System::Linux => self.serve(&machine.connection, programs, loaded).await,
            System::FreeBsd => load_module(&machine.connection, programs, loaded).await,
        }
    }

    pub(super) async fn unload(&self, machine: &Machine, loaded: Loaded) -> Result<(), Failure> {
        let connection = &machine.connection;
        if let Some(daemon) = loaded.daemon {
            terminate(connection, &self.place.daemon()).await?;
            connection.wait(daemon).await?;
        }
        if loaded.module {
            connection.succeed(&["kldunload", "tcpstats"]).await?;
        }
        Ok(())
    }

    async fn serve(
        &self,
        connection: &Connection,
        programs: &Programs,
        loaded: &mut Loaded,
    ) -> Result<(), Failure> {
        let info = connection
            .run(&[&programs.path("tcpstats"), "info"])
            .await?;
        match info.exit {
            Exit::Status(0) => {
                if is_own(connection, programs).await? {
                    let line = "the device is served already; it is used as it is";
                    self.output(Stage::Load, line).await;
                } else {
                    let line = "the device is served by another tcpstatsd than this run's; the tests are of that one";
                    self.note(Stage::Load, line).await;
                }
                return Ok(());
            }
            Exit::Status(126 | 127) => {
                return Err(Failure::infrastructure(
                    last_line(&info.stderr),
                    programs.path("tcpstats"),
                    "deploy the programs with --deploy cross",
                ));
            }
            _ => {}
        }
        let tcpstatsd = programs.path("tcpstatsd");
        let Process {
            mut stdout,
            mut stderr,
            handle,
            ..
        } = connection.spawn(&[&tcpstatsd]).await?;
        loaded.daemon = Some(handle);
        if ready(&mut stdout).await {
            // It must neither wait for a reader nor find its output closed.
            loaded
                .readers
                .spawn(async move { copy(&mut stdout, &mut sink()).await });
            loaded
                .readers
                .spawn(async move { copy(&mut stderr, &mut sink()).await });
            return Ok(());
        }
        // It has closed its output, so it is about to end.
        let complaint = beginning(stderr).await;
        Err(Failure::infrastructure(
            format!("tcpstatsd ended: {}", last_line(&complaint)),
            tcpstatsd,
            "it needs root and /dev/fuse",
        ))
    }
}

/// Whether what serves the device there is the tcpstatsd of this run, byte for
/// byte. What can't be looked at is not.
async fn is_own(connection: &Connection, programs: &Programs) -> Result<bool, Failure> {
    let found = connection.run(&["pgrep", "-x", "tcpstatsd"]).await?;
    let running = found.stdout.lines().map(|pid| format!("/proc/{pid}/exe"));
    let files: Vec<String> = running.chain([programs.path("tcpstatsd")]).collect();
    let mut argv = vec!["sha256sum", "--"];
    argv.extend(files.iter().map(String::as_str));
    let hashed = connection.run(&argv).await?;
    let mut hashes: Vec<&str> = hashed
        .stdout
        .lines()
        .filter_map(|line| line.split(' ').next())
        .collect();
    let is_whole = files.len() > 1 && hashes.len() == files.len();
    hashes.dedup();
    Ok(is_whole && hashes.len() == 1)
}

async fn ready(stdout: &mut ChildStdout) -> bool {
    let mut bounded = BufReader::new(stdout.take(GREETING_BYTES_MAX));
    let mut line = String::new();
    while matches!(bounded.read_line(&mut line).await, Ok(1..)) {
        if line.trim() == "ready" {
            return true;
        }
        line.clear();
    }
    false
}

async fn load_module(
    connection: &Connection,
    programs: &Programs,
    loaded: &mut Loaded,
) -> Result<(), Failure> {
    let present = connection.run(&["kldstat", "-q", "-n", "tcpstats"]).await?;
    if present.exit == Exit::Status(0) {
        let unloaded = connection.succeed(&["kldunload", "tcpstats"]).await;
        unloaded.map_err(|error| {
            let what = format!("an old module is loaded and can't be unloaded: {error}");
            let advice = "end what has /dev/tcpstats open (`fstat /dev/tcpstats*`), or reboot it";
            Failure::from(error).say(what).advise(advice)
        })?;
    }
    let module = programs.path(MODULE);
    connection
        .succeed(&["kldload", &module])
        .await
        .map_err(|error: RemoteError| {
            Failure::from(error).advise("`dmesg | tail` there says why the kernel refused it")
        })?;
    loaded.module = true;
    connection.succeed(&["sysctl", MAX_OPEN_FDS]).await?;
    Ok(())
}
