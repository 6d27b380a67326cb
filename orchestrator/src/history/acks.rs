// SPDX-License-Identifier: BSD-2-Clause
//! What people said of changes. No event log has it, so it has a file of its
//! own beside them, a JSON object a line, which is only ever appended to: the
//! database can be made anew from it as from the logs.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::series::SeriesKey;
use super::{Error, History, write};

/// The file's name in the folder of runs.
pub const FILE_NAME: &str = "acks.ndjson";

/// A change that a person has seen.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ack {
    /// The series that has changed.
    pub series: SeriesKey,
    /// The first run after the change.
    pub run: String,
    /// Who has seen it.
    pub who: String,
    /// When.
    pub time: Timestamp,
    /// What there is to say of it.
    pub note: String,
}

/// The whole file.
#[derive(Debug, Default)]
pub(super) struct Acks {
    pub(super) list: Vec<Ack>,
    pub(super) bytes: u64,
    pub(super) trouble: Option<String>,
}

impl Acks {
    /// Read the file at `path`. A line that is none is left out, and named.
    pub(super) fn read(path: &Path) -> Result<Self, Error> {
        let text = fs::read(path).map_err(failed("read", path))?;
        let mut acks = Self {
            bytes: text.len() as u64,
            ..Self::default()
        };
        for (line, text) in (1..).zip(text.split(|byte| *byte == b'\n')) {
            if text.is_empty() {
                continue;
            }
            match serde_json::from_slice(text) {
                Ok(ack) => acks.list.push(ack),
                Err(error) => acks.trouble = Some(format!("line {line}: {error}")),
            }
        }
        Ok(acks)
    }
}

impl History {
    /// Keep `ack`.
    ///
    /// # Errors
    /// When it can't be written; where only the database can't, it is kept.
    pub async fn ack(&self, ack: &Ack) -> Result<(), Error> {
        let path = path(&self.runs_dir);
        append(&path, ack)?;
        write::acks(&self.pool, &Acks::read(&path)?).await
    }
}

/// The file beside the runs in `runs_dir`.
pub(super) fn path(runs_dir: &Path) -> PathBuf {
    runs_dir.join(FILE_NAME)
}

fn append(path: &Path, ack: &Ack) -> Result<(), Error> {
    let mut line = serde_json::to_vec(ack)?;
    line.push(b'\n');
    add_line(path, &line).map_err(failed("write", path))
}

/// One process at a time. A line that was cut off stays one of its own.
fn add_line(path: &Path, line: &[u8]) -> io::Result<()> {
    let mut options = OpenOptions::new();
    let mut file = options.create(true).read(true).append(true).open(path)?;
    file.lock()?;
    if !ends_in_newline(&mut file)? {
        file.write_all(b"\n")?;
    }
    file.write_all(line)?;
    file.sync_all()
}

fn ends_in_newline(file: &mut File) -> io::Result<bool> {
    if file.metadata()?.len() == 0 {
        return Ok(true);
    }
    let mut last = [0];
    file.seek(SeekFrom::End(-1))?;
    file.read_exact(&mut last)?;
    Ok(last == *b"\n")
}

fn failed(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Error {
    let path = path.to_owned();
    move |source| Error::File {
        action,
        path,
        source,
    }
}
