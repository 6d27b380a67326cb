// SPDX-License-Identifier: BSD-2-Clause
//! `orchestrator ack`: what got slower, and that a person knows of it.

use std::io;
use std::path::Path;
use std::process::ExitCode;

use jiff::Timestamp;
use regression::Standing;
use serde::Serialize;

use super::{Error, runtime, status};
use crate::event::SeriesChange;
use crate::history::{Ack, History, Point, SeriesKey, Wanted};
use crate::outputs::print;
use crate::projection::benchmarks::name;
use crate::projection::findings::change_line;
use crate::projection::text::printable;
use crate::regressions::judge::{self, JudgedSeries};
use crate::run::job;
use crate::runs::RunsDir;
use crate::tell;

/// Which change is known, and why.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The change, as SERIES/RUN; SERIES alone where it has only one that is open [default: list
    /// what is open, and what is known]
    #[arg(value_name = "SERIES[/RUN]", requires = "note")]
    change: Option<String>,
    /// What there is to say of it
    #[arg(long, value_name = "TEXT", requires = "change")]
    note: Option<String>,
    /// Print the list as JSON
    #[arg(long, conflicts_with = "change")]
    json: bool,
    #[command(flatten)]
    runs_dir: RunsDir,
}

/// A change for the worse that stands.
#[derive(Debug, Serialize)]
struct Regression {
    /// Name of the series.
    series: String,
    of: SeriesKey,
    change: SeriesChange,
    /// Who knows of it, and why; absent where it is open.
    ack: Option<Ack>,
}

/// List, or acknowledge.
#[must_use]
pub fn main(args: &Args) -> ExitCode {
    status(ack(args))
}

fn ack(args: &Args) -> Result<(), Error> {
    let runs_dir = args.runs_dir.path()?;
    runtime()?.block_on(async {
        let history = History::look(&runs_dir).await?;
        let all = regressions(&history).await?;
        match (&args.change, &args.note) {
            (Some(change), Some(note)) => acknowledge(&history, all, change, note).await?,
            _ => list(&all, args.json, &runs_dir)?,
        }
        history.close().await;
        Ok(())
    })
}

/// Every change for the worse that stands, over the whole history.
async fn regressions(history: &History) -> Result<Vec<Regression>, Error> {
    let acks = history.acks().await?;
    let mut found: Vec<Regression> = Vec::new();
    let judge = |key: SeriesKey, points: Vec<Point>| {
        let judged = JudgedSeries::of(&key, &points, &acks);
        let stands = |standing| matches!(standing, Standing::Confirmed | Standing::Acknowledged);
        let changes = judged.changes.into_iter().filter(|c| stands(c.standing));
        found.extend(changes.map(|named| Regression {
            series: judge::name(&key),
            of: key.clone(),
            change: named.change,
            ack: named.ack,
        }));
    };
    history.each_series(Wanted::All, judge).await?;
    found.sort_by(|a, b| a.of.place().cmp(&b.of.place()));
    Ok(found)
}

fn list(all: &[Regression], json: bool, runs_dir: &Path) -> Result<(), Error> {
    let text = if json {
        serde_json::to_string_pretty(all)? + "\n"
    } else if all.is_empty() {
        format!("nothing got slower in {}\n", runs_dir.display())
    } else {
        let known = |wanted: bool| all.iter().filter(move |of| of.ack.is_some() == wanted);
        known(false).chain(known(true)).map(line).collect()
    };
    Ok(print(&mut io::stdout(), &text)?)
}

fn line(of: &Regression) -> String {
    let key = &of.of;
    let title = name(&key.benchmark, &key.workload, key.connections);
    let change = change_line(&judge::quantity(key), &of.change);
    let known = match &of.ack {
        None => "open".to_owned(),
        Some(ack) => format!("known to {} since {:.0}: {}", ack.who, ack.time, ack.note),
    };
    let said = format!("{title} on {}: {change}", key.vm);
    format!(
        "{}/{}\n  {}\n  {}\n",
        of.series,
        printable(&of.change.run),
        printable(&said),
        printable(&known)
    )
}

async fn acknowledge(
    history: &History,
    all: Vec<Regression>,
    change: &str,
    note: &str,
) -> Result<(), Error> {
    let of = wanted(all, change)?;
    let ack = Ack {
        series: of.of,
        run: of.change.run,
        who: job::user_at_host(),
        time: Timestamp::now(),
        note: note.to_owned(),
    };
    history.ack(&ack).await?;
    tell::out(format_args!(
        "{}/{} is known now: {}",
        of.series,
        ack.run,
        printable(note)
    ));
    Ok(())
}

/// The one that `change` names: where it leaves the run out, the open one.
fn wanted(all: Vec<Regression>, change: &str) -> Result<Regression, Error> {
    let (series, run) = match change.split_once('/') {
        Some((series, run)) => (series, Some(run)),
        None => (change, None),
    };
    let mut found = all.into_iter().filter(|of| {
        of.series == series && run.map_or(of.ack.is_none(), |run| of.change.run == run)
    });
    match (found.next(), found.next()) {
        (Some(one), None) => Ok(one),
        (one, _) => Err(Error::NoChange {
            change: change.to_owned(),
            many: one.is_some(),
        }),
    }
}
