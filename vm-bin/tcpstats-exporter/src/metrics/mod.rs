// SPDX-License-Identifier: BSD-2-Clause
//! The exposition: what each family is, what the exporter counts of itself, the page.

pub(crate) mod family;
mod own;
pub(crate) mod reference;
pub(crate) mod table;

pub(crate) use own::{Own, ScrapeResult};
