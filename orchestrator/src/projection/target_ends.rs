// SPDX-License-Identifier: BSD-2-Clause
//! How targets ended, also where a VM did not bring them to their end.

use jiff::Timestamp;

use super::state::{RunState, VmState};
use crate::event::VmOutcome;

/// How a target ended on a VM.
#[derive(Debug)]
pub(crate) struct TargetEnd<'a> {
    pub(crate) target: &'a str,
    pub(crate) passed: bool,
    pub(crate) time: Timestamp,
    /// Seconds; absent where the target was cut off or never begun.
    pub(crate) duration_s: Option<f64>,
}

/// Each target that was begun, and each planned one: a planned target with
/// members ended as its session did.
pub(crate) fn target_ends<'a>(state: &'a RunState, vm: &'a VmState) -> Vec<TargetEnd<'a>> {
    let begun = vm.targets.iter().map(|target| {
        let end = target.end.as_ref();
        let end = end.map(|end| (end.outcome, end.time, end.duration_s));
        (target.target.as_str(), end)
    });
    let planned = state.head.iter().flat_map(|head| &head.targets);
    let others = planned
        .map(|planned| planned.target.as_str())
        .filter(|name| vm.target(name).is_none())
        .map(|name| (name, session_end(vm, name)));
    begun
        .chain(others)
        .filter_map(|(name, end)| target_end(vm, name, end))
        .collect()
}

type End = (protocol::Outcome, Timestamp, f64);

fn session_end(vm: &VmState, planned: &str) -> Option<End> {
    let session = vm.sessions.get(planned)?;
    let (outcome, time) = session.end?;
    let duration = time.duration_since(session.started);
    Some((outcome, time, duration.as_secs_f64()))
}

/// `None` where the target may still come to its end, and where it was not
/// given the chance to: a cancelled run says nothing of it.
fn target_end<'a>(vm: &VmState, target: &'a str, end: Option<End>) -> Option<TargetEnd<'a>> {
    let (passed, time, duration_s) = match end {
        Some((outcome, time, duration_s)) => {
            (outcome != protocol::Outcome::Failed, time, Some(duration_s))
        }
        None => {
            let end = vm.end()?;
            if end.outcome == VmOutcome::Cancelled {
                return None;
            }
            (false, end.time, None)
        }
    };
    Some(TargetEnd {
        target,
        passed,
        time,
        duration_s,
    })
}
