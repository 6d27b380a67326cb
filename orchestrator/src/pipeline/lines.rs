// SPDX-License-Identifier: BSD-2-Clause
//! What a test binary prints, line by line and within bounds, from both of its
//! streams as it comes.

use std::io;

use tokio::io::AsyncRead;
use tokio_stream::{Stream, StreamExt};
use tokio_util::bytes::{Bytes, BytesMut};
use tokio_util::codec::{AnyDelimiterCodec, AnyDelimiterCodecError, Decoder, FramedRead};

/// The longest line that is taken for an event, bytes.
pub(super) const EVENT_BYTES_MAX: usize = 1 << 20;
/// Longer lines of standard error are split, bytes.
const COMPLAINT_BYTES_MAX: usize = 4096;
/// What a stream's buffer begins with, bytes: there are two for each VM, and
/// most of the time they are empty.
const BUFFER_BYTES: usize = 2048;

/// One line.
#[derive(Debug, PartialEq, Eq)]
pub enum Line {
    /// Of standard output.
    Event(Bytes),
    /// Of standard error.
    Complaint(String),
    /// Standard output held a line of more than a mebibyte; nothing of that
    /// stream follows.
    Overlong,
}

/// The lines of both streams, until both are at their end. A stream that breaks
/// is at its end: whoever waits for the process learns why.
pub fn of(stdout: impl AsyncRead, stderr: impl AsyncRead) -> impl Stream<Item = Line> {
    let split = AnyDelimiterCodec::new_with_max_length(b"\n".to_vec(), Vec::new(), EVENT_BYTES_MAX);
    let events =
        FramedRead::with_capacity(stdout, split, BUFFER_BYTES).filter_map(|item| match item {
            Ok(line) => Some(Line::Event(line)),
            Err(AnyDelimiterCodecError::MaxChunkLengthExceeded) => Some(Line::Overlong),
            Err(AnyDelimiterCodecError::Io(_)) => None,
        });
    let complaints = FramedRead::with_capacity(stderr, Complaints, BUFFER_BYTES)
        .filter_map(|item| item.ok().map(Line::Complaint));
    events.merge(complaints)
}

/// Splits at newlines, and before a line gets too long.
struct Complaints;

impl Decoder for Complaints {
    type Item = String;
    type Error = io::Error;

    fn decode(&mut self, bytes: &mut BytesMut) -> io::Result<Option<String>> {
        let line = match bytes
            .iter()
            .take(COMPLAINT_BYTES_MAX)
            .position(|b| *b == b'\n')
        {
            Some(newline) => bytes.split_to(newline + 1),
            None if bytes.len() >= COMPLAINT_BYTES_MAX => bytes.split_to(COMPLAINT_BYTES_MAX),
            None => return Ok(None),
        };
        Ok(Some(String::from_utf8_lossy(&line).trim_end().to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn all(stdout: &[u8], stderr: &[u8]) -> Vec<Line> {
        of(stdout, stderr).collect().await
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
        let mut lines = std::pin::pin!(of(endless, tokio::io::empty()));
        assert_eq!(lines.next().await, Some(Line::Overlong));
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
}
