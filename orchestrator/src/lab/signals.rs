// SPDX-License-Identifier: BSD-2-Clause
//! The signals that lab programs wait for.

use tokio::signal::unix::{Signal, SignalKind, signal};

use super::error::{LabError, Tried};

/// The wish of a person or a service manager that the program ends.
#[derive(Debug)]
pub(super) struct Ending {
    interrupt: Signal,
    terminate: Signal,
    hangup: Signal,
}

impl Ending {
    /// From now on these signals end nothing by themselves.
    ///
    /// # Errors
    /// The handlers cannot be installed.
    pub(super) fn new() -> Result<Self, LabError> {
        Ok(Self {
            interrupt: listen(SignalKind::interrupt())?,
            terminate: listen(SignalKind::terminate())?,
            hangup: listen(SignalKind::hangup())?,
        })
    }

    /// Wait for one of them, and say which.
    pub(super) async fn asked(&mut self) -> rustix::process::Signal {
        tokio::select! {
            _ = self.interrupt.recv() => rustix::process::Signal::INT,
            _ = self.terminate.recv() => rustix::process::Signal::TERM,
            _ = self.hangup.recv() => rustix::process::Signal::HUP,
        }
    }
}

/// Ends of child processes.
#[derive(Debug)]
pub(super) struct Children(Signal);

/// From now on no child's end is missed.
///
/// # Errors
/// The handler cannot be installed.
pub(super) fn children() -> Result<Children, LabError> {
    listen(SignalKind::child()).map(Children)
}

impl Children {
    /// Wait until at least one child has ended since the last call.
    pub(super) async fn changed(&mut self) {
        self.0.recv().await;
    }
}

fn listen(kind: SignalKind) -> Result<Signal, LabError> {
    signal(kind).tried(|| format!("listen for signal {}", kind.as_raw_value()))
}
