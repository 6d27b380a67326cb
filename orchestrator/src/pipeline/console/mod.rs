// SPDX-License-Identifier: BSD-2-Clause
//! A VM's console while the VM is driven: recorded beside the events, and
//! watched for what a FreeBSD kernel says when something is wrong.
//!
//! - `source`: where the console's bytes come from.
//! - `recognise`: what a kernel's lines mean.

mod recognise;
mod source;

use std::path::{Path, PathBuf};
use std::time::Duration;

use tokio::fs::{self, File};
use tokio::io::AsyncWriteExt;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::sleep;

use crate::event::{Body, Stage};
use crate::event_log::Recorder;
use crate::inventory::Vm;
use recognise::{Recogniser, Report};
use source::Source;

/// Its record, in the VM's folder of a run.
pub(super) const FILE_NAME: &str = "console.log";
/// The most that is recorded of a console, bytes; it is watched beyond that.
const RECORD_BYTES_MAX: usize = 64 << 20;
/// Longer lines are split, bytes.
const LINE_BYTES_MAX: usize = 4096;
/// Silence after which a report is taken to be complete.
const QUIET: Duration = Duration::from_millis(500);
/// Pause before a console that ended or can't be opened is tried again.
const REOPEN: Duration = Duration::from_secs(1);

/// A console that is being followed, until this is dropped.
#[derive(Debug)]
pub(super) struct Console {
    crash: watch::Sender<Option<String>>,
    task: JoinHandle<()>,
}

impl Console {
    /// Follow the console of `vm`, if the inventory names one, from now on;
    /// `folder` is the VM's in the run.
    pub(super) async fn follow(vm: &Vm, folder: &Path, recorder: &Recorder) -> Option<Self> {
        let named = vm.console.clone()?;
        let crash = watch::Sender::new(None);
        let mut follower = Follower {
            vm: vm.name.clone(),
            recorder: recorder.clone(),
            record: Record::new(folder.join(FILE_NAME)),
            line: Vec::new(),
            recogniser: Recogniser::default(),
            crash: crash.clone(),
        };
        // Before anything is done on the VM, so that nothing is missed.
        let mut source = Source::open(&named, true).await;
        let task = tokio::spawn(async move {
            loop {
                let ended = match &mut source {
                    Ok(source) => follower.read(source).await,
                    Err(error) => error.to_string(),
                };
                follower.trouble(&ended).await;
                sleep(REOPEN).await;
                source = Source::open(&named, false).await;
            }
        });
        Some(Self { crash, task })
    }

    /// Wait for a kernel's panic: what it was.
    pub(super) async fn crashed(&self) -> String {
        let mut crash = self.crash.subscribe();
        let seen = crash.wait_for(Option::is_some).await;
        match seen.ok().and_then(|words| words.clone()) {
            Some(words) => words,
            // Nobody follows it any more.
            None => std::future::pending().await,
        }
    }

    /// The VM was reset: an earlier panic is over.
    pub(super) fn forget(&self) {
        self.crash.send_replace(None);
    }
}

impl Drop for Console {
    fn drop(&mut self) {
        self.task.abort();
    }
}

struct Follower {
    vm: String,
    recorder: Recorder,
    record: Record,
    line: Vec<u8>,
    recogniser: Recogniser,
    crash: watch::Sender<Option<String>>,
}

impl Follower {
    /// Take in what `source` has to its end: why it ended.
    async fn read(&mut self, source: &mut Source) -> String {
        loop {
            tokio::select! {
                chunk = source.next() => match chunk {
                    Ok(chunk) if chunk.is_empty() => return "it ended".into(),
                    Ok(chunk) => self.take(&chunk).await,
                    Err(error) => return error.to_string(),
                },
                () = sleep(QUIET), if self.recogniser.is_open() => {
                    let report = self.recogniser.close();
                    self.tell(report).await;
                }
            }
        }
    }

    async fn take(&mut self, chunk: &[u8]) {
        self.record.write(chunk).await;
        for byte in chunk {
            match byte {
                b'\r' => {}
                b'\n' => self.end_of_line().await,
                _ if self.line.len() == LINE_BYTES_MAX => self.end_of_line().await,
                byte => self.line.push(*byte),
            }
        }
    }

    async fn end_of_line(&mut self) {
        let line = std::mem::take(&mut self.line);
        let report = self.recogniser.line(&String::from_utf8_lossy(&line));
        self.tell(report).await;
    }

    async fn tell(&mut self, report: Option<Report>) {
        let Some(report) = report else {
            return;
        };
        self.recorder
            .record(Body::Console {
                vm: self.vm.clone(),
                kind: report.kind,
                lines: report.lines.clone(),
            })
            .await;
        if report.kind.is_crash() {
            self.crash.send_replace(Some(report.title()));
        }
    }

    async fn trouble(&mut self, what: &str) {
        let report = self.recogniser.close();
        self.tell(report).await;
        if self.record.is_first_trouble() {
            self.recorder
                .record(Body::Note {
                    vm: self.vm.clone(),
                    stage: Stage::Connect,
                    line: format!("the console can't be followed for now: {what}"),
                })
                .await;
        }
    }
}

/// The file that a console is recorded in, made when there is something to
/// record. A console that can't be recorded is followed all the same.
struct Record {
    path: PathBuf,
    file: Option<File>,
    bytes: usize,
    troubles: usize,
}

impl Record {
    fn new(path: PathBuf) -> Self {
        Self {
            path,
            file: None,
            bytes: 0,
            troubles: 0,
        }
    }

    async fn write(&mut self, chunk: &[u8]) {
        let room = RECORD_BYTES_MAX - self.bytes;
        let chunk = &chunk[..chunk.len().min(room)];
        self.bytes += chunk.len();
        if self.file.is_none() {
            let folder = self.path.parent().unwrap_or(&self.path);
            let _ = fs::create_dir_all(folder).await;
            self.file = File::create(&self.path).await.ok();
        }
        if let Some(file) = &mut self.file {
            // At once, since this may be the last that is heard of it. A full
            // disk shows in the event log.
            let _ = file.write_all(chunk).await;
            let _ = file.flush().await;
        }
    }

    fn is_first_trouble(&mut self) -> bool {
        self.troubles += 1;
        self.troubles == 1
    }
}
