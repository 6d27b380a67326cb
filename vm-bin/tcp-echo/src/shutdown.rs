// SPDX-License-Identifier: BSD-2-Clause
//! What asks the program to end: SIGTERM, SIGINT, and the end of its parent where that is wanted.

use std::time::Duration;

use nix::unistd::{Pid, getppid};
use tokio::signal::unix::{SignalKind, signal};
use tokio::time::interval;
use tokio_util::sync::CancellationToken;

use crate::error::Error;

/// How often the parent is looked at.
const PARENT_INTERVAL: Duration = Duration::from_millis(100);

/// A token that SIGTERM or SIGINT cancels, from when this returns on, and with `die_with_parent`
/// also the end of the process that started this one.
///
/// # Errors
/// [`Error::Signals`] if the handlers can't be installed, [`Error::ParentUnseen`].
pub(crate) fn on_request(die_with_parent: bool) -> Result<CancellationToken, Error> {
    let mut terminate = signal(SignalKind::terminate()).map_err(Error::Signals)?;
    let mut interrupt = signal(SignalKind::interrupt()).map_err(Error::Signals)?;
    let parent = getppid();
    if die_with_parent && parent == Pid::from_raw(0) {
        return Err(Error::ParentUnseen);
    }
    let stop = CancellationToken::new();
    let cancelled = stop.clone();
    tokio::spawn(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
            () = end_of(parent), if die_with_parent => {}
        }
        cancelled.cancel();
    });
    Ok(stop)
}

/// Returns when `parent` has ended. Asked again and again, since Linux' own signal for it
/// (PR_SET_PDEATHSIG) comes already when the thread ends that started this process.
async fn end_of(parent: Pid) {
    let mut look = interval(PARENT_INTERVAL);
    while getppid() == parent {
        look.tick().await;
    }
}
