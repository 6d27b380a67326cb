// SPDX-License-Identifier: BSD-2-Clause
//! The `tcpstats` command: what `ss` and `sockstat` are to their systems, on the tcpstats device.

mod cli;

use std::process::ExitCode;

fn main() -> ExitCode {
    cli::run()
}
