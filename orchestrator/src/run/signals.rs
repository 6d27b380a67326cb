// SPDX-License-Identifier: BSD-2-Clause
//! The signals by which a person or a service manager ends a run.

use std::fs;
use std::io;

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::mpsc;

/// Names of the signals that came, in order.
pub(crate) type Interrupts = mpsc::Receiver<&'static str>;

/// Signals that may wait to be taken; more say nothing more.
const QUEUE: usize = 8;

/// From now on SIGINT, SIGTERM and SIGHUP, the end of a terminal or of the
/// connection to it, no longer end the process.
///
/// # Errors
/// When the system refuses a handler.
pub(crate) fn listen() -> io::Result<Interrupts> {
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    let mut hangup = if hangup_is_ignored() {
        None
    } else {
        Some(signal(SignalKind::hangup())?)
    };
    let (tell, interrupts) = mpsc::channel(QUEUE);
    tokio::spawn(async move {
        loop {
            let name = tokio::select! {
                _ = interrupt.recv() => "SIGINT",
                _ = terminate.recv() => "SIGTERM",
                () = hung_up(hangup.as_mut()) => "SIGHUP",
                () = tell.closed() => return,
            };
            // A full queue ends all that there is to end.
            let _ = tell.try_send(name);
        }
    });
    Ok(interrupts)
}

/// Whether who started this program wants it to outlive the terminal, as nohup
/// does: a handler would undo that.
fn hangup_is_ignored() -> bool {
    fs::read_to_string("/proc/self/status").is_ok_and(|status| ignores_hangup(&status))
}

/// The same of a process's `status`, where the lowest bit of a hexadecimal mask
/// stands for signal 1.
fn ignores_hangup(status: &str) -> bool {
    let mut lines = status.lines();
    let mask = lines.find_map(|line| line.strip_prefix("SigIgn:"));
    let mask = mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok());
    mask.is_some_and(|mask| mask & 1 == 1)
}

async fn hung_up(hangup: Option<&mut Signal>) {
    match hangup {
        Some(hangup) => {
            hangup.recv().await;
        }
        None => std::future::pending().await,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lowest_bit_is_hangup() {
        for (mask, ignored) in [
            ("0000000000000001", true),
            ("0000000000001001", true),
            ("0000000000001000", false),
            ("fffffffffffffffe", false),
            ("none", false),
        ] {
            let status = format!("Name:\tx\nSigBlk:\t0000000000000001\nSigIgn:\t{mask}\n");
            assert_eq!(ignores_hangup(&status), ignored, "{mask}");
        }
        assert!(!ignores_hangup("Name:\tx\n"));
    }
}
