// SPDX-License-Identifier: BSD-2-Clause
//! What the test binary says while it works: one JSON object a line on its
//! standard output, read by the orchestrator and by nobody's eyes.
//!
//! - [`event`]: the events themselves.
//! - [`write`]: numbers, stamps and prints them.
//! - [`read`]: checks the stream: version, numbering, and its end.
//! - [`target`]: what it can be asked for.
//!
//! `schema/events-v1.json` describes a line as a JSON Schema; it is made from
//! the types.
//!
//! Version 1 is read by every later reader: fields and types that a reader
//! does not know are ignored. A stream that ends without [`Body::Bye`], or
//! with a gap in `seq`, belongs to a machine that was lost.

pub mod event;
pub mod read;
#[cfg(test)]
mod schema;
mod swift;
pub mod target;
pub mod write;

pub use event::{Body, Event, Outcome};
pub use read::{Decoded, Decoder, StreamError};
pub use swift::TestEvent;
pub use target::{Category, Target};
pub use write::Writer;

/// The `v` of every event that this crate writes.
pub const VERSION: u32 = 1;
