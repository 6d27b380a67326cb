// SPDX-License-Identifier: BSD-2-Clause
//! The device page, each promise on a real daemon: every test has a network namespace of its own,
//! so that counts are exact, and a tcpstatsd on a temporary mount in it. Root and /dev/fuse are
//! needed; without them the tests fail and say so.
#![expect(clippy::expect_used, reason = "a test whose means fail, fails")]

mod control;
mod lifecycle;
mod profiles;
mod read;
mod records;
mod scale;
mod support;
