// SPDX-License-Identifier: BSD-2-Clause
//! The reading side: turns lines into events and holds the stream to its
//! rules. What it refuses makes the whole stream untrustworthy.

use std::collections::BTreeSet;

use serde::Deserialize;
use serde_json::Value;

use crate::{Body, Event, Outcome, VERSION, swift};

/// How much of an unreadable line is quoted, bytes.
const QUOTE_BYTES: usize = 80;

/// Why a stream can't be trusted.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StreamError {
    /// A line that is no event.
    #[error("line {line} is no event ({reason}): {quote}")]
    Garbage {
        /// Counted from 1.
        line: u64,
        /// What the JSON reader said.
        reason: String,
        /// The beginning of the line.
        quote: String,
    },
    /// A stream of a version that this reader does not know.
    #[error("line {line} is of stream version {found}, this reader knows {VERSION}")]
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
    /// The first event was something else.
    #[error("the stream does not begin with hello")]
    NoHello,
    /// Something came after the end.
    #[error("line {line} comes after bye")]
    AfterBye {
        /// Counted from 1.
        line: u64,
    },
    /// The stream ended early.
    #[error("the stream ended without bye after {events} events")]
    NoBye {
        /// Events that were read.
        events: u64,
    },
}

/// What a line held.
#[derive(Debug, Clone, PartialEq)]
pub enum Decoded {
    /// An event of this version.
    Event(Box<Event>),
    /// An event of a type that is new to this reader, and its first of it.
    FirstOfUnknownType(String),
    /// Another event of such a type.
    UnknownType,
}

/// Checks one stream from its first line to its last.
#[derive(Debug, Default)]
pub struct Decoder {
    lines: u64,
    is_plain: bool,
    bye: Option<Outcome>,
    unknown: BTreeSet<String>,
    unknown_fields: BTreeSet<String>,
    /// Those of them that nobody has asked for yet.
    new_fields: Vec<String>,
}

impl Decoder {
    /// A stream of which nothing was read yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Read the next line, given without its newline.
    ///
    /// # Errors
    /// The first breach of the stream's rules.
    pub fn line(&mut self, line: &[u8]) -> Result<Decoded, StreamError> {
        let expected = self.lines;
        self.lines += 1;
        let number = self.lines;
        let swift = swift::test_finished(line);
        self.is_plain = swift.is_some();
        let event = match swift {
            Some(event) => event,
            None => serde_json::from_slice(line).map_err(|error| StreamError::Garbage {
                line: number,
                reason: error.to_string(),
                quote: quote(line),
            })?,
        };
        if event.v != VERSION {
            return Err(StreamError::Version {
                line: number,
                found: event.v,
            });
        }
        if event.seq != expected {
            return Err(StreamError::Gap {
                line: number,
                expected,
                found: event.seq,
            });
        }
        if self.bye.is_some() {
            return Err(StreamError::AfterBye { line: number });
        }
        if expected == 0 && !matches!(event.body, Body::Hello(_)) {
            return Err(StreamError::NoHello);
        }
        if !self.is_plain && !matches!(event.body, Body::Unknown) {
            self.note_unknown_fields(line, &event);
        }
        match event.body {
            Body::Unknown => Ok(self.unknown_type(line)),
            Body::Bye { outcome } => {
                self.bye = Some(outcome);
                Ok(Decoded::Event(Box::new(event)))
            }
            _ => Ok(Decoded::Event(Box::new(event))),
        }
    }

    /// The stream is over: what its bye said.
    ///
    /// # Errors
    /// [`StreamError::NoBye`] where it was cut off.
    pub fn finish(&self) -> Result<Outcome, StreamError> {
        self.bye.ok_or(StreamError::NoBye { events: self.lines })
    }

    /// Whether the line that was read last is the end of a test and nothing else:
    /// it says what its event says, and no more.
    #[must_use]
    pub fn is_plain_test(&self) -> bool {
        self.is_plain
    }

    /// Fields that were met for the first time since the last call, and that
    /// this reader does not know, such as `bye.mood`; each is given once.
    pub fn new_fields(&mut self) -> Vec<String> {
        std::mem::take(&mut self.new_fields)
    }

    /// What was read is printed again: what is missing then, nobody knew.
    fn note_unknown_fields(&mut self, line: &[u8], event: &Event) {
        let (Ok(read), Ok(known)) = (serde_json::from_slice(line), serde_json::to_value(event))
        else {
            return;
        };
        let name = known["type"].as_str().unwrap_or_default().to_owned();
        let mut fields = Vec::new();
        missing(&read, &known, &name, &mut fields);
        for field in fields {
            if self.unknown_fields.insert(field.clone()) {
                self.new_fields.push(field);
            }
        }
    }

    fn unknown_type(&mut self, line: &[u8]) -> Decoded {
        #[derive(Deserialize)]
        struct TypeOnly {
            r#type: String,
        }
        let name = serde_json::from_slice::<TypeOnly>(line)
            .map(|only| only.r#type)
            .unwrap_or_default();
        if self.unknown.insert(name.clone()) {
            Decoded::FirstOfUnknownType(name)
        } else {
            Decoded::UnknownType
        }
    }
}

/// The fields of `read`, with the path to them, that `known` does not have. One
/// without a value is as good as none.
fn missing(read: &Value, known: &Value, path: &str, fields: &mut Vec<String>) {
    let Value::Object(read) = read else {
        return;
    };
    for (name, value) in read {
        let path = format!("{path}.{name}");
        match known.get(name) {
            Some(known) => missing(value, known, &path, fields),
            None if value.is_null() => {}
            None => fields.push(path),
        }
    }
}

fn quote(line: &[u8]) -> String {
    let cut = &line[..line.len().min(QUOTE_BYTES)];
    let text = String::from_utf8_lossy(cut).escape_debug().to_string();
    if cut.len() < line.len() {
        format!("{text}…")
    } else {
        text
    }
}
