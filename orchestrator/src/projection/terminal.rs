// SPDX-License-Identifier: BSD-2-Clause
//! Progress on a terminal: one line with a bar a VM, one for all together, and
//! above them, as they happen, the failures in full.

use std::collections::HashMap;
use std::io;
use std::sync::mpsc::{self, RecvTimeoutError};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use console::{Term, measure_text_width, pad_str, truncate_str};
use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressState, ProgressStyle};
use jiff::Timestamp;
use protocol::event::TestFinished;

use super::View;
use super::echo::with_room_for_echo;
use super::plain::{self, Plain};
use super::state::{Phase, RunState, Tally, VmState};
use super::text::{self, ColorChoice, FULL, Paint, Room, Tone, whole_seconds};
use crate::event::{Body, Event, Stage};

/// How often the times on the screen move on while nothing happens.
const TICK: Duration = Duration::from_millis(250);
/// Lines of the screen that are left to what is printed above the bars.
const LINES_ABOVE: usize = 6;
/// Widths of the columns, in characters.
const NAME_WIDTH_MAX: usize = 24;
const STAGE_WIDTH: usize = 21;
const COUNT_WIDTH: usize = 9;
const FAILED_WIDTH: usize = 10;

/// Tells the time of day, so that a test can decide it.
pub type Clock = Arc<dyn Fn() -> Timestamp + Send + Sync>;

/// Progress on standard error: bars where it is a terminal, else plain lines.
#[must_use]
pub fn on_stderr(color: ColorChoice) -> Box<dyn View> {
    let paint = color.stderr();
    let target = ProgressDrawTarget::stderr();
    if target.is_hidden() {
        return Box::new(Plain::new(io::stderr(), paint));
    }
    let target = with_room_for_echo(Term::stderr());
    let (rows, columns) = Term::stderr().size();
    let size = (usize::from(rows), usize::from(columns));
    let mut terminal = Terminal::new(target, size, paint, Arc::new(Timestamp::now));
    terminal.tick_by_itself();
    Box::new(terminal)
}

/// The bars.
pub struct Terminal {
    multi: MultiProgress,
    paint: Paint,
    clock: Clock,
    /// Shared with the ticker.
    rows: Arc<Mutex<Rows>>,
    /// Characters of a line above the bars.
    width: usize,
    /// VMs that fit on the screen at once.
    capacity: usize,
    name_width: usize,
    ticker: Option<Ticker>,
}

/// The lines on the screen.
#[derive(Default)]
struct Rows {
    vms: HashMap<String, ProgressBar>,
    totals: Option<ProgressBar>,
}

impl Terminal {
    /// Bars on `target`, a screen of so many lines and columns.
    #[must_use]
    pub fn new(
        target: ProgressDrawTarget,
        (lines, columns): (usize, usize),
        paint: Paint,
        clock: Clock,
    ) -> Self {
        Self {
            multi: MultiProgress::with_draw_target(target),
            paint,
            clock,
            rows: Arc::default(),
            width: columns,
            capacity: lines.saturating_sub(LINES_ABOVE).max(1),
            name_width: 0,
            ticker: None,
        }
    }

    /// Let the times on the screen move on while nothing happens.
    pub fn tick_by_itself(&mut self) {
        self.ticker = Ticker::start(Arc::clone(&self.rows));
    }

    fn rows(&self) -> MutexGuard<'_, Rows> {
        self.rows.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Print `text` above the bars.
    fn print(&self, text: &str) {
        // A terminal that went away must not end the run.
        let _ = self.multi.println(text::fold(text, self.width));
    }

    fn start(&mut self, state: &RunState) {
        let totals = text::count(state.vms.len(), "VM");
        let names = state.vms.iter().map(VmState::name).chain([totals.as_str()]);
        let longest = names.map(measure_text_width).max();
        self.name_width = longest.unwrap_or(0).min(NAME_WIDTH_MAX);
        *self.rows() = Rows::default();
        let totals = self.multi.add(ProgressBar::no_length());
        self.rows().totals = Some(totals);
        if !self.is_crowded(state) {
            for vm in &state.vms {
                self.update(state, vm);
            }
        }
    }

    /// Whether there are more VMs than lines: then only those at work are shown.
    fn is_crowded(&self, state: &RunState) -> bool {
        state.vms.len() > self.capacity
    }

    /// Bring the VM's line up to date, where it has one or one is free.
    fn update(&self, state: &RunState, vm: &VmState) {
        let mut rows = self.rows();
        if vm.end().is_some() && self.is_crowded(state) {
            if let Some(bar) = rows.vms.remove(vm.name()) {
                self.multi.remove(&bar);
            }
            return;
        }
        if !rows.vms.contains_key(vm.name()) {
            if rows.vms.len() >= self.capacity {
                return;
            }
            let Some(totals) = &rows.totals else {
                return;
            };
            let bar = self.multi.insert_before(totals, ProgressBar::no_length());
            bar.set_prefix(self.name_column(vm.name()));
            rows.vms.insert(vm.name().to_owned(), bar);
        }
        if let Some(bar) = rows.vms.get(vm.name()) {
            self.draw_vm(bar, vm);
        }
    }

    fn draw_vm(&self, bar: &ProgressBar, vm: &VmState) {
        let tally = vm.tally();
        let target = vm.current_target();
        let testing = matches!(
            vm.phase,
            Phase::In {
                stage: Stage::Test,
                ..
            }
        );
        let shown = target.filter(|_| testing);
        let done = shown.map_or(tally.done(), |target| target.tally().done());
        let expected = shown.and_then(|target| target.expected);
        bar.set_style(self.style(shown.is_some(), tally, self.vm_time(vm)));
        if let Some(expected) = expected {
            bar.set_length(u64::from(expected.max(done)));
        }
        bar.set_message(self.columns(&self.stage_column(vm), done, expected, tally.failed));
        bar.set_position(u64::from(done));
    }

    fn draw_totals(&self, state: &RunState) {
        let rows = self.rows();
        let Some(bar) = &rows.totals else {
            return;
        };
        let finished = state.vms.iter().filter(|vm| vm.end().is_some()).count();
        let tally = state.tally();
        let started = state.head.as_ref().map(|head| head.started);
        bar.set_prefix(self.name_column(&text::count(state.vms.len(), "VM")));
        bar.set_style(self.style(false, tally, self.time_since(started)));
        let done = format!("{finished} of {} done", state.vms.len());
        bar.set_message(self.columns(&done, tally.done(), None, tally.failed));
    }

    fn name_column(&self, name: &str) -> String {
        let name = truncate_str(name, self.name_width, "…");
        pad_str(&name, self.name_width, console::Alignment::Left, None).into_owned()
    }

    fn stage_column(&self, vm: &VmState) -> String {
        match &vm.phase {
            Phase::Waiting => "waiting".to_owned(),
            Phase::In {
                stage: Stage::Test, ..
            } => vm.current_target().map_or_else(
                || Stage::Test.to_string(),
                |target| format!("test {}", text::printable(&target.target)),
            ),
            Phase::In { stage, attempt: 1 } => stage.to_string(),
            Phase::In { stage, attempt } => format!("{stage}, attempt {attempt}"),
            Phase::Finished(end) => self
                .paint
                .text(Tone::of(end.outcome), text::outcome(end.outcome)),
        }
    }

    fn columns(&self, stage: &str, done: u32, expected: Option<u32>, failed: u32) -> String {
        let stage = truncate_str(stage, STAGE_WIDTH, "…");
        let stage = pad_str(&stage, STAGE_WIDTH, console::Alignment::Left, None);
        let tests = match (done, expected) {
            (0, None) => String::new(),
            (done, None) => done.to_string(),
            (done, Some(expected)) => format!("{done}/{expected}"),
        };
        let failed = match failed {
            0 => " ".repeat(FAILED_WIDTH),
            failed => {
                let text = format!("{:>FAILED_WIDTH$}", format!("{failed} failed"));
                self.paint.text(Tone::Bad, text)
            }
        };
        format!("{stage} {tests:>COUNT_WIDTH$} {failed}")
    }

    fn vm_time(&self, vm: &VmState) -> TimeColumn {
        match vm.end() {
            Some(end) => TimeColumn::Fixed(text::seconds(end.duration_s)),
            None => self.time_since(vm.started),
        }
    }

    fn time_since(&self, started: Option<Timestamp>) -> TimeColumn {
        match started {
            Some(started) => TimeColumn::Since(started, Arc::clone(&self.clock)),
            None => TimeColumn::Fixed(String::new()),
        }
    }

    fn style(&self, with_bar: bool, tally: Tally, time: TimeColumn) -> ProgressStyle {
        let template = match (with_bar, self.paint.is_on(), tally.failed) {
            (false, ..) => "{prefix} {msg} {time:>6}",
            (true, false, _) => "{prefix} {msg} {time:>6}  {wide_bar}",
            (true, true, 0) => "{prefix} {msg} {time:>6}  {wide_bar:.green/dim}",
            (true, true, _) => "{prefix} {msg} {time:>6}  {wide_bar:.red/dim}",
        };
        ProgressStyle::with_template(template)
            // The templates above are well-formed; were one not, the bar would
            // look different and the run go on.
            .unwrap_or_else(|_| ProgressStyle::default_bar())
            .progress_chars("━╸─")
            .with_key("time", time.writer())
    }

    fn show_failure(&self, vm: &VmState, test: &TestFinished) {
        match Room::for_test(vm.tally().failed) {
            Room::Show => {
                let head = plain::failed_head(self.paint, vm, test);
                let mut lines = vec![format!("{head} {} {}", vm.name(), text::test_title(test))];
                lines.extend(text::failure_lines(test));
                self.print(&lines.join("\n"));
            }
            Room::SayFull => self.print(&format!("{}: {FULL}", vm.name())),
            Room::CountOnly => {}
        }
    }

    /// Say above the bars what does not fit into them.
    fn tell(&self, state: &RunState, body: &Body) {
        match body {
            Body::StageFinished {
                vm,
                stage,
                cause: Some(cause),
                will_retry: true,
                ..
            } => {
                let head = self.paint.text(Tone::Warn, format_args!("{stage} failed"));
                let cause = text::retry_line(cause);
                self.print(&format!("{vm}: {head}: {cause}"));
            }
            Body::ScrapeFailed {
                vm,
                reason,
                message,
                ..
            } => {
                let told = state
                    .vm(vm)
                    .and_then(|vm| plain::scrape_failed(self.paint, vm, *reason, message));
                if let Some(line) = told {
                    self.print(&format!("{vm}: {line}"));
                }
            }
            Body::Console { vm, kind, lines } => {
                let said = plain::console(self.paint, *kind, lines);
                self.print(&format!("{vm}: {said}"));
            }
            Body::TargetRetried {
                vm,
                target,
                attempt,
                suspects,
            } => {
                let said = plain::target_retried(target, *attempt, suspects);
                self.print(&format!("{vm}: {said}"));
            }
            Body::Harness { vm, event, .. } => self.tell_harness(state, vm, &event.body),
            Body::VmFinished { vm, outcome, .. } => {
                let tested = outcome.is_of_tests();
                let end = state.vm(vm).and_then(VmState::end);
                if let Some(end) = end.filter(|_| !tested || self.is_crowded(state)) {
                    let said = self.paint.text(Tone::of(*outcome), text::end_line(end));
                    self.print(&format!("{vm}: {said}"));
                }
            }
            Body::Interrupted { signal, forced } => {
                self.print(&plain::interrupted(signal, *forced));
            }
            _ => {}
        }
    }

    fn tell_harness(&self, state: &RunState, vm: &str, body: &protocol::Body) {
        match (body, state.vm(vm)) {
            (protocol::Body::TestFinished(test), Some(vm))
                if test.outcome == protocol::Outcome::Failed =>
            {
                self.show_failure(vm, test);
            }
            (protocol::Body::Log { level, message }, _) => {
                if let Some(line) = plain::log(self.paint, *level, message) {
                    self.print(&format!("{vm}: {line}"));
                }
            }
            _ => {}
        }
    }

    /// Leave what was printed and no bars. A run that ends without its last
    /// event leaves the same: indicatif clears a bar that is dropped.
    fn clear(&mut self) {
        self.ticker = None;
        *self.rows() = Rows::default();
        // As in `print`.
        let _ = self.multi.clear();
    }
}

impl View for Terminal {
    fn show(&mut self, state: &RunState, event: &Event) {
        let vm = match &event.body {
            Body::RunStarted { .. } | Body::RunResumed { .. } => {
                self.start(state);
                None
            }
            Body::RunFinished { .. } => return self.clear(),
            Body::StageStarted { vm, .. }
            | Body::StageFinished { vm, .. }
            | Body::Harness { vm, .. }
            | Body::VmFinished { vm, .. } => state.vm(vm),
            Body::Facts { .. }
            | Body::Scraped { .. }
            | Body::ScrapeFailed { .. }
            | Body::Output { .. }
            | Body::Note { .. }
            | Body::Console { .. }
            | Body::TargetRetried { .. }
            | Body::Judged { .. }
            | Body::Compared { .. }
            | Body::Interrupted { .. }
            | Body::Unknown => None,
        };
        self.tell(state, &event.body);
        if let Some(vm) = vm {
            self.update(state, vm);
        }
        self.draw_totals(state);
    }
}

/// What stands in the column of times.
#[derive(Clone)]
enum TimeColumn {
    Fixed(String),
    Since(Timestamp, Clock),
}

impl TimeColumn {
    fn writer(self) -> impl Fn(&ProgressState, &mut dyn std::fmt::Write) + Clone + Send + Sync {
        move |_, out| {
            // Writing into the line's own text cannot fail.
            let _ = match &self {
                Self::Fixed(text) => out.write_str(text),
                Self::Since(started, clock) => {
                    let elapsed = clock().duration_since(*started).as_secs();
                    out.write_str(&whole_seconds(u64::try_from(elapsed).unwrap_or(0)))
                }
            };
        }
    }
}

/// One thread that moves the times of all lines on, however many there are.
struct Ticker {
    stop: Option<mpsc::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Ticker {
    /// `None` where no thread can be had: then times move with the events only.
    fn start(rows: Arc<Mutex<Rows>>) -> Option<Self> {
        let (stop, stopped) = mpsc::channel();
        let tick = move || {
            while stopped.recv_timeout(TICK) == Err(RecvTimeoutError::Timeout) {
                let rows = rows.lock().unwrap_or_else(PoisonError::into_inner);
                for bar in rows.vms.values().chain(&rows.totals) {
                    bar.tick();
                }
            }
        };
        let thread = std::thread::Builder::new()
            .name("ticker".into())
            .spawn(tick);
        Some(Self {
            stop: Some(stop),
            thread: Some(thread.ok()?),
        })
    }
}

impl Drop for Ticker {
    fn drop(&mut self) {
        self.stop = None;
        if let Some(thread) = self.thread.take() {
            // Its only end is this one; a panic in it was printed already.
            let _ = thread.join();
        }
    }
}
