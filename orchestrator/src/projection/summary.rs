// SPDX-License-Identifier: BSD-2-Clause
//! The last word on a run, on one screen where nothing went wrong: what came
//! of each VM, which tests failed where, what kept VMs from being driven and
//! what to do about it.

use std::collections::HashMap;

use comfy_table::{
    Attribute, Cell, CellAlignment, Color, ContentArrangement, LineStyle, Table, TableStyle,
};
use protocol::event::TestFinished;

use super::state::{Phase, RunState, VmEnd, VmState};
use super::text::{self, Paint, Tone, printable, seconds};
use crate::event::{Stage, VmOutcome};
use crate::exit::ExitStatus;

/// VMs that are named before the rest is counted.
const NAMED_VMS: usize = 8;

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
        test_section(state, look.paint, "Failed tests", Tone::Bad, |target| {
            (&target.failed, target.tally().failed)
        }),
        test_section(state, look.paint, "Skipped tests", Tone::Warn, |target| {
            (&target.skipped, target.tally().skipped)
        }),
        undriven(state, look.paint),
        Some(notes(state)),
        Some(verdict(state, look.paint)),
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
    let mut table = Table::new();
    table
        .load_style(TableStyle::new().header_separator(LineStyle::none().fill('─').junction('─')))
        .set_content_arrangement(ContentArrangement::Dynamic)
        .set_width(look.width)
        .set_header([
            "VM", "outcome", "passed", "failed", "skipped", "time", "cause",
        ]);
    if look.paint.is_on() {
        table.enforce_styling();
    } else {
        table.force_no_tty();
    }
    for vm in &state.vms {
        table.add_row(vm_row(vm));
    }
    for number in 2..=5 {
        if let Some(column) = table.column_mut(number) {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    let lines: Vec<String> = table
        .lines()
        .map(|line| line.trim_end().to_owned())
        .collect();
    Some(lines.join("\n"))
}

fn vm_row(vm: &VmState) -> Vec<Cell> {
    let tally = vm.tally();
    let end = vm.end();
    let time = end.map_or(String::new(), |end| seconds(end.duration_s));
    let cause = end.and_then(|end| end.cause.as_ref());
    let cause = cause.map_or(String::new(), |cause| printable(&cause.what).into_owned());
    let failed = Cell::new(tally.failed);
    vec![
        Cell::new(vm.name()).add_attribute(Attribute::Bold),
        Cell::new(how_it_stands(vm)).fg(color(end.map_or(Tone::Warn, |end| Tone::of(end.outcome)))),
        Cell::new(tally.passed),
        if tally.failed > 0 {
            failed.fg(color(Tone::Bad))
        } else {
            failed
        },
        Cell::new(tally.skipped),
        Cell::new(time),
        Cell::new(cause),
    ]
}

fn how_it_stands(vm: &VmState) -> &'static str {
    match &vm.phase {
        Phase::Finished(end) => text::outcome(end.outcome),
        Phase::Waiting => "not begun",
        Phase::In { .. } => "unfinished",
    }
}

fn color(tone: Tone) -> Color {
    match tone {
        Tone::Good => Color::DarkGreen,
        Tone::Bad => Color::DarkRed,
        Tone::Warn => Color::DarkYellow,
        Tone::Strong | Tone::Quiet => Color::Reset,
    }
}

/// A test and the VMs on which it ended in the very same way.
struct Variant<'a> {
    test: &'a TestFinished,
    vms: Vec<&'a str>,
}

/// Tests of one outcome: the same one is said once with the VMs' names.
fn test_section<'a>(
    state: &'a RunState,
    paint: Paint,
    title: &str,
    tone: Tone,
    list: impl Fn(&'a super::state::TargetState) -> (&'a Vec<TestFinished>, u32),
) -> Option<String> {
    let mut groups: Vec<Vec<Variant<'a>>> = Vec::new();
    let mut index = HashMap::new();
    let mut kept = 0;
    let mut all = 0;
    for vm in &state.vms {
        for (tests, number) in vm.targets.iter().map(&list) {
            kept += tests.len();
            all += number as usize;
            for test in tests {
                let at = *index.entry((&test.target, &test.id)).or_insert_with(|| {
                    groups.push(Vec::new());
                    groups.len() - 1
                });
                add_variant(&mut groups[at], test, vm.name());
            }
        }
    }
    if all == 0 {
        return None;
    }
    let mut lines = vec![paint.text(tone, title)];
    lines.extend(groups.iter().flat_map(|variants| group_lines(variants)));
    if kept < all {
        lines.push(format!("  and {} more, in the event log", all - kept));
    }
    Some(lines.join("\n"))
}

fn add_variant<'a>(variants: &mut Vec<Variant<'a>>, test: &'a TestFinished, vm: &'a str) {
    let same = |known: &TestFinished| {
        (&known.filter, known.expected, known.actual, &known.message)
            == (&test.filter, test.expected, test.actual, &test.message)
    };
    match variants.iter_mut().find(|variant| same(variant.test)) {
        Some(variant) => variant.vms.push(vm),
        None => variants.push(Variant {
            test,
            vms: vec![vm],
        }),
    }
}

fn group_lines(variants: &[Variant<'_>]) -> Vec<String> {
    variants
        .iter()
        .flat_map(|variant| {
            let title = text::test_title(variant.test);
            let head = format!("  {title}  on {}", names(&variant.vms));
            std::iter::once(head).chain(text::failure_lines(variant.test))
        })
        .collect()
}

fn names(vms: &[&str]) -> String {
    match vms.get(..NAMED_VMS) {
        Some(first) if vms.len() > NAMED_VMS => {
            format!("{} and {} more", first.join(", "), vms.len() - NAMED_VMS)
        }
        _ => vms.join(", "),
    }
}

/// The VMs that were not driven to their end, with what to do about each.
fn undriven(state: &RunState, paint: Paint) -> Option<String> {
    let mut lines = Vec::new();
    for vm in &state.vms {
        match vm.end() {
            Some(end) if matches!(end.outcome, VmOutcome::Passed | VmOutcome::Failed) => {}
            Some(end) => lines.extend(undriven_vm(vm, end)),
            None => {
                let name = vm.name();
                let at = where_it_is(vm);
                lines.push(format!("  {name} {}{at}", how_it_stands(vm)));
            }
        }
    }
    if lines.is_empty() {
        return None;
    }
    lines.insert(0, paint.text(Tone::Warn, "Not driven to the end"));
    Some(lines.join("\n"))
}

fn undriven_vm(vm: &VmState, end: &VmEnd) -> Vec<String> {
    let at = end
        .broken_in
        .map_or(String::new(), |stage| broken_in(vm, stage));
    let mut lines = vec![format!(
        "  {} {}{at}",
        vm.name(),
        text::outcome(end.outcome)
    )];
    let mut say = |key: &str, value: &str| {
        if !value.is_empty() {
            lines.push(format!("    {key:<9} {}", printable(value)));
        }
    };
    if let Some(cause) = &end.cause {
        say("cause", &cause.what);
        say("tried", &cause.tried);
        say("advice", &cause.advice);
    }
    let keys = std::iter::once("it said").chain(std::iter::repeat(""));
    for (line, key) in vm.last_lines.iter().zip(keys) {
        say(key, line);
    }
    lines
}

fn where_it_is(vm: &VmState) -> String {
    match vm.phase {
        Phase::In { stage, .. } => broken_in(vm, stage),
        Phase::Waiting | Phase::Finished(_) => String::new(),
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

/// What is worth knowing even where all passed.
fn notes(state: &RunState) -> String {
    let mut lines: Vec<String> = state.vms.iter().filter_map(retries).collect();
    lines.extend(slowest(state));
    lines.push(format!("tests: {}", text::tally(state.tally())));
    lines.join("\n")
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

/// Where the time of the slowest VM went, which is the time of the run.
fn slowest(state: &RunState) -> Option<String> {
    let ended = state.vms.iter().filter_map(|vm| Some((vm, vm.end()?)));
    let (vm, end) = ended.max_by(|(_, a), (_, b)| a.duration_s.total_cmp(&b.duration_s))?;
    let stages: Vec<String> = vm
        .stages
        .iter()
        .filter(|(_, state)| state.succeeded.is_some())
        .map(|(stage, state)| format!("{stage} {}", seconds(state.duration_s)))
        .collect();
    (!stages.is_empty()).then(|| {
        let time = seconds(end.duration_s);
        format!("slowest VM {}, {time}: {}", vm.name(), stages.join(", "))
    })
}

fn verdict(state: &RunState, paint: Paint) -> String {
    let run = state.head.as_ref().map_or("", |head| head.run.as_str());
    let (tone, word) = match (state.exit_status(), state.duration_s) {
        (ExitStatus::Success, _) => (Tone::Good, "PASSED"),
        (ExitStatus::TestsFailed, _) => (Tone::Bad, "FAILED"),
        (ExitStatus::Interrupted, _) => (Tone::Warn, "INTERRUPTED"),
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
    format!(
        "run {run} {}: {} of {vms} passed{time}",
        paint.text(tone, word),
        passed.count(),
    )
}
