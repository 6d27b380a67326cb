// SPDX-License-Identifier: BSD-2-Clause
//! When the log has the end of every VM, so that all that they measured can be
//! read from it.

use std::time::Duration;

use tokio::sync::oneshot;
use tokio::time::timeout;

use crate::event::{Body, Event};
use crate::projection::{Projection, StateHandle};

/// The longest that events may wait for the disk.
const DISK_LIMIT: Duration = Duration::from_secs(60);

/// Sees the ends in the log, behind the fold of `state`.
pub(super) struct AllEnded {
    state: StateHandle,
    tell: Option<oneshot::Sender<()>>,
}

/// Waits for them.
pub(super) struct Ends(oneshot::Receiver<()>);

impl AllEnded {
    pub(super) fn new(state: StateHandle) -> (Self, Ends) {
        let (tell, told) = oneshot::channel();
        let seen = Self {
            state,
            tell: Some(tell),
        };
        (seen, Ends(told))
    }
}

impl Projection for AllEnded {
    fn apply(&mut self, event: &Event) {
        // A run may go on with nothing left to do but its end.
        let may_be_last = matches!(
            event.body,
            Body::VmFinished { .. } | Body::RunResumed { .. }
        );
        let have_ended = || {
            self.state
                .read(|state| state.vms.iter().all(|vm| vm.end().is_some()))
        };
        if may_be_last
            && have_ended()
            && let Some(tell) = self.tell.take()
        {
            // Nobody waits where the run was given up.
            let _ = tell.send(());
        }
    }
}

impl Ends {
    /// Whether they came; not where the log failed before.
    pub(super) async fn come(self) -> bool {
        matches!(timeout(DISK_LIMIT, self.0).await, Ok(Ok(())))
    }
}
