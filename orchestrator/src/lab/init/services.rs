// SPDX-License-Identifier: BSD-2-Clause
//! The services of a host, from their start to the host's end.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::{Command, ExitStatus, Stdio};
use std::thread;
use std::time::Duration;

use rustix::process::{Pid, Signal, WaitOptions, kill_process, wait};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::time::timeout;

use super::super::error::{LabError, Tried};
use super::super::host::{INSIDE, KEEP, PATH, READY, SSHD_CONFIG};
use super::super::signals;
use crate::tell;

/// How long services may take to end in good order.
const ENDING: Duration = Duration::from_secs(5);

/// What the host's process 1 hears.
enum Heard {
    /// The device is served.
    DeviceServed,
    /// The lab is whole.
    Keep,
    /// Whoever was making the lab is gone.
    Abandoned,
}

/// Start the services, say when they run, and serve until asked to end.
///
/// # Errors
/// A service cannot be started, or ends before the host is kept.
pub(super) async fn serve(
    sshd: &Path,
    sshd_log: File,
    tcpstatsd_log: File,
    mut ending: signals::Ending,
) -> Result<(), LabError> {
    let mut children = signals::children()?;
    let (tell, mut heard) = unbounded_channel();
    let mut services = Services::default();
    services.start_tcpstatsd(tcpstatsd_log, tell.clone())?;
    services.start_sshd(sshd, sshd_log)?;
    listen_for_keep(tell);

    let served = tokio::select! {
        served = services.supervise(&mut children, &mut heard) => served,
        _ = ending.asked() => Ok(()),
    };
    services.end(&mut children).await;
    served
}

/// The services that run, by name.
#[derive(Default)]
struct Services(Vec<(&'static str, Pid)>);

impl Services {
    fn start_sshd(&mut self, program: &Path, log: File) -> Result<(), LabError> {
        let mut command = Command::new(program);
        // In the foreground, logging to its standard error.
        command
            .args(["-D", "-e", "-f"])
            .arg(Path::new(INSIDE).join(SSHD_CONFIG));
        self.start("sshd", command.stdout(Stdio::null()).stderr(log))
            .map(drop)
    }

    fn start_tcpstatsd(&mut self, log: File, tell: UnboundedSender<Heard>) -> Result<(), LabError> {
        let mut command = Command::new(Path::new(INSIDE).join("tcpstatsd"));
        command.args(["--mount", "/run/tcpstats", "--dev-dir", "/dev"]);
        let output = self.start("tcpstatsd", command.stdout(Stdio::piped()).stderr(log))?;
        if let Some(output) = output {
            thread::spawn(move || {
                let mut output = BufReader::new(output);
                let mut line = String::new();
                if output.read_line(&mut line).is_ok() && line.trim_end() == "ready" {
                    // Nobody listens any more only when the host ends.
                    let _ = tell.send(Heard::DeviceServed);
                }
                // A pipe that nobody reads would stop the daemon one day.
                let _ = io::copy(&mut output, &mut io::sink());
            });
        }
        Ok(())
    }

    /// Start a service and return its standard output, where that is a pipe.
    fn start(
        &mut self,
        name: &'static str,
        command: &mut Command,
    ) -> Result<Option<impl Read + Send + use<>>, LabError> {
        let child = command
            // Nothing of `lab up`'s own environment gets in.
            .env_clear()
            .env("PATH", PATH)
            .stdin(Stdio::null())
            .spawn()
            .tried(|| format!("start {name}"))?;
        self.0.push((name, Pid::from_child(&child)));
        Ok(child.stdout)
    }

    /// Reap what ends, answer what is heard. Ends only by an error, or when
    /// the host is abandoned.
    async fn supervise(
        &mut self,
        children: &mut signals::Children,
        heard: &mut UnboundedReceiver<Heard>,
    ) -> Result<(), LabError> {
        let mut kept = false;
        loop {
            tokio::select! {
                () = children.changed() => for ended in self.reap() {
                    if !kept {
                        return Err(ended);
                    }
                    tell::note(ended);
                },
                Some(heard) = heard.recv() => match heard {
                    Heard::DeviceServed => say(READY)?,
                    Heard::Keep => kept = true,
                    Heard::Abandoned => return Ok(()),
                },
            }
        }
    }

    /// Reap every process that has ended, be it a service or an orphan, and
    /// return the ends of services.
    fn reap(&mut self) -> Vec<LabError> {
        let mut ends = Vec::new();
        while let Ok(Some((pid, status))) = wait(WaitOptions::NOHANG) {
            if let Some(index) = self.0.iter().position(|(_, service)| *service == pid) {
                let (name, _) = self.0.remove(index);
                ends.push(LabError::Service {
                    name,
                    status: ExitStatus::from_raw(status.as_raw()),
                });
            }
        }
        ends
    }

    /// Let the services end in good order. What is left after that, and every
    /// session, the kernel kills when this process 1 ends.
    async fn end(&mut self, children: &mut signals::Children) {
        for (name, pid) in &self.0 {
            if let Err(error) = kill_process(*pid, Signal::TERM) {
                tell::note(format_args!("failed to end {name}: {error}"));
            }
        }
        let ended = async {
            while !self.0.is_empty() {
                children.changed().await;
                self.reap();
            }
        };
        if timeout(ENDING, ended).await.is_err() {
            for (name, _) in &self.0 {
                tell::note(format_args!(
                    "{name} did not end within {} s",
                    ENDING.as_secs()
                ));
            }
        }
    }
}

fn say(word: &str) -> Result<(), LabError> {
    let mut output = io::stdout();
    writeln!(output, "{word}")
        .and_then(|()| output.flush())
        .tried(|| format!("say {word:?}"))
}

/// Hear from standard input whether the host is kept.
fn listen_for_keep(tell: UnboundedSender<Heard>) {
    thread::spawn(move || {
        let mut line = String::new();
        let kept = io::stdin().read_line(&mut line).is_ok() && line.trim_end() == KEEP;
        // Nobody listens any more only when the host ends.
        let _ = tell.send(if kept { Heard::Keep } else { Heard::Abandoned });
    });
}
