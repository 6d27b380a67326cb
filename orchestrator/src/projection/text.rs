// SPDX-License-Identifier: BSD-2-Clause
//! Words and colours that the views share.

use std::borrow::Cow;
use std::fmt::Display;

use console::{Style, Term, measure_text_width};
use protocol::event::TestFinished;

use super::state::{KEPT_TESTS, Tally, VmEnd};
use crate::event::{Cause, VmOutcome};

/// When to colour what is printed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum ColorChoice {
    /// Where it goes to a terminal that has colours and `NO_COLOR` is not set.
    #[default]
    Auto,
    /// Even into a pipe or a file.
    Always,
    /// Not at all.
    Never,
}

impl ColorChoice {
    /// The colours of standard output.
    #[must_use]
    pub fn stdout(self) -> Paint {
        self.or_auto(console::colors_enabled())
    }

    /// The colours of standard error.
    #[must_use]
    pub fn stderr(self) -> Paint {
        self.or_auto(console::colors_enabled_stderr())
    }

    fn or_auto(self, auto: bool) -> Paint {
        Paint {
            on: match self {
                Self::Auto => auto,
                Self::Always => true,
                Self::Never => false,
            },
        }
    }
}

/// Colours texts, or leaves them as they are.
#[derive(Debug, Clone, Copy)]
pub struct Paint {
    on: bool,
}

impl Paint {
    /// No colours.
    pub const PLAIN: Self = Self { on: false };
    /// Colours.
    pub const COLORED: Self = Self { on: true };

    /// Whether there are colours.
    #[must_use]
    pub fn is_on(self) -> bool {
        self.on
    }

    /// `text` in the colour of `tone`.
    pub fn text(self, tone: Tone, text: impl Display) -> String {
        tone.style()
            .force_styling(self.on)
            .apply_to(text)
            .to_string()
    }
}

/// What a colour means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tone {
    /// As it should be.
    Good,
    /// A test failed.
    Bad,
    /// Something else went wrong.
    Warn,
    /// A heading.
    Strong,
    /// Less important than what stands around it.
    Quiet,
}

impl Tone {
    /// Of a VM's outcome.
    #[must_use]
    pub fn of(outcome: VmOutcome) -> Self {
        match outcome {
            VmOutcome::Passed | VmOutcome::ExpectedFailure => Self::Good,
            VmOutcome::Failed | VmOutcome::Crashed => Self::Bad,
            VmOutcome::Flaky
            | VmOutcome::Skipped
            | VmOutcome::TimedOut
            | VmOutcome::Hung
            | VmOutcome::Lost
            | VmOutcome::Infrastructure
            | VmOutcome::Cancelled => Self::Warn,
        }
    }

    fn style(self) -> Style {
        let style = Style::new();
        match self {
            Self::Good => style.green(),
            Self::Bad => style.red(),
            Self::Warn => style.yellow(),
            Self::Strong => style.bold(),
            Self::Quiet => style.dim(),
        }
    }
}

/// A duration as people read it: `9.3s`, `1m02s`, `2h05m`.
#[must_use]
pub fn seconds(duration_s: f64) -> String {
    if (0.0..59.95).contains(&duration_s) {
        return format!("{duration_s:.1}s");
    }
    // A float that is too large, negative or no number becomes the nearest
    // integer or 0, which is what is wanted of a log that somebody wrote.
    whole_seconds(duration_s.round() as u64)
}

/// A duration that still grows: `9s`, `1m02s`, `2h05m`.
#[must_use]
pub fn whole_seconds(seconds: u64) -> String {
    match seconds {
        0..60 => format!("{seconds}s"),
        60..3600 => format!("{}m{:02}s", seconds / 60, seconds % 60),
        _ => format!("{}h{:02}m", seconds / 3600, seconds % 3600 / 60),
    }
}

/// A relative difference: `+12.3 %`.
#[must_use]
pub fn percent(ratio: f64) -> String {
    format!("{:+.1} %", ratio * 100.0)
}

/// How probable a difference is where nothing changed: `p 2.9e-23`.
#[must_use]
pub fn probability(p: f64) -> String {
    // Values that do not vary differ for certain.
    if p < 1e-99 {
        "p < 1e-99".to_owned()
    } else {
        format!("p {p:.1e}")
    }
}

/// `1 test`, `2 tests`.
#[must_use]
pub fn count(number: usize, noun: &str) -> String {
    let plural = if number == 1 { "" } else { "s" };
    format!("{number} {noun}{plural}")
}

/// `176 passed, 2 failed, 0 skipped`.
#[must_use]
pub fn tally(tally: Tally) -> String {
    let Tally {
        passed,
        failed,
        skipped,
    } = tally;
    format!("{passed} passed, {failed} failed, {skipped} skipped")
}

/// `text` with control characters spelled out, and a blank for a tab: what a VM
/// says must not move the cursor, change colours, break a line or turn the
/// direction of reading.
#[must_use]
pub fn printable(text: &str) -> Cow<'_, str> {
    if !text.contains(is_command) {
        return Cow::Borrowed(text);
    }
    text.chars()
        .flat_map(|c| {
            let c = if c == '\t' { ' ' } else { c };
            let command = is_command(c);
            let escaped = command.then(|| c.escape_default());
            let literal = (!command).then_some(c);
            escaped.into_iter().flatten().chain(literal)
        })
        .collect::<String>()
        .into()
}

/// Whether `c` tells a terminal or a browser what to do with other characters.
fn is_command(c: char) -> bool {
    let turns = matches!(c, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    c.is_control() || turns
}

/// `live_integration D07 local address /16`.
#[must_use]
pub fn test_title(test: &TestFinished) -> String {
    format!(
        "{} {} {}",
        printable(&test.target),
        printable(&test.id),
        printable(&test.name)
    )
}

/// A line of what is told of something: what it is, and `value`, indented.
#[must_use]
pub fn key_line(key: &str, value: &str) -> String {
    format!("    {key:<9} {}", printable(value))
}

/// `text` with lines of at most `width` characters, broken between words; a
/// word that is longer stays whole. What follows a [`key_line`] stands below
/// its value.
#[must_use]
pub fn fold(text: &str, width: usize) -> String {
    let lines = text.split('\n').map(|line| {
        if measure_text_width(line) <= width {
            return Cow::Borrowed(line);
        }
        let indent = if line.starts_with("    ") { 14 } else { 4 };
        let indent = " ".repeat(indent);
        let options = textwrap::Options::new(width)
            .subsequent_indent(&indent)
            .word_separator(textwrap::WordSeparator::AsciiSpace)
            .word_splitter(textwrap::WordSplitter::NoHyphenation)
            .break_words(false);
        Cow::Owned(textwrap::fill(line, options))
    });
    lines.collect::<Vec<_>>().join("\n")
}

/// `text` with lines that fit on the terminal that standard output is, if it is
/// one: a file or a program gets them whole.
#[must_use]
pub fn fold_for_stdout(text: String) -> String {
    match Term::stdout().size_checked() {
        Some((_, columns)) => fold(&text, usize::from(columns)),
        None => text,
    }
}

/// All that a test said of its failure, one line each, indented.
#[must_use]
pub fn failure_lines(test: &TestFinished) -> Vec<String> {
    let records = |number: u64| count(usize::try_from(number).unwrap_or(usize::MAX), "record");
    let mut lines = Vec::new();
    if let Some(filter) = &test.filter {
        lines.push(key_line("filter", filter));
    }
    if let Some(expected) = test.expected {
        lines.push(key_line("expected", &records(expected)));
    }
    if let Some(actual) = test.actual {
        lines.push(key_line("actual", &records(actual)));
    }
    if let Some(message) = &test.message {
        let mut keys = std::iter::once("message").chain(std::iter::repeat(""));
        let said = message.lines().zip(&mut keys);
        lines.extend(said.map(|(text, key)| key_line(key, text)));
    }
    lines
}

/// The same in one line.
#[must_use]
pub fn failure_line(test: &TestFinished) -> String {
    let mut parts = Vec::new();
    if let Some(filter) = &test.filter {
        parts.push(format!("filter '{}'", printable(filter)));
    }
    if let Some(expected) = test.expected {
        parts.push(format!("expected {expected}"));
    }
    if let Some(actual) = test.actual {
        parts.push(format!("got {actual}"));
    }
    if let Some(message) = &test.message {
        parts.push(printable(message).into_owned());
    }
    parts.join(", ")
}

/// What happened and what to do, in one line.
#[must_use]
pub fn cause_line(cause: &Cause) -> String {
    printable(&cause.to_string()).into_owned()
}

/// What happened where it is tried again: what to do about it comes with the
/// last attempt.
#[must_use]
pub fn retry_line(cause: &Cause) -> String {
    format!("{}; trying again", printable(&cause.what))
}

/// `lost after 4.1s`.
#[must_use]
pub fn short_end_line(end: &VmEnd) -> String {
    format!("{} after {}", outcome(end.outcome), seconds(end.duration_s))
}

/// `lost after 4.1s: connection closed`.
#[must_use]
pub fn end_line(end: &VmEnd) -> String {
    let mut line = short_end_line(end);
    if let Some(cause) = &end.cause {
        line.push_str(": ");
        line.push_str(&cause_line(cause));
    }
    line
}

/// An outcome in words.
#[must_use]
pub fn outcome(outcome: VmOutcome) -> &'static str {
    match outcome {
        VmOutcome::Skipped => "nothing tested",
        VmOutcome::TimedOut => "timed out",
        VmOutcome::ExpectedFailure => "expected failure",
        other => other.as_str(),
    }
}

/// What becomes of one more failing or skipped test of a VM on the screen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Room {
    /// It is shown.
    Show,
    /// It is the first that is not, which is said.
    SayFull,
    /// It is counted only.
    CountOnly,
}

/// What [`Room::SayFull`] says.
pub const FULL: &str = "more tests like this are only counted here; the event log has them all";

impl Room {
    /// For the `number`th of its kind, counted from 1: an endless stream of
    /// them must not flood the screen.
    #[must_use]
    pub fn for_test(number: u32) -> Self {
        match usize::try_from(number) {
            Ok(number) if number <= KEPT_TESTS => Self::Show,
            Ok(number) if number == KEPT_TESTS + 1 => Self::SayFull,
            _ => Self::CountOnly,
        }
    }
}
