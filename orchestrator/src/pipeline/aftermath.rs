// SPDX-License-Identifier: BSD-2-Clause
//! Stage `recover`: what became of a VM that was lost or has panicked, and with
//! `--recover` its reset.

use std::process::Stdio;
use std::time::Duration;

use tokio::process::Command;
use tokio::time::{Instant, timeout};

use super::again::pauses;
use super::connect::Machine;
use super::console::Console;
use super::facts::learn;
use super::terminate::terminate;
use super::{Failure, Pipeline};
use crate::event::{Stage, VmOutcome};
use crate::ssh::remote::last_line;

/// Attempts to reach a VM that was reset; its limit ends them earlier.
const ATTEMPTS_MAX: usize = 1000;
/// Longest time of a reset command.
const RESET: Duration = Duration::from_secs(60);
/// Files of /var/crash that are fetched.
const DUMPS_MAX: usize = 8;
/// What savecore(8) writes before the panic's text into its info files.
const PANIC_STRING: &str = "Panic String:";

impl Pipeline {
    /// See what became of the VM, fetch what it says of its end, and end what
    /// still runs there; `failure` tells it afterwards. Returns whether the VM
    /// was reset and is back.
    pub(super) async fn look_after(
        &self,
        failure: &mut Failure,
        console: Option<&Console>,
    ) -> bool {
        // A VM that has panicked is not back before somebody sees to it.
        let is_gone = match failure.outcome {
            VmOutcome::Crashed => self.shared.recover,
            _ => self.progress().link_lost,
        };
        if !is_gone || self.progress().boot_id.is_none() {
            return false;
        }
        let mut was_reset = false;
        let looking = self.recorded(Stage::Recover, async {
            let mut machine = match failure.outcome {
                VmOutcome::Crashed => None,
                _ => match self.reached(self.shared.retries).await {
                    Ok(machine) => Some(machine),
                    Err(unreached) => {
                        failure.cause.advice = format!(
                            "it could not be reached again ({}): see whether the VM and its \
                             link are up, and what its console says; the next run on it ends \
                             what still runs there",
                            unreached.cause.what
                        );
                        None
                    }
                },
            };
            if machine.is_none() && self.shared.recover {
                was_reset = self.reset().await?;
                if let (true, Some(console)) = (was_reset, console) {
                    console.forget();
                }
                if was_reset {
                    machine = Some(self.reached(ATTEMPTS_MAX).await?);
                }
            }
            let Some(machine) = machine else {
                return Ok(());
            };
            let looked = self.look_at(&machine, failure).await;
            machine.connection.close().await;
            looked
        });
        looking.await.is_ok() && was_reset
    }

    /// Connect again, in `times` more attempts than one and within the stage's
    /// limit.
    async fn reached(&self, times: usize) -> Result<Machine, Failure> {
        let limit = self.vm.limits.stage(Stage::Recover);
        let deadline = Instant::now() + limit;
        let mut pauses = pauses(times);
        loop {
            let opening = Machine::open(&self.vm, &self.shared.control);
            let opened = self.shared.stop.unless(async {
                let opened = opening.await;
                opened.map_err(|unreached| unreached.failure)
            });
            let failure = match opened.await {
                Ok(machine) => return Ok(machine),
                Err(failure) => failure,
            };
            match pauses.next() {
                Some(pause) if failure.can_pass && Instant::now() + pause < deadline => {
                    self.paused(pause).await?;
                }
                _ => return Err(failure),
            }
        }
    }

    /// Whether there was a command for it, and it worked.
    async fn reset(&self) -> Result<bool, Failure> {
        let Some((program, arguments)) = self.vm.reset.as_deref().and_then(<[_]>::split_first)
        else {
            let line = "the inventory names no `reset` for this VM";
            self.note(Stage::Recover, line).await;
            return Ok(false);
        };
        let tried = format!("reset the VM with {program}");
        let running = Command::new(program)
            .args(arguments)
            .stdin(Stdio::null())
            .process_group(0)
            .kill_on_drop(true)
            .output();
        let failed = |what: String| {
            Failure::infrastructure(what, &tried, "correct `reset` in the inventory")
        };
        match timeout(RESET, running).await {
            Ok(Ok(output)) if output.status.success() => {
                self.output(Stage::Recover, "the VM was reset").await;
                Ok(true)
            }
            Ok(Ok(output)) => {
                let complaints = String::from_utf8_lossy(&output.stderr);
                let status = output.status;
                Err(failed(format!("{} ({status})", last_line(&complaints))))
            }
            Ok(Err(error)) => Err(failed(error.to_string())),
            Err(_) => Err(failed(format!("it took longer than {} s", RESET.as_secs()))),
        }
    }

    async fn look_at(&self, machine: &Machine, failure: &mut Failure) -> Result<(), Failure> {
        let boot_id = learn(machine).await?.boot_id;
        let before = self.progress().boot_id.clone();
        if before.as_ref() == Some(&boot_id) {
            // Its lock may be held yet by the connection that was lost; then
            // the next run ends what is left.
            let ended = self.end_what_is_left(machine).await;
            let left = if ended {
                ""
            } else {
                "; what ran there may still run"
            };
            failure.cause.advice =
                format!("the VM itself has not rebooted: see the network and its sshd{left}");
            return Ok(());
        }
        let panic = self.fetch_last_words(machine).await?;
        failure.cause.what += "; the VM has rebooted meanwhile";
        if let Some(panic) = panic {
            failure.outcome = VmOutcome::Crashed;
            failure.cause.what += &format!(" after a panic: {panic}");
        }
        failure.cause.advice = format!(
            "see dmesg.txt and crash-* in vms/{} of the run",
            self.vm.name
        );
        self.progress().boot_id = Some(boot_id);
        Ok(())
    }

    async fn end_what_is_left(&self, machine: &Machine) -> bool {
        let Ok(lock) = self.lock(machine).await else {
            return false;
        };
        let connection = &machine.connection;
        let mut ended = true;
        for pattern in [self.place.harness(), self.place.daemon()] {
            ended &= terminate(connection, &pattern).await.is_ok();
        }
        ended && lock.release().await.is_ok()
    }

    /// Fetch the message buffer and what savecore(8) has left since this run
    /// began: the panic that it tells of.
    async fn fetch_last_words(&self, machine: &Machine) -> Result<Option<String>, Failure> {
        let connection = &machine.connection;
        let dmesg = connection.run(&["dmesg"]).await?;
        self.keep("dmesg.txt", &dmesg.stdout).await;
        let since = self.place.lock_holder();
        let find = ["find", "/var/crash", "-type", "f", "-newer", &since];
        let found = connection.run(&find).await?;
        let mut panic = None;
        let is_text = |path: &&str| path.contains("/info.") || path.contains("/core.txt.");
        for path in found.stdout.lines().filter(is_text).take(DUMPS_MAX) {
            let text = connection.run(&["cat", "--", path]).await?.stdout;
            let name = path.rsplit('/').next().unwrap_or_default();
            self.keep(&format!("crash-{name}"), &text).await;
            let told = text.lines().find_map(|line| line.split_once(PANIC_STRING));
            panic = panic.or(told.map(|(_, words)| words.trim().to_owned()));
        }
        Ok(panic)
    }

    /// A file of the run. What can't be kept is told, and changes nothing.
    async fn keep(&self, name: &str, text: &str) {
        let folder = self.folder();
        let written = async {
            tokio::fs::create_dir_all(&folder).await?;
            tokio::fs::write(folder.join(name), text).await
        };
        if let Err(error) = written.await {
            let line = format!("{name} could not be written: {error}");
            self.note(Stage::Recover, line).await;
        }
    }
}
