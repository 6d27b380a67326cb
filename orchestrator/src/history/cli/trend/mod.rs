// SPDX-License-Identifier: BSD-2-Clause
//! `orchestrator trend`: a benchmark over all runs, with its changes.

mod plot;

use std::process::ExitCode;

use serde::Serialize;

use super::{Error, How, runtime, status};
use crate::event::{SeriesChange, SeriesState, Suspicion};
use crate::history::{Ack, Fingerprint, History, Point, SeriesKey};
use crate::projection::benchmarks::name;
use crate::projection::findings;
use crate::projection::summary::Look;
use crate::projection::text::{Tone, count, printable};
use crate::regressions::judge::{self, JudgedSeries};

/// Of what, and where.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The benchmark's name
    benchmark: String,
    /// Show only what was measured on this VM
    #[arg(long, value_name = "VM")]
    vm: Option<String>,
    /// Show only what was measured under this load
    #[arg(long, value_name = "NAME")]
    workload: Option<String>,
    /// Show only what was measured with so many connections
    #[arg(long, value_name = "N")]
    connections: Option<u64>,
    #[command(flatten)]
    how: How,
}

/// Show it.
#[must_use]
pub fn main(args: &Args) -> ExitCode {
    status(show(args))
}

fn show(args: &Args) -> Result<(), Error> {
    let runs_dir = args.how.runs_dir.path()?;
    let trends = runtime()?.block_on(async {
        let history = History::look(&runs_dir).await?;
        let trends = trends(args, &history).await;
        history.close().await;
        trends
    })?;
    let shown: Vec<Shown<'_>> = trends.iter().map(Shown::of).collect();
    args.how.print(&shown, |look| {
        let texts: Vec<String> = trends.iter().map(|trend| render(trend, look)).collect();
        texts.join("\n")
    })
}

/// One series with its points.
struct Trend {
    key: SeriesKey,
    machine: Option<Fingerprint>,
    points: Vec<Point>,
    acks: Vec<Ack>,
}

impl Trend {
    fn judged(&self) -> JudgedSeries<'_> {
        JudgedSeries::of(&self.key, &self.points, &self.acks)
    }
}

/// Every series that is wanted.
async fn trends(args: &Args, history: &History) -> Result<Vec<Trend>, Error> {
    let all = history.series().await?;
    let mut known: Vec<String> = all.iter().map(|key| key.benchmark.clone()).collect();
    known.dedup();
    let acks = history.acks().await?;
    let mut trends = Vec::new();
    for key in all.into_iter().filter(|key| args.wants(key)) {
        trends.push(Trend {
            machine: history.fingerprint(&key.fingerprint).await?,
            points: history.points(&key).await?,
            acks: acks.clone(),
            key,
        });
    }
    if trends.is_empty() {
        known.sort_unstable();
        known.dedup();
        return Err(Error::NoSeries {
            runs_dir: args.how.runs_dir.path()?,
            benchmark: args.benchmark.clone(),
            known: known.join(", "),
        });
    }
    Ok(trends)
}

impl Args {
    fn wants(&self, key: &SeriesKey) -> bool {
        let is = |wanted: &Option<String>, found: &str| {
            wanted.as_ref().is_none_or(|wanted| wanted == found)
        };
        self.benchmark == key.benchmark
            && is(&self.vm, &key.vm)
            && is(&self.workload, &key.workload)
            && self
                .connections
                .is_none_or(|wanted| wanted == key.connections)
    }
}

fn render(trend: &Trend, look: Look) -> String {
    let judged = trend.judged();
    let key = judged.key;
    let title = format!(
        "{} on {}",
        name(&key.benchmark, &key.workload, key.connections),
        printable(&key.vm)
    );
    let machine = trend.machine.as_ref().map(Fingerprint::to_string);
    let mut lines = vec![
        look.paint.text(Tone::Strong, title),
        format!(
            "  {}, {}",
            count(judged.points.len(), "run"),
            printable(machine.as_deref().unwrap_or("of an unknown machine"))
        ),
    ];
    lines.extend(plot::lines(&judged, look.width));
    lines.extend(changes(&judged, look));
    if let Some(suspicion) = judged.suspicion {
        let said = findings::suspicion_line(&judge::quantity(key), &suspicion);
        let mark = look.paint.text(Tone::Warn, "suspect");
        lines.push(format!("  {mark}: {}", printable(&said)));
    }
    if judged.left_out > 0 {
        let runs = count(judged.left_out, "run");
        lines.push(format!("  {runs} with too few repetitions left out"));
    }
    lines.join("\n") + "\n"
}

/// A line a change, by its number in the plot.
fn changes(judged: &JudgedSeries<'_>, look: Look) -> Vec<String> {
    let quantity = judge::quantity(judged.key);
    let lines = judged.changes.iter().zip(1..).map(|(named, number)| {
        let said = findings::change_line(&quantity, &named.change);
        let (tone, standing) = findings::standing(named.standing);
        let standing = look.paint.text(tone, standing);
        let more = match (&named.ack, named.is_open()) {
            (Some(ack), _) => format!(" by {}: {}", ack.who, ack.note),
            (None, true) => format!(
                "; if it is known: orchestrator ack {}/{} --note WHY",
                judge::name(judged.key),
                named.change.run
            ),
            (None, false) => String::new(),
        };
        format!(
            "  {number} {}: {standing}{}",
            printable(&said),
            printable(&more)
        )
    });
    lines.collect()
}

/// A series as programs read it. Fields are added in later versions, never given
/// another meaning.
#[derive(Serialize)]
struct Shown<'a> {
    series: String,
    #[serde(flatten)]
    of: &'a SeriesKey,
    machine: Option<&'a Fingerprint>,
    state: SeriesState,
    suspicion: Option<Suspicion>,
    changes: Vec<ChangeShown>,
    /// What was measured, had the reference taken in each run what it usually
    /// does.
    points: Vec<Point>,
    /// That, nanoseconds; absent where it was not measured.
    #[serde(skip_serializing_if = "Option::is_none")]
    reference: Option<f64>,
    /// Runs with too few repetitions.
    left_out: usize,
}

#[derive(Serialize)]
struct ChangeShown {
    /// Of the first point after it, from 0.
    index: usize,
    #[serde(flatten)]
    change: SeriesChange,
    standing: &'static str,
    ack: Option<Ack>,
}

impl<'a> Shown<'a> {
    fn of(trend: &'a Trend) -> Self {
        let judged = trend.judged();
        let changes = judged.changes.into_iter().map(|named| ChangeShown {
            index: named.index,
            change: named.change,
            standing: findings::standing(named.standing).1,
            ack: named.ack,
        });
        Self {
            series: judge::name(&trend.key),
            of: &trend.key,
            machine: trend.machine.as_ref(),
            state: judged.state,
            suspicion: judged.suspicion,
            changes: changes.collect(),
            points: judged.points,
            reference: judged.reference,
            left_out: judged.left_out,
        }
    }
}
