// SPDX-License-Identifier: BSD-2-Clause
//! The first half of writing a log: a thread that numbers, stamps and appends
//! events in groups, ahead of the disk by a bounded number of them.

use std::fs::File;
use std::io::{self, Write};
use std::sync::mpsc as sync_mpsc;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};

use jiff::Timestamp;
use tokio::sync::mpsc;
use tokio_util::bytes::Bytes;

use super::{End, said};
use crate::event::{Body, Event, VERSION};

/// Events that are appended in one write at most.
const GROUP: usize = 2048;
/// Groups that may wait for the disk before nothing more is appended.
pub(super) const UNSYNCED_GROUPS: usize = 4;

/// What waits to be appended.
#[derive(Debug)]
pub(super) struct Queued {
    pub(super) body: Body,
    /// What it is printed from, where that is known already.
    pub(super) line: Option<Bytes>,
}

/// Events that were appended in one write.
#[derive(Debug)]
pub(super) struct Group {
    pub(super) events: Vec<Event>,
    /// Length of the log after them, bytes.
    end: u64,
}

/// The log as whoever syncs it sees it.
#[derive(Debug)]
pub(super) struct Appended {
    /// What was appended, in order; it ends with the log or its failure.
    pub(super) groups: sync_mpsc::Receiver<Group>,
    file: File,
    appending: Arc<Mutex<Option<File>>>,
    thread: JoinHandle<io::Result<()>>,
    /// Length of what was synced, bytes.
    synced: u64,
}

impl Appended {
    /// Have `groups`, the next ones, on disk.
    ///
    /// # Errors
    /// The disk's. Nothing is appended any more then.
    pub(super) fn sync(&mut self, groups: &[Group]) -> io::Result<()> {
        if let Err(error) = self.file.sync_data() {
            let mut appending = self
                .appending
                .lock()
                .unwrap_or_else(PoisonError::into_inner);
            if let Some(file) = appending.take() {
                // What was synced before stays good even where this fails too.
                let _ = file.set_len(self.synced);
            }
            return Err(error);
        }
        if let Some(last) = groups.last() {
            self.synced = last.end;
        }
        Ok(())
    }

    /// After the last group: why it was the last.
    ///
    /// # Errors
    /// What appending failed with.
    pub(super) fn finish(self) -> io::Result<()> {
        let ended = self.thread.join();
        ended.unwrap_or_else(|_| Err(io::Error::other("the appending thread panicked")))
    }
}

/// What the thread works with.
pub(super) struct Appender {
    /// Taken away where a sync fails: what is written after that would leave a
    /// gap.
    file: Arc<Mutex<Option<File>>>,
    /// Length of all whole groups, bytes.
    length: u64,
    next_seq: u64,
    /// The lines of one group; kept for its memory.
    lines: Vec<u8>,
}

impl Appender {
    /// Append to `file` after `end` whatever comes out of `queue`, stamped by
    /// `clock`.
    ///
    /// # Errors
    /// When the file can't be shared or the thread can't be made.
    pub(super) fn start(
        file: File,
        end: End,
        mut queue: mpsc::Receiver<Queued>,
        clock: impl Fn() -> Timestamp + Send + 'static,
    ) -> io::Result<Appended> {
        let (appended, groups) = sync_mpsc::sync_channel(UNSYNCED_GROUPS);
        let to_sync = file.try_clone()?;
        let file = Arc::new(Mutex::new(Some(file)));
        let mut appender = Self {
            file: Arc::clone(&file),
            length: end.bytes,
            next_seq: end.next_seq,
            lines: Vec::new(),
        };
        let append_all = move || {
            let mut waiting = Vec::with_capacity(GROUP);
            while queue.blocking_recv_many(&mut waiting, GROUP) > 0 {
                let stamped = waiting.drain(..).map(|queued| (clock(), queued));
                let group = appender.append(stamped)?;
                if appended.send(group).is_err() {
                    // Whoever syncs has failed, and says why.
                    break;
                }
            }
            Ok(())
        };
        let thread = thread::Builder::new().name("event-append".into());
        Ok(Appended {
            groups,
            file: to_sync,
            appending: file,
            thread: thread.spawn(append_all)?,
            synced: end.bytes,
        })
    }

    fn append(
        &mut self,
        queued: impl ExactSizeIterator<Item = (Timestamp, Queued)>,
    ) -> io::Result<Group> {
        self.lines.clear();
        let mut events = Vec::with_capacity(queued.len());
        for (time, Queued { body, line }) in queued {
            let event = Event {
                v: VERSION,
                seq: self.next_seq,
                time,
                body,
            };
            match line {
                Some(line) => said::write(&mut self.lines, &event, &line)?,
                None => serde_json::to_writer(&mut self.lines, &event)?,
            }
            self.lines.push(b'\n');
            self.next_seq += 1;
            events.push(event);
        }
        self.write()?;
        Ok(Group {
            events,
            end: self.length,
        })
    }

    fn write(&mut self) -> io::Result<()> {
        let mut file = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(file) = file.as_mut() else {
            return Err(io::Error::other(
                "what was appended before could not be synced",
            ));
        };
        if let Err(error) = file.write_all(&self.lines) {
            // Half a group may stand there. Readers know a cut line where this
            // fails too.
            let _ = file.set_len(self.length);
            return Err(error);
        }
        self.length += self.lines.len() as u64;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::os::fd::OwnedFd;

    use super::*;

    #[tokio::test]
    async fn after_a_failed_sync_nothing_more_is_appended_and_what_was_not_synced_is_gone() {
        let log = tempfile::NamedTempFile::new().unwrap();
        let length = || log.as_file().metadata().unwrap().len();
        let event = || Queued {
            body: Body::RunFinished { duration_s: 1.0 },
            line: None,
        };
        let (queue, events) = mpsc::channel(8);
        let end = End {
            bytes: 0,
            next_seq: 0,
        };
        let file = File::options().append(true).open(log.path()).unwrap();
        let mut appended = Appender::start(file, end, events, Timestamp::now).unwrap();

        queue.send(event()).await.unwrap();
        let first = appended.groups.recv().unwrap();
        appended.sync(&[first]).unwrap();
        let synced = length();
        assert_ne!(synced, 0);

        queue.send(event()).await.unwrap();
        let second = appended.groups.recv().unwrap();
        assert_eq!(length(), 2 * synced);
        // A pipe can't be synced.
        let (_reader, writer) = io::pipe().unwrap();
        appended.file = File::from(OwnedFd::from(writer));
        let refused = appended.sync(&[second]).unwrap_err();
        assert_eq!(refused.kind(), io::ErrorKind::InvalidInput);
        assert_eq!(length(), synced);

        queue.send(event()).await.unwrap();
        assert!(appended.groups.recv().is_err());
        assert!(appended.finish().is_err());
        assert_eq!(length(), synced);
    }
}
