// SPDX-License-Identifier: BSD-2-Clause
//! The signals by which a person or a service manager ends a run.

use std::io;

use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::mpsc;

/// Names of the signals that came, in order.
pub(crate) type Interrupts = mpsc::Receiver<&'static str>;

/// Signals that may wait to be taken; more say nothing more.
const QUEUE: usize = 8;

/// From now on SIGINT and SIGTERM no longer end the process.
///
/// # Errors
/// When the system refuses a handler.
pub(crate) fn listen() -> io::Result<Interrupts> {
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    let (tell, interrupts) = mpsc::channel(QUEUE);
    tokio::spawn(async move {
        loop {
            let name = tokio::select! {
                _ = interrupt.recv() => "SIGINT",
                _ = terminate.recv() => "SIGTERM",
                () = tell.closed() => return,
            };
            // A full queue ends all that there is to end.
            let _ = tell.try_send(name);
        }
    });
    Ok(interrupts)
}
