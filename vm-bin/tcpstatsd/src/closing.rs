// SPDX-License-Identifier: BSD-2-Clause
//! Descriptors that were closed but not yet released.
//!
//! close(2) waits for FUSE's FLUSH, but its RELEASE comes later, when the process has gone on. A
//! device of the kernel is closed when close(2) returns, so what depends on the number of open
//! descriptors waits here for those that are on their way.

use std::collections::HashSet;
use std::sync::{Condvar, Mutex, PoisonError};
use std::time::Duration;

/// A flushed descriptor of which a copy (dup(2), fork(2)) is open is never released: nobody
/// waits for it longer than this. A machine with much else to do needs a good part of it.
const PATIENCE: Duration = Duration::from_secs(1);

/// The handles that were flushed since they were last used.
#[derive(Debug, Default)]
pub(crate) struct Closing {
    handles: Mutex<HashSet<u64>>,
    fewer: Condvar,
}

impl Closing {
    /// A copy of the descriptor was closed, maybe the last one.
    pub(crate) fn flushed(&self, handle: u64) {
        self.handles
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .insert(handle);
    }

    /// The descriptor was used, so it is open, or it was released.
    pub(crate) fn settled(&self, handle: u64) {
        if self
            .handles
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .remove(&handle)
        {
            self.fewer.notify_all();
        }
    }

    /// Wait until every flushed descriptor was released or used again.
    pub(crate) fn wait(&self) {
        let handles = self.handles.lock().unwrap_or_else(PoisonError::into_inner);
        let (mut handles, timeout) = self
            .fewer
            .wait_timeout_while(handles, PATIENCE, |handles| !handles.is_empty())
            .unwrap_or_else(PoisonError::into_inner);
        if timeout.timed_out() {
            // Those are copies; the next one need not wait for them again.
            handles.clear();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::thread;

    #[test]
    fn waiting_ends_with_the_release() {
        let closing = Closing::default();
        closing.wait();
        closing.flushed(1);
        closing.flushed(2);
        thread::scope(|scope| {
            scope.spawn(|| {
                closing.settled(1);
                closing.settled(2);
            });
            closing.wait();
        });
        assert!(closing.handles.lock().expect("unpoisoned").is_empty());
    }
}
