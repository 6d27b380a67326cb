// SPDX-License-Identifier: BSD-2-Clause
//! Whether a VM is fit for a run: what `orchestrator doctor` shows, and what
//! stage `health` takes a VM out for.
//!
//! - `judge`: what the VM's answers mean; knows no connection.
//!
//! Nothing is changed on the VM. A command that fails is a finding; only a lost
//! connection is an error.

mod judge;

pub(super) use judge::{BUILD_TOOLS, installation};

use std::collections::BTreeMap;
use std::path::Path;

use jiff::Timestamp;
use serde::Serialize;

use super::connect::{Machine, System};
use super::{Failure, Pipeline};
use crate::event::{Facts, Stage};
use crate::inventory::Vm;
use crate::ssh::{Connection, RemoteError, Said};

/// Prints those of its arguments that are no command. Its text is the same for
/// every VM: what is looked for are its arguments.
const MISSING: &str =
    r#"for tool do command -v "$tool" >/dev/null 2>&1 || printf '%s\n' "$tool"; done"#;

/// What is looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Check {
    /// Whether a command runs there.
    Reach,
    /// Whether its host key is the known one.
    HostKey,
    /// Whether the tests run on it, and the inventory is right about it.
    System,
    /// Whether the user may do what live targets need.
    User,
    /// Whether the programs are there that a run uses.
    Tools,
    /// Whether what is brought there fits.
    Disk,
    /// Whether the device is served already, or can be.
    Device,
    /// Whether its clock is right.
    Clock,
    /// Whether there is something here to be brought there.
    Programs,
}

impl Check {
    /// As it stands in the JSON and on a terminal.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Reach => "reach",
            Self::HostKey => "host_key",
            Self::System => "system",
            Self::User => "user",
            Self::Tools => "tools",
            Self::Disk => "disk",
            Self::Device => "device",
            Self::Clock => "clock",
            Self::Programs => "programs",
        }
    }
}

/// What came of a check.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Grade {
    /// As it should be.
    Good,
    /// A run goes on, and may be disturbed by it.
    Warning,
    /// No run is begun with it.
    Bad,
}

/// One check's result.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Finding {
    /// What was looked at.
    pub(crate) check: Check,
    /// What came of it.
    pub(crate) grade: Grade,
    /// What was found, one line.
    pub(crate) found: String,
    /// The command that mends it, or what to do where none does; may be empty.
    pub(crate) mend: String,
}

impl Finding {
    pub(crate) fn good(check: Check, found: impl Into<String>) -> Self {
        Self::new(check, Grade::Good, found, "")
    }

    pub(crate) fn warning(check: Check, found: impl Into<String>, mend: impl Into<String>) -> Self {
        Self::new(check, Grade::Warning, found, mend)
    }

    pub(crate) fn bad(check: Check, found: impl Into<String>, mend: impl Into<String>) -> Self {
        Self::new(check, Grade::Bad, found, mend)
    }

    fn new(check: Check, grade: Grade, found: impl Into<String>, mend: impl Into<String>) -> Self {
        Self {
            check,
            grade,
            found: found.into(),
            mend: mend.into(),
        }
    }
}

impl Pipeline {
    /// What is bad ends the pipeline, what is a warning is recorded.
    pub(super) async fn health(&self, machine: &Machine, facts: &Facts) -> Result<(), Failure> {
        let needs_device = self.needs_device();
        let is_fatal = |finding: &Finding| {
            finding.grade == Grade::Bad && (finding.check != Check::Device || needs_device)
        };
        for finding in examine(machine, &self.vm, facts).await? {
            if is_fatal(&finding) {
                return Err(Failure::infrastructure(
                    finding.found,
                    format!("check the VM's {}", finding.check.as_str()),
                    finding.mend,
                ));
            }
            if finding.grade != Grade::Good {
                let line = format!("{}: {}", finding.check.as_str(), finding.found);
                self.note(Stage::Health, line).await;
            }
        }
        Ok(())
    }
}

/// Everything that can be seen once a VM is reached.
pub(crate) async fn examine(
    machine: &Machine,
    vm: &Vm,
    facts: &Facts,
) -> Result<Vec<Finding>, RemoteError> {
    let connection = &machine.connection;
    let (user, tools, disk, device, clock) = tokio::try_join!(
        user(connection),
        tools(machine, vm),
        disk(connection, vm),
        device(connection, machine.system),
        clock(connection, machine.system),
    )?;
    Ok(vec![
        judge::system(machine.system, facts, vm),
        user,
        tools,
        disk,
        device,
        clock,
    ])
}

async fn user(connection: &Connection) -> Result<Finding, RemoteError> {
    let said = connection.run(&["id", "-u"]).await?;
    Ok(judge::user(said.stdout.trim()))
}

async fn tools(machine: &Machine, vm: &Vm) -> Result<Finding, RemoteError> {
    let wanted = judge::tools_wanted(machine.system, vm.deploy);
    let missing = missing_tools(&machine.connection, &vm.env, wanted).await?;
    Ok(judge::tools(machine.system, vm.deploy, &missing))
}

/// Those of `wanted` that are no command there, where `env` is set.
pub(super) async fn missing_tools(
    connection: &Connection,
    env: &BTreeMap<String, String>,
    wanted: impl Iterator<Item = &'static str>,
) -> Result<Vec<String>, RemoteError> {
    let variables: Vec<String> = env.iter().map(|(k, v)| format!("{k}={v}")).collect();
    let mut argv: Vec<&str> = vec!["env"];
    argv.extend(variables.iter().map(String::as_str));
    argv.extend(["sh", "-c", MISSING, "sh"]);
    argv.extend(wanted.map(|tool| -> &str { tool }));
    let missing = connection.succeed(&argv).await?;
    Ok(missing.lines().map(str::to_owned).collect())
}

/// The folder itself need not be there yet: the file system that it would be
/// in is that of its nearest ancestor, the first that df(1) knows.
async fn disk(connection: &Connection, vm: &Vm) -> Result<Finding, RemoteError> {
    let mut argv = vec!["df", "-P", "-k", "--"];
    argv.extend(Path::new(&vm.dir).ancestors().filter_map(Path::to_str));
    let Said { stdout, .. } = connection.run(&argv).await?;
    Ok(judge::disk(&stdout, &vm.dir, vm.deploy))
}

async fn device(connection: &Connection, system: System) -> Result<Finding, RemoteError> {
    let ask: [&[&str]; 2] = match system {
        System::Linux => [
            &["test", "-e", "/dev/tcpstats"],
            &["test", "-c", "/dev/fuse"],
        ],
        System::FreeBsd => [
            &["kldstat", "-q", "-n", "tcpstats"],
            &["sysctl", "-n", "dev.tcpstats.active_fds"],
        ],
    };
    let (present, second) = tokio::try_join!(connection.run(ask[0]), connection.run(ask[1]))?;
    Ok(judge::device(system, &present, &second))
}

async fn clock(connection: &Connection, system: System) -> Result<Finding, RemoteError> {
    let before = Timestamp::now().as_second();
    let said = connection.run(&["date", "-u", "+%s"]).await?;
    let after = Timestamp::now().as_second();
    Ok(judge::clock(system, said.stdout.trim(), before..=after))
}
