// SPDX-License-Identifier: BSD-2-Clause
//! One authenticated SSH connection a VM, shared by everything that is done
//! there.
//!
//! - [`master`]: the ssh process that holds the connection.
//! - [`trouble`]: what ssh's messages mean, and whether trying again can help.
//! - [`forward`]: a way to a port there.
//! - [`remote`]: commands there, always as lists of arguments.
//! - [`transfer`]: files to and from there.

pub mod forward;
pub mod master;
pub mod remote;
mod transfer;
pub mod trouble;

pub use master::{Connection, ControlDir};
pub use remote::{Exit, RemoteError, Said};
pub(crate) use transfer::Transfer;
pub use trouble::{ConnectError, Trouble};
