// SPDX-License-Identifier: BSD-2-Clause
//! Benchmarks beside their history and beside another run, as people read it:
//! what got slower, what got faster, and what gives reason to measure again.

use protocol::event::Better;
use regression::Standing;

use super::benchmarks::{amount, name};
use super::state::RunState;
use super::text::{Paint, Tone, percent, printable};
use crate::event::{
    Compared, Judged, Level, Quantity, SeriesChange, SeriesState, Suspicion, Verdict,
};

/// Lines of a section; the rest is counted.
const LINES_MAX: usize = 20;
/// An improvement is news for so many runs.
const NEWS_RUNS: usize = 10;

/// What is to be said of a benchmark on a VM.
#[derive(Debug)]
pub(crate) struct Finding<'a> {
    /// `parse worst_case on freebsd150`.
    pub(crate) title: String,
    /// What it is, in one line.
    pub(crate) said: String,
    /// Which section it belongs to, if any.
    kind: Option<Kind>,
    /// Whether the run counts as regressed for it.
    pub(crate) fails_run: bool,
    /// The series and the run that a change began with, where it may be
    /// acknowledged.
    open: Option<(&'a str, &'a str)>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Slower,
    Suspect,
    Faster,
}

/// A series of a VM beside its history.
pub(crate) fn judged<'a>(vm: &str, judged: &'a Judged) -> Finding<'a> {
    let quantity = &judged.quantity;
    let change = judged.change.as_ref();
    let (kind, said) = match (judged.state, change, judged.suspicion) {
        (SeriesState::Confirmed, Some(change), _) => {
            (Some(Kind::Slower), change_line(quantity, change))
        }
        (SeriesState::Suspect, _, Some(suspicion)) => {
            (Some(Kind::Suspect), suspicion_line(quantity, &suspicion))
        }
        (state, Some(change), _) => {
            let is_better = is_better(quantity, change.ratio);
            let is_news = is_better && change.after.runs < NEWS_RUNS;
            let kind = is_news.then_some(Kind::Faster);
            let line = change_line(quantity, change);
            (kind, format!("{}: {line}", state.as_str()))
        }
        (state, None, _) => (None, state.as_str().to_owned()),
    };
    let is_open = judged.state == SeriesState::Confirmed;
    Finding {
        title: title(vm, quantity),
        said: printable(&said).into_owned(),
        kind,
        fails_run: judged.fails_run,
        open: change
            .filter(|_| is_open)
            .map(|change| (judged.series.as_str(), change.run.as_str())),
    }
}

/// A quantity of a VM beside another run.
pub(crate) fn compared<'a>(vm: &str, compared: &'a Compared) -> Finding<'a> {
    Finding {
        title: title(vm, &compared.quantity),
        said: printable(&comparison_line(compared)).into_owned(),
        kind: match compared.verdict {
            Verdict::Worse => Some(Kind::Slower),
            Verdict::Better => Some(Kind::Faster),
            Verdict::Same | Verdict::Other => None,
        },
        fails_run: compared.fails_run,
        open: None,
    }
}

/// All that is for the worse and not known.
pub(super) fn regressions(state: &RunState) -> impl Iterator<Item = Finding<'_>> {
    all(state).filter(|finding| finding.kind == Some(Kind::Slower))
}

/// What got slower, what is suspect and what got faster, each with its heading;
/// only what there is.
pub(super) fn groups(state: &RunState) -> Vec<(&'static str, Tone, Vec<Finding<'_>>)> {
    let kinds = [
        ("Slower", Tone::Bad, Kind::Slower),
        ("Suspect", Tone::Warn, Kind::Suspect),
        ("Faster", Tone::Good, Kind::Faster),
    ];
    kinds
        .into_iter()
        .map(|(heading, tone, kind)| {
            let of_kind = all(state).filter(|finding| finding.kind == Some(kind));
            (heading, tone, of_kind.collect())
        })
        .filter(|(_, _, findings): &(_, _, Vec<_>)| !findings.is_empty())
        .collect()
}

/// The same as text; `None` where nothing did.
pub(super) fn sections(state: &RunState, paint: Paint) -> Option<String> {
    let sections: Vec<String> = groups(state)
        .iter()
        .map(|(heading, tone, findings)| section(&paint.text(*tone, heading), findings))
        .collect();
    (!sections.is_empty()).then(|| sections.join("\n\n"))
}

fn section(title: &str, findings: &[Finding<'_>]) -> String {
    let mut lines = vec![title.to_owned()];
    for finding in findings.iter().take(LINES_MAX) {
        lines.push(format!("  {}: {}", finding.title, finding.said));
    }
    if findings.len() > LINES_MAX {
        let more = findings.len() - LINES_MAX;
        lines.push(format!("  and {more} more, in the event log"));
    }
    if let Some((series, run)) = findings.iter().find_map(|finding| finding.open) {
        let change = format!("{}/{}", printable(series), printable(run));
        lines.push(format!(
            "  if the first is known: orchestrator ack {change} --note WHY"
        ));
    }
    lines.join("\n")
}

fn all(state: &RunState) -> impl Iterator<Item = Finding<'_>> {
    state.vms.iter().flat_map(|vm| {
        let beside_history = vm.findings.judged.iter();
        let beside_run = vm.findings.compared.iter();
        beside_history
            .map(|found| judged(vm.name(), found))
            .chain(beside_run.map(|found| compared(vm.name(), found)))
    })
}

fn title(vm: &str, quantity: &Quantity) -> String {
    let of = quantity;
    let name = name(&of.benchmark, &of.workload, of.connections);
    format!("{name} on {vm}")
}

/// Whether a quantity that became larger by `ratio` became better.
pub(crate) fn is_better(quantity: &Quantity, ratio: f64) -> bool {
    match quantity.better {
        Better::Lower => ratio < 0.0,
        Better::Higher => ratio > 0.0,
    }
}

/// How a change stands, and how that is to look.
pub(crate) fn standing(standing: Standing) -> (Tone, &'static str) {
    match standing {
        Standing::Improved => (Tone::Good, "improved"),
        Standing::Confirmed => (Tone::Bad, "confirmed"),
        Standing::Acknowledged => (Tone::Warn, "acknowledged"),
        Standing::Recovered => (Tone::Quiet, "recovered"),
    }
}

/// `80.00 ns, expected 60.00 ns ± 3.000 ns; further runs will tell`.
pub(crate) fn suspicion_line(quantity: &Quantity, suspicion: &Suspicion) -> String {
    let of = |value| amount(value, &quantity.unit);
    format!(
        "{}, expected {} ± {}; further runs will tell",
        of(suspicion.actual),
        of(suspicion.expected),
        of(suspicion.tolerance)
    )
}

/// `+21.0 % since RUN, 61.20 ns ± 1.0 % over 30 runs, then …`.
pub(crate) fn change_line(quantity: &Quantity, change: &SeriesChange) -> String {
    let level = |level: &Level| {
        let spread = if level.mean == 0.0 {
            0.0
        } else {
            level.deviation / level.mean.abs() * 100.0
        };
        format!("{} ± {spread:.1} %", amount(level.mean, &quantity.unit))
    };
    format!(
        "{} since {}, {} over {} runs, then {} over {} (p {:.1e})",
        percent(change.ratio),
        change.run,
        level(&change.before),
        change.before.runs,
        level(&change.after),
        change.after.runs,
        change.p,
    )
}

/// `+21.0 % (99 %: +18.0 % to +24.0 %), 61.20 ns in RUN, now 74.20 ns`.
fn comparison_line(compared: &Compared) -> String {
    let [low, high] = compared.interval;
    let of = |median| amount(median, &compared.quantity.unit);
    format!(
        "{} (99 %: {} to {}), {} in {}, now {}",
        percent(compared.ratio - 1.0),
        percent(low - 1.0),
        percent(high - 1.0),
        of(compared.before.median),
        compared.baseline,
        of(compared.after.median),
    )
}
