// SPDX-License-Identifier: BSD-2-Clause
//! The lab's files: who may change them, what they hold, how they go away.

use std::fs::{self, DirBuilder, File, Permissions};
use std::io::{self, Write};
use std::net::Ipv4Addr;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use procfs::Current;
use rustix::fs::{FlockOperation, OFlags, flock};
use serde::{Deserialize, Serialize};

use super::error::{LabError, Tried};
use super::network::Subnet;
use super::processes;

const STATE: &str = "state.json";
const INVENTORY: &str = "vms.toml";
const CLIENT_KEY: &str = "client_key";
const CLIENT_KEY_PUBLIC: &str = "client_key.pub";
const KNOWN_HOSTS: &str = "known_hosts";
const HOSTS: &str = "hosts";
const ROOT: &str = "root";
const ENTRIES: [&str; 7] = [
    STATE,
    INVENTORY,
    CLIENT_KEY,
    CLIENT_KEY_PUBLIC,
    KNOWN_HOSTS,
    HOSTS,
    ROOT,
];

/// What the kernel cannot tell of a lab that is up: what it was meant to be.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct State {
    /// Where its addresses are from.
    pub(super) subnet: Subnet,
    /// The daemon that serves the device in its hosts.
    pub(super) tcpstatsd: Program,
    /// Its hosts, in order.
    pub(super) hosts: Vec<HostState>,
}

/// One host of a lab that is up.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct HostState {
    /// Its host name.
    pub(super) name: String,
    /// Its address on the bridge.
    pub(super) address: Ipv4Addr,
}

/// A program file, in one build.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Program {
    /// Its absolute path.
    pub(super) path: PathBuf,
    /// Its length in bytes.
    size: u64,
    /// When it was last written.
    modified: SystemTime,
}

impl Program {
    /// The build that is at `path` now.
    ///
    /// # Errors
    /// It cannot be found or looked at.
    pub(super) fn at(path: &Path) -> Result<Self, LabError> {
        let look = || {
            let path = path.canonicalize()?;
            let meta = path.metadata()?;
            Ok::<_, io::Error>(Self {
                size: meta.len(),
                modified: meta.modified()?,
                path,
            })
        };
        look().tried(|| format!("find the program {}", path.display()))
    }
}

/// The folder of a lab's files. For root only.
#[derive(Debug, Clone)]
pub(super) struct StateDir(PathBuf);

/// The right to change a lab, until dropped or until the process ends.
#[derive(Debug)]
pub(super) struct Lock {
    /// The lock is the open folder's.
    _folder: File,
}

impl StateDir {
    /// The lab's folder; it need not exist.
    pub(super) fn new(path: PathBuf) -> Self {
        Self(path)
    }

    pub(super) fn path(&self) -> &Path {
        &self.0
    }

    /// Where each host, in its own mount namespace, assembles its root; for
    /// the machine an empty folder.
    pub(super) fn root(&self) -> PathBuf {
        self.0.join(ROOT)
    }

    /// Keys, configuration and logs of one host.
    pub(super) fn host(&self, name: &str) -> PathBuf {
        self.0.join(HOSTS).join(name)
    }

    /// The key that opens every host; its public half is beside it.
    pub(super) fn client_key(&self) -> PathBuf {
        self.0.join(CLIENT_KEY)
    }

    /// The hosts' public keys, as ssh(1) wants them.
    pub(super) fn known_hosts(&self) -> PathBuf {
        self.0.join(KNOWN_HOSTS)
    }

    /// The hosts, as `orchestrator run` wants them.
    pub(super) fn inventory(&self) -> PathBuf {
        self.0.join(INVENTORY)
    }

    /// Take the right to change the lab, and make its folder where it is not.
    ///
    /// # Errors
    /// Another process has it, or the folder is something else's.
    pub(super) fn lock(&self) -> Result<Lock, LabError> {
        loop {
            let locked = self.open_locked()?;
            self.refuse_foreign_files()?;
            // The one who had the lock may have removed the folder since.
            let same = fs::symlink_metadata(&self.0).is_ok_and(|now| {
                locked
                    .metadata()
                    .is_ok_and(|then| (now.dev(), now.ino()) == (then.dev(), then.ino()))
            });
            if same {
                return Ok(Lock { _folder: locked });
            }
        }
    }

    fn open_locked(&self) -> Result<File, LabError> {
        let shown = self.0.display();
        match DirBuilder::new().mode(0o700).create(&self.0) {
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => Err(error),
            _ => Ok(()),
        }
        .tried(|| format!("make the folder {shown}"))?;
        let flags = OFlags::DIRECTORY | OFlags::NOFOLLOW;
        let folder = File::options()
            .read(true)
            .custom_flags(flags.bits().cast_signed())
            .open(&self.0)
            .tried(|| format!("open the folder {shown}"))?;
        let meta = folder.metadata().tried(|| format!("look at {shown}"))?;
        if meta.uid() != 0 || meta.mode() & 0o077 != 0 {
            return Err(Self::foreign(&format!(
                "{shown} is open to others than root"
            )));
        }
        match flock(&folder, FlockOperation::NonBlockingLockExclusive) {
            Err(rustix::io::Errno::WOULDBLOCK) => {
                let holder = self
                    .locked_by()
                    .map_or_else(String::new, |pid| format!(" (process {pid})"));
                Err(LabError::Refused {
                    what: format!("another `orchestrator lab`{holder} is at work on {shown}"),
                    advice: "try again when it has ended".to_owned(),
                })
            }
            other => other.tried(|| format!("lock {shown}")),
        }?;
        Ok(folder)
    }

    fn refuse_foreign_files(&self) -> Result<(), LabError> {
        let reading = || format!("read the folder {}", self.0.display());
        for entry in fs::read_dir(&self.0).tried(reading)? {
            let name = entry.tried(reading)?.file_name();
            if !ENTRIES.iter().any(|known| name == *known) {
                let what = format!("{} holds {}", self.0.display(), name.display());
                return Err(Self::foreign(&what));
            }
        }
        Ok(())
    }

    fn foreign(what: &str) -> LabError {
        LabError::Refused {
            what: format!("{what}, so it is no lab's folder"),
            advice: "name another one with --dir or TCPSTATS_LAB_DIR".to_owned(),
        }
    }

    /// Whether the folder is there.
    pub(super) fn exists(&self) -> bool {
        fs::symlink_metadata(&self.0).is_ok()
    }

    /// Whether nothing is in the folder.
    ///
    /// # Errors
    /// It cannot be read.
    pub(super) fn is_empty(&self) -> Result<bool, LabError> {
        fs::read_dir(&self.0)
            .map(|mut entries| entries.next().is_none())
            .tried(|| format!("read the folder {}", self.0.display()))
    }

    /// The process that is changing the lab now.
    pub(super) fn locked_by(&self) -> Option<i32> {
        let inode = fs::symlink_metadata(&self.0).ok()?.ino();
        let locks = procfs::Locks::current().ok()?;
        locks
            .0
            .into_iter()
            .find(|lock| lock.inode == inode && lock.lock_type == procfs::LockType::FLock)
            .and_then(|lock| lock.pid)
    }

    /// What the lab was meant to be, if it is up.
    ///
    /// # Errors
    /// There is a state file, and it cannot be read or understood.
    pub(super) fn load(&self) -> Result<Option<State>, LabError> {
        let path = self.0.join(STATE);
        let text = match fs::read(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            other => other.tried(|| format!("read {}", path.display()))?,
        };
        serde_json::from_slice(&text)
            .map(Some)
            .map_err(|error| LabError::Malformed {
                what: path.display().to_string(),
                problem: error.to_string(),
            })
    }

    /// Say that the lab is up. The file appears whole or not at all.
    ///
    /// # Errors
    /// It cannot be written.
    pub(super) fn save(&self, state: &State) -> Result<(), LabError> {
        let path = self.0.join(STATE);
        let write = || {
            let mut file = tempfile::NamedTempFile::new_in(self.0.join(HOSTS))?;
            serde_json::to_writer_pretty(&mut file, state)?;
            file.flush()?;
            file.persist(&path)?;
            Ok::<_, io::Error>(())
        };
        write().tried(|| format!("write {}", path.display()))
    }

    /// Write a file that only root may read.
    ///
    /// # Errors
    /// It cannot be written.
    pub(super) fn write_private(path: &Path, text: &str) -> Result<(), LabError> {
        let write = || {
            File::create(path).and_then(|mut file| {
                file.set_permissions(Permissions::from_mode(0o600))?;
                file.write_all(text.as_bytes())
            })
        };
        write().tried(|| format!("write {}", path.display()))
    }

    /// Make a folder that only root may enter, and those above it.
    ///
    /// # Errors
    /// It cannot be made.
    pub(super) fn make_private(path: &Path) -> Result<(), LabError> {
        DirBuilder::new()
            .mode(0o700)
            .recursive(true)
            .create(path)
            .tried(|| format!("make the folder {}", path.display()))
    }

    /// Remove the lab's files; the folder stays, and with it the lock.
    ///
    /// # Errors
    /// Something is mounted below, or a file cannot be removed.
    pub(super) fn clear(&self, _lock: &Lock) -> Result<(), LabError> {
        // Where hosts mount the machine's root, nothing may ever be removed
        // recursively: with a mount there, that would be the machine.
        for mount in processes::own_mounts()? {
            if mount.mount_point.starts_with(&self.0) {
                let point = mount.mount_point.display();
                return Err(LabError::Left(vec![format!("mount {point}")]));
            }
        }
        removed(&self.root(), fs::remove_dir(self.root()))?;
        let hosts = self.0.join(HOSTS);
        removed(&hosts, fs::remove_dir_all(&hosts))?;
        for file in [STATE, INVENTORY, CLIENT_KEY, CLIENT_KEY_PUBLIC, KNOWN_HOSTS] {
            let path = self.0.join(file);
            removed(&path, fs::remove_file(&path))?;
        }
        Ok(())
    }

    /// Remove the folder after [`Self::clear`].
    ///
    /// # Errors
    /// It cannot be removed.
    pub(super) fn remove(&self, _lock: &Lock) -> Result<(), LabError> {
        removed(&self.0, fs::remove_dir(&self.0))
    }
}

/// That a file was gone before is no error.
fn removed(path: &Path, result: io::Result<()>) -> Result<(), LabError> {
    match result {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        other => other.tried(|| format!("remove {}", path.display())),
    }
}
