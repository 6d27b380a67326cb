// SPDX-License-Identifier: BSD-2-Clause
//! Whatever is changed on the machine is put back: when the guard of the change
//! is dropped, or all at once when a run must be given up.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

type Action = Box<dyn FnOnce() -> Result<(), String> + Send>;

/// The changes that stand, newest last.
#[derive(Clone, Default)]
pub(crate) struct Restorer(Arc<Mutex<Changes>>);

#[derive(Default)]
struct Changes {
    next: u64,
    standing: BTreeMap<u64, Action>,
    /// What could not be put back.
    failures: Vec<String>,
}

impl Restorer {
    /// Have `action` put a change back when the guard is dropped. Its error says
    /// what is left and how to remove it.
    pub(crate) fn guard(
        &self,
        action: impl FnOnce() -> Result<(), String> + Send + 'static,
    ) -> Guard {
        let mut changes = self.lock();
        let id = changes.next;
        changes.next += 1;
        changes.standing.insert(id, Box::new(action));
        Guard {
            restorer: self.clone(),
            id,
        }
    }

    /// Put everything back, newest first.
    pub(crate) fn restore_all(&self) {
        loop {
            let newest = self.lock().standing.pop_last();
            match newest {
                Some((_, action)) => self.run(action),
                None => return,
            }
        }
    }

    /// What could not be put back so far; each is given once.
    pub(crate) fn take_failures(&self) -> Vec<String> {
        std::mem::take(&mut self.lock().failures)
    }

    fn run(&self, action: Action) {
        // Not under the lock: an action may take its time, and another thread
        // may be putting back something else.
        if let Err(failure) = action() {
            self.lock().failures.push(failure);
        }
    }

    /// A panic elsewhere must not keep the machine from being put back.
    fn lock(&self) -> MutexGuard<'_, Changes> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A change that stands as long as this lives.
#[must_use = "the change is put back at once when this is dropped"]
pub(crate) struct Guard {
    restorer: Restorer,
    id: u64,
}

impl Drop for Guard {
    fn drop(&mut self) {
        let action = self.restorer.lock().standing.remove(&self.id);
        if let Some(action) = action {
            self.restorer.run(action);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn noting(
        log: &Arc<Mutex<Vec<u32>>>,
        number: u32,
    ) -> impl FnOnce() -> Result<(), String> + use<> {
        let log = Arc::clone(log);
        move || {
            log.lock().unwrap().push(number);
            Ok(())
        }
    }

    #[test]
    fn a_dropped_guard_puts_its_change_back_once() {
        let log = Arc::default();
        let restorer = Restorer::default();
        drop(restorer.guard(noting(&log, 1)));
        restorer.restore_all();
        assert_eq!(*log.lock().unwrap(), [1]);
    }

    #[test]
    fn all_changes_are_put_back_newest_first() {
        let log = Arc::default();
        let restorer = Restorer::default();
        let guards = [1, 2, 3].map(|number| restorer.guard(noting(&log, number)));
        restorer.restore_all();
        assert_eq!(*log.lock().unwrap(), [3, 2, 1]);
        drop(guards);
        assert_eq!(*log.lock().unwrap(), [3, 2, 1]);
    }

    #[test]
    fn what_cannot_be_put_back_is_told_once() {
        let restorer = Restorer::default();
        drop(restorer.guard(|| Err("alias stays".to_owned())));
        assert_eq!(restorer.take_failures(), ["alias stays"]);
        assert!(restorer.take_failures().is_empty());
    }
}
