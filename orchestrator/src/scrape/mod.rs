// SPDX-License-Identifier: BSD-2-Clause
//! Reads a VM's tcpstats-exporter during a run.
//!
//! - [`series`]: what is taken from an exporter, and what it is republished as.
//! - [`client`]: one scrape over HTTP, within bounds.
//! - [`repeat`]: scrape after scrape for as long as there is an exporter.
//!
//! Invariant: whatever an exporter does, it costs the run nothing but the events
//! that say so.

pub mod client;
pub mod repeat;
pub mod series;

pub use client::{Client, ScrapeError};
