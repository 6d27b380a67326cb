// SPDX-License-Identifier: BSD-2-Clause
//! Drives tcpstats test machines over SSH, all at once: brings the code there,
//! runs the tests, follows them live, cleans up and says what came of it.
//!
//! inventory → plan → one pipeline of stages a VM → events → event log on disk
//! → projections. See ARCHITECTURE.md for the map.

#![warn(clippy::print_stdout, clippy::print_stderr)] // see `tell`

pub mod analyze;
pub mod cli;
pub mod doctor;
pub mod event;
pub mod event_log;
pub mod exit;
pub mod history;
pub mod http;
pub mod inventory;
pub mod lab;
pub mod outputs;
pub mod pipeline;
pub mod plan;
pub mod projection;
pub mod reference;
pub mod regressions;
pub mod replay;
pub mod report;
pub mod run;
pub mod runs;
pub mod scrape;
pub mod serve;
pub mod ssh;
mod tell;
mod trends;
