// SPDX-License-Identifier: BSD-2-Clause
//! The mount point before the file system is on it, and the links that lead into it.

use std::fs::{self, File};
use std::io;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use rustix::fs::{FlockOperation, flock, statfs};
use rustix::io::Errno;
use rustix::mount::{UnmountFlags, unmount};
use tcpstats::paths;

use crate::complain;

/// `FUSE_SUPER_MAGIC` of linux/magic.h.
const FUSE_MAGIC: u64 = 0x6573_5546;

/// Why the device cannot be put in its place.
#[derive(Debug, thiserror::Error)]
pub(crate) enum MountError {
    /// Another instance serves it.
    #[error("{path} is served already, by another tcpstatsd: end that one, or use another --mount",
            path = .0.display())]
    Served(PathBuf),
    /// A file is where a link is to be.
    #[error("{path} is there already and is no link of a tcpstatsd that ended: remove it, or use \
             another --dev-dir", path = .0.display())]
    Occupied(PathBuf),
    /// The system refused.
    #[error("failed to {operation} {path}: {source}", path = path.display())]
    System {
        /// What was tried.
        operation: &'static str,
        /// With what.
        path: PathBuf,
        /// The system's answer.
        source: io::Error,
    },
}

fn system<E: Into<io::Error>>(
    operation: &'static str,
    path: &Path,
) -> impl FnOnce(E) -> MountError {
    move |source| MountError::System {
        operation,
        path: path.to_path_buf(),
        source: source.into(),
    }
}

/// A folder that is this process' alone to mount on.
#[derive(Debug)]
pub(crate) struct MountPoint {
    path: PathBuf,
    /// Holds the lock that keeps another instance from mounting on top.
    _folder: File,
}

impl MountPoint {
    /// Make the folder if need be, clear what a killed predecessor left mounted, and claim it.
    ///
    /// # Errors
    /// Another instance has it, or the system refuses.
    pub(crate) fn claim(path: &Path) -> Result<Self, MountError> {
        clear_stale(path)?;
        fs::create_dir_all(path).map_err(system("create", path))?;
        let path = path.canonicalize().map_err(system("find", path))?;
        let folder = File::open(&path).map_err(system("open", &path))?;
        // Between two that start at once the lock decides; the mount is seen by any later one.
        match flock(&folder, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => {}
            Err(Errno::WOULDBLOCK) => return Err(MountError::Served(path)),
            Err(errno) => return Err(system("lock", &path)(errno)),
        }
        let mounted = statfs(&path).map_err(system("look at", &path))?;
        if mounted.f_type as u64 & 0xffff_ffff == FUSE_MAGIC {
            return Err(MountError::Served(path));
        }
        Ok(Self {
            path,
            _folder: folder,
        })
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Break the connection to the kernel and unmount: requests that are being answered fail,
    /// and the server's loop ends, whoever has files open.
    ///
    /// # Errors
    /// The system refuses.
    pub(crate) fn unmount(&self) -> Result<(), MountError> {
        match unmount(&self.path, UnmountFlags::FORCE | UnmountFlags::DETACH) {
            // Nothing is mounted there any more.
            Err(Errno::INVAL) => Ok(()),
            result => result.map_err(system("unmount", &self.path)),
        }
    }
}

/// Unmount a file system whose server is gone.
fn clear_stale(path: &Path) -> Result<(), MountError> {
    match statfs(path) {
        Err(Errno::NOTCONN | Errno::CONNABORTED) => {
            unmount(path, UnmountFlags::DETACH).map_err(system("unmount", path))
        }
        _ => Ok(()),
    }
}

/// The links below `/dev` that lead into the mount; they go when this is dropped.
#[derive(Debug)]
pub(crate) struct Links {
    made: Vec<(PathBuf, PathBuf)>,
}

impl Links {
    /// Make `FOLDER/tcpstats`, `FOLDER/tcpstats-full` and `FOLDER/tcpstats.d`.
    ///
    /// # Errors
    /// Something else is there, or the system refuses; links made so far are removed.
    pub(crate) fn make(folder: &Path, mount: &MountPoint) -> Result<Self, MountError> {
        let mut links = Self { made: Vec::new() };
        for name in [paths::DEVICE, paths::DEVICE_FULL, paths::PROFILES] {
            let (link, target) = (folder.join(name), mount.path().join("dev").join(name));
            remove_leftover(&link, &target)?;
            symlink(&target, &link).map_err(system("create the link", &link))?;
            links.made.push((link, target));
        }
        Ok(links)
    }
}

impl Drop for Links {
    fn drop(&mut self) {
        for (link, target) in &self.made {
            // One that somebody replaced meanwhile is theirs.
            if fs::read_link(link).is_ok_and(|is| is == *target)
                && let Err(error) = fs::remove_file(link)
            {
                complain(&format_args!(
                    "failed to remove {}: {error}",
                    link.display()
                ));
            }
        }
    }
}

/// Remove a link that an ended tcpstatsd left: one to our target, or one that leads nowhere.
fn remove_leftover(link: &Path, target: &Path) -> Result<(), MountError> {
    match fs::read_link(link) {
        Ok(is) if is == target || !link.exists() => {
            fs::remove_file(link).map_err(system("remove", link))
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        _ => Err(MountError::Occupied(link.to_path_buf())),
    }
}
