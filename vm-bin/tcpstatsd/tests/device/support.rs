// SPDX-License-Identifier: BSD-2-Clause
//! A daemon in a network namespace of its own, and real connections for it to report.

use std::collections::BTreeSet;
use std::io::{BufRead, BufReader};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Sender, channel};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use nix::sched::{CloneFlags, unshare};
use nix::sys::resource::{Resource, getrlimit, setrlimit};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tcpstats::device::Device;
use tcpstats::record::Record;
use tcpstats::sysctl::Sysctl;
use tempfile::TempDir;

/// How long a condition may take to come true before a test fails.
pub(crate) const DEADLINE: Duration = Duration::from_secs(30);

/// Run a test on a thread in a new network namespace whose loopback interface is up; threads and
/// processes that it starts are in there, too.
pub(crate) fn in_namespace(test: impl FnOnce() + Send) {
    assert!(
        rustix::process::geteuid().is_root(),
        "needs root: for a network namespace, a mount"
    );
    assert!(Path::new("/dev/fuse").exists(), "needs /dev/fuse");
    thread::scope(|scope| {
        let result = scope
            .spawn(|| {
                unshare(CloneFlags::CLONE_NEWNET).expect("a network namespace");
                let up = Command::new("ip")
                    .args(["link", "set", "lo", "up"])
                    .status();
                assert!(up.expect("the command ip of iproute2").success());
                raised_descriptor_limit();
                test();
            })
            .join();
        if let Err(panic) = result {
            std::panic::resume_unwind(panic);
        }
    });
}

/// Run a test in a namespace with a daemon.
pub(crate) fn with_daemon(test: impl FnOnce(&Daemon) + Send) {
    in_namespace(|| {
        let daemon = Daemon::start(Places::new());
        test(&daemon);
        let (status, _places) = daemon.stop(Signal::SIGTERM);
        assert_eq!(status.code(), Some(0));
    });
}

/// Temporary folders for the mount and the links.
pub(crate) struct Places {
    folder: TempDir,
}

impl Places {
    pub(crate) fn new() -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        std::fs::create_dir(folder.path().join("dev")).expect("created");
        // Another user must be able to reach the device.
        let open = std::os::unix::fs::PermissionsExt::from_mode(0o755);
        std::fs::set_permissions(folder.path(), open).expect("opened");
        Self { folder }
    }

    pub(crate) fn mount(&self) -> PathBuf {
        self.folder.path().join("mount")
    }

    pub(crate) fn dev(&self) -> PathBuf {
        self.folder.path().join("dev")
    }

    pub(crate) fn command(&self) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_tcpstatsd"));
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
pub(crate) struct Daemon {
    child: Child,
    places: Option<Places>,
}

impl Daemon {
    pub(crate) fn start(places: Places) -> Self {
        let command = places.command();
        Self::start_as(places, command)
    }

    pub(crate) fn start_as(places: Places, mut command: Command) -> Self {
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

    pub(crate) fn places(&self) -> &Places {
        self.places.as_ref().expect("only wait() takes them")
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    pub(crate) fn mount(&self) -> PathBuf {
        self.places().mount()
    }

    pub(crate) fn dev(&self) -> PathBuf {
        self.places().dev()
    }

    pub(crate) fn node(&self, name: &str) -> PathBuf {
        self.dev().join(name)
    }

    pub(crate) fn open(&self) -> Device {
        Device::open(self.node("tcpstats")).expect("the device opens")
    }

    pub(crate) fn sysctl(&self) -> Sysctl {
        Sysctl::at(self.mount())
    }

    pub(crate) fn set(&self, name: &str, value: u32) {
        self.sysctl()
            .set(name, &value.to_string())
            .expect("a good value");
    }

    pub(crate) fn number(&self, name: &str) -> u64 {
        self.sysctl().get_u64(name).expect("a number")
    }

    /// The device page's invariant, which holds after every read.
    pub(crate) fn assert_counters_add_up(&self) {
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
    pub(crate) fn stop(self, signal: Signal) -> (ExitStatus, Places) {
        kill(pid(&self.child), signal).expect("it runs");
        self.wait()
    }

    /// Wait until it ends.
    pub(crate) fn wait(mut self) -> (ExitStatus, Places) {
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

/// Local and remote address.
pub(crate) type Tuple = (SocketAddr, SocketAddr);

pub(crate) fn tuples<'a>(records: impl IntoIterator<Item = &'a Record>) -> BTreeSet<Tuple> {
    let mut count = 0;
    let set: BTreeSet<_> = records
        .into_iter()
        .inspect(|_| count += 1)
        .map(|record| (record.local(), record.remote()))
        .collect();
    assert_eq!(set.len(), count, "each socket once");
    set
}

/// Real connections on loopback, all to one listener.
pub(crate) struct Connections {
    pub(crate) listener: TcpListener,
    clients: Vec<TcpStream>,
    servers: Vec<TcpStream>,
}

impl Connections {
    /// `count` connections, of two descriptors each.
    pub(crate) fn new(count: usize) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a listener");
        let addr = listener.local_addr().expect("its address");
        let (clients, servers) = (0..count)
            .map(|_| {
                let client = TcpStream::connect(addr).expect("a connection");
                (client, listener.accept().expect("its other end").0)
            })
            .unzip();
        Self {
            listener,
            clients,
            servers,
        }
    }

    /// What the device is to report of them: two sockets a connection, and the listener.
    pub(crate) fn tuples(&self) -> BTreeSet<Tuple> {
        let listening = (self.listener.local_addr().expect("its address"), anywhere());
        self.clients
            .iter()
            .chain(&self.servers)
            .map(|s| {
                (
                    s.local_addr().expect("local"),
                    s.peer_addr().expect("remote"),
                )
            })
            .chain([listening])
            .collect()
    }
}

/// The remote address of a listener.
pub(crate) fn anywhere() -> SocketAddr {
    SocketAddr::from(([0, 0, 0, 0], 0))
}

/// More connections than one table of descriptors may hold: on threads that have one each.
pub(crate) struct Crowd {
    pub(crate) tuples: BTreeSet<Tuple>,
    pub(crate) ports: Vec<u16>,
    holders: Vec<(Sender<()>, JoinHandle<()>)>,
}

impl Crowd {
    pub(crate) fn new(count: usize) -> Self {
        let share = raised_descriptor_limit() / 2 - 128;
        let mut crowd = Self {
            tuples: BTreeSet::new(),
            ports: Vec::new(),
            holders: Vec::new(),
        };
        let mut left = count;
        while left > 0 {
            let part = left.min(share);
            left -= part;
            let (end, ended) = channel::<()>();
            let (report, reported) = channel();
            let holder = thread::spawn(move || {
                own_table_of_descriptors();
                let connections = Connections::new(part);
                report.send(connections.tuples()).expect("somebody waits");
                // Until the other end is dropped.
                let _ = ended.recv();
            });
            crowd.holders.push((end, holder));
            let tuples = reported.recv().expect("the connections stand");
            crowd.ports.extend(
                tuples
                    .iter()
                    .filter(|t| t.1 == anywhere())
                    .map(|t| t.0.port()),
            );
            crowd.tuples.extend(tuples);
        }
        crowd
    }
}

impl Drop for Crowd {
    fn drop(&mut self) {
        for (end, holder) in self.holders.drain(..) {
            drop(end);
            // Its panic, if any, has failed the test already.
            let _ = holder.join();
        }
    }
}

/// Give this thread a table of descriptors of its own that holds no more than the standard
/// streams: a copy of another test's device in it would keep that device open.
#[expect(unsafe_code, reason = "no crate of ours has close_range(2)")]
fn own_table_of_descriptors() {
    let flags = libc::CLOSE_RANGE_UNSHARE as libc::c_int;
    // SAFETY: what is closed is in the new table only, and this thread owns none of it.
    let result = unsafe { libc::close_range(3, libc::c_uint::MAX, flags) };
    assert_eq!(result, 0, "{}", std::io::Error::last_os_error());
}

/// Raise the soft limit on descriptors to the hard one, which it returns.
fn raised_descriptor_limit() -> usize {
    let (_, hard) = getrlimit(Resource::RLIMIT_NOFILE).expect("the limit can be read");
    setrlimit(Resource::RLIMIT_NOFILE, hard, hard).expect("raised to the hard limit");
    assert!(
        hard >= 2048,
        "the hard limit on descriptors is {hard}: these tests need 2048"
    );
    usize::try_from(hard).unwrap_or(usize::MAX).min(1 << 16)
}

/// Try until there is something, for as long as [`DEADLINE`].
pub(crate) fn eventually<T>(what: &str, mut attempt: impl FnMut() -> Option<T>) -> T {
    let start = Instant::now();
    loop {
        if let Some(value) = attempt() {
            return value;
        }
        assert!(start.elapsed() < DEADLINE, "in {DEADLINE:?} never: {what}");
        thread::sleep(Duration::from_millis(1));
    }
}
