// SPDX-License-Identifier: BSD-2-Clause
//! A run has two processes, so that either may be killed: one that works, and
//! its parent, which waits. Where the parent is killed, the kernel ends the
//! worker as SIGTERM does, and the worker puts the machine back; where the worker
//! is killed, the parent puts back what it can find by comparison.
#![expect(
    unsafe_code,
    reason = "fork(2), and what a signal handler does, are unsafe"
)]

use std::io;
use std::sync::atomic::{AtomicI32, Ordering};

use rustix::process::{
    Pid, Signal, WaitId, WaitIdOptions, WaitOptions, WaitStatus, getpid, getppid, kill_process,
    set_parent_process_death_signal, setsid, waitid, waitpid,
};
use signal_hook::SigId;
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};

use crate::framework::leftover::Before;

/// The worker that signals are passed on to; 0 while there is none.
static WORKER: AtomicI32 = AtomicI32::new(0);
/// A signal that came before there was a worker.
static EARLY: AtomicI32 = AtomicI32::new(0);

/// Why a guarded run gives no result.
#[derive(Debug, thiserror::Error)]
pub(crate) enum GuardError {
    /// There is no second process.
    #[error("failed to start the run: {0}")]
    Start(#[from] io::Error),
    /// The worker was ended from outside.
    #[error("the run was killed by signal {signal}{}", told(put_back))]
    Killed {
        signal: i32,
        /// What was put back, and what could not be.
        put_back: Vec<String>,
    },
}

fn told(put_back: &[String]) -> String {
    put_back.iter().map(|done| format!("; {done}")).collect()
}

/// Which of the two processes this is.
pub(crate) enum Role {
    Worker,
    /// The worker has ended with this status.
    Parent(u8),
}

/// Become two processes: the worker goes on at once, the parent once the worker
/// has ended. No thread may have been started before.
///
/// # Errors
/// [`GuardError`], to the parent alone but for what the worker fails to set up.
pub(crate) fn split() -> Result<Role, GuardError> {
    let before = Before::look();
    let parent = getpid();
    let handlers = pass_signals_on()?;
    // SAFETY: no other thread exists that could hold a lock in the child.
    match unsafe { libc::fork() } {
        -1 => Err(io::Error::last_os_error().into()),
        0 => {
            handlers.into_iter().for_each(|handler| {
                signal_hook::low_level::unregister(handler);
            });
            become_worker(parent)?;
            Ok(Role::Worker)
        }
        child => {
            WORKER.store(child, Ordering::SeqCst);
            let early = EARLY.load(Ordering::SeqCst);
            if early != 0 {
                pass_on(early);
            }
            wait(child, &before)
        }
    }
}

fn become_worker(parent: Pid) -> io::Result<()> {
    set_parent_process_death_signal(Some(Signal::TERM))?;
    if getppid() != Some(parent) {
        return Err(io::Error::other("the parent was killed at once"));
    }
    // Whoever kills the parent's group, as timeout(1) does, leaves this one to
    // put the machine back; a terminal's signals come by the parent.
    setsid()?;
    Ok(())
}

fn wait(child: i32, before: &Before) -> Result<Role, GuardError> {
    let pid = Pid::from_raw(child).ok_or_else(|| io::Error::other("a child without a number"))?;
    // Its number is its own until it is reaped: no signal may go there then.
    let ended = || {
        waitid(
            WaitId::Pid(pid),
            WaitIdOptions::EXITED | WaitIdOptions::NOWAIT,
        )
    };
    rustix::io::retry_on_intr(ended).map_err(io::Error::from)?;
    WORKER.store(0, Ordering::SeqCst);
    let reap = || waitpid(Some(pid), WaitOptions::empty());
    let reaped = rustix::io::retry_on_intr(reap).map_err(io::Error::from)?;
    let status: Option<WaitStatus> = reaped.map(|(_, status)| status);
    if let Some(code) = status.and_then(WaitStatus::exit_status) {
        return Ok(Role::Parent(u8::try_from(code).unwrap_or(u8::MAX)));
    }
    Err(GuardError::Killed {
        signal: status.and_then(WaitStatus::terminating_signal).unwrap_or(0),
        put_back: before.put_back(child.unsigned_abs()),
    })
}

/// What asks this process to end is for the worker.
fn pass_signals_on() -> io::Result<[SigId; 3]> {
    let on = |signal| {
        // SAFETY: the handler uses atomics and kill(2), and nothing else.
        unsafe { signal_hook::low_level::register(signal, move || pass_on(signal)) }
    };
    Ok([on(SIGTERM)?, on(SIGINT)?, on(SIGHUP)?])
}

fn pass_on(signal: i32) {
    match Pid::from_raw(WORKER.load(Ordering::SeqCst)) {
        None => EARLY.store(signal, Ordering::SeqCst),
        Some(worker) => {
            if let Some(signal) = Signal::from_named_raw(signal) {
                // It may have ended just now.
                let _ = kill_process(worker, signal);
            }
        }
    }
}
