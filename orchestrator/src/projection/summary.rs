// SPDX-License-Identifier: BSD-2-Clause
//! The last word on a run, on one screen where nothing went wrong: what came
//! of each VM, which tests failed where, what kept VMs from being driven and
//! what to do about it. What is the same for several tests or VMs is said once.

use comfy_table::{
    Attribute, Cell, CellAlignment, Color, ContentArrangement, LineStyle, Table, TableStyle,
};
use indexmap::IndexMap;

use super::ends::{self, Which};
use super::state::{Phase, RunState, VmEnd, VmState};
use super::text::{self, Paint, Tone, printable, seconds};
use super::{benchmarks, findings, targets};
use crate::event::{Cause, ScrapeReason, Stage, VmOutcome};
use crate::exit::ExitStatus;

/// VMs that are named before the rest is counted.
const NAMED_VMS: usize = 8;

/// A stage is named where it took more than this part of its VM's time.
const STAGES_TIME_SHARE: f64 = 50.0;

/// How a summary is to look.
#[derive(Debug, Clone, Copy)]
pub struct Look {
    /// Characters of a line.
    pub width: u16,
    /// Colours.
    pub paint: Paint,
}

impl Look {
    /// What suits standard output.
    #[must_use]
    pub fn of_stdout(color: text::ColorChoice) -> Self {
        let size = console::Term::stdout().size_checked();
        Self {
            width: size.map_or(100, |(_, columns)| columns.max(60)),
            paint: color.stdout(),
        }
    }
}

/// The summary of a run, or of what is known of one that did not end.
#[must_use]
pub fn render(state: &RunState, look: Look) -> String {
    let sections = [
        vm_table(state, look),
        targets::section(state, look),
        benchmarks::section(state, look),
        findings::sections(state, look.paint),
        ends::section(state, look.paint, Which::Failed),
        ends::section(state, look.paint, Which::Expected),
        ends::section(state, look.paint, Which::Skipped),
        trouble_section(
            state,
            look.paint.text(Tone::Bad, "Failed without a failed test"),
            failed_otherwise,
        ),
        trouble_section(
            state,
            look.paint.text(Tone::Warn, "Not driven to the end"),
            not_driven,
        ),
        Some(notes(state).join("\n")),
        Some(verdict_line(state, look.paint)),
    ];
    let mut text = sections
        .into_iter()
        .flatten()
        .collect::<Vec<_>>()
        .join("\n\n");
    text.push('\n');
    text
}

fn vm_table(state: &RunState, look: Look) -> Option<String> {
    if state.vms.is_empty() {
        return None;
    }
    let header = ["VM", "outcome", "passed", "failed", "skipped", "time"];
    Some(table(look, header, state.vms.iter().map(vm_row), 2))
}

/// A table whose first `words` columns hold words, and the others numbers.
pub(crate) fn table<'a, C: Into<Cell>>(
    look: Look,
    header: impl IntoIterator<Item = &'a str>,
    rows: impl IntoIterator<Item = Vec<C>>,
    words: usize,
) -> String {
    lines(&arranged(look, header, rows, words))
}

/// Such a table before it is printed.
pub(crate) fn arranged<'a, C: Into<Cell>>(
    look: Look,
    header: impl IntoIterator<Item = &'a str>,
    rows: impl IntoIterator<Item = Vec<C>>,
    words: usize,
) -> Table {
    let mut table = Table::new();
    table
        .load_style(TableStyle::new().header_separator(LineStyle::none().fill('─').junction('─')))
        .set_content_arrangement(ContentArrangement::Dynamic)
        .set_width(look.width)
        .set_header(header);
    if look.paint.is_on() {
        table.enforce_styling();
    } else {
        table.force_no_tty();
    }
    for row in rows {
        table.add_row(row);
    }
    for column in table.column_iter_mut().skip(words) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    table
}

/// The lines of `table`.
pub(crate) fn lines(table: &Table) -> String {
    let lines = table.lines().map(|line| line.trim_end().to_owned());
    lines.collect::<Vec<_>>().join("\n")
}

fn vm_row(vm: &VmState) -> Vec<Cell> {
    let tally = vm.tally();
    let end = vm.end();
    let time = end.map_or(String::new(), |end| seconds(end.duration_s));
    let failed = Cell::new(tally.failed);
    vec![
        Cell::new(vm.name()).add_attribute(Attribute::Bold),
        Cell::new(how_it_stands(vm)).fg(tone_color(
            end.map_or(Tone::Warn, |end| Tone::of(end.outcome)),
        )),
        Cell::new(tally.passed),
        if tally.failed > 0 {
            failed.fg(tone_color(Tone::Bad))
        } else {
            failed
        },
        Cell::new(tally.skipped),
        Cell::new(time),
    ]
}

pub(super) fn how_it_stands(vm: &VmState) -> &'static str {
    match &vm.phase {
        Phase::Finished(end) => text::outcome(end.outcome),
        Phase::Waiting => "not begun",
        Phase::In { .. } => "unfinished",
    }
}

/// The colour of a cell that means `tone`.
pub(crate) fn tone_color(tone: Tone) -> Color {
    match tone {
        Tone::Good => Color::DarkGreen,
        Tone::Bad => Color::DarkRed,
        Tone::Warn => Color::DarkYellow,
        Tone::Strong | Tone::Quiet => Color::Reset,
    }
}

pub(super) fn names(vms: &[&str]) -> String {
    match vms.get(..NAMED_VMS) {
        Some(first) if vms.len() > NAMED_VMS => {
            format!("{} and {} more", first.join(", "), vms.len() - NAMED_VMS)
        }
        _ => vms.join(", "),
    }
}

/// Whether a VM's tests were run, and it failed, but by none of them.
pub(super) fn failed_otherwise(vm: &VmState) -> bool {
    let failed = |end: &VmEnd| end.outcome == VmOutcome::Failed;
    vm.end().is_some_and(failed) && vm.tally().failed == 0
}

/// Whether a VM did not come to where its tests decide.
pub(super) fn not_driven(vm: &VmState) -> bool {
    !vm.end().is_some_and(|end| end.outcome.is_of_tests())
}

/// The VMs that are `wanted`, with what came between and what to do about it.
fn trouble_section(
    state: &RunState,
    title: String,
    wanted: impl Fn(&VmState) -> bool,
) -> Option<String> {
    let groups = troubles(state, wanted);
    if groups.is_empty() {
        return None;
    }
    let lines = groups.iter().flat_map(|vms| trouble_lines(vms));
    Some(
        std::iter::once(title)
            .chain(lines)
            .collect::<Vec<_>>()
            .join("\n"),
    )
}

/// The VMs that are `wanted`, those together that came to the same end for the
/// same reason.
pub(super) fn troubles(state: &RunState, wanted: impl Fn(&VmState) -> bool) -> Vec<Vec<&VmState>> {
    let mut groups: IndexMap<_, Vec<&VmState>> = IndexMap::new();
    for vm in state.vms.iter().filter(|vm| wanted(vm)) {
        let trouble = (how_it_stands(vm), broken_stage(vm), cause(vm));
        groups.entry(trouble).or_default().push(vm);
    }
    groups.into_values().collect()
}

/// What is to be said of VMs that came to the same end for the same reason.
fn trouble_lines(vms: &[&VmState]) -> Vec<String> {
    let first = vms[0];
    let named: Vec<&str> = vms.iter().map(|vm| vm.name()).collect();
    let mut lines = vec![format!("  {} {}", names(&named), how_and_where(vms))];
    if let Some(cause) = cause(first) {
        for (key, value) in [
            ("cause", &cause.what),
            ("tried", &cause.tried),
            ("advice", &cause.advice),
        ] {
            if !value.is_empty() {
                lines.push(text::key_line(key, value));
            }
        }
    }
    lines.extend(last_words(vms));
    lines
}

/// `lost in test, live_integration, after 4 of 10 tests`.
pub(super) fn how_and_where(vms: &[&VmState]) -> String {
    let first = vms[0];
    let place = match (vms, broken_stage(first)) {
        ([vm], Some(stage)) => broken_in(vm, stage),
        (_, Some(stage)) => format!(" in {stage}"),
        (_, None) => String::new(),
    };
    format!("{}{place}", how_it_stands(first))
}

/// What the VMs' kernels said of their crash, else their programs last and
/// beyond the cause; nothing where the run was ended from here.
fn last_words(vms: &[&VmState]) -> Vec<String> {
    let mut said: Vec<(Vec<&str>, Vec<&str>)> = Vec::new();
    for vm in vms {
        let cancelled = vm
            .end()
            .is_some_and(|end| end.outcome == VmOutcome::Cancelled);
        let known = cause(vm).map(|cause| cause.what.as_str());
        let words = vm.last_lines.iter().map(String::as_str);
        let words: Vec<&str> = match &vm.crash[..] {
            [] => words
                .filter(|line| !cancelled && !line.is_empty() && Some(*line) != known)
                .collect(),
            crash => crash.iter().map(String::as_str).collect(),
        };
        match said.iter_mut().find(|(other, _)| *other == words) {
            Some((_, vms)) => vms.push(vm.name()),
            None => said.push((words, vec![vm.name()])),
        }
        if said.len() > NAMED_VMS {
            break;
        }
    }
    let (alone, first) = (said.len() == 1, vms[0]);
    said.iter()
        .take(NAMED_VMS)
        .flat_map(|(words, vms)| {
            let key = match (alone, &vms[..]) {
                (true, _) if !first.crash.is_empty() => "console".to_owned(),
                (true, _) => "it said".to_owned(),
                (false, vms) => names(vms),
            };
            let keys = std::iter::once(key).chain(std::iter::repeat(String::new()));
            words
                .iter()
                .zip(keys)
                .map(|(line, key)| text::key_line(&key, line))
                .collect::<Vec<_>>()
        })
        .collect()
}

pub(super) fn cause(vm: &VmState) -> Option<&Cause> {
    vm.end()?.cause.as_ref()
}

/// The stage that broke the VM, or that it is in.
fn broken_stage(vm: &VmState) -> Option<Stage> {
    match &vm.phase {
        Phase::In { stage, .. } => Some(*stage),
        Phase::Finished(end) => end.broken_in,
        Phase::Waiting => None,
    }
}

fn broken_in(vm: &VmState, stage: Stage) -> String {
    match (stage, vm.current_target()) {
        (Stage::Test, Some(target)) => {
            let done = target.tally().done();
            let name = printable(&target.target);
            match target.expected {
                Some(expected) => format!(" in {stage}, {name}, after {done} of {expected} tests"),
                None => {
                    let done = text::count(done as usize, "test");
                    format!(" in {stage}, {name}, after {done}")
                }
            }
        }
        _ => format!(" in {stage}"),
    }
}

/// What is worth knowing even where all passed, line by line.
pub(super) fn notes(state: &RunState) -> Vec<String> {
    let mut lines = told(state);
    lines.extend(state.vms.iter().filter_map(retries));
    lines.extend(state.vms.iter().filter_map(scrapes));
    lines.extend(slowest(state));
    lines.extend(device(state));
    lines.push(format!("tests: {}", text::tally(state.tally())));
    lines
}

/// What was noted of VMs; what is the same of several, once.
fn told(state: &RunState) -> Vec<String> {
    let mut told: IndexMap<&str, Vec<&str>> = IndexMap::new();
    for vm in &state.vms {
        for note in &vm.notes {
            told.entry(note).or_default().push(vm.name());
        }
    }
    let line = |(note, vms): (&str, Vec<&str>)| format!("{}: {}", names(&vms), printable(note));
    told.into_iter().map(line).collect()
}

fn retries(vm: &VmState) -> Option<String> {
    let tried_again: Vec<String> = vm
        .stages
        .iter()
        .filter(|(_, state)| state.attempts > 1)
        .map(|(stage, state)| format!("{stage} took {} attempts", state.attempts))
        .collect();
    let said = tried_again.join(", ");
    (!said.is_empty()).then(|| format!("{}: {said}", vm.name()))
}

/// What kept a VM's exporter from being scraped, where something did.
fn scrapes(vm: &VmState) -> Option<String> {
    let troubles = vm.scrapes.failed.iter();
    let troubles = troubles.filter(|(reason, _)| **reason != ScrapeReason::Gone);
    let failed: u32 = troubles.clone().map(|(_, number)| number).sum();
    let all = vm.scrapes.succeeded.saturating_add(failed);
    let reasons: Vec<String> = troubles
        .map(|(reason, number)| format!("{} {number}", reason.as_str()))
        .collect();
    let said = reasons.join(", ");
    (failed > 0).then(|| format!("{}: {failed} of {all} scrapes failed: {said}", vm.name()))
}

/// Where the time of the slowest VM went, which is the time of the run.
fn slowest(state: &RunState) -> Option<String> {
    let ended = state.vms.iter().filter_map(|vm| Some((vm, vm.end()?)));
    let (vm, end) = ended.max_by(|(_, a), (_, b)| a.duration_s.total_cmp(&b.duration_s))?;
    let worth_naming = end.duration_s / STAGES_TIME_SHARE;
    let stages: Vec<String> = vm
        .stages
        .iter()
        .filter(|(_, state)| state.duration_s > worth_naming)
        .map(|(stage, state)| format!("{stage} {}", seconds(state.duration_s)))
        .collect();
    (!stages.is_empty()).then(|| {
        let time = seconds(end.duration_s);
        format!("slowest VM {}, {time}: {}", vm.name(), stages.join(", "))
    })
}

/// What the tests had the device do, on all VMs together.
fn device(state: &RunState) -> Option<String> {
    let targets = || state.vms.iter().flat_map(|vm| &vm.targets);
    let grown = |wanted: &str| -> u64 {
        let growth = targets().flat_map(|target| target.counters.growth());
        let growth = growth.filter(|(name, _)| *name == wanted);
        growth.fold(0, |sum, (_, by)| sum.saturating_add(by))
    };
    let [opens, reads, records] = ["opens_total", "reads_total", "records_emitted"].map(grown);
    (reads > 0).then(|| format!("device: {opens} opens, {reads} reads, {records} records"))
}

/// The whole run in a word, and what stands around it.
pub(super) struct Verdict {
    pub(super) tone: Tone,
    pub(super) word: &'static str,
    /// How many VMs passed, and in which time.
    pub(super) reason: String,
}

pub(super) fn verdict(state: &RunState) -> Verdict {
    let (tone, word) = match (state.exit_status(), state.duration_s) {
        (ExitStatus::Success, _) => (Tone::Good, "PASSED"),
        (ExitStatus::Regressed, _) => (Tone::Bad, "REGRESSED"),
        (ExitStatus::TestsFailed, _) => (Tone::Bad, "FAILED"),
        (ExitStatus::Interrupted, _) => (Tone::Warn, "INTERRUPTED"),
        (ExitStatus::NothingTested, _) => (Tone::Warn, "NOTHING TESTED"),
        (_, None) => (Tone::Warn, "UNFINISHED"),
        (_, Some(_)) => (Tone::Warn, "NOT ALL DRIVEN"),
    };
    let passed = state
        .vms
        .iter()
        .filter(|vm| vm.end().is_some_and(|end| end.outcome == VmOutcome::Passed));
    let vms = text::count(state.vms.len(), "VM");
    let time = state.duration_s.map_or(String::new(), |duration_s| {
        format!(" in {}", seconds(duration_s))
    });
    Verdict {
        tone,
        word,
        reason: format!("{} of {vms} passed{}{time}", passed.count(), others(state)),
    }
}

/// VMs that are good without having passed everything at once.
fn others(state: &RunState) -> String {
    let ended = |outcome| {
        let mut vms = state.vms.iter().filter_map(VmState::end);
        vms.by_ref().filter(|end| end.outcome == outcome).count()
    };
    let counts = [
        (ended(VmOutcome::Flaky), "flaky"),
        (ended(VmOutcome::ExpectedFailure), "failed as expected"),
        (ended(VmOutcome::Skipped), "tested nothing"),
    ];
    let counts = counts.iter().filter(|(count, _)| *count > 0);
    counts
        .map(|(count, how)| format!(", {count} {how}"))
        .collect()
}

fn verdict_line(state: &RunState, paint: Paint) -> String {
    let run = state.head.as_ref().map_or("", |head| head.run.as_str());
    let Verdict { tone, word, reason } = verdict(state);
    format!("run {run} {}: {reason}", paint.text(tone, word))
}
