// SPDX-License-Identifier: BSD-2-Clause
//! One result for all who wait for it, made no more often than is allowed.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::watch;
use tokio::task;

use crate::allowance::Allowance;

/// What tells the time; a test decides it.
pub(crate) type Clock = Arc<dyn Fn() -> Instant + Send + Sync>;

/// A result and when its making began.
#[derive(Debug)]
pub(crate) struct Made<T> {
    pub(crate) value: T,
    pub(crate) began: Instant,
}

/// What somebody who asks is given.
#[derive(Debug)]
pub(crate) enum Answer<T> {
    /// A result that was made while they waited.
    New(Arc<Made<T>>),
    /// The last one, since the rate allows no new one yet.
    Repeated(Arc<Made<T>>),
    /// The new one takes longer than they wait; the last one, if there is any.
    Late(Option<Arc<Made<T>>>),
    /// The rate allows none yet, and there is none to repeat: in how long to ask again.
    Refused(Duration),
}

/// Where the results come from. Clones are of the same source.
pub(crate) struct Source<T> {
    shared: Arc<Shared<T>>,
}

struct Shared<T> {
    make: Box<dyn Fn() -> T + Send + Sync>,
    clock: Clock,
    state: Mutex<State<T>>,
}

type Waiting<T> = watch::Receiver<Option<Arc<Made<T>>>>;

struct State<T> {
    allowance: Allowance,
    last: Option<Arc<Made<T>>>,
    /// Gets the result that is being made; closed without one if that fails.
    under_way: Option<Waiting<T>>,
}

impl<T: Send + Sync + 'static> Source<T> {
    /// Results of `make`, which may block.
    pub(crate) fn new(
        allowance: Allowance,
        clock: Clock,
        make: impl Fn() -> T + Send + Sync + 'static,
    ) -> Self {
        Self {
            shared: Arc::new(Shared {
                make: Box::new(make),
                clock,
                state: Mutex::new(State {
                    allowance,
                    last: None,
                    under_way: None,
                }),
            }),
        }
    }

    /// The result that is being made, or that of a new making if the rate allows it.
    pub(crate) async fn get(&self, patience: Duration) -> Answer<T> {
        let mut waiting = match self.join() {
            Ok(waiting) => waiting,
            Err(answer) => return answer,
        };
        let made = tokio::time::timeout(patience, waiting.wait_for(Option::is_some)).await;
        match made {
            Ok(Ok(made)) => match &*made {
                Some(made) => Answer::New(Arc::clone(made)),
                None => self.late(),
            },
            Ok(Err(_)) | Err(_) => self.late(),
        }
    }

    fn late(&self) -> Answer<T> {
        Answer::Late(self.shared.state().last.clone())
    }

    /// Wait with the others, or begin.
    fn join(&self) -> Result<Waiting<T>, Answer<T>> {
        let mut state = self.shared.state();
        if let Some(waiting) = &state.under_way {
            return Ok(waiting.clone());
        }
        let began = (self.shared.clock)();
        if let Err(wait) = state.allowance.take(began) {
            return Err(match &state.last {
                Some(last) => Answer::Repeated(Arc::clone(last)),
                None => Answer::Refused(wait),
            });
        }
        let (sender, waiting) = watch::channel(None);
        state.under_way = Some(waiting.clone());
        // On its own: whoever asked may go away, others wait for it.
        tokio::spawn(Arc::clone(&self.shared).make(began, sender));
        Ok(waiting)
    }
}

impl<T: Send + Sync + 'static> Shared<T> {
    async fn make(self: Arc<Self>, began: Instant, sender: watch::Sender<Option<Arc<Made<T>>>>) {
        let maker = Arc::clone(&self);
        let value = task::spawn_blocking(move || (maker.make)()).await;
        let mut state = self.state();
        state.under_way = None;
        if let Ok(value) = value {
            let made = Arc::new(Made { value, began });
            state.last = Some(Arc::clone(&made));
            sender.send_replace(Some(made));
        }
    }

    fn state(&self) -> MutexGuard<'_, State<T>> {
        // Nothing that can panic runs under the lock.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<T> Clone for Source<T> {
    fn clone(&self) -> Self {
        Self {
            shared: Arc::clone(&self.shared),
        }
    }
}

impl<T> fmt::Debug for Source<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Source").finish_non_exhaustive()
    }
}
