// SPDX-License-Identifier: BSD-2-Clause
//! Lines on stdout, for a person or as JSON, and complaints on stderr.

use std::fmt::Display;
use std::io::{self, Write as _};

use serde::Serialize;

use crate::error::Error;

/// Stdout, one line a message, each flushed so that a reader at the other end of a pipe sees it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Output {
    json: bool,
}

impl Output {
    pub(crate) fn new(json: bool) -> Self {
        Self { json }
    }

    /// Prints one line.
    ///
    /// A reader that has gone is no error: whoever only waited for `ready` may close the pipe, and
    /// the connections are the work, not the lines.
    ///
    /// # Errors
    /// [`Error::Output`] for any other trouble with stdout.
    pub(crate) fn line(self, message: &(impl Display + Serialize)) -> Result<(), Error> {
        match self.write(message) {
            Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(Error::Output(error)),
            _ => Ok(()),
        }
    }

    fn write(self, message: &(impl Display + Serialize)) -> io::Result<()> {
        let mut stdout = io::stdout().lock();
        if self.json {
            serde_json::to_writer(&mut stdout, message)?;
            writeln!(stdout)?;
        } else {
            writeln!(stdout, "{message}")?;
        }
        stdout.flush()
    }
}

/// Prints one line on stderr.
pub(crate) fn complain(what: &impl Display) {
    // With stderr gone there is nobody left to tell.
    let _ = writeln!(io::stderr(), "tcp-echo: {what}");
}
