// SPDX-License-Identifier: BSD-2-Clause
//! The terminal while `top` has it: the other screen, keys without a line's end, and all as it was
//! in the end.

use std::io::{self, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use crossterm::cursor::{Hide, MoveTo, Show};
use crossterm::queue;
use crossterm::style::{Attribute, Print, SetAttribute};
use crossterm::terminal::{
    Clear, ClearType, EnterAlternateScreen, LeaveAlternateScreen, disable_raw_mode,
    enable_raw_mode, size,
};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};

/// How often it is looked for a signal and another size.
const ATTENTION: Duration = Duration::from_millis(200);

/// Where the size can't be had.
const USUAL_SIZE: (u16, u16) = (80, 24);

/// What is wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Key {
    Quit,
    /// So many places to the right.
    Sort(isize),
    Reverse,
    Refresh,
    /// No key: the screen has another size.
    Resized,
}

impl Key {
    /// The key that a byte from the terminal stands for.
    fn of(byte: u8) -> Option<Self> {
        /// Ctrl-C, which sends no signal while the terminal is raw.
        const END_OF_TEXT: u8 = 3;
        match byte {
            b'q' | b'Q' | END_OF_TEXT => Some(Self::Quit),
            b'<' | b',' => Some(Self::Sort(-1)),
            b'>' | b'.' => Some(Self::Sort(1)),
            b'r' | b'R' => Some(Self::Reverse),
            b' ' | b'\r' => Some(Self::Refresh),
            _ => None,
        }
    }
}

/// The terminal; given back when dropped.
pub(super) struct Screen<W: Write> {
    out: W,
    size: (u16, u16),
    asked_to_end: Arc<AtomicBool>,
}

impl<W: Write> Screen<W> {
    /// # Errors
    /// What the terminal refuses.
    pub(super) fn enter(out: W) -> io::Result<Self> {
        let asked_to_end = Arc::new(AtomicBool::new(false));
        for signal in [SIGTERM, SIGINT, SIGHUP] {
            signal_hook::flag::register(signal, Arc::clone(&asked_to_end))?;
        }
        enable_raw_mode()?;
        // From here on dropping it gives the terminal back.
        let mut screen = Self {
            out,
            size: size().unwrap_or(USUAL_SIZE),
            asked_to_end,
        };
        queue!(screen.out, EnterAlternateScreen, Hide)?;
        Ok(screen)
    }

    /// Width and height in characters.
    pub(super) fn size(&self) -> (usize, usize) {
        (self.size.0.into(), self.size.1.into())
    }

    /// Shows lines that fit, with one of them as the titles.
    pub(super) fn show(&mut self, lines: &[String], titles: usize) -> io::Result<()> {
        for (row, line) in (0..self.size.1).zip(lines) {
            queue!(self.out, MoveTo(0, row))?;
            if usize::from(row) == titles {
                queue!(self.out, SetAttribute(Attribute::Reverse))?;
            }
            queue!(
                self.out,
                Print(line),
                SetAttribute(Attribute::Reset),
                Clear(ClearType::UntilNewLine)
            )?;
        }
        queue!(self.out, Clear(ClearType::FromCursorDown))?;
        self.out.flush()
    }

    /// The next key until `deadline`, `None` when there was none.
    pub(super) fn key(&mut self, deadline: Instant) -> io::Result<Option<Key>> {
        loop {
            if self.asked_to_end.load(Ordering::Relaxed) {
                return Ok(Some(Key::Quit));
            }
            let now_size = size().unwrap_or(USUAL_SIZE);
            if now_size != self.size {
                self.size = now_size;
                return Ok(Some(Key::Resized));
            }
            // Looked for at least once: where looks take longer than the time between them, the
            // deadline is over before the first key.
            let left = deadline.saturating_duration_since(Instant::now());
            if let Some(key) = pressed(left.min(ATTENTION))? {
                return Ok(Some(key));
            }
            if left.is_zero() {
                return Ok(None);
            }
        }
    }
}

impl<W: Write> Drop for Screen<W> {
    fn drop(&mut self) {
        // A terminal that is gone needs nothing back.
        let _ = queue!(self.out, Show, LeaveAlternateScreen);
        let _ = self.out.flush();
        let _ = disable_raw_mode();
    }
}

/// The key that is pressed within a time. What is typed ahead of a key that means something, and
/// sequences of the terminal that mean nothing here, are passed over.
fn pressed(within: Duration) -> io::Result<Option<Key>> {
    let stdin = io::stdin();
    let mut fds = [PollFd::new(&stdin, PollFlags::IN)];
    let timeout = Timespec::try_from(within).map_err(io::Error::other)?;
    match poll(&mut fds, Some(&timeout)) {
        Ok(0) | Err(rustix::io::Errno::INTR) => return Ok(None),
        Ok(_) => {}
        Err(errno) => return Err(errno.into()),
    }
    let mut bytes = [0; 64];
    match rustix::io::read(&stdin, &mut bytes)? {
        // The terminal was closed.
        0 => Ok(Some(Key::Quit)),
        _ if bytes[0] == b'\x1b' => Ok(None),
        length => Ok(bytes[..length].iter().find_map(|&byte| Key::of(byte))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_mean_what_the_last_line_says() {
        assert_eq!(Key::of(b'q'), Some(Key::Quit));
        assert_eq!(Key::of(3), Some(Key::Quit));
        assert_eq!(Key::of(b'<'), Some(Key::Sort(-1)));
        assert_eq!(Key::of(b'>'), Some(Key::Sort(1)));
        assert_eq!(Key::of(b'r'), Some(Key::Reverse));
        assert_eq!(Key::of(b' '), Some(Key::Refresh));
        assert_eq!(Key::of(b'x'), None);
    }
}
