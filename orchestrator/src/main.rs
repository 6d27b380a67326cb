// SPDX-License-Identifier: BSD-2-Clause
//! The program: parses arguments, runs the command, returns its exit status.

use std::process::ExitCode;

fn main() -> ExitCode {
    orchestrator::cli::main()
}
