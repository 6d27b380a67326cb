// SPDX-License-Identifier: BSD-2-Clause
//! The reading side of a run's log.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::path::Path;

use super::said;
use crate::event::{Event, VERSION};

/// The longest line that is taken for an event, bytes. A test binary's line is
/// bounded to a quarter of it before it is ever written here.
const LINE_BYTES_MAX: u64 = 4 << 20;

/// Why a log can't be read any further. What came before is good.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// The file system said no.
    #[error("line {line} could not be read")]
    Io {
        /// Counted from 1.
        line: u64,
        /// What it said.
        #[source]
        source: io::Error,
    },
    /// A whole line that is no event.
    #[error("line {line} is no event ({reason})")]
    Garbage {
        /// Counted from 1.
        line: u64,
        /// What the JSON reader said.
        reason: String,
    },
    /// A log of a version that this program does not know.
    #[error("line {line} is of log version {found}, this program knows {VERSION}")]
    Version {
        /// Counted from 1.
        line: u64,
        /// Its `v`.
        found: u32,
    },
    /// Events are missing or repeated.
    #[error("line {line} has seq {found} where {expected} was due")]
    Gap {
        /// Counted from 1.
        line: u64,
        /// The seq that was due.
        expected: u64,
        /// The seq that came.
        found: u64,
    },
}

/// The events of a log, in order.
///
/// A last line without its newline is what a killed writer leaves: it is not an
/// error, the iterator ends before it and [`Reader::cut`] names it. The first
/// error ends the iterator too.
#[derive(Debug)]
pub struct Reader<R> {
    input: R,
    line: u64,
    bytes: u64,
    cut: Option<u64>,
    ended: bool,
    /// The line at hand; kept for its memory.
    text: Vec<u8>,
}

/// Where the whole events of a log end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct End {
    /// Length of all of them, bytes.
    pub bytes: u64,
    /// The number that the next one has.
    pub next_seq: u64,
}

impl Reader<BufReader<File>> {
    /// The log at `path`.
    ///
    /// # Errors
    /// What opening the file gives.
    pub fn open(path: &Path) -> io::Result<Self> {
        Ok(Self::new(BufReader::new(File::open(path)?)))
    }
}

impl<R: BufRead> Reader<R> {
    /// The log that `input` holds.
    pub fn new(input: R) -> Self {
        Self {
            input,
            line: 0,
            bytes: 0,
            cut: None,
            ended: false,
            text: Vec::new(),
        }
    }

    /// The number of a last line that was never finished, counted from 1; known
    /// once the iterator has ended.
    #[must_use]
    pub fn cut(&self) -> Option<u64> {
        self.cut
    }

    /// Where the events end that were read.
    #[must_use]
    pub fn end(&self) -> End {
        let unread = u64::from(self.ended);
        End {
            bytes: self.bytes,
            next_seq: self.line - unread,
        }
    }

    fn read(&mut self) -> Result<Option<Event>, ReadError> {
        let expected = self.line;
        self.line += 1;
        let line = self.line;
        let bytes = &mut self.text;
        bytes.clear();
        self.input
            .by_ref()
            .take(LINE_BYTES_MAX)
            .read_until(b'\n', bytes)
            .map_err(|source| ReadError::Io { line, source })?;
        if bytes.is_empty() {
            return Ok(None);
        }
        if bytes.last() != Some(&b'\n') {
            if bytes.len() as u64 == LINE_BYTES_MAX {
                return Err(ReadError::Garbage {
                    line,
                    reason: format!("longer than {LINE_BYTES_MAX} bytes"),
                });
            }
            self.cut = Some(line);
            return Ok(None);
        }
        let event = event(bytes).map_err(|error| ReadError::Garbage {
            line,
            reason: error.to_string(),
        })?;
        if event.v != VERSION {
            return Err(ReadError::Version {
                line,
                found: event.v,
            });
        }
        if event.seq != expected {
            return Err(ReadError::Gap {
                line,
                expected,
                found: event.seq,
            });
        }
        self.bytes += bytes.len() as u64;
        Ok(Some(event))
    }
}

fn event(line: &[u8]) -> serde_json::Result<Event> {
    match said::read(line) {
        Some(event) => Ok(event),
        None => serde_json::from_slice(line),
    }
}

impl<R: BufRead> Iterator for Reader<R> {
    type Item = Result<Event, ReadError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.ended {
            return None;
        }
        let item = self.read().transpose();
        self.ended = !matches!(item, Some(Ok(_)));
        item
    }
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::*;
    use crate::event::Body;

    fn log(events: u64) -> Vec<u8> {
        let mut bytes = Vec::new();
        for seq in 0..events {
            let event = Event {
                v: VERSION,
                seq,
                time: Timestamp::UNIX_EPOCH,
                body: Body::RunFinished { duration_s: 1.5 },
            };
            serde_json::to_writer(&mut bytes, &event).unwrap();
            bytes.push(b'\n');
        }
        bytes
    }

    fn read(bytes: &[u8]) -> (Vec<u64>, Option<String>, Option<u64>) {
        let mut reader = Reader::new(bytes);
        let mut seqs = Vec::new();
        let mut error = None;
        for item in reader.by_ref() {
            match item {
                Ok(event) => seqs.push(event.seq),
                Err(found) => error = Some(found.to_string()),
            }
        }
        (seqs, error, reader.cut())
    }

    #[test]
    fn a_whole_log_is_read_to_its_end() {
        assert_eq!(read(&log(3)), (vec![0, 1, 2], None, None));
        assert_eq!(read(b""), (vec![], None, None));
    }

    #[test]
    fn a_cut_last_line_is_named_and_costs_nothing_before_it() {
        let whole = log(3);
        let second_end = log(2).len();
        for cut in second_end + 1..whole.len() {
            assert_eq!(
                read(&whole[..cut]),
                (vec![0, 1], None, Some(3)),
                "cut at {cut}"
            );
        }
    }

    #[test]
    fn the_end_is_that_of_the_last_whole_event() {
        let whole = log(3);
        let second_end = log(2).len();
        for (length, bytes, next_seq) in [
            (0, 0, 0),
            (second_end, second_end, 2),
            (whole.len() - 1, second_end, 2),
            (whole.len(), whole.len(), 3),
        ] {
            let mut reader = Reader::new(&whole[..length]);
            assert_eq!(reader.by_ref().count() as u64, next_seq);
            let bytes = bytes as u64;
            assert_eq!(reader.end(), End { bytes, next_seq }, "of {length} bytes");
        }
    }

    #[test]
    fn garbage_in_the_middle_is_named_by_its_line() {
        let mut bytes = log(2);
        bytes.extend_from_slice(b"\0\0\0\n");
        bytes.extend_from_slice(&log(1));
        let (seqs, error, cut) = read(&bytes);
        assert_eq!((seqs, cut), (vec![0, 1], None));
        assert_eq!(
            error.unwrap(),
            "line 3 is no event (expected value at line 1 column 1)"
        );
    }

    #[test]
    fn a_gap_and_another_version_are_refused() {
        let text = String::from_utf8(log(3)).unwrap();
        let gap: String = text.lines().skip(1).map(|l| format!("{l}\n")).collect();
        assert_eq!(
            read(gap.as_bytes()).1.unwrap(),
            "line 1 has seq 1 where 0 was due"
        );
        let other = text.replacen(r#""v":1"#, r#""v":7"#, 1);
        assert_eq!(
            read(other.as_bytes()).1.unwrap(),
            "line 1 is of log version 7, this program knows 1"
        );
    }

    #[test]
    fn an_endless_line_ends_the_reading_within_bounds() {
        let mut reader = Reader::new(BufReader::new(io::repeat(b'x')));
        assert_eq!(
            reader.next().unwrap().unwrap_err().to_string(),
            "line 1 is no event (longer than 4194304 bytes)"
        );
        assert!(reader.next().is_none());
    }
}
