// SPDX-License-Identifier: BSD-2-Clause
//! The writing side of a run's log: two threads of its own, fed through a
//! bounded channel, so that a slow disk slows the run down instead of filling
//! memory and never blocks the executors' threads. One appends (see
//! [`super::append`]); the other syncs what was appended meanwhile, and shows it.
//!
//! Invariant: a projection sees an event only after it is on disk.

use std::fs::{File, OpenOptions, TryLockError};
use std::io;
use std::iter;
use std::panic::{self, AssertUnwindSafe};
use std::path::{Path, PathBuf};
use std::thread;

use jiff::Timestamp;
use tokio::sync::{mpsc, oneshot};
use tokio_util::bytes::Bytes;

use super::End;
use super::append::{Appended, Appender, Queued, UNSYNCED_GROUPS};
use crate::event::Body;
use crate::projection::Projection;

/// Events that may wait for the disk before their senders have to.
const QUEUE: usize = 8192;

/// Where a new log ends.
const NOTHING: End = End {
    bytes: 0,
    next_seq: 0,
};

/// Why a log could not be written.
#[derive(Debug, thiserror::Error)]
#[error("the event log {} could not be {action}", path.display())]
pub struct WriteError {
    path: PathBuf,
    action: &'static str,
    #[source]
    source: io::Error,
}

/// Where the parts of a run report what happens; cheap to clone.
#[derive(Debug, Clone)]
pub struct Recorder {
    queue: mpsc::Sender<Queued>,
}

impl Recorder {
    /// Put `body` in line for the log, waiting while the line is full.
    ///
    /// Once the log has failed this does nothing: whoever started the writer
    /// learns of the failure and ends the run.
    pub async fn record(&self, body: Body) {
        self.put(Queued { body, line: None }).await;
    }

    /// Likewise what a test binary said on `line`, which says what the event in
    /// `body` says and no more: it is logged as it came.
    pub async fn record_line(&self, body: Body, line: Bytes) {
        let line = Some(line);
        self.put(Queued { body, line }).await;
    }

    async fn put(&self, queued: Queued) {
        // A closed queue is the failed writer's, reported by `Writer::finish`.
        let _ = self.queue.send(queued).await;
    }
}

/// The thread that writes a log.
#[derive(Debug)]
pub struct Writer {
    path: PathBuf,
    result: oneshot::Receiver<Result<(), WriteError>>,
}

impl Writer {
    /// Create the log at `path`, which must not exist yet, and feed every
    /// event, once synced, to `projections` in order. Event times are `clock`'s.
    /// `on_failure` is called as soon as the log can't be written any more.
    ///
    /// # Errors
    /// When the file or the thread can't be made.
    pub fn start(
        path: &Path,
        projections: Vec<Box<dyn Projection>>,
        clock: impl Fn() -> Timestamp + Send + 'static,
        on_failure: impl FnOnce() + Send + 'static,
    ) -> Result<(Recorder, Self), WriteError> {
        let file = OpenOptions::new()
            .append(true)
            .create_new(true)
            .open(path)
            .map_err(failed(path, "created"))?;
        Self::write_to(path, file, NOTHING, projections, clock, on_failure)
    }

    /// Go on with the log at `path` after `end`, as [`Writer::start`] does with
    /// a new one; what stands there after `end` was cut off and is removed.
    ///
    /// # Errors
    /// When the file can't be written, another process writes it or has done so
    /// since it was read, or the thread can't be made.
    pub fn go_on(
        path: &Path,
        end: End,
        projections: Vec<Box<dyn Projection>>,
        clock: impl Fn() -> Timestamp + Send + 'static,
        on_failure: impl FnOnce() + Send + 'static,
    ) -> Result<(Recorder, Self), WriteError> {
        let file = OpenOptions::new()
            .append(true)
            .open(path)
            .map_err(failed(path, "opened"))?;
        Self::write_to(path, file, end, projections, clock, on_failure)
    }

    /// Whether a process writes the log at `path`.
    ///
    /// # Errors
    /// When the file can't be opened.
    pub fn is_at_work(path: &Path) -> io::Result<bool> {
        match File::open(path)?.try_lock_shared() {
            Ok(()) => Ok(false),
            Err(TryLockError::WouldBlock) => Ok(true),
            Err(TryLockError::Error(error)) => Err(error),
        }
    }

    fn write_to(
        path: &Path,
        file: File,
        end: End,
        projections: Vec<Box<dyn Projection>>,
        clock: impl Fn() -> Timestamp + Send + 'static,
        on_failure: impl FnOnce() + Send + 'static,
    ) -> Result<(Recorder, Self), WriteError> {
        file.try_lock()
            .map_err(|error| failed(path, "taken: its run is still going on")(error.into()))?;
        file.set_len(end.bytes).map_err(failed(path, "shortened"))?;
        let (queue, events) = mpsc::channel(QUEUE);
        let (report, result) = oneshot::channel();
        let appended =
            Appender::start(file, end, events, clock).map_err(failed(path, "appended to"))?;
        let failed_to_write = failed(path, "written");
        thread::Builder::new()
            .name("event-log".into())
            .spawn(move || {
                // A panicking projection must end the run as a full disk does,
                // not leave it going without a log.
                let written =
                    panic::catch_unwind(AssertUnwindSafe(|| sync_all(appended, projections)))
                        .unwrap_or_else(|_| Err(io::Error::other("a projection panicked")));
                if written.is_err() {
                    on_failure();
                }
                // Nobody listens only where the whole run was given up.
                let _ = report.send(written.map_err(failed_to_write));
            })
            .map_err(failed(path, "written by a thread"))?;
        Ok((
            Recorder { queue },
            Self {
                path: path.to_owned(),
                result,
            },
        ))
    }

    /// Wait until every event of every [`Recorder`] is on disk and shown. All
    /// recorders must be dropped, or this waits for them.
    ///
    /// # Errors
    /// The failure that ended the log early.
    pub async fn finish(self) -> Result<(), WriteError> {
        match self.result.await {
            Ok(result) => result,
            Err(source) => Err(WriteError {
                path: self.path,
                action: "written",
                source: io::Error::other(source),
            }),
        }
    }
}

fn failed(path: &Path, action: &'static str) -> impl FnOnce(io::Error) -> WriteError + use<> {
    let path = path.to_owned();
    move |source| WriteError {
        path,
        action,
        source,
    }
}

/// Sync and show what is appended, until nothing more will be. What was
/// appended during one sync shares the next.
fn sync_all(mut appended: Appended, mut projections: Vec<Box<dyn Projection>>) -> io::Result<()> {
    while let Ok(first) = appended.groups.recv() {
        let more = appended.groups.try_iter().take(UNSYNCED_GROUPS);
        let groups: Vec<_> = iter::once(first).chain(more).collect();
        appended.sync(&groups)?;
        for event in groups.iter().flat_map(|group| &group.events) {
            for projection in &mut projections {
                projection.apply(event);
            }
        }
    }
    appended.finish()
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use super::*;
    use crate::event::Event;
    use crate::event_log::Reader;

    struct Seen(Arc<Mutex<Vec<(u64, u64)>>>, PathBuf);

    impl Projection for Seen {
        fn apply(&mut self, event: &Event) {
            let on_disk = Reader::open(&self.1).unwrap().count() as u64;
            self.0.lock().unwrap().push((event.seq, on_disk));
        }
    }

    fn body(n: u32) -> Body {
        Body::RunFinished {
            duration_s: f64::from(n),
        }
    }

    #[tokio::test]
    async fn events_are_numbered_stamped_and_on_disk_before_they_are_shown() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("events.ndjson");
        let seen = Arc::new(Mutex::new(Vec::new()));
        let (recorder, writer) = Writer::start(
            &path,
            vec![Box::new(Seen(Arc::clone(&seen), path.clone()))],
            || Timestamp::UNIX_EPOCH,
            || panic!("the log failed"),
        )
        .unwrap();
        for n in 0..300 {
            recorder.record(body(n)).await;
        }
        drop(recorder);
        writer.finish().await.unwrap();

        let events: Vec<Event> = Reader::open(&path).unwrap().map(Result::unwrap).collect();
        assert_eq!(events.len(), 300);
        assert_eq!(events[299].body, body(299));
        assert_eq!(events[299].time, Timestamp::UNIX_EPOCH);
        let seen = seen.lock().unwrap();
        assert_eq!(seen.len(), 300);
        assert!(seen.iter().all(|(seq, on_disk)| seq < on_disk));
    }

    #[tokio::test]
    async fn what_a_test_binary_said_is_logged_as_it_came() {
        // Printed again, it would have more digits and another order.
        let said = r#"{"v":1,"seq":3,"time":"2026-11-23T09:49:00Z","type":"test_finished","id":"D07","target":"t","name":"p","outcome":"passed","duration_s":1}"#;
        let body = Body::Harness {
            vm: "a".into(),
            target: "t".into(),
            event: serde_json::from_str(said).unwrap(),
        };
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("events.ndjson");
        let (recorder, writer) = Writer::start(&path, Vec::new(), Timestamp::now, || {
            panic!("the log failed")
        })
        .unwrap();
        recorder.record_line(body.clone(), said.into()).await;
        recorder.record(body.clone()).await;
        drop(recorder);
        writer.finish().await.unwrap();

        let log = std::fs::read_to_string(&path).unwrap();
        let as_it_came: Vec<bool> = log.lines().map(|line| line.contains(said)).collect();
        assert_eq!(as_it_came, [true, false]);
        let read: Vec<Event> = Reader::open(&path).unwrap().map(Result::unwrap).collect();
        assert!(read.iter().all(|event| event.body == body));
    }

    #[tokio::test]
    async fn a_full_disk_ends_the_log_with_an_error_and_blocks_nobody() {
        let (tell, told) = oneshot::channel();
        let (queue, events) = mpsc::channel(QUEUE);
        let full = OpenOptions::new().write(true).open("/dev/full").unwrap();
        let appended = Appender::start(full, NOTHING, events, Timestamp::now).unwrap();
        thread::spawn(move || {
            let _ = tell.send(sync_all(appended, Vec::new()));
        });
        let recorder = Recorder { queue };
        for n in 0..3000 {
            recorder.record(body(n)).await;
        }
        assert_eq!(
            told.await.unwrap().unwrap_err().kind(),
            io::ErrorKind::StorageFull
        );
    }

    struct Panics;

    impl Projection for Panics {
        fn apply(&mut self, _: &Event) {
            panic!("as this test demands");
        }
    }

    #[tokio::test]
    async fn a_panicking_projection_ends_the_run_after_its_event_is_on_disk() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("events.ndjson");
        let (tell, told) = oneshot::channel();
        let (recorder, writer) =
            Writer::start(&path, vec![Box::new(Panics)], Timestamp::now, || {
                tell.send(()).unwrap();
            })
            .unwrap();
        recorder.record(body(0)).await;
        told.await.unwrap();
        assert!(writer.finish().await.is_err());
        assert_eq!(Reader::open(&path).unwrap().count(), 1);
    }

    #[test]
    fn an_existing_log_is_never_written_to() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("events.ndjson");
        std::fs::write(&path, "precious").unwrap();
        let error = Writer::start(&path, Vec::new(), Timestamp::now, || {}).unwrap_err();
        assert!(error.to_string().ends_with("could not be created"));
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "precious");
    }
}
