// SPDX-License-Identifier: BSD-2-Clause
//! A host on its way from a new process to one that can be driven.

use std::fs::{self, File};
use std::io::{self, Write};
use std::net::Ipv4Addr;
use std::path::Path;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::time::Duration;

use backon::{ConstantBuilder, Retryable};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, BufReader};
use tokio::process::ChildStdout;
use tokio::time::timeout;

use super::error::{LabError, Tried};
use super::host::{HostSpec, INIT_LOG, KEEP, READY};
use super::state::{HostState, StateDir};
use super::{Lab, health, namespaces, network, processes};

/// How long a host may take. It takes well under a second; a machine that is
/// busy building takes longer.
const LIMIT: Duration = Duration::from_secs(30);

/// How many of a log's last lines an error quotes.
const QUOTED_LINES: usize = 4;

/// A host whose first process runs. Dropping it ends the host, unless it was
/// kept before.
#[derive(Debug)]
pub(super) struct RisingHost {
    spec: HostSpec,
    process: Child,
    input: ChildStdin,
    output: BufReader<ChildStdout>,
}

impl RisingHost {
    /// Start the first process of host `number` in namespaces of its own,
    /// connect it to the bridge and tell it what to be.
    ///
    /// # Errors
    /// The kernel or `ip` refuses.
    pub(super) fn start(lab: &Lab, number: u8, spec: HostSpec) -> Result<Self, LabError> {
        let starting = || format!("start host {}", spec.name);
        let mut process = spawn(lab, &spec).tried(starting)?;
        let (Some(mut input), Some(output)) = (process.stdin.take(), process.stdout.take()) else {
            return Err(io::Error::from(io::ErrorKind::BrokenPipe)).tried(starting);
        };
        let output = ChildStdout::from_std(output).tried(starting)?;
        network::connect_host(lab, number, process.id())?;
        serde_json::to_writer(&mut input, &spec)
            .map_err(io::Error::from)
            .and_then(|()| writeln!(input))
            .tried(starting)?;
        Ok(Self {
            spec,
            process,
            input,
            output: BufReader::new(output),
        })
    }

    /// Wait until the host can be driven: its sshd answers, its device is
    /// served.
    ///
    /// # Errors
    /// It ends before that, or takes longer than a host may.
    pub(super) async fn risen(mut self) -> Result<Self, LabError> {
        match timeout(LIMIT, self.rise()).await {
            Ok(Ok(())) => Ok(self),
            Ok(Err(problem)) => Err(self.failed(&problem)),
            Err(_) => Err(self.failed(&format!("not ready within {} s", LIMIT.as_secs()))),
        }
    }

    async fn rise(&mut self) -> Result<(), String> {
        let mut word = String::new();
        let heard = self.output.read_line(&mut word).await;
        if heard.is_err() || word.trim_end() != READY {
            return Err("it ended before its services ran".to_owned());
        }
        let address = self.spec.address;
        let answering = (|| health::sshd(address)).retry(
            ConstantBuilder::default()
                .with_delay(Duration::from_millis(10))
                .without_max_times(),
        );
        let mut rest = [0];
        tokio::select! {
            answers = answering => answers?,
            // Says nothing more: something to read is its end.
            _ = self.output.read(&mut rest) => {
                return Err("it ended before its sshd answered".to_owned());
            }
        }
        let pid = self.process.id().cast_signed();
        health::device(pid)
            .await
            .map_err(|why| format!("/dev/tcpstats: {why}"))
    }

    /// Let the host live on without this process.
    ///
    /// # Errors
    /// It has ended.
    pub(super) fn keep(mut self) -> Result<(), LabError> {
        writeln!(self.input, "{KEEP}").tried(|| format!("keep host {}", self.spec.name))
    }

    /// What is to be remembered of it.
    pub(super) fn state(&self) -> HostState {
        HostState {
            name: self.spec.name.clone(),
            address: self.spec.address,
        }
    }

    /// Its address on the bridge.
    pub(super) fn address(&self) -> Ipv4Addr {
        self.spec.address
    }

    fn failed(&self, problem: &str) -> LabError {
        LabError::Host {
            host: self.spec.name.clone(),
            problem: format!("{problem}{}", last_words(&self.spec.dir)),
        }
    }
}

fn spawn(lab: &Lab, spec: &HostSpec) -> io::Result<Child> {
    StateDir::make_private(&spec.dir).map_err(io::Error::other)?;
    let log = File::create(spec.dir.join(INIT_LOG))?;
    let mut command = Command::new(std::env::current_exe()?);
    command
        .args(processes::init_arguments(lab, &spec.name))
        .current_dir("/")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(log);
    namespaces::in_new(|| command.spawn())?
}

/// The last lines of every log in a host's folder, for the end of an error.
fn last_words(dir: &Path) -> String {
    let mut words = String::new();
    for entry in fs::read_dir(dir).into_iter().flatten().flatten() {
        let path = entry.path();
        if path.extension().is_none_or(|extension| extension != "log") {
            continue;
        }
        let log = fs::read(&path).unwrap_or_default();
        let log = String::from_utf8_lossy(&log);
        let lines: Vec<_> = log.lines().collect();
        for line in &lines[lines.len().saturating_sub(QUOTED_LINES)..] {
            words.push_str(&format!("\n  {}: {line}", entry.file_name().display()));
        }
    }
    words
}
