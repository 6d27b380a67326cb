// SPDX-License-Identifier: BSD-2-Clause
//! The tcpstats device as a library.
//!
//! [`device::Device`] opens the device, sets a [`filter::Filter`] and reads [`record::Record`]s;
//! [`sysctl::Sysctl`] reads and sets what `dev.tcpstats` holds: limits, counters and named
//! profiles. Both work on FreeBSD with the kernel module and on Linux with `tcpstatsd`.
//! [`core`] is the C core's machinery for a program that *serves* the device.

pub mod core;
pub mod device;
mod ffi;
pub mod filter;
mod layout;
pub mod paths;
pub mod record;
pub mod sysctl;
