// SPDX-License-Identifier: BSD-2-Clause
//! What tests of the device need on Linux: a network namespace of their own, a `tcpstatsd` that
//! serves it, and real connections for it to report. Root, /dev/fuse and iproute2 are needed.
#![expect(clippy::expect_used, reason = "a test whose means fail, fails")]

mod connections;
mod daemon;

use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use nix::sched::{CloneFlags, unshare};
use nix::sys::resource::{Resource, getrlimit, setrlimit};

pub use connections::{Connections, Crowd, Tuple, anywhere, tuples};
pub use daemon::{Daemon, Places, with_daemon};

/// How long a condition may take to come true before a test fails.
pub const DEADLINE: Duration = Duration::from_secs(30);

/// Run a test on a thread in a new network namespace whose loopback interface is up; threads and
/// processes that it starts are in there, too.
pub fn in_namespace(test: impl FnOnce() + Send) {
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

/// The program `name` of the same build as `other`.
#[must_use]
pub fn beside(other: impl AsRef<Path>, name: &str) -> PathBuf {
    let path = other.as_ref().with_file_name(name);
    assert!(
        path.exists(),
        "needs {}: run `cargo build -p {name}` with the same profile",
        path.display()
    );
    path
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
pub fn eventually<T>(what: &str, mut attempt: impl FnMut() -> Option<T>) -> T {
    let start = Instant::now();
    loop {
        if let Some(value) = attempt() {
            return value;
        }
        assert!(start.elapsed() < DEADLINE, "in {DEADLINE:?} never: {what}");
        thread::sleep(Duration::from_millis(1));
    }
}
