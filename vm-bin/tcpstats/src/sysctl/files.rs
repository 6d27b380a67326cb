// SPDX-License-Identifier: BSD-2-Clause
//! The tree as files below the mount of `tcpstatsd`.

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use crate::paths;

#[derive(Clone, Debug)]
pub(super) struct Backend {
    folder: PathBuf,
}

impl Backend {
    pub(super) fn new() -> Self {
        Self::at(&paths::mount())
    }

    pub(super) fn at(mount: &Path) -> Self {
        Self {
            folder: mount.join("sysctl"),
        }
    }

    pub(super) fn of(device: &Path) -> Option<Self> {
        let node = device.canonicalize().ok()?;
        let folder = node
            .ancestors()
            .map(|mount| mount.join("sysctl"))
            .find(|f| f.is_dir())?;
        Some(Self { folder })
    }

    pub(super) fn describe(&self, name: &str) -> String {
        self.path(name).display().to_string()
    }

    pub(super) fn get(&self, name: &str) -> io::Result<String> {
        let mut value = fs::read_to_string(self.path(name))?;
        if value.ends_with('\n') {
            value.pop();
        }
        Ok(value)
    }

    pub(super) fn set(&self, name: &str, value: &str) -> io::Result<()> {
        let mut file = fs::OpenOptions::new()
            .write(true)
            .truncate(true)
            .open(self.path(name))?;
        // One write(2) is one command; the newline lets an empty value be written at all.
        let line = format!("{value}\n");
        let written = file.write(line.as_bytes())?;
        if written == line.len() {
            Ok(())
        } else {
            Err(io::Error::new(
                io::ErrorKind::WriteZero,
                format!("only {written} of {} bytes were taken", line.len()),
            ))
        }
    }

    fn path(&self, name: &str) -> PathBuf {
        match name.strip_prefix("profiles.") {
            Some(profile) => self.folder.join("profiles").join(profile),
            None => self.folder.join(name),
        }
    }
}
