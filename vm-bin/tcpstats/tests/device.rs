// SPDX-License-Identifier: BSD-2-Clause
//! The command on a real device, over known connections in a network of their own. As root.
#![cfg(target_os = "linux")]
#![expect(
    clippy::expect_used,
    clippy::unwrap_used,
    reason = "a test fails by panicking"
)]

use std::collections::BTreeSet;
use std::fs::File;
use std::io::{BufRead as _, BufReader, ErrorKind, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::sync::Mutex;
use std::thread;
use std::time::{Duration, Instant};

use nix::pty::{OpenptyResult, Winsize, openpty};
use nix::sched::{CloneFlags, unshare};
use nix::sys::signal::{Signal, kill};
use nix::sys::termios::{Termios, tcgetattr};
use nix::unistd::{Pid, geteuid};
use rustix::event::{PollFd, PollFlags, poll};
use tcpstats::paths::MOUNT_VARIABLE;
use tcpstats::sysctl::{NAMES, Sysctl};
use tempfile::TempDir;

/// Far more than anything here takes; only a fault makes a test wait so long.
const DEADLINE: Duration = Duration::from_secs(30);

/// Connections over IPv4 and over IPv6, each with two ends, to one listener each.
const CONNECTIONS: usize = 3;

/// A network with a device and nothing but the known sockets.
struct Host {
    folder: TempDir,
    daemon: Mutex<Child>,
    listeners: [TcpListener; 2],
    _streams: Vec<TcpStream>,
}

impl Host {
    /// Runs `test` on a thread in a new network namespace.
    fn with(test: impl FnOnce(&Self) + Send) {
        assert!(
            geteuid().is_root(),
            "needs root: for a network namespace and a mount"
        );
        assert!(Path::new("/dev/fuse").exists(), "needs /dev/fuse");
        let run = || {
            unshare(CloneFlags::CLONE_NEWNET).expect("a network namespace");
            let up = Command::new("ip")
                .args(["link", "set", "lo", "up"])
                .status();
            assert!(up.expect("ip runs").success());
            test(&Self::start());
        };
        let result = thread::scope(|scope| scope.spawn(run).join());
        if let Err(panic) = result {
            std::panic::resume_unwind(panic);
        }
    }

    fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("dev")).unwrap();
        let daemon = daemon(folder.path());
        let listeners = ["127.0.0.1:0", "[::1]:0"].map(|at| TcpListener::bind(at).unwrap());
        let mut streams = Vec::new();
        for listener in &listeners {
            for _ in 0..CONNECTIONS {
                streams.push(TcpStream::connect(listener.local_addr().unwrap()).unwrap());
                streams.push(listener.accept().unwrap().0);
            }
        }
        Self {
            folder,
            daemon: Mutex::new(daemon),
            listeners,
            _streams: streams,
        }
    }

    /// It unmounts when it is asked to end.
    fn stop_daemon(&self) {
        let mut daemon = self.daemon.lock().unwrap();
        let _ = kill(
            Pid::from_raw(daemon.id().try_into().unwrap()),
            Signal::SIGTERM,
        );
        let _ = daemon.wait();
    }

    fn mount(&self) -> PathBuf {
        self.folder.path().join("mount")
    }

    fn tcpstats(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_tcpstats"));
        command.env(MOUNT_VARIABLE, self.mount()).args(arguments);
        command
    }

    /// What it prints; it must succeed.
    fn said(&self, arguments: &[&str]) -> String {
        let Output {
            status,
            stdout,
            stderr,
        } = self.tcpstats(arguments).output().unwrap();
        let stderr = String::from_utf8_lossy(&stderr);
        assert!(status.success(), "{arguments:?}: {stderr}");
        assert_eq!(stderr, "", "{arguments:?}");
        String::from_utf8(stdout).unwrap()
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        self.stop_daemon();
    }
}

/// A daemon that serves below this folder.
fn daemon(folder: &Path) -> Child {
    let mut daemon = Command::new(program("tcpstatsd"))
        .arg("--mount")
        .arg(folder.join("mount"))
        .arg("--dev-dir")
        .arg(folder.join("dev"))
        .stdout(Stdio::piped())
        .spawn()
        .expect("tcpstatsd starts");
    let stdout = daemon.stdout.take().unwrap();
    let ready = BufReader::new(stdout).lines().next();
    assert_eq!(ready.expect("a line").unwrap(), "ready");
    daemon
}

/// A program of this workspace, from the same build.
fn program(name: &str) -> PathBuf {
    let path = Path::new(env!("CARGO_BIN_EXE_tcpstats")).with_file_name(name);
    assert!(
        path.exists(),
        "needs {}: run `cargo build -p {name}` with the same profile",
        path.display()
    );
    path
}

fn first_words(text: &str) -> Vec<&str> {
    let lines = text.lines();
    lines
        .filter_map(|line| line.split_whitespace().next())
        .collect()
}

#[test]
fn list_shows_each_connection_once() {
    Host::with(|host| {
        let all = host.said(&["list"]);
        assert_eq!(
            all.lines()
                .next()
                .unwrap()
                .split_whitespace()
                .collect::<Vec<_>>(),
            [
                "local", "remote", "state", "recv_q_B", "send_q_B", "rtt_us", "cwnd_B"
            ]
        );
        assert_eq!(all.lines().count(), 1 + 2 * (1 + 2 * CONNECTIONS));
        let pairs: BTreeSet<_> = all
            .lines()
            .map(|line| line.split_whitespace().take(2).collect::<Vec<_>>())
            .collect();
        assert_eq!(pairs.len(), all.lines().count(), "none twice: {all}");

        let [v4, v6] = host.listeners.each_ref().map(|it| it.local_addr().unwrap());
        let filter = format!("local_port={}", v6.port());
        let of_v6 = host.said(&[
            "list",
            "--wide",
            "ipv6_only",
            "include_state=established",
            &filter,
        ]);
        assert_eq!(
            first_words(&of_v6),
            [
                &["local".to_owned()][..],
                &vec![v6.to_string(); CONNECTIONS]
            ]
            .concat()
        );
        let listening = host.said(&["list", "--json", "ipv4_only include_state=listen"]);
        let record: serde_json::Value = serde_json::from_str(&listening).unwrap();
        assert_eq!(record["local_port"], v4.port());
        assert_eq!(record["local_addr"], "127.0.0.1");
        assert_eq!(record["remote_port"], 0);
    });
}

#[test]
fn top_in_a_pipe_prints_whole_looks() {
    Host::with(|host| {
        let sockets = 2 * (1 + 2 * CONNECTIONS);
        let one = host.said(&["top"]);
        assert_eq!(one.lines().count(), 2 + sockets, "{one}");
        assert!(
            one.starts_with(&format!(
                "{sockets} connections, by rexmit, every 2 s: {} established, 2 listen\n",
                sockets - 2
            )),
            "{one}"
        );
        let arguments = [
            "top", "-b", "-n", "2", "-d", "0.1", "-l", "1", "--sort", "idle",
        ];
        let two = host.said(&[&arguments[..], &["include_state=established"]].concat());
        let lines: Vec<&str> = two.lines().collect();
        assert_eq!(lines.len(), 4 + 1 + 4, "{two}");
        assert_eq!(lines[1], "filter: include_state=established");
        assert_eq!(lines[4], "");
        let title = |line: &str| line.split_whitespace().nth(3).map(str::to_owned);
        assert_eq!(title(lines[2]).as_deref(), Some("idle_ms"));
        let rexmit = |line: &str| line.split_whitespace().nth(5).map(str::to_owned);
        assert_eq!(
            rexmit(lines[3]).as_deref(),
            Some("-"),
            "nothing to compare with: {two}"
        );
        assert_eq!(rexmit(lines[8]).as_deref(), Some("0"), "{two}");
    });
}

#[test]
fn top_gives_the_terminal_back_however_it_ends() {
    let end_by_key = |keys: &'static [u8]| {
        move |terminal: &mut Terminal| terminal.master.write_all(keys).unwrap()
    };
    Host::with(|host| {
        top_ends(host, end_by_key(b"q"));
        top_ends(host, end_by_key(b"\x03"));
        top_ends(host, |terminal| {
            kill(terminal.pid(), Signal::SIGTERM).unwrap();
        });
    });
}

fn top_ends(host: &Host, end: impl FnOnce(&mut Terminal)) {
    let mut terminal = Terminal::start(host.tcpstats(&["top", "--delay", "60"]));
    terminal.wait_for("q quit");
    assert_ne!(
        terminal.modes(),
        terminal.before,
        "keys come without a line's end"
    );
    terminal.master.write_all(b">").unwrap();
    terminal.wait_for("by +rexmit");
    end(&mut terminal);
    let (status, modes, before) = terminal.end();
    assert_eq!(status.code(), Some(0));
    assert_eq!(modes, before);
}

#[test]
fn top_goes_on_when_the_device_comes_back() {
    Host::with(|host| {
        let mut terminal = Terminal::start(host.tcpstats(&["top", "--delay", "0.1"]));
        terminal.wait_for("connections, by rexmit");
        host.stop_daemon();
        terminal.wait_for("trying again");
        *host.daemon.lock().unwrap() = daemon(host.folder.path());
        terminal.wait_for("connections, by rexmit");
        terminal.master.write_all(b"q").unwrap();
        assert_eq!(terminal.end().0.code(), Some(0));
    });
}

/// The older module has no profiles and, but in a special build, no counters. Here it is this
/// device under a path from which no names are found.
#[test]
fn a_device_without_names_is_read_and_what_it_lacks_is_told() {
    Host::with(|host| {
        let node = host.folder.path().join("node");
        File::create(&node).unwrap();
        let said = |arguments: &[&str]| {
            let script = "mount --bind \"$1\" \"$2\"; shift 2; exec \"$@\"";
            let output = Command::new("unshare")
                .args(["--mount", "sh", "-ec", script, "sh"])
                .args([&host.mount().join("dev/tcpstats"), &node])
                .arg(env!("CARGO_BIN_EXE_tcpstats"))
                .args(arguments)
                .arg("--device")
                .arg(&node)
                .env(MOUNT_VARIABLE, "/nonexistent")
                .output()
                .unwrap();
            assert!(output.status.success(), "{arguments:?}: {output:?}");
            String::from_utf8(output.stdout).unwrap()
        };
        let info = said(&["info"]);
        assert!(info.contains("  protocol version         1\n"), "{info}");
        assert!(!info.contains("counters\n"), "{info}");
        let absent = info.split_once("not in this device\n").unwrap().1;
        assert_eq!(
            absent.lines().count(),
            NAMES.len() - 1,
            "all but last_error: {info}"
        );
        let sockets = 2 * (1 + 2 * CONNECTIONS);
        assert_eq!(said(&["list"]).lines().count(), 1 + sockets);
        assert_eq!(said(&["top"]).lines().count(), 2 + sockets);
    });
}

/// A program on a terminal of its own.
struct Terminal {
    child: Child,
    master: File,
    slave: File,
    before: Termios,
    said: Vec<u8>,
}

impl Terminal {
    fn start(mut command: Command) -> Self {
        let size = Winsize {
            ws_row: 24,
            ws_col: 80,
            ws_xpixel: 0,
            ws_ypixel: 0,
        };
        let OpenptyResult { master, slave } = openpty(Some(&size), None).unwrap();
        let before = tcgetattr(&slave).unwrap();
        let child = command
            .stdin(slave.try_clone().unwrap())
            .stdout(slave.try_clone().unwrap())
            .spawn()
            .unwrap();
        Self {
            child,
            master: master.into(),
            slave: slave.into(),
            before,
            said: Vec::new(),
        }
    }

    fn pid(&self) -> Pid {
        Pid::from_raw(self.child.id().try_into().unwrap())
    }

    fn modes(&self) -> Termios {
        tcgetattr(&self.slave).unwrap()
    }

    /// Reads until the text has come, and forgets everything up to it.
    fn wait_for(&mut self, text: &str) {
        let started = Instant::now();
        loop {
            let said = String::from_utf8_lossy(&self.said).into_owned();
            if said.contains(text) {
                self.said.clear();
                return;
            }
            let left = DEADLINE.saturating_sub(started.elapsed());
            let mut fds = [PollFd::new(&self.master, PollFlags::IN)];
            let came = poll(&mut fds, Some(&left.try_into().unwrap())).unwrap();
            assert!(came > 0, "never '{text}' in {said:?}");
            let mut bytes = [0; 4096];
            match self.master.read(&mut bytes) {
                Ok(length) => self.said.extend_from_slice(&bytes[..length]),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => panic!("{error} after {said:?}"),
            }
        }
    }

    /// Waits for the end: the screen must have been given back. How it ended, the terminal's
    /// modes, and those of the start.
    fn end(mut self) -> (ExitStatus, Termios, Termios) {
        self.wait_for("\x1b[?1049l");
        let status = self.child.wait().unwrap();
        (status, self.modes(), self.before.clone())
    }
}

#[test]
fn info_has_profiles_only_where_there_are_some() {
    Host::with(|host| {
        let text = host.said(&["info"]);
        assert!(text.contains("\n  max_open_fds             16\n"), "{text}");
        assert!(!text.contains("profiles"), "no heading without one: {text}");
        assert!(!text.contains("not in this device"), "{text}");
        let sysctl = Sysctl::at(host.mount());
        sysctl.profile_set("web", "local_port=80,443").unwrap();
        let text = host.said(&["info"]);
        assert!(
            text.ends_with("profiles\n  web                      local_port=80,443\n"),
            "{text}"
        );
        let info: serde_json::Value =
            serde_json::from_str(&host.said(&["info", "--json"])).unwrap();
        assert_eq!(info["absent"], serde_json::json!([]));
        assert_eq!(info["profiles"]["web"], "local_port=80,443");
    });
}
