// SPDX-License-Identifier: BSD-2-Clause
//! `tcp-echo`: an echo server and a client that holds many real TCP connections and verifies
//! what comes back, so that tests of the kernel's socket table have something true to look at.
//!
//! Exit status: 0 all went well, 1 something failed while running (a connection lost, an echo that
//! differs, a port in use), 2 wrong use, 3 the machine lacks what was asked for (descriptors,
//! ports, addresses).

mod cli;
mod client;
mod error;
mod limits;
mod output;
mod pattern;
mod report;
mod server;
mod shutdown;
mod socket;
mod worker;

use std::process::ExitCode;

use crate::cli::{Arguments, Role};
use crate::error::Error;
use crate::output::Output;

fn main() -> ExitCode {
    let arguments = Arguments::of(std::env::args_os()).unwrap_or_else(|error| error.exit());
    match run(arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            output::complain(&error);
            error.exit_code()
        }
    }
}

fn run(arguments: Arguments) -> Result<(), Error> {
    // It only follows the workers, which have runtimes of their own.
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(Error::Runtime)?;
    match arguments.role {
        Role::Server(options) => {
            let output = Output::new(options.common.json);
            runtime.block_on(server::run(&options, output))
        }
        Role::Client(options) => {
            let output = Output::new(options.common.json);
            runtime.block_on(client::run(options, output))
        }
    }
}
