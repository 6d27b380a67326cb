// SPDX-License-Identifier: BSD-2-Clause
//! The exposition: its table of families, what the exporter counts of itself, the page.

mod own;
pub(crate) mod table;

pub(crate) use own::{Own, ScrapeResult};
