// SPDX-License-Identifier: BSD-2-Clause
//! What a run, or its replay, leaves at its end for people and for programs:
//! the summary or the result as JSON on standard output, a JUnit file,
//! annotations for GitHub.

use std::env;
use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use crate::event_log::{ReadError, Reader};
use crate::projection::junit::Junit;
use crate::projection::state::RunState;
use crate::projection::summary::{self, Look};
use crate::projection::text;
use crate::projection::text::ColorChoice;
use crate::projection::{github, result};

/// Which outputs are wanted.
#[derive(Debug, clap::Args)]
pub struct Outputs {
    /// Print the run's end as JSON instead of the summary
    #[arg(long)]
    pub(crate) json: bool,
    /// Write a JUnit report, with every attempt at each test
    #[arg(long, value_name = "FILE")]
    pub(crate) junit: Option<PathBuf>,
    /// Print failures as annotations of a GitHub job too [default: where GITHUB_ACTIONS is true]
    #[arg(long)]
    github: bool,
    /// When to use colours
    #[arg(long, value_enum, default_value_t)]
    pub(crate) color: ColorChoice,
}

/// Why an output is missing.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The log could not be read again for the report.
    #[error("failed to read {} for the JUnit report", path.display())]
    Read {
        /// The log.
        path: PathBuf,
        /// What came between.
        source: ReadError,
    },
    /// The report could not be made of what the log holds.
    #[error("failed to make the JUnit report")]
    Report(#[from] quick_junit::SerializeError),
    /// A file could not be read or written.
    #[error("failed to {action} {}; name another file with --junit", path.display())]
    File {
        /// What was tried.
        action: &'static str,
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The result could not be made.
    #[error("failed to make the result")]
    Result(#[from] serde_json::Error),
    /// Standard output.
    #[error("failed to print")]
    Print(#[from] io::Error),
}

impl Outputs {
    /// Where GitHub runs a job, and where it was asked for.
    fn is_for_github(&self) -> bool {
        self.github || env::var("GITHUB_ACTIONS").is_ok_and(|value| value == "true")
    }

    /// That the files that are wanted can be written at all: before a run, not
    /// after it.
    ///
    /// # Errors
    /// The first that can't.
    pub(crate) fn check(&self) -> Result<(), Error> {
        let Some(path) = &self.junit else {
            return Ok(());
        };
        let opened = fs::OpenOptions::new().create(true).append(true).open(path);
        opened.map(drop).map_err(|source| Error::File {
            action: "write",
            path: path.clone(),
            source,
        })
    }

    /// Write all that is wanted of the run that `state` is of, and whose log is
    /// at `log`, which may break off. Annotations go beside a result as JSON,
    /// which must stand alone.
    ///
    /// # Errors
    /// The first output that failed; those before it are written.
    pub fn write(
        &self,
        state: &RunState,
        log: &Path,
        out: &mut impl Write,
        beside: &mut impl Write,
    ) -> Result<(), Error> {
        let annotations = if self.is_for_github() {
            github::render(state)
        } else {
            String::new()
        };
        if self.json {
            print(out, &result::render(state)?)?;
            print(beside, &annotations)?;
        } else {
            let summary = summary::render(state, Look::of_stdout(self.color));
            print(out, &(annotations + &text::fold_for_stdout(summary)))?;
        }
        match &self.junit {
            Some(path) => write_junit(log, path),
            None => Ok(()),
        }
    }
}

/// Print `text`. A reader that has seen enough changes nothing.
pub(crate) fn print(out: &mut impl Write, text: &str) -> io::Result<()> {
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        printed => printed,
    }
}

fn write_junit(log: &Path, path: &Path) -> Result<(), Error> {
    let failed = |action, path: &Path| {
        let path = path.to_owned();
        move |source| Error::File {
            action,
            path,
            source,
        }
    };
    let mut junit = Junit::default();
    let mut end = Ok(());
    for event in Reader::open(log).map_err(failed("open", log))? {
        match event {
            Ok(event) => junit.apply(&event),
            // What stands before is good, and is reported all the same.
            Err(source) => {
                end = Err(Error::Read {
                    path: log.to_owned(),
                    source,
                });
            }
        }
    }
    fs::write(path, junit.render()?).map_err(failed("write", path))?;
    end
}
