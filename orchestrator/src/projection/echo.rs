// SPDX-License-Identifier: BSD-2-Clause
//! Room on a terminal for what is typed while bars are drawn on it.

use std::io;

use indicatif::{ProgressDrawTarget, TermLike};

/// As often as indicatif draws on standard error.
const DRAWS_PER_SECOND: u8 = 20;
/// What a terminal shows of Ctrl-C, `^C`, twice, and the place behind it.
const ECHO_WIDTH: usize = 5;

/// `term` for bars after which the cursor stands where the terminal has room to
/// show a Ctrl-C. At the line's end, where indicatif leaves it, that would go to
/// the next line, and the bars, which begin anew so many lines further up, would
/// leave one of theirs behind.
#[must_use]
pub fn with_room_for_echo(term: impl TermLike + 'static) -> ProgressDrawTarget {
    ProgressDrawTarget::term_like_with_hz(Box::new(WithRoom(term)), DRAWS_PER_SECOND)
}

/// A terminal on which every drawing ends with room for what is typed.
#[derive(Debug)]
struct WithRoom<T>(T);

impl<T: TermLike> TermLike for WithRoom<T> {
    fn width(&self) -> u16 {
        self.0.width()
    }

    fn height(&self) -> u16 {
        self.0.height()
    }

    fn move_cursor_up(&self, n: usize) -> io::Result<()> {
        self.0.move_cursor_up(n)
    }

    fn move_cursor_down(&self, n: usize) -> io::Result<()> {
        self.0.move_cursor_down(n)
    }

    fn move_cursor_right(&self, n: usize) -> io::Result<()> {
        self.0.move_cursor_right(n)
    }

    fn move_cursor_left(&self, n: usize) -> io::Result<()> {
        self.0.move_cursor_left(n)
    }

    fn write_line(&self, s: &str) -> io::Result<()> {
        self.0.write_line(s)
    }

    fn write_str(&self, s: &str) -> io::Result<()> {
        self.0.write_str(s)
    }

    fn clear_line(&self) -> io::Result<()> {
        self.0.clear_line()
    }

    fn flush(&self) -> io::Result<()> {
        self.0.move_cursor_left(ECHO_WIDTH)?;
        self.0.flush()
    }
}
