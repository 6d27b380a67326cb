// SPDX-License-Identifier: BSD-2-Clause
//! A lab of the test's own, driven through the real program.
#![expect(
    clippy::unwrap_used,
    reason = "what a test builds on fails by panicking"
)]

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File, Permissions};
use std::net::Ipv4Addr;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

/// The program under test.
pub(crate) const ORCHESTRATOR: &str = env!("CARGO_BIN_EXE_orchestrator");

/// The longest that anything may take here.
const LIMIT: Duration = Duration::from_secs(400);

/// A lab that no other test has; taken down when dropped.
pub(crate) struct TestLab {
    name: String,
    scratch: tempfile::TempDir,
}

/// One host, as `lab status --json` tells.
pub(crate) struct Host {
    pub(crate) name: String,
    pub(crate) address: Ipv4Addr,
    pub(crate) pid: i32,
}

impl Host {
    /// Set the machine's end of its link `up` or `down`. Neither end of what
    /// goes over it is told.
    pub(crate) fn set_link(&self, state: &str) {
        let number = self
            .name
            .trim_start_matches(|c: char| c.is_ascii_lowercase());
        let lab = self.name.trim_end_matches(|c: char| c.is_ascii_digit());
        let link = format!("tcps-{lab}-{number}");
        let set = Command::new("ip")
            .args(["link", "set", "dev", &link, state])
            .status();
        assert!(set.unwrap().success(), "{link}");
    }
}

impl TestLab {
    pub(crate) fn new() -> Self {
        assert!(
            rustix::process::geteuid().is_root(),
            "the lab's tests make namespaces: run them as root"
        );
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let mut number = std::process::id() * 16 + COUNT.fetch_add(1, Ordering::Relaxed);
        let mut name = String::new();
        for _ in 0..6 {
            name.push(char::from(b'a' + u8::try_from(number % 26).unwrap()));
            number /= 26;
        }
        Self {
            name,
            scratch: tempfile::tempdir().unwrap(),
        }
    }

    /// What its bridge, links and hosts are named after.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// Where the lab's files are; not there while it is down.
    pub(crate) fn dir(&self) -> PathBuf {
        self.scratch.path().join("lab")
    }

    /// `lab ARGUMENTS` for this lab, not started yet.
    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(ORCHESTRATOR);
        command
            .args(["lab", "--name", &self.name, "--dir"])
            .arg(self.dir())
            .args(arguments)
            .stdin(Stdio::null());
        command
    }

    /// `lab ARGUMENTS`, to its end.
    pub(crate) fn lab(&self, arguments: &[&str]) -> Output {
        self.command(arguments).output().unwrap()
    }

    /// Bring up `count` hosts with the real tcpstatsd.
    pub(crate) fn up(&self, count: usize) -> Vec<Host> {
        let output = self.lab(&["up", "-n", &count.to_string(), "--bin-dir", &built()]);
        assert_eq!(code(&output), 0, "lab up: {}", stderr(&output));
        let hosts = self.hosts();
        assert_eq!(hosts.len(), count);
        hosts
    }

    /// The hosts whose first process lives.
    pub(crate) fn hosts(&self) -> Vec<Host> {
        let status = self.lab(&["status", "--json"]);
        let status: serde_json::Value = serde_json::from_slice(&status.stdout).unwrap();
        let as_host = |host: &serde_json::Value| {
            Some(Host {
                name: host["name"].as_str()?.to_owned(),
                address: host["address"].as_str()?.parse().ok()?,
                pid: i32::try_from(host["pid"].as_i64()?).ok()?,
            })
        };
        let hosts = status["hosts"].as_array().unwrap();
        hosts.iter().filter_map(as_host).collect()
    }

    /// `lab exec HOST -- WORDS`, to its end.
    pub(crate) fn exec(&self, host: &Host, words: &[&str]) -> Output {
        let mut arguments = vec!["exec", &host.name, "--"];
        arguments.extend(words);
        self.lab(&arguments)
    }

    /// ssh(1) to the host with nothing but the lab's own key and known hosts,
    /// not started yet.
    pub(crate) fn ssh(&self, host: &Host, words: &[&str]) -> Command {
        let mut command = Command::new("ssh");
        command
            .args(["-F", "none", "-o", "BatchMode=yes"])
            .args(["-o", "StrictHostKeyChecking=yes", "-o"])
            .arg(format!(
                "UserKnownHostsFile={}/known_hosts",
                self.dir().display()
            ))
            .args(["-o", "GlobalKnownHostsFile=none", "-i"])
            .arg(self.dir().join("client_key"))
            .arg(format!("root@{}", host.address))
            .args(words)
            .stdin(Stdio::null());
        command
    }

    /// A folder with a tcpstatsd that is this shell script.
    pub(crate) fn fake_bin_dir(&self, script: &str) -> String {
        let dir = self.scratch.path().join("bin");
        fs::create_dir_all(&dir).unwrap();
        let program = dir.join("tcpstatsd");
        fs::write(&program, format!("#!/bin/sh\n{script}\n")).unwrap();
        fs::set_permissions(&program, Permissions::from_mode(0o755)).unwrap();
        dir.display().to_string()
    }

    /// Start `lab up` with a daemon that never gets ready, and wait until its
    /// hosts' first processes are there.
    pub(crate) fn stuck_up(&self) -> (Child, Traces) {
        let bin_dir = self.fake_bin_dir("exec sleep 600");
        let mut command = self.command(&["up", "-n", "2", "--bin-dir", &bin_dir]);
        let up = command.stderr(Stdio::piped()).spawn().unwrap();
        let sleeping = || processes_with("tcpstatsd.log", &self.dir());
        wait_until("both hosts run their daemon", || sleeping().len() == 2);
        let traces = Traces::of(self, &sleeping());
        (up, traces)
    }

    /// Demand that the program, and the machine, know nothing of the lab.
    pub(crate) fn assert_gone(&self, traces: &Traces) {
        let status = self.lab(&["status"]);
        let said = "no lab: no namespace, mount, process, bridge or lock is left\n";
        assert_eq!(String::from_utf8_lossy(&status.stdout), said);
        assert_eq!(code(&status), 0);
        traces.assert_none_left();
    }
}

impl Drop for TestLab {
    fn drop(&mut self) {
        // Where the test took it down, this does nothing.
        let _ = self.lab(&["down"]);
    }
}

/// What the machine shows of a lab, looked up without the program's help.
pub(crate) struct Traces {
    name: String,
    dir: PathBuf,
    /// The hosts' namespaces by number. The open files keep them, so that the
    /// kernel gives the numbers to no other test's namespaces meanwhile.
    namespaces: BTreeMap<u64, File>,
}

impl Traces {
    /// Of a lab whose hosts these processes are in.
    pub(crate) fn of(lab: &TestLab, pids: &[i32]) -> Self {
        let own = namespaces(std::process::id().cast_signed());
        let mut theirs = BTreeMap::new();
        for (pid, kind) in pids.iter().flat_map(|pid| KINDS.map(|kind| (pid, kind))) {
            let namespace = File::open(format!("/proc/{pid}/ns/{kind}")).unwrap();
            theirs.insert(namespace.metadata().unwrap().ino(), namespace);
        }
        theirs.retain(|number, _| !own.contains(number));
        Self {
            name: lab.name.clone(),
            dir: lab.dir(),
            namespaces: theirs,
        }
    }

    /// How many namespaces the lab's hosts have of their own.
    pub(crate) fn namespaces(&self) -> usize {
        self.namespaces.len()
    }

    /// Demand that there is no link, mount, namespace, process or file left.
    pub(crate) fn assert_none_left(&self) {
        let ip = Command::new("ip").args(["-o", "link"]).output().unwrap();
        let links = String::from_utf8(ip.stdout).unwrap();
        assert!(!links.contains(&self.name), "a link is left:\n{links}");

        let mounts = fs::read_to_string("/proc/self/mountinfo").unwrap();
        let dir = self.dir.to_str().unwrap();
        let left: Vec<_> = mounts
            .lines()
            .filter(|mount| mount.contains(dir) || mount.contains(&self.name))
            .collect();
        assert_eq!(left, [""; 0], "a mount is left");

        for pid in pids() {
            let of_it = namespaces(pid);
            let left = of_it
                .iter()
                .filter(|number| self.namespaces.contains_key(number))
                .count();
            let command = fs::read_to_string(format!("/proc/{pid}/cmdline")).unwrap_or_default();
            assert_eq!(
                left, 0,
                "process {pid} ({command:?}) is left in a namespace"
            );
        }
        assert!(!self.dir.exists(), "{} is left", self.dir.display());
    }
}

/// The kinds of namespaces that a host has of its own.
const KINDS: [&str; 5] = ["ipc", "mnt", "net", "pid", "uts"];

/// The numbers of a process' namespaces. One that has ended and waits for its
/// parent to look has none but the PID namespace, and none is returned.
fn namespaces(pid: i32) -> BTreeSet<u64> {
    KINDS
        .iter()
        .map(|kind| Ok(fs::metadata(format!("/proc/{pid}/ns/{kind}"))?.ino()))
        .collect::<std::io::Result<_>>()
        .unwrap_or_default()
}

fn pids() -> impl Iterator<Item = i32> {
    fs::read_dir("/proc")
        .unwrap()
        .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok())
}

/// Processes whose standard error is a file of this name below `dir`.
fn processes_with(log: &str, dir: &Path) -> Vec<i32> {
    pids()
        .filter(|pid| {
            fs::read_link(format!("/proc/{pid}/fd/2"))
                .is_ok_and(|file| file.starts_with(dir) && file.ends_with(log))
        })
        .collect()
}

/// The folder of the programs that were built with this test.
pub(crate) fn built() -> String {
    let dir = Path::new(ORCHESTRATOR).parent().unwrap();
    assert!(
        dir.join("tcpstatsd").exists(),
        "{} has no tcpstatsd: run `cargo build --workspace` first",
        dir.display()
    );
    dir.display().to_string()
}

/// Have a host run `words`, which must succeed.
pub(crate) fn done(lab: &TestLab, host: &Host, words: &[&str]) {
    let output = lab.exec(host, words);
    assert_eq!(code(&output), 0, "{words:?}: {}", stderr(&output));
}

pub(crate) fn code(output: &Output) -> i32 {
    output.status.code().unwrap()
}

pub(crate) fn stdout(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

pub(crate) fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// Wait for a condition; fail naming it.
pub(crate) fn wait_until(what: &str, mut holds: impl FnMut() -> bool) {
    let deadline = Instant::now() + LIMIT;
    while !holds() {
        assert!(Instant::now() < deadline, "waited in vain: {what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}
