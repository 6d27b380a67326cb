// SPDX-License-Identifier: BSD-2-Clause
//! Metric families as constants: a program that serves metrics has a table of them, from which
//! what it serves is registered, and its reference is made.
//!
//! - [`Family`]: what is known of a family before it has a value.
//! - [`Histogram`]: a distribution that its owner keeps.
//! - [`Computed`], [`Text`], [`page`]: what is served, also of families that are computed when they
//!   are asked for.
//! - [`Reference`]: all families of a table, as Markdown.

mod family;
mod histogram;
mod reference;
mod text;

pub use family::{Family, Kind};
pub use histogram::Histogram;
pub use reference::{Reference, Section};
pub use text::{Computed, Sample, Text, page};
