// SPDX-License-Identifier: BSD-2-Clause
//! `orchestrator analyze`: judges any series as the benchmarks' are judged.

mod series;
mod view;

use std::io::{self, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use regression::{Method, suspicion};

use crate::exit::ExitStatus;
use crate::tell;

use series::{Series, SeriesError};
use view::Verdict;

/// The published method's settings, as its authors' program has them.
const WINDOW: usize = 50;
const MAX_P: f64 = 0.001;
const MIN_MAGNITUDE: f64 = 0.0;

/// Which series, and how it is judged.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// CSV file with a column `value`, and maybe one `time` that names each point; - for standard
    /// input
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// Print the verdict as JSON
    #[arg(long)]
    json: bool,
    /// How changes are found
    #[arg(long, value_enum, default_value_t)]
    method: MethodName,
    /// Points of the windows in which changes are looked for [default: 50]
    #[arg(long, value_name = "N", value_parser = window)]
    window: Option<usize>,
    /// A change has a smaller p-value than this [default: 0.001]
    #[arg(long, value_name = "P", value_parser = share)]
    max_p: Option<f64>,
    /// A change is larger than this, relative [default: 0.05, of hunter 0]
    #[arg(long, value_name = "M", value_parser = magnitude)]
    min_magnitude: Option<f64>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, clap::ValueEnum)]
enum MethodName {
    /// Outliers apart, changes of 5 % and more that stand out of the noise
    #[default]
    Robust,
    /// As published: Fleming et al., Hunter, 2023
    Hunter,
}

/// Why nothing could be judged.
#[derive(Debug, thiserror::Error)]
enum Error {
    #[error(transparent)]
    Series(#[from] SeriesError),
    #[error("failed to print")]
    Print(#[from] io::Error),
    #[error("failed to print the verdict as JSON")]
    Json(#[from] serde_json::Error),
}

/// Judge the series and print its changes. Changes are no failure: the exit status is 0 then, too.
#[must_use]
pub fn main(args: &Args) -> ExitCode {
    match analyze(args, &mut io::stdout().lock()) {
        Ok(()) => ExitStatus::Success.into(),
        // Whoever reads has seen enough.
        Err(Error::Print(error)) if error.kind() == io::ErrorKind::BrokenPipe => {
            ExitStatus::Success.into()
        }
        Err(error) => {
            tell::note(format_args!("error: {}", tell::chain(&error)));
            ExitStatus::Usage.into()
        }
    }
}

fn analyze(args: &Args, out: &mut impl Write) -> Result<(), Error> {
    let series = Series::read(&args.file)?;
    let method = args.method();
    let changes = method.changes(&series.values);
    let suspicion = suspicion(&series.values, &changes);
    let verdict = Verdict::new(&series, &changes, suspicion);
    if args.json {
        serde_json::to_writer_pretty(&mut *out, &verdict)?;
        writeln!(out)?;
    } else {
        verdict.write(out)?;
    }
    Ok(())
}

impl Args {
    fn method(&self) -> Method {
        match self.method {
            MethodName::Robust => {
                let mut method = Method::robust();
                method.window = self.window.unwrap_or(method.window);
                method.max_p = self.max_p.unwrap_or(method.max_p);
                let demands = &mut method.demands;
                demands.min_magnitude = self.min_magnitude.unwrap_or(demands.min_magnitude);
                method
            }
            MethodName::Hunter => Method::hunter(
                self.window.unwrap_or(WINDOW),
                self.max_p.unwrap_or(MAX_P),
                self.min_magnitude.unwrap_or(MIN_MAGNITUDE),
            ),
        }
    }
}

/// More points make no better proposals, and cost their square.
fn window(text: &str) -> Result<usize, String> {
    let points = text.parse().map_err(|_| "not a number".to_owned())?;
    match points {
        4..=1000 => Ok(points),
        _ => Err("a window has 4 to 1000 points".to_owned()),
    }
}

fn share(text: &str) -> Result<f64, String> {
    match text.parse() {
        Ok(share) if share > 0.0 && share < 1.0 => Ok(share),
        _ => Err("a number between 0 and 1 is wanted".to_owned()),
    }
}

fn magnitude(text: &str) -> Result<f64, String> {
    match text.parse() {
        Ok(magnitude) if (0.0..f64::INFINITY).contains(&magnitude) => Ok(magnitude),
        _ => Err("a number from 0 up is wanted, such as 0.05 for 5 %".to_owned()),
    }
}
