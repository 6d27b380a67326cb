// SPDX-License-Identifier: BSD-2-Clause
//! The bars, on a terminal in memory.

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use indicatif::{InMemoryTerm, ProgressDrawTarget, TermLike};
use insta::assert_snapshot;
use jiff::Timestamp;
use orchestrator::event::{Event, Stage, VmOutcome};
use orchestrator::projection::echo::with_room_for_echo;
use orchestrator::projection::terminal::Terminal;
use orchestrator::projection::text::Paint;
use orchestrator::projection::{Fold, Projection, StateHandle};

use crate::events::{Story, bring_up, cause, failed, troubled_run};

/// A screen, and a run that is shown on it.
struct Screen {
    term: InMemoryTerm,
    fold: Fold,
    /// The time of day there: that of the last event.
    now: Arc<Mutex<Timestamp>>,
}

impl Screen {
    fn new(lines: u16, columns: u16, paint: Paint) -> Self {
        Self::with(lines, columns, paint, |_| {})
    }

    fn with(lines: u16, columns: u16, paint: Paint, set_up: impl FnOnce(&mut Terminal)) -> Self {
        let target = |term| ProgressDrawTarget::term_like(Box::new(term));
        Self::on(target, lines, columns, paint, set_up)
    }

    fn on(
        target: impl FnOnce(InMemoryTerm) -> ProgressDrawTarget,
        lines: u16,
        columns: u16,
        paint: Paint,
        set_up: impl FnOnce(&mut Terminal),
    ) -> Self {
        let term = InMemoryTerm::new(lines, columns);
        let now = Arc::new(Mutex::new(Timestamp::UNIX_EPOCH));
        let clock = Arc::clone(&now);
        let mut terminal = Terminal::new(
            target(term.clone()),
            (usize::from(lines), usize::from(columns)),
            paint,
            Arc::new(move || *clock.lock().unwrap()),
        );
        set_up(&mut terminal);
        Self {
            term,
            fold: Fold::new(StateHandle::default(), vec![Box::new(terminal)]),
            now,
        }
    }

    fn show(&mut self, events: &[Event]) {
        for event in events {
            *self.now.lock().unwrap() = event.time;
            self.fold.apply(event);
        }
    }

    fn text(&self) -> String {
        self.term.contents()
    }
}

/// The troubled run at the moment when its second VM has failed two tests.
fn in_the_middle() -> Vec<Event> {
    let mut events = troubled_run().events;
    let is_skipped_test = |event: &Event| format!("{event:?}").contains("G01");
    let at = events.iter().position(is_skipped_test).unwrap();
    events.truncate(at);
    events
}

#[test]
fn a_run_in_the_middle_at_80_columns() {
    let mut screen = Screen::new(40, 80, Paint::PLAIN);
    screen.show(&in_the_middle());
    assert_snapshot!(screen.text());
}

#[test]
fn a_run_in_the_middle_at_200_columns() {
    let mut screen = Screen::new(40, 200, Paint::PLAIN);
    screen.show(&in_the_middle());
    assert_snapshot!(screen.text());
}

#[test]
fn at_the_end_only_what_was_said_above_the_bars_is_left() {
    let mut screen = Screen::new(40, 100, Paint::PLAIN);
    screen.show(&troubled_run().events);
    assert_snapshot!(screen.text());
}

#[test]
fn a_ctrl_c_that_the_terminal_shows_leaves_no_line_behind() {
    let mut screen = Screen::on(with_room_for_echo, 40, 80, Paint::PLAIN, |_| {});
    let mut story = Story::of(&["a", "b"]);
    bring_up(&mut story, "a").target_started("a", Some(10));
    story.interrupt(false);
    let (interrupt, before) = story.events.split_last().unwrap();
    screen.show(before);
    screen.term.write_str("^C").unwrap();
    screen.show(std::slice::from_ref(interrupt));
    let text = screen.text();
    let times = |start: &str| text.lines().filter(|line| line.starts_with(start)).count();
    assert_eq!(
        text.lines().next(),
        Some("SIGINT: cleaning up; once more ends at once")
    );
    assert_eq!(
        [times("a "), times("b "), times("2 VMs ")],
        [1, 1, 1],
        "{text}"
    );
}

#[test]
fn a_run_that_breaks_off_leaves_no_bars() {
    let mut screen = Screen::new(40, 80, Paint::PLAIN);
    let mut story = Story::of(&["a"]);
    bring_up(&mut story, "a").target_started("a", Some(10));
    screen.show(&story.events);
    assert!(screen.text().contains("test live_integration"));
    drop(screen.fold);
    assert_eq!(screen.term.contents(), "");
}

#[test]
fn the_time_of_a_vm_is_counted_from_its_first_stage() {
    let mut screen = Screen::new(40, 80, Paint::PLAIN);
    let mut story = Story::of(&["a"]);
    story.begin("a", Stage::Connect, 1);
    screen.show(&story.events);
    assert!(screen.text().contains("   0s"), "{}", screen.text());
    let later = story.now() + jiff::SignedDuration::from_secs(75);
    story.begin("a", Stage::Lock, 1);
    story.events[2].time = later;
    screen.show(&story.events[2..]);
    assert!(screen.text().contains("1m15s"), "{}", screen.text());
}

#[test]
fn times_move_on_while_nothing_happens() {
    let mut screen = Screen::with(40, 80, Paint::PLAIN, Terminal::tick_by_itself);
    let mut story = Story::of(&["a"]);
    story.begin("a", Stage::Connect, 1);
    screen.show(&story.events);
    *screen.now.lock().unwrap() += jiff::SignedDuration::from_secs(75);
    let deadline = Instant::now() + Duration::from_secs(60);
    while screen.text().matches("1m15s").count() < 2 {
        assert!(Instant::now() < deadline, "{}", screen.text());
        std::thread::yield_now();
    }
}

#[test]
fn without_colours_no_escape_sets_one() {
    for (paint, colored) in [(Paint::PLAIN, false), (Paint::COLORED, true)] {
        let mut screen = Screen::new(40, 80, paint);
        screen.show(&in_the_middle());
        let bytes = screen.term.contents_formatted();
        let text = String::from_utf8_lossy(&bytes);
        assert_eq!(text.contains("\u{1b}[31m"), colored, "{text:?}");
    }
}

/// More VMs than lines: only those at work have one.
#[test]
fn a_crowd_shows_those_at_work() {
    let names: Vec<String> = (1..=200).map(|number| format!("vm{number:03}")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let mut story = Story::of(&names);
    for vm in &names[..8] {
        story.begin(vm, Stage::Connect, 1);
    }
    story.finish("vm001", VmOutcome::Passed, None);
    story.finish("vm002", VmOutcome::Lost, Some(cause("gone")));
    story.begin("vm009", Stage::Deploy, 1);
    let mut screen = Screen::new(10, 80, Paint::PLAIN);
    screen.show(&story.events);
    assert_snapshot!(screen.text());
}

#[test]
fn what_a_vm_says_cannot_move_the_cursor() {
    let mut story = Story::of(&["a"]);
    let mut test = failed("D07", 1);
    test.name = "evil \u{1b}[2J\u{1b}[H name".into();
    test.message = Some("line one\r\u{1b}]0;title\u{7}".into());
    bring_up(&mut story, "a").test("a", test);
    let mut screen = Screen::new(40, 80, Paint::PLAIN);
    screen.show(&story.events);
    assert_snapshot!(screen.text());
}
