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

#[cfg(test)]
pub(crate) mod tests {
    use std::sync::Condvar;
    use std::sync::atomic::{AtomicU32, Ordering};

    use super::*;

    const LONG: Duration = Duration::from_secs(60);
    const DEADLINE: Duration = Duration::from_secs(10);

    /// A clock that stands until it is moved.
    #[derive(Clone)]
    pub(crate) struct Hands(Arc<Mutex<Instant>>);

    impl Hands {
        pub(crate) fn new() -> Self {
            Self(Arc::new(Mutex::new(Instant::now())))
        }

        pub(crate) fn clock(&self) -> Clock {
            let hands = self.clone();
            Arc::new(move || *hands.0.lock().expect("not poisoned"))
        }

        pub(crate) fn forward(&self, milliseconds: u64) {
            *self.0.lock().expect("not poisoned") += Duration::from_millis(milliseconds);
        }
    }

    /// Counts 1, 2, 3…
    fn counting(rate: f64, hands: &Hands) -> Source<u32> {
        let made = AtomicU32::new(0);
        Source::new(Allowance::per_second(rate), hands.clock(), move || {
            made.fetch_add(1, Ordering::Relaxed) + 1
        })
    }

    fn new(answer: &Answer<u32>) -> Option<u32> {
        match answer {
            Answer::New(made) => Some(made.value),
            _ => None,
        }
    }

    fn repeated(answer: &Answer<u32>) -> Option<u32> {
        match answer {
            Answer::Repeated(made) => Some(made.value),
            _ => None,
        }
    }

    /// A door that those who want through wait at until it is opened.
    #[derive(Clone, Default)]
    struct Door(Arc<(Mutex<bool>, Condvar)>);

    impl Door {
        fn pass(&self) {
            let (open, moved) = &*self.0;
            let open = open.lock().expect("not poisoned");
            // A test that failed does not open it.
            let wait = moved.wait_timeout_while(open, DEADLINE, |open| !*open);
            assert!(*wait.expect("not poisoned").0, "the door was opened");
        }

        fn open(&self) {
            let (open, moved) = &*self.0;
            *open.lock().expect("not poisoned") = true;
            moved.notify_all();
        }
    }

    #[tokio::test]
    async fn all_who_wait_get_the_one_that_is_made() {
        let (door, made) = (Door::default(), Arc::new(AtomicU32::new(0)));
        let (inner, count) = (door.clone(), Arc::clone(&made));
        let allowance = Allowance::per_second(1000.0);
        let source = Source::new(allowance, Hands::new().clock(), move || {
            count.fetch_add(1, Ordering::Relaxed);
            inner.pass();
            42
        });
        let get = || source.get(LONG);
        // Polled in this order: all wait before the door opens.
        let (a, b, c, d, e, f, g, h, ()) = tokio::join!(
            biased; get(), get(), get(), get(), get(), get(), get(), get(), async { door.open() }
        );
        for answer in [a, b, c, d, e, f, g, h] {
            assert_eq!(new(&answer), Some(42));
        }
        assert_eq!(made.load(Ordering::Relaxed), 1);
    }

    #[tokio::test]
    async fn the_rate_bounds_what_is_made_and_not_who_asks() {
        let hands = Hands::new();
        let source = counting(2.0, &hands);
        assert_eq!(new(&source.get(LONG).await), Some(1));
        assert_eq!(new(&source.get(LONG).await), Some(2));
        for _ in 0..100 {
            assert_eq!(repeated(&source.get(LONG).await), Some(2));
        }
        hands.forward(999);
        assert_eq!(repeated(&source.get(LONG).await), Some(2));
        hands.forward(1);
        assert_eq!(new(&source.get(LONG).await), Some(3));
    }

    #[tokio::test]
    async fn who_asks_and_goes_away_takes_nothing_from_the_others() {
        let door = Door::default();
        let inner = door.clone();
        let allowance = Allowance::per_second(1.0);
        let source = Source::new(allowance, Hands::new().clock(), move || {
            inner.pass();
            7
        });
        let first = source.get(Duration::ZERO).await;
        assert!(matches!(first, Answer::Late(None)), "{first:?}");
        door.open();
        // It is still the first that is made: the rate allows no second.
        let second = source.get(LONG).await;
        assert!(new(&second).or(repeated(&second)) == Some(7), "{second:?}");
    }

    #[tokio::test]
    async fn who_cannot_wait_gets_the_last_one() {
        let (door, hands) = (Door::default(), Hands::new());
        let (inner, made) = (door.clone(), AtomicU32::new(0));
        let source = Source::new(
            Allowance::per_second(2.0),
            hands.clock(),
            move || match made.fetch_add(1, Ordering::Relaxed) {
                0 => 1,
                _ => {
                    inner.pass();
                    2
                }
            },
        );
        let began = match source.get(LONG).await {
            Answer::New(made) => made.began,
            other => panic!("{other:?}"),
        };
        hands.forward(10);
        match source.get(Duration::ZERO).await {
            Answer::Late(Some(last)) => assert_eq!((last.value, last.began), (1, began)),
            other => panic!("{other:?}"),
        }
        door.open();
        assert_eq!(new(&source.get(LONG).await), Some(2));
    }

    #[tokio::test]
    async fn with_nothing_to_repeat_the_time_to_wait_is_said() {
        let hands = Hands::new();
        let source: Source<u32> = Source::new(Allowance::per_second(0.5), hands.clock(), || {
            panic!("this collection is to fail")
        });
        let failed = source.get(LONG).await;
        assert!(matches!(failed, Answer::Late(None)), "{failed:?}");
        hands.forward(500);
        match source.get(LONG).await {
            Answer::Refused(wait) => assert_eq!(wait, Duration::from_millis(1500)),
            other => panic!("{other:?}"),
        }
    }
}
