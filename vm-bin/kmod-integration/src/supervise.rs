// SPDX-License-Identifier: BSD-2-Clause
//! A run is watched from beside: a signal, or a test that does not end, must not
//! leave the machine changed or the stream without an end.

use std::io::Write;
use std::sync::mpsc::{self, RecvTimeoutError};
use std::sync::{Mutex, TryLockError};
use std::thread;
use std::time::{Duration, Instant};

use crate::framework::cancel::Cancel;
use crate::framework::restore::Restorer;
use crate::report::Report;

/// How often the run is looked at.
const LOOK: Duration = Duration::from_millis(50);

/// How long things may take.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Limits {
    /// A test, from its begin to its end, unless it says how long.
    pub(crate) test: Duration,
    /// A run, from the wish to stop to its end.
    pub(crate) stop: Duration,
}

impl Default for Limits {
    /// The slowest test that does not say needs well under a second.
    fn default() -> Self {
        Self {
            test: Duration::from_secs(60),
            stop: Duration::from_secs(10),
        }
    }
}

/// The run did not come to an end of its own; the machine is put back, the
/// stream ended, and what is left of the run must end with the process.
#[derive(Debug, thiserror::Error)]
#[error("{reason}{}", left.iter().map(|left| format!("; {left}")).collect::<String>())]
pub(crate) struct GivenUp {
    reason: String,
    /// What could not be put back.
    left: Vec<String>,
}

/// Run `work` on a thread of its own until it ends, or until it is given up: on
/// a request to stop, and where a test takes too long, after the limit to stop.
///
/// # Errors
/// [`GivenUp`].
pub(crate) fn supervise<W: Write, T: Send + 'static>(
    limits: Limits,
    report: &Mutex<Report<W>>,
    cancel: &Cancel,
    restorer: &Restorer,
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, GivenUp> {
    let (done, ended) = mpsc::channel();
    thread::spawn(move || {
        // Nobody listens any more after giving up.
        let _ = done.send(work());
    });
    let mut stop_by = None;
    let reason = loop {
        match ended.recv_timeout(LOOK) {
            Ok(result) => return Ok(result),
            Err(RecvTimeoutError::Disconnected) => break "the run panicked".to_owned(),
            Err(RecvTimeoutError::Timeout) => {}
        }
        if is_overdue(report, limits.test) {
            cancel.request();
        }
        if cancel.is_requested() {
            let by = *stop_by.get_or_insert_with(|| Instant::now() + limits.stop);
            if Instant::now() >= by {
                break format!("given up after {} s of stopping", limits.stop.as_secs());
            }
        }
    };
    restorer.restore_all();
    let given_up = GivenUp {
        reason,
        left: restorer.take_failures(),
    };
    // A run that holds the report hangs in writing to it: then nobody reads.
    if let Ok(mut report) = report.try_lock() {
        let _ = report.give_up(&given_up.to_string());
    }
    Err(given_up)
}

fn is_overdue<W: Write>(report: &Mutex<Report<W>>, limit: Duration) -> bool {
    match report.try_lock() {
        Ok(report) => report.is_overdue(limit),
        Err(TryLockError::Poisoned(poisoned)) => poisoned.into_inner().is_overdue(limit),
        Err(TryLockError::WouldBlock) => false,
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicBool, Ordering};

    use super::*;
    use crate::report::Format;

    const SHORT: Limits = Limits {
        test: Duration::ZERO,
        stop: Duration::ZERO,
    };

    fn report() -> Arc<Mutex<Report<Vec<u8>>>> {
        let report = Report::new(Vec::new(), Format::Json, None).unwrap();
        Arc::new(Mutex::new(report))
    }

    #[test]
    fn work_that_ends_gives_its_result() {
        let result = supervise(
            Limits::default(),
            &report(),
            &Cancel::default(),
            &Restorer::default(),
            || 7,
        );
        assert_eq!(result.unwrap(), 7);
    }

    #[test]
    fn a_test_that_does_not_end_is_given_up_and_the_machine_put_back() {
        let (cancel, restorer) = (Cancel::default(), Restorer::default());
        let back = Arc::new(AtomicBool::new(false));
        let noted = Arc::clone(&back);
        let _guard = restorer.guard(move || {
            noted.store(true, Ordering::Relaxed);
            Err("one alias stays".to_owned())
        });
        let report = report();
        report.lock().unwrap().test_started(None, "A01", "endless");
        let error = supervise(SHORT, &report, &cancel, &restorer, || {
            thread::park();
        })
        .unwrap_err();
        assert_eq!(
            error.to_string(),
            "given up after 0 s of stopping; one alias stays"
        );
        assert!(back.load(Ordering::Relaxed));
        assert!(cancel.is_requested());
    }

    #[test]
    fn a_panic_outside_of_any_test_ends_the_run() {
        let error = supervise(
            Limits::default(),
            &report(),
            &Cancel::default(),
            &Restorer::default(),
            || -> u8 { panic!("on purpose") },
        )
        .unwrap_err();
        assert_eq!(error.to_string(), "the run panicked");
    }
}
