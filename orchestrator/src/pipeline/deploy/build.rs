// SPDX-License-Identifier: BSD-2-Clause
//! Mode `build`: the tools, the source tree, `cargo build`, `pkg_setup`,
//! `make clean all`. What follows is the same in every mode: load with the
//! descriptor limit raised, target, unload.

use std::path::Path;
use std::process::Stdio;

use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::Command;
use tokio_stream::StreamExt;

use super::{Failure, Pipeline, is_there};
use crate::event::Stage;
use crate::pipeline::connect::{Machine, System};
use crate::pipeline::health::{BUILD_TOOLS, installation, missing_tools};
use crate::pipeline::lines::{self, Line};
use crate::pipeline::place::Programs;
use crate::pipeline::terminate::{GRACE, terminate};
use crate::ssh::remote::{Process, beginning, last_line};
use crate::ssh::{Connection, Exit, RemoteError};

/// What of the tree stays here besides what its `.gitignore` files name: what
/// git and builds keep, and what is on the VM beside it; rsync(1) also leaves
/// the latter alone there.
const EXCLUDED: [&str; 9] = [
    "/.git",
    "/target",
    "/dist",
    "/kmod/tcpstats/build",
    "/deploy",
    "/runs",
    "/current",
    "/lock",
    "/lock.holder",
];
/// Lines of a build's output that are recorded.
const LINES_MAX: usize = 1000;
/// How long after our own limit timeout(1) ends a build there, seconds.
const BACKSTOP_S: u64 = 60;

/// Whether `dir` holds this project's sources.
pub(crate) fn is_source_tree(dir: &Path) -> bool {
    dir.join("Cargo.toml").is_file() && dir.join("kmod/tcpstats").is_dir()
}

impl Pipeline {
    /// Have the tools there, and the tree as it is here.
    pub(super) async fn bring_tree(&self, machine: &Machine) -> Result<(), Failure> {
        let source = &self.shared.source;
        if !is_source_tree(source) {
            return Err(Failure::infrastructure(
                format!("{} holds no source tree of tcpstats", source.display()),
                "collect what is to be built there",
                "name its folder with --source, or use --deploy cross",
            ));
        }
        self.ensure_tools(machine).await?;
        self.rsync(&machine.connection).await
    }

    async fn ensure_tools(&self, machine: &Machine) -> Result<(), Failure> {
        let connection = &machine.connection;
        let wanted = BUILD_TOOLS.iter().map(|(tool, ..)| *tool);
        let missing = missing_tools(connection, &self.vm.env, wanted).await?;
        if missing.is_empty() {
            return Ok(());
        }
        let install = installation(machine.system, &missing);
        match machine.system {
            System::FreeBsd => {
                let argv: Vec<&str> = install.split(' ').collect();
                let argv = [&["env", "ASSUME_ALWAYS_YES=yes"], &argv[..]].concat();
                self.narrated(connection, Stage::Deploy, &argv).await
            }
            System::Linux => Err(Failure::infrastructure(
                format!("missing: {}", missing.join(", ")),
                "look for the tools of a build",
                install,
            )),
        }
    }

    /// What differs in content is sent, and gets the VM's present time: cargo
    /// builds what is newer than its last build, so an older time of another
    /// content would leave an old program in place.
    async fn rsync(&self, connection: &Connection) -> Result<(), Failure> {
        let mut command = Command::new("rsync");
        command
            .args(["-rlpcs", "--delete", "--itemize-changes", "-e"])
            .arg(connection.rsh());
        for excluded in EXCLUDED {
            command.arg(format!("--exclude={excluded}"));
        }
        command.arg("--filter=:- .gitignore");
        let source = self.shared.source.join("");
        command
            .arg("--")
            .arg(&source)
            // The name stands for the connection, whatever it is.
            .arg(format!("vm:{}/", self.place.dir()))
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .process_group(0)
            .kill_on_drop(true);
        let tried = format!("rsync {} to the VM", source.display());
        let io_error = |source| RemoteError::Io {
            tried: tried.clone(),
            source,
        };
        let mut child = command
            .spawn()
            .map_err(|error| Failure::from(io_error(error)).advise("install rsync here"))?;
        let (Some(stdout), Some(stderr)) = (child.stdout.take(), child.stderr.take()) else {
            return Err(io_error(std::io::Error::other("it has no standard streams")).into());
        };
        let (changes, complaints) = tokio::join!(count_lines(stdout), beginning(stderr));
        let status = child.wait().await.map_err(io_error)?;
        if !status.success() {
            return Err(match connection.lost_soon().await {
                Some(words) => RemoteError::Lost { tried, words }.into(),
                None => Failure::infrastructure(last_line(&complaints), tried, ""),
            });
        }
        let line = format!("rsync changed {changes} files and folders of the source tree there");
        self.output(Stage::Deploy, line).await;
        Ok(())
    }

    pub(super) async fn build(&self, machine: &Machine) -> Result<(), Failure> {
        let connection = &machine.connection;
        let built = self.place.built();
        // A program that the tree no longer has must not stand for one that it
        // has; cargo puts back what it finds up to date.
        let mut old = vec!["rm", "-f", "--"];
        let programs = super::PROGRAMS.map(|name| built.path(name));
        old.extend(programs.iter().map(String::as_str));
        connection.succeed(&old).await?;

        let dir = self.place.dir();
        let (manifest, target) = (format!("{dir}/Cargo.toml"), format!("{dir}/target"));
        let mut argv = vec![
            "cargo",
            "build",
            "--release",
            "--workspace",
            "--manifest-path",
            &manifest,
            "--target-dir",
            &target,
            // Neither runs on a VM.
            "--exclude",
            "orchestrator",
        ];
        if machine.system == System::FreeBsd {
            argv.extend(["--exclude", "tcpstatsd"]);
        }
        self.part(connection, Stage::Build, &argv).await
    }

    /// Prepare the system by the test binary itself, then build the module.
    pub(super) async fn set_up(&self, machine: &Machine) -> Result<Programs, Failure> {
        let connection = &machine.connection;
        let built = self.place.built();
        let harness = built.path("kmod-integration");
        if !is_there(connection, &harness).await? {
            return Err(Failure::infrastructure(
                format!("the build left no {harness}"),
                "look for the test binary",
                "see that the source tree is whole",
            ));
        }
        if machine.system == System::FreeBsd {
            self.part(connection, Stage::Setup, &[&harness, "pkg_setup"])
                .await?;
            let make = ["make", "-C", &built.kmod_src, "clean", "all"];
            self.part(connection, Stage::Setup, &make).await?;
        }
        self.take_over(connection, &built).await
    }

    /// A stage of a build. However it ends early, what it started ends too.
    pub(super) async fn building<T>(
        &self,
        machine: &Machine,
        stage: Stage,
        work: impl Future<Output = Result<T, Failure>>,
    ) -> Result<T, Failure> {
        let connection = &machine.connection;
        self.recorded(stage, async {
            let bounded = self.limited(machine, stage, work);
            let done = self.shared.stop.unless(bounded).await;
            if done.is_err() && !connection.is_lost() {
                // Whether that works or not, why it had to be is what is told.
                let _ = terminate(connection, &self.place.builder()).await;
            }
            done
        })
        .await
    }

    /// Run a part of a build under the inventory's variables, and under
    /// timeout(1), which passes a signal on to all that the part has started
    /// and ends it where we are gone and can't.
    async fn part(
        &self,
        connection: &Connection,
        stage: Stage,
        argv: &[&str],
    ) -> Result<(), Failure> {
        let limit = self.vm.limits.stage(stage).as_secs() + BACKSTOP_S;
        let (grace, limit) = (GRACE.as_secs().to_string(), limit.to_string());
        let variables = variables(&self.vm.env);
        let mut whole = vec!["timeout", "-k", &grace, &limit, "env"];
        whole.extend(variables.iter().map(String::as_str));
        whole.extend(argv);
        self.narrated(connection, stage, &whole).await
    }

    /// Run `argv` with what it prints in the log.
    async fn narrated(
        &self,
        connection: &Connection,
        stage: Stage,
        argv: &[&str],
    ) -> Result<(), Failure> {
        let Process {
            stdin,
            stdout,
            stderr,
            handle,
        } = connection.spawn(argv).await?;
        drop(stdin);
        let mut lines = std::pin::pin!(lines::of(stdout, stderr, usize::MAX));
        let (mut last, mut last_error) = (String::new(), String::new());
        let mut number = 0;
        while let Some(line) = lines.next().await {
            let text = match line {
                Line::Event(bytes) => String::from_utf8_lossy(&bytes).into_owned(),
                Line::Complaint(text) => text,
                Line::Surplus | Line::Overlong => continue,
            };
            number += 1;
            if text.starts_with("error") {
                last_error.clone_from(&text);
            } else if !text.trim().is_empty() {
                last.clone_from(&text);
            }
            if number <= LINES_MAX {
                self.output(stage, text).await;
            }
        }
        match connection.wait(handle).await? {
            Exit::Status(0) => Ok(()),
            exit => Err(Failure::from(RemoteError::Failed {
                tried: argv.join(" "),
                exit,
                stderr: if last_error.is_empty() {
                    last
                } else {
                    last_error
                },
            })
            .advise("see its output in the event log")),
        }
    }
}

/// As env(1) takes them.
fn variables(env: &std::collections::BTreeMap<String, String>) -> Vec<String> {
    env.iter()
        .map(|(name, value)| format!("{name}={value}"))
        .collect()
}

/// How many lines `stream` has; a broken one is at its end.
async fn count_lines(stream: impl tokio::io::AsyncRead + Unpin) -> usize {
    let mut lines = BufReader::new(stream).lines();
    let mut number = 0;
    while let Ok(Some(_)) = lines.next_line().await {
        number += 1;
    }
    number
}
