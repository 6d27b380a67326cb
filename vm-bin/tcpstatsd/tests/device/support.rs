// SPDX-License-Identifier: BSD-2-Clause
//! The daemon of this crate on a host of its own.

pub(crate) use test_host::*;

use std::path::PathBuf;

const PROGRAM: &str = env!("CARGO_BIN_EXE_tcpstatsd");

/// Run a test in a namespace with a daemon.
pub(crate) fn with_daemon(test: impl FnOnce(&Daemon) + Send) {
    test_host::with_daemon(PROGRAM, test);
}

/// Folders for a daemon.
pub(crate) fn places() -> Places {
    Places::new(PROGRAM)
}

/// Another program of this build.
pub(crate) fn program(name: &str) -> PathBuf {
    beside(PROGRAM, name)
}
