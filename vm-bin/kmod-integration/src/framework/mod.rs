// SPDX-License-Identifier: BSD-2-Clause
//! What tests are made of: sockets in known states, the device, other programs,
//! and putting the machine back.

pub(crate) mod cancel;
pub(crate) mod check;
pub(crate) mod compile;
pub(crate) mod cross;
pub(crate) mod crowd;
pub(crate) mod echo;
pub(crate) mod exporter;
pub(crate) mod fixture;
mod layout;
pub(crate) mod leftover;
pub(crate) mod limits;
pub(crate) mod loopback;
pub(crate) mod module;
pub(crate) mod packages;
pub(crate) mod process;
pub(crate) mod restore;
pub(crate) mod system;
pub(crate) mod tap;
pub(crate) mod tcp;
