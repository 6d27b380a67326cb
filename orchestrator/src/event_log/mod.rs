// SPDX-License-Identifier: BSD-2-Clause
//! The log of a run's events, `events.ndjson` in the run's folder: the only
//! truth of a run.
//!
//! - [`append`]: numbers, stamps and appends.
//! - [`mod@write`]: syncs what was appended, then feeds the projections.
//! - [`said`]: the shorter way of what test binaries say.
//! - [`mod@read`]: gives the events back, and says where a file can't be trusted.

mod append;
pub mod read;
mod said;
pub mod write;

pub use read::{End, ReadError, Reader};
pub use write::{Recorder, WriteError, Writer};

/// The log's name in its run's folder.
pub const FILE_NAME: &str = "events.ndjson";
