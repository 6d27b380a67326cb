// SPDX-License-Identifier: BSD-2-Clause
//! What a FreeBSD kernel prints on its console when something is wrong: panics
//! and traps (kern_shutdown.c, trap.c of amd64 and arm64), and what witness(4)
//! finds (subr_witness.c).

use crate::event::ConsoleKind;

/// Lines of a report that are quoted.
const LINES_MAX: usize = 24;

/// Beginnings of lines, and what they begin.
const BEGINNINGS: [(&str, ConsoleKind); 9] = [
    ("panic: ", ConsoleKind::Panic),
    ("Fatal trap ", ConsoleKind::Trap),
    ("Fatal double fault", ConsoleKind::Trap),
    ("Fatal data abort", ConsoleKind::Trap),
    ("lock order reversal", ConsoleKind::LockOrder),
    (
        "acquiring duplicate lock of same type",
        ConsoleKind::Witness,
    ),
    ("shared lock of ", ConsoleKind::Witness),
    ("exclusive lock of ", ConsoleKind::Witness),
    ("witness_", ConsoleKind::Witness),
];
/// Parts of lines that witness(4) prints of threads that hold what they must
/// not, and what every such line ends with.
const HOLDING: [&str; 2] = [" with the following ", "locks held"];

/// Some lines that belong together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Report {
    pub(super) kind: ConsoleKind,
    pub(super) lines: Vec<String>,
}

impl Report {
    /// What it is about, in one line: its first one, and after a trap the
    /// panic that it led to.
    pub(super) fn title(&self) -> String {
        let mut lines = self.lines.iter();
        let first = lines.next().map_or("", |line| line.as_str());
        match lines.find(|line| line.starts_with("panic: ")) {
            Some(panic) => format!("{first}; {panic}"),
            None => first.to_owned(),
        }
    }
}

/// Puts lines together.
#[derive(Debug, Default)]
pub(super) struct Recogniser {
    open: Option<Report>,
}

impl Recogniser {
    /// Whether a report has begun and may go on.
    pub(super) fn is_open(&self) -> bool {
        self.open.is_some()
    }

    /// The report that has begun is complete.
    pub(super) fn close(&mut self) -> Option<Report> {
        self.open.take()
    }

    /// Take in one line: the report that it completes, if it does.
    pub(super) fn line(&mut self, line: &str) -> Option<Report> {
        let line = line.trim_end();
        let begun = kind(line);
        let goes_on = |open: &Report| match begun {
            None => true,
            // The panic that a trap ends in is of the same report.
            Some(kind) => kind == ConsoleKind::Panic && open.kind.is_crash(),
        };
        if let Some(open) = &mut self.open
            && goes_on(open)
        {
            open.lines.push(line.to_owned());
            if open.lines.len() == LINES_MAX {
                return self.open.take();
            }
            return None;
        }
        match begun {
            None => None,
            Some(kind) => self.open.replace(Report {
                kind,
                lines: vec![line.to_owned()],
            }),
        }
    }
}

fn kind(line: &str) -> Option<ConsoleKind> {
    let begins = BEGINNINGS.iter().find(|(text, _)| line.starts_with(text));
    let holds = HOLDING.iter().all(|part| line.contains(part));
    begins
        .map(|(_, kind)| *kind)
        .or(holds.then_some(ConsoleKind::Witness))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reports(console: &str) -> Vec<Report> {
        let mut recogniser = Recogniser::default();
        let mut reports: Vec<Report> = console
            .lines()
            .filter_map(|line| recogniser.line(line))
            .collect();
        reports.extend(recogniser.close());
        reports
    }

    #[test]
    fn a_trap_and_its_panic_are_one_report() {
        let found = reports(
            "login: \n\
             Fatal trap 12: page fault while in kernel mode\n\
             cpuid = 1; apic id = 01\n\
             fault virtual address\t= 0x28\n\
             current process\t\t= 1421 (kmod-integration)\n\
             panic: page fault\n\
             cpuid = 1\n\
             KDB: stack backtrace:\n",
        );
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].kind, ConsoleKind::Trap);
        assert_eq!(found[0].lines.len(), 7);
        assert_eq!(
            found[0].title(),
            "Fatal trap 12: page fault while in kernel mode; panic: page fault"
        );
    }

    #[test]
    fn what_witness_finds_is_no_crash() {
        let found = reports(
            "lock order reversal:\n 1st 0xfffff80003a1 tcpstats (tcpstats, sx) @ a.c:1\n \
             2nd 0xfffff80003b2 tcpinp (tcpinp, rw) @ b.c:2\n\
             uma_zalloc_debug: zone \"64\" with the following non-sleepable locks held:\n\
             exclusive rw tcpinp r = 0 (0xfffff8) locked @ b.c:2\n\
             acquiring duplicate lock of same type: \"tcpinp\"\n\
             panic: Lock tcpinp not exclusively locked @ b.c:3\n",
        );
        let kinds: Vec<ConsoleKind> = found.iter().map(|report| report.kind).collect();
        assert_eq!(
            kinds,
            [
                ConsoleKind::LockOrder,
                ConsoleKind::Witness,
                ConsoleKind::Witness,
                ConsoleKind::Panic
            ]
        );
        assert_eq!(found[0].lines.len(), 3);
        assert!(!found[1].kind.is_crash());
    }

    #[test]
    fn other_lines_are_nothing_and_a_report_is_bounded() {
        assert_eq!(
            reports("don't panic: all is well\n panic: not at the start\n"),
            []
        );
        let endless = format!("panic: x\n{}", "y\n".repeat(1000));
        assert_eq!(reports(&endless).len(), 1);
        assert_eq!(reports(&endless)[0].lines.len(), LINES_MAX);
    }
}
