// SPDX-License-Identifier: BSD-2-Clause
//! What a run looks like from outside, each view a function of the run's
//! events alone: fed live by [`crate::event_log`] or again by `replay`.
//!
//! [`Fold`] is the projection that everything shown comes from: it folds the
//! events into one [`RunState`] and lets the views look at it.
//!
//! - [`state`]: the fold itself, and the exit status.
//! - [`terminal`], [`plain`]: progress, with bars or line by line; [`echo`]:
//!   what is typed meanwhile.
//! - [`summary`]: the last word on a run.
//! - [`metrics`]: the Prometheus exposition.
//! - [`junit`], [`result`], [`github`]: the last word for other programs.
//! - [`html`]: the last word, and more than that, as pages.
//! - [`text`]: words and colours that they share.

pub(crate) mod benchmarks;
mod details;
pub mod echo;
mod ends;
pub(crate) mod findings;
mod fleet;
pub mod github;
pub mod html;
pub mod junit;
mod latest;
pub mod metrics;
pub mod plain;
pub mod result;
pub mod state;
pub mod summary;
pub(crate) mod target_ends;
mod targets;
pub mod terminal;
pub mod text;

use std::sync::{Arc, Mutex, PoisonError};

use crate::event::Event;
pub use details::Details;
pub use fleet::{Fleet, Part};
pub use latest::Aspect;
use state::RunState;

/// A view that grows event by event.
///
/// Invariant: nothing but the events decides what a projection shows, so that
/// a replayed log gives what the run gave.
pub trait Projection: Send {
    /// Take in the next event. Called after it is on disk, in order.
    fn apply(&mut self, event: &Event);
}

/// Something that shows a run as it goes on, without a fold of its own.
pub trait View: Send {
    /// `event` happened, and `state` is what is known since.
    fn show(&mut self, state: &RunState, event: &Event);
}

/// The one fold of a run's events and the views that look at it.
pub struct Fold {
    state: StateHandle,
    views: Vec<Box<dyn View>>,
}

impl Fold {
    /// Folds into `state`, which others look at meanwhile and afterwards, and
    /// shows it to `views` in their order after each event.
    #[must_use]
    pub fn new(state: StateHandle, views: Vec<Box<dyn View>>) -> Self {
        Self { state, views }
    }
}

impl Fold {
    /// What it folds into.
    #[must_use]
    pub fn state(&self) -> StateHandle {
        self.state.clone()
    }

    /// Show what happens from now on to `view` too.
    pub fn add(&mut self, view: Box<dyn View>) {
        self.views.push(view);
    }
}

impl Projection for Fold {
    fn apply(&mut self, event: &Event) {
        let views = &mut self.views;
        self.state.with(|state| {
            state.apply(event);
            for view in views {
                view.show(state, event);
            }
        });
    }
}

/// Shared access to the state of a run. Cloning gives the same state.
#[derive(Debug, Clone, Default)]
pub struct StateHandle(Arc<Mutex<RunState>>);

impl StateHandle {
    /// Look at the state as it is now.
    pub fn read<R>(&self, look: impl FnOnce(&RunState) -> R) -> R {
        self.with(|state| look(state))
    }

    fn with<R>(&self, act: impl FnOnce(&mut RunState) -> R) -> R {
        // A view that panicked leaves the fold whole: the event was applied
        // before any view saw it.
        act(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}
