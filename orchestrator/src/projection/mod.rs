// SPDX-License-Identifier: BSD-2-Clause
//! What a run looks like from outside, each view a function of the run's
//! events alone: fed live by [`crate::event_log`] or again by `replay`.

use crate::event::Event;

/// A view that grows event by event.
///
/// Invariant: nothing but the events decides what a projection shows, so that
/// a replayed log gives what the run gave.
pub trait Projection: Send {
    /// Take in the next event. Called after it is on disk, in order.
    fn apply(&mut self, event: &Event);
}
