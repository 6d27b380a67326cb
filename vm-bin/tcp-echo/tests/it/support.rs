// SPDX-License-Identifier: BSD-2-Clause
//! Runs the real program and reads what it says, each wait with a deadline.

use std::io::{BufRead as _, BufReader, Read};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::thread;
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

/// Far more than anything here takes; only a fault makes a test wait so long.
pub(crate) const DEADLINE: Duration = Duration::from_secs(20);

/// The program under test with these arguments.
pub(crate) fn tcp_echo(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_tcp-echo"));
    command.args(arguments);
    command
}

/// The same, started by a shell after `setup`.
pub(crate) fn tcp_echo_after(setup: &str, arguments: &[&str]) -> Command {
    let mut command = Command::new("sh");
    command
        .arg("-ec")
        .arg(format!("{setup}\nexec \"$0\" \"$@\""));
    command.arg(env!("CARGO_BIN_EXE_tcp-echo")).args(arguments);
    command
}

/// The same as the child of a shell that waits for it.
pub(crate) fn tcp_echo_below(arguments: &[&str]) -> Command {
    let mut command = Command::new("sh");
    command.args(["-c", "\"$0\" \"$@\" & wait"]);
    command.arg(env!("CARGO_BIN_EXE_tcp-echo")).args(arguments);
    command
}

/// A running program; killed when dropped.
pub(crate) struct Running {
    child: Child,
    stdout: Receiver<String>,
    stderr: Receiver<String>,
}

/// How a program ended.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) code: Option<i32>,
    /// Lines not read before.
    pub(crate) stdout: Vec<String>,
    pub(crate) stderr: Vec<String>,
}

impl Running {
    pub(crate) fn start(mut command: Command) -> Self {
        let mut child = command
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("program starts");
        let stdout = lines(child.stdout.take().expect("stdout is piped"));
        let stderr = lines(child.stderr.take().expect("stderr is piped"));
        Self {
            child,
            stdout,
            stderr,
        }
    }

    #[cfg(target_os = "linux")]
    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// The next line on stdout.
    pub(crate) fn line(&self) -> String {
        self.stdout.recv_timeout(DEADLINE).unwrap_or_else(|error| {
            let stderr: Vec<String> = self.stderr.try_iter().collect();
            panic!("no line on stdout ({error}), stderr: {stderr:?}")
        })
    }

    /// The next line on stdout that contains `text`.
    pub(crate) fn line_with(&self, text: &str) -> String {
        let start = Instant::now();
        loop {
            let line = self.line();
            if line.contains(text) {
                return line;
            }
            assert!(start.elapsed() < DEADLINE, "never `{text}`, last: {line}");
        }
    }

    /// The next line on stderr.
    pub(crate) fn complaint(&self) -> String {
        self.stderr
            .recv_timeout(DEADLINE)
            .expect("a line on stderr")
    }

    pub(crate) fn signal(&self, signal: Signal) {
        let pid = Pid::from_raw(self.child.id().try_into().expect("a pid"));
        kill(pid, signal).expect("signal is delivered");
    }

    /// Waits for the end, which the program comes to by itself.
    pub(crate) fn end(mut self) -> Ended {
        let stdout = rest(&self.stdout);
        let stderr = rest(&self.stderr);
        let code = self.child.wait().expect("program is waited for").code();
        Ended {
            code,
            stdout,
            stderr,
        }
    }

    /// Asks for the end and waits for it.
    pub(crate) fn terminate(self) -> Ended {
        self.signal(Signal::SIGTERM);
        self.end()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // It has ended already unless a test failed.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Ended {
    /// The value of `name=` in the final report.
    pub(crate) fn number(&self, name: &str) -> u64 {
        let line = self
            .stdout
            .last()
            .unwrap_or_else(|| panic!("no report: {self:?}"));
        assert!(line.starts_with("final "), "not the final report: {line}");
        line.split(' ')
            .find_map(|field| field.strip_prefix(name)?.strip_prefix('=')?.parse().ok())
            .unwrap_or_else(|| panic!("no {name} in {line}"))
    }

    /// Stderr as one text.
    pub(crate) fn complaints(&self) -> String {
        self.stderr.join("\n")
    }
}

/// A server on a port that the system chose, and that port.
pub(crate) fn server(arguments: &[&str]) -> (Running, String) {
    let server = Running::start(tcp_echo(&[&["server", "--ports", "0"], arguments].concat()));
    let port = server
        .line()
        .strip_prefix("ready ")
        .expect("ready line")
        .to_owned();
    (server, port)
}

fn lines(from: impl Read + Send + 'static) -> Receiver<String> {
    let (sender, receiver) = channel();
    thread::spawn(move || {
        BufReader::new(from)
            .lines()
            .map_while(Result::ok)
            .try_for_each(|line| sender.send(line))
    });
    receiver
}

fn rest(lines: &Receiver<String>) -> Vec<String> {
    let mut rest = Vec::new();
    loop {
        match lines.recv_timeout(DEADLINE) {
            Ok(line) => rest.push(line),
            Err(RecvTimeoutError::Disconnected) => return rest,
            Err(RecvTimeoutError::Timeout) => panic!("program does not end; it said {rest:?}"),
        }
    }
}
