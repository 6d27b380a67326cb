// SPDX-License-Identifier: BSD-2-Clause
//! The C core for a program that serves the device: the read machine, admission, totals and the
//! registry of profiles, each in a safe wrapper. None of them locks: the caller serialises.

mod profiles;
mod read;
mod totals;

pub use profiles::{Profile, ProfileChange, Profiles};
pub use read::{Batch, ReadEnv, Reader, Socket, Verdict, Walk};
pub use totals::{Admission, Counters, Limits, ReadStats};
