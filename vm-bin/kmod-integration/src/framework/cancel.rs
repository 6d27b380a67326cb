// SPDX-License-Identifier: BSD-2-Clause
//! The wish to stop, from a signal or from a reader that went away.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};

/// Shared by all that waits; once requested it stays so.
#[derive(Debug, Clone, Default)]
pub(crate) struct Cancel(Arc<AtomicBool>);

impl Cancel {
    /// One that SIGTERM, SIGINT and SIGHUP request.
    ///
    /// # Errors
    /// What the kernel says to the signal handlers.
    pub(crate) fn on_signals() -> io::Result<Self> {
        let cancel = Self::default();
        for signal in [SIGTERM, SIGINT, SIGHUP] {
            signal_hook::flag::register(signal, Arc::clone(&cancel.0))?;
        }
        Ok(cancel)
    }

    pub(crate) fn request(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    pub(crate) fn is_requested(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}
