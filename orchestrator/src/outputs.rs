// SPDX-License-Identifier: BSD-2-Clause
//! What a run, or its replay, leaves at its end for people and for programs:
//! the summary or the result as JSON on standard output, files as JUnit and
//! HTML, annotations for GitHub.

use std::env;
use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use clap::builder::{PathBufValueParser, TypedValueParser as _};
use tokio::runtime::Builder;

use crate::event::Event;
use crate::event_log::{ReadError, Reader};
use crate::projection::html::trend::Trend;
use crate::projection::junit::Junit;
use crate::projection::state::RunState;
use crate::projection::summary::{self, Look};
use crate::projection::text;
use crate::projection::text::ColorChoice;
use crate::projection::{Details, Projection, github, html, result};
use crate::trends;

/// Which outputs are wanted.
#[derive(Debug, clap::Args)]
pub struct Outputs {
    /// Print the run's end as JSON instead of the summary
    #[arg(long)]
    pub(crate) json: bool,
    #[command(flatten)]
    pub(crate) files: Files,
    /// Print failures as annotations of a GitHub job too [default: where GITHUB_ACTIONS is true]
    #[arg(long)]
    github: bool,
    /// When to use colours
    #[arg(long, value_enum, default_value_t)]
    pub(crate) color: ColorChoice,
}

/// Which files are wanted.
#[derive(Debug, Default, clap::Args)]
pub struct Files {
    /// Write a JUnit report, with every attempt at each test
    #[arg(long, value_name = "FILE", value_parser = PathBufValueParser::new().try_map(file))]
    junit: Option<PathBuf>,
    /// Write a page that needs no other file: VMs, targets, failures, stages, benchmarks
    #[arg(long, value_name = "FILE", value_parser = PathBufValueParser::new().try_map(file))]
    html: Option<PathBuf>,
}

/// A file's name; what elsewhere means standard output must not become one.
fn file(path: PathBuf) -> Result<PathBuf, &'static str> {
    if path == Path::new("-") {
        return Err("name a file; /dev/stdout is the standard output");
    }
    Ok(path)
}

/// Why an output is missing.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The log could not be read again for the report.
    #[error("failed to read {} for a report", path.display())]
    Read {
        /// The log.
        path: PathBuf,
        /// What came between.
        source: ReadError,
    },
    /// The report could not be made of what the log holds.
    #[error("failed to make the JUnit report")]
    Report(#[from] quick_junit::SerializeError),
    /// The log could not be opened again.
    #[error("failed to open {} for a report", path.display())]
    Open {
        /// The log.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A file could not be written.
    #[error("failed to write {}; name another file with {option}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// The argument that named it.
        option: &'static str,
        /// What the system said.
        source: io::Error,
    },
    /// The result could not be made.
    #[error("failed to make the result")]
    Result(#[from] serde_json::Error),
    /// What waits for the history.
    #[error("failed to set up the threads that wait for the database")]
    System(#[source] io::Error),
    /// Standard output.
    #[error("failed to print")]
    Print(#[from] io::Error),
}

impl Outputs {
    /// Where GitHub runs a job, and where it was asked for.
    fn is_for_github(&self) -> bool {
        self.github || env::var("GITHUB_ACTIONS").is_ok_and(|value| value == "true")
    }

    /// Write all that is wanted of the run that `state` is of, whose log is at
    /// `log`, which may break off, and whose page shows `trends`. Annotations go beside a result as JSON,
    /// which must stand alone.
    ///
    /// # Errors
    /// The first output that failed; those before it are written.
    pub fn write(
        &self,
        state: &RunState,
        log: &Path,
        trends: &[Trend],
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
        self.files.write(log, trends)
    }
}

impl Files {
    /// Whether none is.
    pub(crate) fn is_empty(&self) -> bool {
        self.named().next().is_none()
    }

    /// That they can be written at all: before a run, not after it.
    ///
    /// # Errors
    /// The first that can't.
    pub(crate) fn check(&self) -> Result<(), Error> {
        for (option, path) in self.named() {
            let opened = fs::OpenOptions::new().create(true).append(true).open(path);
            opened.map_err(could_not_write(option, path))?;
        }
        Ok(())
    }

    /// The history of what the run measured that `state` is of and whose log is
    /// at `log`; nothing where no page is to show it.
    pub(crate) async fn trends(&self, state: &RunState, log: &Path) -> Vec<Trend> {
        match &self.html {
            Some(_) => trends::of_run(log, state).await,
            None => Vec::new(),
        }
    }

    /// The same for who has nothing else to wait for.
    ///
    /// # Errors
    /// Where waiting can't be set up.
    pub(crate) fn trends_now(&self, state: &RunState, log: &Path) -> Result<Vec<Trend>, Error> {
        let built = Builder::new_current_thread().enable_all().build();
        let runtime = built.map_err(Error::System)?;
        Ok(runtime.block_on(self.trends(state, log)))
    }

    /// Write them for the run whose log is at `log`, which may break off, and
    /// whose page shows `trends`.
    ///
    /// # Errors
    /// The first that failed.
    pub(crate) fn write(&self, log: &Path, trends: &[Trend]) -> Result<(), Error> {
        if self.is_empty() {
            return Ok(());
        }
        let mut junit = Junit::default();
        let mut details = Details::default();
        let end = each_event(log, |event| {
            junit.apply(event);
            details.apply(event);
        });
        if let Err(error @ Error::Open { .. }) = end {
            return Err(error);
        }
        // What stands before a break is good, and is reported all the same.
        for (option, path) in self.named() {
            let text = match option {
                JUNIT => junit.render()?,
                _ => html::run::page(&details, trends),
            };
            fs::write(path, text).map_err(could_not_write(option, path))?;
        }
        end
    }

    /// Each with the argument that named it.
    fn named(&self) -> impl Iterator<Item = (&'static str, &Path)> {
        let all = [(JUNIT, &self.junit), (HTML, &self.html)];
        let all = all.into_iter();
        all.filter_map(|(option, path)| Some((option, path.as_deref()?)))
    }
}

const JUNIT: &str = "--junit";
const HTML: &str = "--html";

pub(crate) fn could_not_write(
    option: &'static str,
    path: &Path,
) -> impl FnOnce(io::Error) -> Error {
    let path = path.to_owned();
    move |source| Error::File {
        path,
        option,
        source,
    }
}

/// Print `text`. A reader that has seen enough changes nothing.
pub(crate) fn print(out: &mut impl Write, text: &str) -> io::Result<()> {
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        printed => printed,
    }
}

fn each_event(log: &Path, mut take: impl FnMut(&Event)) -> Result<(), Error> {
    let path = || log.to_owned();
    let events = Reader::open(log).map_err(|source| Error::Open {
        path: path(),
        source,
    })?;
    for event in events {
        take(&event.map_err(|source| Error::Read {
            path: path(),
            source,
        })?);
    }
    Ok(())
}
