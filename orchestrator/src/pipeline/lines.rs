// SPDX-License-Identifier: BSD-2-Clause
//! What a test binary prints, line by line and within bounds, from both of its
//! streams as it comes.

use std::io;

use memchr::memchr;
use tokio::io::AsyncRead;
use tokio_stream::{Stream, StreamExt};
use tokio_util::bytes::{Bytes, BytesMut};
use tokio_util::codec::{Decoder, FramedRead};

/// The longest line that is taken for an event, bytes.
pub(super) const EVENT_BYTES_MAX: usize = 1 << 20;
/// Longer lines of standard error are split, bytes.
const COMPLAINT_BYTES_MAX: usize = 4096;
/// What a stream's buffer begins with, bytes: there are two for each VM, and
/// most of the time they are empty.
const BUFFER_BYTES: usize = 2048;
/// What it has room for while more comes than that at once, bytes.
const BUSY_BUFFER_BYTES: usize = 16 << 10;

/// One line.
#[derive(Debug, PartialEq, Eq)]
pub enum Line {
    /// Of standard output.
    Event(Bytes),
    /// Of standard error.
    Complaint(String),
    /// Some of standard error beyond what is wanted of it.
    Surplus,
    /// Standard output held a line of more than a mebibyte; nothing of that
    /// stream follows.
    Overlong,
}

/// The lines of both streams, until both are at their end, but no more of
/// standard error than `complaints_max`. A stream that breaks is at its end:
/// whoever waits for the process learns why.
pub fn of(
    stdout: impl AsyncRead,
    stderr: impl AsyncRead,
    complaints_max: usize,
) -> impl Stream<Item = Line> {
    let events = FramedRead::with_capacity(stdout, Events::default(), BUFFER_BYTES);
    let events = events.filter_map(|item| match item {
        Ok(line) => Some(Line::Event(line)),
        Err(NoLine::Overlong) => Some(Line::Overlong),
        Err(NoLine::Broken) => None,
    });
    let complaints = Complaints {
        wanted: complaints_max,
    };
    let complaints =
        FramedRead::with_capacity(stderr, complaints, BUFFER_BYTES).filter_map(Result::ok);
    events.merge(complaints)
}

/// Splits at newlines, of which there may be a million a second.
#[derive(Default)]
struct Events {
    /// Bytes in which there is none.
    searched: usize,
    /// Bytes of lines since more had to be read.
    taken: usize,
}

/// Why there is no further event.
enum NoLine {
    Overlong,
    Broken,
}

impl From<io::Error> for NoLine {
    fn from(_: io::Error) -> Self {
        Self::Broken
    }
}

impl Decoder for Events {
    type Item = Bytes;
    type Error = NoLine;

    fn decode(&mut self, bytes: &mut BytesMut) -> Result<Option<Bytes>, NoLine> {
        let newline = memchr(b'\n', &bytes[self.searched..]).map(|at| self.searched + at);
        if newline.unwrap_or(bytes.len()) > EVENT_BYTES_MAX {
            return Err(NoLine::Overlong);
        }
        let Some(newline) = newline else {
            self.searched = bytes.len();
            if self.taken + bytes.len() >= BUFFER_BYTES {
                bytes.reserve(BUSY_BUFFER_BYTES);
            }
            self.taken = 0;
            return Ok(None);
        };
        self.searched = 0;
        self.taken += newline + 1;
        let mut line = bytes.split_to(newline + 1);
        line.truncate(newline);
        Ok(Some(line.freeze()))
    }

    /// What is left is a line that was cut.
    fn decode_eof(&mut self, bytes: &mut BytesMut) -> Result<Option<Bytes>, NoLine> {
        let line = self.decode(bytes)?;
        Ok(line.or_else(|| {
            self.searched = 0;
            (!bytes.is_empty()).then(|| bytes.split().freeze())
        }))
    }
}

/// Splits at newlines, and before a line gets too long.
struct Complaints {
    /// Lines that are wanted yet; what follows is passed over as it comes.
    wanted: usize,
}

impl Decoder for Complaints {
    type Item = Line;
    type Error = io::Error;

    fn decode(&mut self, bytes: &mut BytesMut) -> io::Result<Option<Line>> {
        if self.wanted == 0 {
            let is_more = !bytes.is_empty();
            bytes.clear();
            return Ok(is_more.then_some(Line::Surplus));
        }
        let within = bytes.len().min(COMPLAINT_BYTES_MAX);
        let line = match memchr(b'\n', &bytes[..within]) {
            Some(newline) => bytes.split_to(newline + 1),
            None if bytes.len() >= COMPLAINT_BYTES_MAX => bytes.split_to(COMPLAINT_BYTES_MAX),
            None => return Ok(None),
        };
        self.wanted -= 1;
        let text = String::from_utf8_lossy(&line).trim_end().to_owned();
        Ok(Some(Line::Complaint(text)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn all(stdout: &[u8], stderr: &[u8]) -> Vec<Line> {
        of(stdout, stderr, 3).collect().await
    }

    fn event(line: &str) -> Line {
        Line::Event(Bytes::from(line.to_owned()))
    }

    #[tokio::test]
    async fn both_streams_are_read_to_their_ends() {
        let lines = all(b"one\ntwo\ncut", b"oh\n\xff\n").await;
        assert_eq!(lines.len(), 5);
        for line in [
            event("one"),
            event("two"),
            event("cut"),
            Line::Complaint("oh".into()),
            Line::Complaint("\u{fffd}".into()),
        ] {
            assert!(lines.contains(&line), "{line:?} in {lines:?}");
        }
    }

    #[tokio::test]
    async fn an_endless_event_is_given_up() {
        let endless = tokio::io::repeat(b'x');
        let mut lines = std::pin::pin!(of(endless, tokio::io::empty(), 0));
        assert_eq!(lines.next().await, Some(Line::Overlong));
        assert_eq!(lines.next().await, None);
    }

    #[tokio::test]
    async fn the_longest_event_is_taken_and_one_byte_more_is_too_much() {
        let long = "x".repeat(EVENT_BYTES_MAX);
        let taken = format!("{long}\n{long}\nafter\n");
        let taken = all(taken.as_bytes(), b"").await;
        assert!(taken == [event(&long), event(&long), event("after")]);
        let refused = all(format!("{long}x\nafter\n").as_bytes(), b"").await;
        assert!(refused == [Line::Overlong]);
    }

    #[tokio::test]
    async fn a_long_complaint_comes_in_pieces() {
        let lines = all(b"", &[b'x'; 10_000]).await;
        let lengths: Vec<usize> = lines
            .iter()
            .map(|line| match line {
                Line::Complaint(text) => text.len(),
                other => panic!("no complaint: {other:?}"),
            })
            .collect();
        assert_eq!(lengths, [4096, 4096]);
    }

    #[tokio::test]
    async fn what_nobody_wants_is_read_and_passed_over() {
        let wanted = || ["a", "b", "c"].map(|line| Line::Complaint(line.into()));
        assert_eq!(all(b"", b"a\nb\nc\n").await, wanted());
        let more = all(b"", &[b"a\nb\nc\n", &b"d\n".repeat(10_000)[..]].concat()).await;
        assert_eq!(more[..3], wanted());
        let surplus = &more[3..];
        assert!(
            !surplus.is_empty() && surplus.len() <= 10,
            "{}",
            surplus.len()
        );
        assert!(surplus.iter().all(|line| *line == Line::Surplus));
    }
}
