// SPDX-License-Identifier: BSD-2-Clause
//! What is uploaded, as `make dist` and `make freebsd` leave it here:
//!
//! ```text
//! DIST/linux-amd64/kmod-integration   programs for one system and processor
//! DIST/freebsd-14-arm64/tcpstats.ko   and, with a module, for one major release
//! DIST/kmod/tcpstats/...              C sources, for all
//! ```
//!
//! Each kind's files are hashed once a run: all VMs of a run get the same bytes,
//! or fail where the folder was changed meanwhile.

use std::collections::HashMap;
use std::fs::{self, File};
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use sha2::{Digest, Sha256};
use tokio::sync::Mutex;

use crate::event::{Cause, Facts};
use crate::pipeline::Failure;
use crate::pipeline::connect::System;

/// Folders below a source folder that are looked into.
const DEPTH_MAX: usize = 8;
/// What stands in the causes of failures here.
const TRIED: &str = "collect what is to be uploaded";

/// The folder, and what was read of it so far.
#[derive(Debug)]
pub struct Dist {
    dir: PathBuf,
    read: Mutex<HashMap<String, Arc<Vec<Upload>>>>,
}

/// A file here and its path below the deployment there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Upload {
    pub(super) from: PathBuf,
    pub(super) to: String,
    pub(super) executable: bool,
    pub(super) bytes: u64,
    /// SHA-256 of its content, in lower-case hexadecimal digits.
    pub(super) hash: String,
}

impl Dist {
    /// The one in `dir`, which need not exist.
    #[must_use]
    pub fn new(dir: PathBuf) -> Self {
        Self {
            dir,
            read: Mutex::default(),
        }
    }

    /// Whether there are programs for such a machine.
    pub(super) fn serves(&self, system: System, facts: &Facts) -> bool {
        kind(system, facts).is_ok_and(|kind| self.dir.join(kind).is_dir())
    }

    /// What of the programs for such a machine is not there, if anything.
    pub(crate) fn lacks(&self, system: System, facts: &Facts) -> Option<Cause> {
        let looked = kind(system, facts).and_then(|kind| programs(&self.dir, &kind, system));
        looked.err().map(|failure| failure.cause)
    }

    /// What such a machine gets.
    pub(super) async fn uploads(
        &self,
        system: System,
        facts: &Facts,
    ) -> Result<Arc<Vec<Upload>>, Failure> {
        let kind = kind(system, facts)?;
        let mut read = self.read.lock().await;
        if let Some(uploads) = read.get(&kind) {
            return Ok(Arc::clone(uploads));
        }
        let dir = self.dir.clone();
        let reading = {
            let kind = kind.clone();
            tokio::task::spawn_blocking(move || uploads(&dir, &kind, system))
        };
        let uploads = reading.await.map_err(|error| {
            Failure::infrastructure(error.to_string(), TRIED, "tell the authors of this program")
        })?;
        let uploads = Arc::new(uploads?);
        read.insert(kind, Arc::clone(&uploads));
        Ok(uploads)
    }
}

/// The folder of the programs for such a machine. A module fits the kernels of
/// one major release of FreeBSD, a program any Linux.
fn kind(system: System, facts: &Facts) -> Result<String, Failure> {
    let Facts {
        os_release, arch, ..
    } = facts;
    match system {
        System::Linux => Ok(format!("linux-{arch}")),
        System::FreeBsd => match major(os_release) {
            Some(major) => Ok(format!("freebsd-{major}-{arch}")),
            None => Err(Failure::infrastructure(
                format!("this is no release of FreeBSD: {os_release:?}"),
                "choose what is to be uploaded",
                "see what `uname -r` says on the VM",
            )),
        },
    }
}

/// 14 of `14.3-RELEASE-p2`.
fn major(os_release: &str) -> Option<u32> {
    os_release.split_once('.')?.0.parse().ok()
}

/// The folder of the programs for `kind`, with all of them in it, and how they
/// come to be there.
fn programs(dist: &Path, kind: &str, system: System) -> Result<(PathBuf, &'static str), Failure> {
    let bin = dist.join(kind);
    let (required, advice): (&[&str], _) = match system {
        System::Linux => (
            &["kmod-integration", "tcp-echo", "tcpstats", "tcpstatsd"],
            "build them with `make dist`, or name their folder with --dist",
        ),
        System::FreeBsd => (
            &["kmod-integration", "tcp-echo", "tcpstats", "tcpstats.ko"],
            "build them with `make freebsd`, or name their folder with --dist",
        ),
    };
    if let Some(missing) = required.iter().find(|name| !bin.join(name).is_file()) {
        return Err(Failure::infrastructure(
            format!("there is no {missing} for {kind} in {}", bin.display()),
            TRIED,
            advice,
        ));
    }
    Ok((bin, advice))
}

fn uploads(dist: &Path, kind: &str, system: System) -> Result<Vec<Upload>, Failure> {
    let (bin, advice) = programs(dist, kind, system)?;
    let mut uploads = Vec::new();
    for (folder, to) in [(bin, "bin"), (dist.join("kmod/tcpstats"), "kmod/tcpstats")] {
        files_in(&folder, to, DEPTH_MAX, &mut uploads).map_err(|error| {
            Failure::infrastructure(
                format!("{} could not be read: {error}", folder.display()),
                TRIED,
                advice,
            )
        })?;
    }
    Ok(uploads)
}

/// The regular files in `folder`, with links followed, as `to/...`.
fn files_in(folder: &Path, to: &str, depth: usize, uploads: &mut Vec<Upload>) -> io::Result<()> {
    if depth == 0 {
        return Err(io::Error::other("its folders are nested too deeply"));
    }
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let from = entry.path();
        let name = entry.file_name().into_string().map_err(|name| {
            io::Error::other(format!("{} is not UTF-8", Path::new(&name).display()))
        })?;
        let to = format!("{to}/{name}");
        let metadata = fs::metadata(&from)?;
        if metadata.is_dir() {
            files_in(&from, &to, depth - 1, uploads)?;
        } else if metadata.is_file() {
            let mut content = Sha256::new();
            let bytes = io::copy(&mut File::open(&from)?, &mut content)?;
            uploads.push(Upload {
                from,
                to,
                executable: metadata.permissions().mode() & 0o100 != 0,
                bytes,
                hash: hexadecimal(&content.finalize()),
            });
        }
    }
    Ok(())
}

fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_is_uploaded_with_its_folders_modes_and_hashes() {
        let dir = tempfile::tempdir().unwrap();
        fs::create_dir(dir.path().join("core")).unwrap();
        fs::write(dir.path().join("core/a.c"), "abc").unwrap();
        fs::write(dir.path().join("run"), "").unwrap();
        fs::set_permissions(dir.path().join("run"), fs::Permissions::from_mode(0o755)).unwrap();
        let mut uploads = Vec::new();
        files_in(dir.path(), "bin", 2, &mut uploads).unwrap();
        uploads.sort_by(|a, b| a.to.cmp(&b.to));
        let seen: Vec<(&str, bool, u64)> = uploads
            .iter()
            .map(|upload| (upload.to.as_str(), upload.executable, upload.bytes))
            .collect();
        assert_eq!(seen, [("bin/core/a.c", false, 3), ("bin/run", true, 0)]);
        // FIPS 180-2, appendix B.1.
        assert_eq!(
            uploads[0].hash,
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
        );
        assert!(files_in(dir.path(), "bin", 1, &mut Vec::new()).is_err());
    }

    fn kind_of(system: System, os_release: &str, arch: &str) -> Result<String, Failure> {
        let facts = Facts {
            os: String::new(),
            os_release: os_release.to_owned(),
            arch: arch.to_owned(),
            hostname: String::new(),
            boot_id: String::new(),
            platform: None,
        };
        kind(system, &facts)
    }

    #[test]
    fn programs_for_freebsd_are_those_of_its_major_release() {
        for (os_release, arch, expected) in [
            ("14.3-RELEASE", "amd64", "freebsd-14-amd64"),
            ("14.4-RELEASE-p2", "arm64", "freebsd-14-arm64"),
            ("15.0-RELEASE", "amd64", "freebsd-15-amd64"),
            ("16.0-CURRENT", "arm64", "freebsd-16-arm64"),
        ] {
            let seen = kind_of(System::FreeBsd, os_release, arch);
            assert_eq!(seen.as_deref(), Ok(expected));
        }
        for os_release in ["", "RELEASE", "14", "v14.3", "-1.0"] {
            let failure = kind_of(System::FreeBsd, os_release, "amd64").unwrap_err();
            assert_eq!(
                failure.cause.what,
                format!("this is no release of FreeBSD: {os_release:?}")
            );
        }
    }

    #[test]
    fn programs_for_linux_are_those_of_its_processor() {
        for os_release in ["6.1.0-18-amd64", "custom"] {
            let seen = kind_of(System::Linux, os_release, "arm64");
            assert_eq!(seen.as_deref(), Ok("linux-arm64"));
        }
    }
}
