// SPDX-License-Identifier: BSD-2-Clause
//! What people and Prometheus see of a run, from events alone: no VM is needed.

#![expect(
    clippy::unwrap_used,
    reason = "a helper of a test fails the test, as the test's own unwrap does"
)]

mod events;
mod findings;
mod fleet;
mod html;
mod http;
mod metrics;
mod outputs;
mod overview;
mod plain;
mod reference;
mod replay;
mod report;
mod state;
mod summary;
mod terminal;
mod text;
mod trend;
