// SPDX-License-Identifier: BSD-2-Clause
//! `pkg_setup`: what the targets that compile need, installed where it is
//! missing. Each need is a test, which passes when it is there in the end.

use std::io::Write;
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use protocol::Outcome;
use protocol::event::Level;
use rustix::process::geteuid;

use super::{Session, TargetError};
use crate::framework::packages::{Need, Step};
use crate::framework::process::{Line, Process};
use crate::framework::system;

/// How long a package manager may be silent.
const SILENCE_LIMIT: Duration = Duration::from_secs(600);
/// Lines of a command that failed that are told, the last ones.
const QUOTED: usize = 5;

pub(super) fn run<W: Write>(session: &Session<W>, name: &str) -> Result<(), TargetError> {
    let folders = program_folders();
    let system = system::package_system(&folders).ok_or_else(|| {
        TargetError::Lacking(
            "no apt-get here: install a C compiler, make, valgrind and perl by this system's \
             own means"
                .to_owned(),
        )
    })?;
    let (there, missing): (Vec<&Need>, Vec<&Need>) = system
        .needs()
        .iter()
        .partition(|need| need.find(&folders).is_some());
    let steps = system.steps(&missing).map_err(TargetError::Lacking)?;
    if let [first, ..] = &steps[..]
        && !geteuid().is_root()
    {
        return Err(TargetError::Lacking(format!(
            "root is needed to install {}: run it as root, beginning with `{}`",
            names(&missing),
            first.argv.join(" ")
        )));
    }

    session
        .report()
        .target_started(name, u32::try_from(system.needs().len()).ok())?;
    say(session, "there", &there)?;
    for step in &steps {
        take(session, name, step)?;
    }
    for need in system.needs() {
        let mut report = session.report();
        report.test_started(None, need.name, need.purpose);
        report.test_finished(|test| match need.find(&folders) {
            Some(_) => test.outcome = Outcome::Passed,
            None => test.message = Some("it is still not there".to_owned()),
        })?;
    }
    say(session, "installed", &missing)?;
    session.end_target(Vec::new())
}

/// Where programs are looked for.
fn program_folders() -> Vec<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).collect()
}

fn names(needs: &[&Need]) -> String {
    let names: Vec<&str> = needs.iter().map(|need| need.name).collect();
    names.join(", ")
}

fn say<W: Write>(session: &Session<W>, what: &str, needs: &[&Need]) -> Result<(), TargetError> {
    if needs.is_empty() {
        return Ok(());
    }
    let message = format!("  {what}: {}", names(needs));
    Ok(session.report().log(Level::Info, message)?)
}

/// Run the command; what it prints is kept as a file, and told where it fails:
/// without a network, say, the machine lacks it.
fn take<W: Write>(session: &Session<W>, name: &str, step: &Step) -> Result<(), TargetError> {
    let command = step.argv.join(" ");
    session
        .report()
        .log(Level::Info, format!("  running {command}"))?;
    let failed =
        |reason: String| TargetError::Lacking(format!("failed to run `{command}`: {reason}"));
    let (program, arguments) = step
        .argv
        .split_first()
        .ok_or_else(|| failed("it is empty".to_owned()))?;
    let mut start = Command::new(program);
    start.args(arguments).envs(step.environment);
    let mut process = Process::spawn(&mut start, &session.cancel, &session.restorer)
        .map_err(|error| failed(error.to_string()))?;
    let mut said: Vec<String> = Vec::new();
    let status = loop {
        match process.next_line("say a word", SILENCE_LIMIT) {
            Ok(Some(Line::Out(line) | Line::Err(line))) => said.push(line),
            Ok(None) => break process.wait(SILENCE_LIMIT),
            Err(error) => break Err(error),
        }
    };
    let log = format!(
        "{name}-{}.log",
        step.argv[..step.argv.len().min(2)].join("-")
    );
    session.report().keep(&log, said.join("\n").as_bytes())?;
    match status {
        Ok(status) if status.success() => Ok(()),
        Ok(status) => {
            let last = said[said.len().saturating_sub(QUOTED)..].join(" | ");
            Err(failed(format!("it ended with {status}: {last}")))
        }
        Err(error) => Err(failed(error.to_string())),
    }
}
