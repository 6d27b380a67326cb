// SPDX-License-Identifier: BSD-2-Clause
//! The test binary as its users start it. What needs a device has a network of
//! its own with a tcpstatsd in it: root, /dev/fuse, and the programs tcpstatsd
//! and tcp-echo of the same build are needed; without them the tests fail and
//! say so.
#![expect(
    clippy::expect_used,
    clippy::unwrap_used,
    reason = "a test fails by panicking"
)]

mod command;
mod compile;
mod killed;
mod live;
mod live_targets;
mod pkg_setup;
mod schema;
mod support;
mod unit;
