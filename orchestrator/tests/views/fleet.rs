// SPDX-License-Identifier: BSD-2-Clause
//! The exposition of a service: what was said last of each VM, over its runs.

use orchestrator::event::{Body, Event, Judged, Quantity, SeriesState, Verdict};
