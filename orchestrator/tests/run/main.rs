// SPDX-License-Identifier: BSD-2-Clause
//! `orchestrator run` against real sshd processes on 127.0.0.1, with a script
//! in the place of the test binary.
//!
//! Needs ssh, sshd, flock, pgrep and pkill; root, /dev/fuse, tcpstatsd and
//! tcpstats-exporter for the test of the real exporter alone.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test that can't go on fails, and helpers of tests are tests"
)]

mod again;
mod bounds;
mod build;
mod connect;
mod console;
mod cut;
mod deploy;
mod doctor;
mod fixture;
mod history;
mod hosts;
mod lock;
mod regressed;
mod resume;
mod scrape;
mod serve;
mod stop;
mod stream;
mod table;
mod usage;
mod whole;
