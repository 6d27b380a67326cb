// SPDX-License-Identifier: BSD-2-Clause
//! The exporter on a real device: a tcpstatsd in a network namespace of its own. Where numbers of
//! sockets are to be exact, the exporter and who scrapes it are in another one. Root, /dev/fuse and
//! Debian's package prometheus are needed; without them the tests fail and say so.
#![expect(clippy::expect_used, reason = "a test whose means fail, fails")]

mod device;
mod page;
mod scale;
mod serve;
mod support;
