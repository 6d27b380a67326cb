// SPDX-License-Identifier: BSD-2-Clause
//! The writing side: numbers the events and puts each on its own line.

use std::io::{self, Write};

use jiff::Timestamp;

use crate::{Body, Event, VERSION};

/// Prints events to `out`, each flushed at once so that a reader can follow.
#[derive(Debug)]
pub struct Writer<W> {
    out: W,
    next_seq: u64,
}

impl<W: Write> Writer<W> {
    /// A stream that begins with event 0.
    pub fn new(out: W) -> Self {
        Self { out, next_seq: 0 }
    }

    /// Print `body` as it happened at `time`.
    ///
    /// # Errors
    /// What writing to `out` gives.
    pub fn write_at(&mut self, time: Timestamp, body: Body) -> io::Result<()> {
        let event = Event {
            v: VERSION,
            seq: self.next_seq,
            time,
            body,
        };
        let mut line = serde_json::to_vec(&event)?;
        line.push(b'\n');
        self.out.write_all(&line)?;
        self.out.flush()?;
        self.next_seq += 1;
        Ok(())
    }

    /// Print `body` as it happened now.
    ///
    /// # Errors
    /// What writing to `out` gives.
    pub fn write(&mut self, body: Body) -> io::Result<()> {
        self.write_at(Timestamp::now(), body)
    }
}
