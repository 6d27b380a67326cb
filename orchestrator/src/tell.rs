// SPDX-License-Identifier: BSD-2-Clause
//! Printing to a person who may be gone: `println!` and `eprintln!` panic
//! there, in the middle of what is to be cleaned up.

use std::fmt::Display;
use std::io::{self, Write};

/// A line on standard output.
pub(crate) fn out(line: impl Display) {
    // There is nobody left to tell.
    let _ = writeln!(io::stdout(), "{line}");
}

/// A line on standard error.
pub(crate) fn note(line: impl Display) {
    // As in `out`.
    let _ = writeln!(io::stderr(), "{line}");
}

pub(crate) fn chain(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(error.source(), |cause| cause.source());
    causes.fold(error.to_string(), |text, cause| format!("{text}: {cause}"))
}
