// SPDX-License-Identifier: BSD-2-Clause
//! Progress line by line.

use std::io::{self, Write};
use std::sync::{Arc, Mutex};

use insta::assert_snapshot;
use orchestrator::projection::plain::Plain;
use orchestrator::projection::text::Paint;
use orchestrator::projection::{Fold, Projection, StateHandle};
use protocol::event::Level;

use crate::events::{Story, failed, troubled_run};

#[derive(Clone, Default)]
struct Page(Arc<Mutex<Vec<u8>>>);

impl Write for Page {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn lines(story: &Story) -> String {
    let page = Page::default();
    let view = Plain::new(page.clone(), Paint::PLAIN);
    let mut fold = Fold::new(StateHandle::default(), vec![Box::new(view)]);
    for event in &story.events {
        fold.apply(event);
    }
    let bytes = page.0.lock().unwrap().clone();
    String::from_utf8(bytes).unwrap()
}

#[test]
fn every_change_is_a_line() {
    let mut story = troubled_run();
    story.log("freebsd150", Level::Warn, "two\nlines");
    story.log("freebsd150", Level::Info, "nobody needs this");
    story.interrupt(false).interrupt(true);
    assert_snapshot!(lines(&story));
}

#[test]
fn what_is_noted_is_a_line_at_once() {
    let mut story = Story::of(&["a"]);
    story.note("a", "its clock is wrong");
    assert_eq!(lines(&story).lines().last(), Some("a: its clock is wrong"));
}

#[test]
fn an_endless_stream_of_failures_does_not_flood_the_output() {
    let mut story = Story::of(&["a"]);
    for number in 0..5000 {
        story.test("a", failed(&format!("D{number}"), 1));
    }
    let text = lines(&story);
    assert_eq!(text.matches("FAILED").count(), 100);
    assert_eq!(text.matches("only counted here").count(), 1);
    assert_eq!(text.lines().count(), 1 + 100 + 1);
}

struct Gone;

impl Write for Gone {
    fn write(&mut self, _: &[u8]) -> io::Result<usize> {
        Err(io::ErrorKind::BrokenPipe.into())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn a_reader_that_went_away_does_not_end_the_run() {
    let view = Plain::new(Gone, Paint::PLAIN);
    let state = StateHandle::default();
    let mut fold = Fold::new(state.clone(), vec![Box::new(view)]);
    for event in &troubled_run().events {
        fold.apply(event);
    }
    assert_eq!(state.read(|state| state.tally().done()), 24);
}
