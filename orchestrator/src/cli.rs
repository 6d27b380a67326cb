// SPDX-License-Identifier: BSD-2-Clause
//! The command line: one variant a subcommand, each handed to the module that
//! does it.

use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// Drives tcpstats test machines over SSH, follows their tests live and reports.
#[derive(Debug, Parser)]
#[command(name = "orchestrator", version, propagate_version = true)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {}

/// Parse the process' arguments and do what they say.
#[must_use]
pub fn main() -> ExitCode {
    match Cli::parse().command {}
}
