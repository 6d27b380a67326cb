// SPDX-License-Identifier: BSD-2-Clause
//! The real program on loopback.
#![expect(
    clippy::expect_used,
    clippy::unwrap_used,
    reason = "a test fails by panicking"
)]

mod echo;
mod orphan;
mod scale;
mod support;
mod trouble;
