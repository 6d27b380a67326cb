// SPDX-License-Identifier: BSD-2-Clause
//! A running `tcpstatsd` and its places.

use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tcpstats::device::Device;
use tcpstats::sysctl::Sysctl;
use tempfile::TempDir;

use crate::{eventually, in_namespace};

/// Run a test in a namespace with a daemon, the `tcpstatsd` at `program`.
pub fn with_daemon(program: impl Into<PathBuf> + Send, test: impl FnOnce(&Daemon) + Send) {
    in_namespace(|| {
        let daemon = Daemon::start(Places::new(program));
        test(&daemon);
        let (status, _places) = daemon.stop(Signal::SIGTERM);
        assert_eq!(status.code(), Some(0));
    });
}

/// Temporary folders for the mount and the links of the `tcpstatsd` at `program`.
pub struct Places {
    program: PathBuf,
    folder: TempDir,
}

impl Places {
    /// Empty folders.
    pub fn new(program: impl Into<PathBuf>) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        std::fs::create_dir(folder.path().join("dev")).expect("created");
        // Another user must be able to reach the device.
        let open = std::os::unix::fs::PermissionsExt::from_mode(0o755);
        std::fs::set_permissions(folder.path(), open).expect("opened");
        Self {
            program: program.into(),
            folder,
        }
    }

    /// Where it mounts.
    pub fn mount(&self) -> PathBuf {
        self.folder.path().join("mount")
    }

    /// The folder of the links, in place of /dev.
    pub fn dev(&self) -> PathBuf {
        self.folder.path().join("dev")
    }

    /// The daemon on these folders.
    pub fn command(&self) -> Command {
        let mut command = Command::new(&self.program);
        command
            .arg("--mount")
            .arg(self.mount())
            .arg("--dev-dir")
            .arg(self.dev());
        command
    }
}

impl Drop for Places {
    fn drop(&mut self) {
        // A test that failed may leave it mounted.
        let _ = rustix::mount::unmount(self.mount(), rustix::mount::UnmountFlags::DETACH);
    }
}

/// A running tcpstatsd; ended with the test, however that ends.
pub struct Daemon {
    child: Child,
    places: Option<Places>,
}

impl Daemon {
    /// Start it; returns when it is ready.
    pub fn start(places: Places) -> Self {
        let command = places.command();
        Self::start_as(places, command)
    }

    /// Start it by another command than that of its places.
    pub fn start_as(places: Places, mut command: Command) -> Self {
        let child = command
            .stdout(Stdio::piped())
            .spawn()
            .expect("tcpstatsd starts");
        let mut daemon = Self {
            child,
            places: Some(places),
        };
        let stdout = daemon.child.stdout.take().expect("piped");
        let mut line = String::new();
        BufReader::new(stdout).read_line(&mut line).expect("a line");
        assert_eq!(line, "ready\n", "tcpstatsd is ready");
        daemon
    }

    /// Its folders.
    pub fn places(&self) -> &Places {
        self.places.as_ref().expect("only wait() takes them")
    }

    /// Its process id.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Where it is mounted.
    pub fn mount(&self) -> PathBuf {
        self.places().mount()
    }

    /// The folder of its links.
    pub fn dev(&self) -> PathBuf {
        self.places().dev()
    }

    /// The path of a device node, by name.
    pub fn node(&self, name: &str) -> PathBuf {
        self.dev().join(name)
    }

    /// The device, open.
    pub fn open(&self) -> Device {
        Device::open(self.node("tcpstats")).expect("the device opens")
    }

    /// Its tree of numbers.
    pub fn sysctl(&self) -> Sysctl {
        Sysctl::at(self.mount())
    }

    /// Set a limit.
    pub fn set(&self, name: &str, value: u32) {
        self.sysctl()
            .set(name, &value.to_string())
            .expect("a good value");
    }

    /// A number of its tree.
    pub fn number(&self, name: &str) -> u64 {
        self.sysctl().get_u64(name).expect("a number")
    }

    /// The device page's invariant, which holds after every read.
    pub fn assert_counters_add_up(&self) {
        let counters = self.sysctl().counters().expect("counters");
        let skipped: u64 = counters
            .iter()
            .filter(|(n, _)| n.starts_with("sockets_skipped_"))
            .map(|(_, v)| v)
            .sum();
        assert_eq!(
            counters["sockets_visited"],
            counters["records_emitted"] + skipped
        );
    }

    /// Send the signal and wait; the folders come back for a look at what is left.
    pub fn stop(self, signal: Signal) -> (ExitStatus, Places) {
        kill(pid(&self.child), signal).expect("it runs");
        self.wait()
    }

    /// Wait until it ends.
    pub fn wait(mut self) -> (ExitStatus, Places) {
        let child = &mut self.child;
        let status = eventually("tcpstatsd ends", || child.try_wait().expect("our child"));
        (status, self.places.take().expect("only wait() takes them"))
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        if self.places.is_some() {
            // The test has failed: it matters only that nothing stays behind.
            let _ = self.child.kill();
            let _ = self.child.wait();
        }
    }
}

fn pid(child: &Child) -> Pid {
    Pid::from_raw(i32::try_from(child.id()).expect("a pid"))
}
