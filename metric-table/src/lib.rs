// SPDX-License-Identifier: BSD-2-Clause
//! Metric families as constants: a program that serves metrics has a table of them, from which
//! what it serves is registered, and its reference is made.
//!
//! - [`Family`]: what is known of a family before it has a value.
//! - [`Sample`]: of a family that is computed when it is asked for.
//! - [`Reference`]: all families of a table, as Markdown.

mod computed;
mod family;
mod reference;

pub use computed::Sample;
pub use family::{Family, Kind};
pub use reference::{Reference, Section};
