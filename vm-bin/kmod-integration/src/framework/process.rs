// SPDX-License-Identifier: BSD-2-Clause
//! Other programs: started, followed line by line, and always ended.
#![expect(
    unsafe_code,
    reason = "what a child does before it becomes a program is unsafe"
)]

use std::io::{self, BufRead, BufReader, Read};
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, SyncSender};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process_group, set_parent_process_death_signal};

use super::cancel::Cancel;
use super::restore::{Guard, Restorer};

/// How often a wait looks whether the run is to stop.
const CANCEL_POLL: Duration = Duration::from_millis(20);
/// What a program may take from SIGTERM to its end.
const END_LIMIT: Duration = Duration::from_secs(3);
/// Lines that are taken from a program before it has to wait for its reader.
const LINES_AHEAD: usize = 1000;

/// Why a program did not do its part.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ProcessError {
    /// It could not be started at all.
    #[error("failed to start {program}: {source}")]
    Start {
        program: String,
        #[source]
        source: io::Error,
    },
    /// It has not said or done what was waited for.
    #[error("{program} did not {wanted} within {} s", limit.as_secs())]
    TimedOut {
        program: String,
        wanted: &'static str,
        limit: Duration,
    },
    /// Its status cannot be had.
    #[error("failed to wait for {program}: {source}")]
    Wait {
        program: String,
        #[source]
        source: io::Error,
    },
    /// The run is to stop.
    #[error("interrupted while waiting for {program}")]
    Cancelled { program: String },
}

/// A line that the program printed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Line {
    Out(String),
    Err(String),
}

/// A running program, in a process group of its own that ends with this value.
pub(crate) struct Process {
    program: String,
    child: Child,
    lines: Receiver<Line>,
    cancel: Cancel,
    /// Ends the group where this value is not dropped in time.
    _guard: Guard,
}

impl Process {
    /// Start `command` with its outputs followed and nothing to read.
    ///
    /// # Errors
    /// [`ProcessError::Start`].
    pub(crate) fn spawn(
        command: &mut Command,
        cancel: &Cancel,
        restorer: &Restorer,
    ) -> Result<Self, ProcessError> {
        let program = command.get_program().to_string_lossy().into_owned();
        // SAFETY: prctl(2) or procctl(2), which allocates nothing.
        unsafe {
            // Where this program is killed, nobody is left to end the other. The
            // thread that starts it is the one that it belongs to.
            command.pre_exec(|| Ok(set_parent_process_death_signal(Some(Signal::TERM))?));
        }
        let mut child = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            // A Ctrl-C at the terminal is for this program, which ends its own.
            .process_group(0)
            .spawn()
            .map_err(|source| ProcessError::Start {
                program: program.clone(),
                source,
            })?;
        let (sender, lines) = mpsc::sync_channel(LINES_AHEAD);
        if let Some(stdout) = child.stdout.take() {
            follow(stdout, sender.clone(), Line::Out);
        }
        if let Some(stderr) = child.stderr.take() {
            follow(stderr, sender, Line::Err);
        }
        let group = Pid::from_child(&child);
        let guard = restorer.guard(move || {
            // Its end before this is as good.
            let _ = kill_process_group(group, Signal::KILL);
            Ok(())
        });
        Ok(Self {
            program,
            child,
            lines,
            cancel: cancel.clone(),
            _guard: guard,
        })
    }

    /// The next line of either output, `None` once both have ended.
    ///
    /// # Errors
    /// [`ProcessError::TimedOut`] at `limit` from now, [`ProcessError::Cancelled`].
    pub(crate) fn next_line(
        &self,
        wanted: &'static str,
        limit: Duration,
    ) -> Result<Option<Line>, ProcessError> {
        let deadline = Instant::now() + limit;
        loop {
            match self.lines.recv_timeout(CANCEL_POLL) {
                Ok(line) => return Ok(Some(line)),
                Err(RecvTimeoutError::Disconnected) => return Ok(None),
                Err(RecvTimeoutError::Timeout) => self.check(wanted, limit, deadline)?,
            }
        }
    }

    /// Wait for the program's own end.
    ///
    /// # Errors
    /// As [`Self::next_line`], and [`ProcessError::Wait`].
    pub(crate) fn wait(&mut self, limit: Duration) -> Result<ExitStatus, ProcessError> {
        let deadline = Instant::now() + limit;
        loop {
            let status = self.child.try_wait().map_err(|source| ProcessError::Wait {
                program: self.program.clone(),
                source,
            })?;
            if let Some(status) = status {
                return Ok(status);
            }
            self.check("end", limit, deadline)?;
            std::thread::sleep(Duration::from_millis(1));
        }
    }

    /// Whether it has not ended.
    pub(crate) fn is_running(&mut self) -> bool {
        matches!(self.child.try_wait(), Ok(None))
    }

    fn check(
        &self,
        wanted: &'static str,
        limit: Duration,
        deadline: Instant,
    ) -> Result<(), ProcessError> {
        if self.cancel.is_requested() {
            return Err(ProcessError::Cancelled {
                program: self.program.clone(),
            });
        }
        if Instant::now() >= deadline {
            return Err(ProcessError::TimedOut {
                program: self.program.clone(),
                wanted,
                limit,
            });
        }
        Ok(())
    }

    /// Ask it to end, then make it.
    fn end(&mut self) {
        let group = Pid::from_child(&self.child);
        if matches!(self.child.try_wait(), Ok(Some(_))) {
            return;
        }
        // The group exists as long as its leader is not waited for.
        let _ = kill_process_group(group, Signal::TERM);
        let deadline = Instant::now() + END_LIMIT;
        while Instant::now() < deadline {
            if matches!(self.child.try_wait(), Ok(Some(_))) {
                return;
            }
            std::thread::sleep(Duration::from_millis(1));
        }
        let _ = kill_process_group(group, Signal::KILL);
        let _ = self.child.wait();
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.end();
    }
}

fn follow(
    output: impl Read + Send + 'static,
    sender: SyncSender<Line>,
    wrap: impl Fn(String) -> Line + Send + 'static,
) {
    std::thread::spawn(move || {
        let mut reader = BufReader::new(output);
        let mut bytes = Vec::new();
        while matches!(reader.read_until(b'\n', &mut bytes), Ok(count) if count > 0) {
            let line = String::from_utf8_lossy(&bytes).trim_end().to_owned();
            bytes.clear();
            if sender.send(wrap(line)).is_err() {
                return;
            }
        }
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMIT: Duration = Duration::from_secs(10);

    fn shell(script: &str, cancel: &Cancel) -> Process {
        let mut command = Command::new("sh");
        command.args(["-c", script]);
        Process::spawn(&mut command, cancel, &Restorer::default()).unwrap()
    }

    #[test]
    fn lines_and_status_are_those_of_the_program() {
        let mut process = shell("echo one; echo two >&2; exit 3", &Cancel::default());
        let mut lines = Vec::new();
        while let Some(line) = process.next_line("end", LIMIT).unwrap() {
            lines.push(line);
        }
        assert!(lines.contains(&Line::Out("one".to_owned())));
        assert!(lines.contains(&Line::Err("two".to_owned())));
        assert_eq!(lines.len(), 2);
        assert_eq!(process.wait(LIMIT).unwrap().code(), Some(3));
    }

    #[test]
    fn a_dropped_process_is_gone_with_what_it_started() {
        let process = shell("sleep 1000 & echo $!; wait", &Cancel::default());
        let Some(Line::Out(pid)) = process.next_line("say its child", LIMIT).unwrap() else {
            panic!("no process number");
        };
        let sleeper = Pid::from_raw(pid.parse().unwrap()).unwrap();
        drop(process);
        let deadline = Instant::now() + LIMIT;
        while rustix::process::test_kill_process(sleeper).is_ok() && !is_zombie(&pid) {
            assert!(Instant::now() < deadline, "process {pid} is still there");
            std::thread::yield_now();
        }
    }

    /// Without an init that reaps them, orphans that ended stay as zombies.
    fn is_zombie(pid: &str) -> bool {
        std::fs::read_to_string(format!("/proc/{pid}/stat")).is_ok_and(|stat| stat.contains(") Z "))
    }

    #[test]
    fn waiting_ends_with_the_limit_or_the_wish_to_stop() {
        let cancel = Cancel::default();
        let process = shell("sleep 1000", &cancel);
        let error = process.next_line("speak", Duration::ZERO).unwrap_err();
        assert_eq!(error.to_string(), "sh did not speak within 0 s");
        cancel.request();
        let error = process.next_line("speak", LIMIT).unwrap_err();
        assert_eq!(error.to_string(), "interrupted while waiting for sh");
    }

    #[test]
    fn a_program_that_is_not_there_is_named() {
        let mut command = Command::new("/nonexistent/program");
        let error = Process::spawn(&mut command, &Cancel::default(), &Restorer::default())
            .err()
            .unwrap();
        assert!(
            error
                .to_string()
                .starts_with("failed to start /nonexistent/program: ")
        );
    }
}
