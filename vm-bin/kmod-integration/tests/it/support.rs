// SPDX-License-Identifier: BSD-2-Clause
//! Runs of the binary, and a network of their own for those that need a device.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::Permissions;
use std::io::{BufRead, BufReader, Read};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use nix::sched::{CloneFlags, unshare};
use nix::sys::signal::{Signal, kill};
use nix::unistd::{Pid, geteuid};
use protocol::event::TestFinished;
use protocol::{Body, Decoded, Decoder, Outcome};
use tcpstats::paths::MOUNT_VARIABLE;
use tcpstats::sysctl::Sysctl;
use tempfile::TempDir;

use crate::schema;

/// How long a condition may take to come true.
pub(crate) const DEADLINE: Duration = Duration::from_secs(60);

/// The binary, without any device unless a host is named.
pub(crate) fn binary() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_kmod-integration"));
    command.env(MOUNT_VARIABLE, "/nonexistent");
    command
}

/// The binary where every user may run it, in a folder that goes with the value.
pub(crate) fn copy_for_anybody() -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let everybody = Permissions::from_mode(0o755);
    std::fs::set_permissions(folder.path(), everybody).expect("open to all");
    let copy = folder.path().join("kmod-integration");
    said(
        "cp",
        &[
            env!("CARGO_BIN_EXE_kmod-integration"),
            copy.to_str().expect("text"),
        ],
    );
    (folder, copy)
}

/// What a run said and how it ended.
#[derive(Debug)]
pub(crate) struct Ran {
    pub(crate) status: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

/// Run it to its end.
pub(crate) fn run(command: &mut Command) -> Ran {
    let output = command.output().expect("the binary starts");
    Ran {
        status: output.status.code(),
        stdout: String::from_utf8(output.stdout).expect("text"),
        stderr: String::from_utf8(output.stderr).expect("text"),
    }
}

impl Ran {
    /// The stream of events, which must be whole: hello, no gap, bye; and each as
    /// the schema has it.
    pub(crate) fn events(&self) -> Vec<Body> {
        let mut decoder = Decoder::new();
        let events = self
            .stdout
            .lines()
            .inspect(|line| assert_eq!(schema::fault(line), None, "{line}"))
            .map(|line| match decoder.line(line.as_bytes()) {
                Ok(Decoded::Event(event)) => event.body,
                other => panic!("{line}: {other:?}"),
            })
            .collect();
        decoder.finish().expect("a stream that ends with bye");
        events
    }

    /// The tests of the stream.
    pub(crate) fn tests(&self) -> Vec<TestFinished> {
        self.events()
            .into_iter()
            .filter_map(|body| match body {
                Body::TestFinished(test) => Some(test),
                _ => None,
            })
            .collect()
    }
}

/// The outcome that the last event tells.
pub(crate) fn bye(events: &[Body]) -> Option<Outcome> {
    match events.last() {
        Some(Body::Bye { outcome }) => Some(*outcome),
        _ => None,
    }
}

/// A network of its own with the device served in it.
pub(crate) struct Host {
    folder: TempDir,
    daemon: Child,
}

/// What a run may change and must put back.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Machine {
    addresses: String,
    profiles: String,
    limits: BTreeMap<String, u64>,
    active_fds: u64,
    /// Sockets in any state but time-wait, in no order.
    sockets: BTreeSet<String>,
    /// Of the programs on this network: arguments and the mount that they are
    /// told of.
    processes: BTreeSet<String>,
}

impl Host {
    /// Run `test` on a thread in a new network namespace with a daemon.
    pub(crate) fn with(test: impl FnOnce(&mut Self) + Send) {
        assert!(
            geteuid().is_root(),
            "needs root: for a network namespace and a mount"
        );
        assert!(Path::new("/dev/fuse").exists(), "needs /dev/fuse");
        thread::scope(|scope| {
            let result = scope
                .spawn(|| {
                    unshare(CloneFlags::CLONE_NEWNET).expect("a network namespace");
                    said("ip", &["link", "set", "lo", "up"]);
                    test(&mut Self::start());
                })
                .join();
            if let Err(panic) = result {
                std::panic::resume_unwind(panic);
            }
        });
    }

    fn start() -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        std::fs::create_dir(folder.path().join("dev")).expect("a folder");
        let mut daemon = Command::new(program("tcpstatsd"))
            .arg("--mount")
            .arg(folder.path().join("mount"))
            .arg("--dev-dir")
            .arg(folder.path().join("dev"))
            .stdout(Stdio::piped())
            .spawn()
            .expect("tcpstatsd starts");
        let stdout = daemon.stdout.take().expect("its output");
        let ready = BufReader::new(stdout).lines().next();
        assert_eq!(ready.expect("a line").expect("text"), "ready");
        Self { folder, daemon }
    }

    /// End the daemon in good order: nothing serves the device then.
    pub(crate) fn end_daemon(&mut self) {
        let _ = kill(Pid::from_raw(self.daemon.id() as i32), Signal::SIGTERM);
        self.daemon.wait().expect("gone");
    }

    pub(crate) fn mount(&self) -> PathBuf {
        self.folder.path().join("mount")
    }

    pub(crate) fn sysctl(&self) -> Sysctl {
        Sysctl::at(self.mount())
    }

    /// `live_integration` on this host, as events.
    pub(crate) fn live(&self, categories: &str) -> Command {
        let mut command = self.target("live_integration");
        command.args(["--category", categories]);
        command
    }

    /// A target on this host, as events.
    pub(crate) fn target(&self, name: &str) -> Command {
        let mut command = binary();
        command
            .env(MOUNT_VARIABLE, self.mount())
            .args([name, "--format", "json"])
            .arg("--tcp-echo")
            .arg(program("tcp-echo"))
            .arg("--exporter")
            .arg(program("tcpstats-exporter"));
        command
    }

    pub(crate) fn machine(&self) -> Machine {
        let sysctl = self.sysctl();
        let counters = sysctl.counters().expect("counters");
        Machine {
            addresses: said("ip", &["-oneline", "address", "show", "dev", "lo"]),
            profiles: sysctl.get("profile_set").expect("profiles"),
            limits: sysctl.limits().expect("limits"),
            active_fds: counters["active_fds"],
            sockets: said("ss", &["-tanH", "state", "all", "exclude", "time-wait"])
                .lines()
                .map(state_and_ends)
                .collect(),
            processes: processes()
                .into_iter()
                .filter_map(|pid| {
                    let arguments = read_words(pid, "cmdline")?;
                    let environment = read_words(pid, "environ")?;
                    let mount = environment
                        .split(' ')
                        .find(|pair| pair.starts_with(MOUNT_VARIABLE));
                    Some(format!("{arguments} {}", mount.unwrap_or_default()))
                })
                .collect(),
        }
    }

    /// Sockets may take a moment to be gone; the rest is gone at once.
    pub(crate) fn demand_as_before(&self, before: &Machine) {
        let deadline = Instant::now() + DEADLINE;
        let mut now = self.machine();
        while now != *before && Instant::now() < deadline {
            thread::sleep(Duration::from_millis(5));
            now = self.machine();
        }
        let changed: Vec<_> = now.sockets.symmetric_difference(&before.sockets).collect();
        assert!(changed.is_empty(), "other sockets than before: {changed:?}");
        assert_eq!(now, *before);
    }

    /// Have the device vanish, as a crash of its server does.
    pub(crate) fn kill_daemon(&mut self) {
        self.daemon.kill().expect("killed");
        self.daemon.wait().expect("gone");
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        // A run may have put another one in the place of the first.
        for pid in processes_with("tcpstatsd") {
            let _ = kill(pid, Signal::SIGTERM);
        }
        let _ = self.daemon.wait();
        // Of one that was killed by its test nobody else takes the mount away.
        let _ = Command::new("umount")
            .arg("-lq")
            .arg(self.mount())
            .stderr(Stdio::null())
            .status();
    }
}

/// The programs on the network of this thread, those that have not ended.
pub(crate) fn processes() -> Vec<i32> {
    let network = |process: &str| std::fs::read_link(format!("/proc/{process}/ns/net")).ok();
    let own = network("thread-self");
    let itself = std::process::id().to_string();
    std::fs::read_dir("/proc")
        .expect("/proc")
        .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
        .filter(|name| *name != itself && network(name) == own)
        .filter_map(|name| name.parse().ok())
        .filter(|pid| read_words(*pid, "cmdline").is_some_and(|words| !words.is_empty()))
        .collect()
}

/// Those of [`processes`] that have this among their arguments.
pub(crate) fn processes_with(text: &str) -> Vec<Pid> {
    let has_it = |pid: &i32| read_words(*pid, "cmdline").is_some_and(|words| words.contains(text));
    let all = processes().into_iter();
    all.filter(has_it).map(Pid::from_raw).collect()
}

/// A file of a process that NULs divide; blanks instead.
fn read_words(pid: i32, file: &str) -> Option<String> {
    let bytes = std::fs::read(format!("/proc/{pid}/{file}")).ok()?;
    Some(
        String::from_utf8_lossy(&bytes)
            .replace('\0', " ")
            .trim()
            .to_owned(),
    )
}

/// A run that is followed while it goes on.
pub(crate) struct Followed {
    child: Child,
    reader: BufReader<ChildStdout>,
    stdout: String,
}

impl Followed {
    pub(crate) fn start(command: &mut Command) -> Self {
        let mut child = command
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the binary starts");
        let stdout = child.stdout.take().expect("its output");
        Self {
            child,
            reader: BufReader::new(stdout),
            stdout: String::new(),
        }
    }

    /// Read on until `count` more lines contain `text`.
    pub(crate) fn read_until(&mut self, text: &str, count: usize) {
        let mut seen = 0;
        while seen < count {
            let from = self.stdout.len();
            let read = self.reader.read_line(&mut self.stdout).expect("a line");
            assert!(read > 0, "the run ended too early: {}", self.stdout);
            seen += usize::from(self.stdout[from..].contains(text));
        }
    }

    pub(crate) fn pid(&self) -> Pid {
        Pid::from_raw(self.child.id() as i32)
    }

    /// Read no more, and wait for its end.
    pub(crate) fn deaf(mut self) -> Ran {
        drop(self.reader);
        let mut stderr = String::new();
        let mut output = self.child.stderr.take().expect("its errors");
        output.read_to_string(&mut stderr).expect("text");
        let status = self.child.wait().expect("an end");
        Ran {
            status: status.code(),
            stdout: self.stdout,
            stderr,
        }
    }

    /// Read to its end.
    pub(crate) fn end(mut self) -> Ran {
        self.reader
            .read_to_string(&mut self.stdout)
            .expect("the rest");
        self.deaf()
    }
}

/// What stays of a line of ss while data and connections wait in queues.
fn state_and_ends(line: &str) -> String {
    let columns: Vec<&str> = line.split_whitespace().collect();
    match columns[..] {
        [state, _, _, local, remote, ..] => format!("{state} {local} {remote}"),
        _ => panic!("ss said '{line}'"),
    }
}

/// Programs that end with this value.
pub(crate) struct Background(Vec<Child>);

impl Background {
    /// Connections of somebody else, idle while the tests run.
    pub(crate) fn connections(count: u32) -> Self {
        let mut all = Self(Vec::new());
        let port = all.start(&["server", "--ports", "0"]);
        let count = count.to_string();
        let common = ["client", "--rate", "0", "--ports", &port, "--connections"];
        let ready = all.start(&[&common[..], &[&count]].concat());
        assert_eq!(ready, count);
        all
    }

    /// Start tcp-echo; gives what it says to be ready with.
    fn start(&mut self, arguments: &[&str]) -> String {
        let mut child = Command::new(program("tcp-echo"))
            .args(arguments)
            .stdout(Stdio::piped())
            .spawn()
            .expect("tcp-echo starts");
        let stdout = child.stdout.take().expect("its output");
        self.0.push(child);
        let line = BufReader::new(stdout).lines().next().expect("a line");
        let line = line.expect("text");
        line.strip_prefix("ready ").expect("ready").to_owned()
    }
}

impl Drop for Background {
    fn drop(&mut self) {
        for child in &mut self.0 {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

/// A program of this workspace, from the same build.
pub(crate) fn program(name: &str) -> PathBuf {
    let path = Path::new(env!("CARGO_BIN_EXE_kmod-integration")).with_file_name(name);
    assert!(
        path.exists(),
        "needs {}: run `cargo build -p {name}` with the same profile",
        path.display()
    );
    path
}

/// What a command prints; it must succeed.
pub(crate) fn said(program: &str, arguments: &[&str]) -> String {
    let output = Command::new(program)
        .args(arguments)
        .output()
        .unwrap_or_else(|error| panic!("{program}: {error}"));
    assert!(
        output.status.success(),
        "{program} {arguments:?}: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8(output.stdout).expect("text")
}
