// SPDX-License-Identifier: BSD-2-Clause
//! The file systems of a host: the machine's root, read-only, with folders of
//! the host's own in it.

use std::ffi::{CString, OsString};
use std::fs::{self, DirBuilder, File};
use std::io;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::os::unix::fs::{DirBuilderExt, symlink};
use std::path::{Path, PathBuf};

use procfs::process::MountInfo;
use rustix::io::Errno;
use rustix::mount::{
    MountFlags, MountPropagationFlags, UnmountFlags, mount, mount_bind, mount_bind_recursive,
    mount_change, mount_remount, unmount,
};
use rustix::process::{chdir, pivot_root};

use super::super::error::{LabError, Tried};
use super::super::host::{AUTHORIZED_KEYS, HOST_KEY, HostSpec, INSIDE, SSHD_CONFIG};
use super::super::processes;

/// Folders that a host has to itself and may write to. They are in memory and
/// bounded: a host that fills its disk fills nobody else's.
const OWN_FOLDERS: [(&str, &str); 6] = [
    ("root", "mode=0700,size=512m"),
    ("home", "mode=0755,size=16m"),
    ("tmp", "mode=1777,size=512m"),
    ("var/tmp", "mode=1777,size=256m"),
    ("run", "mode=0755,size=64m"),
    ("var/run", "mode=0755,size=64m"),
];

/// Folders whose content is the kernel's.
const KERNEL_FOLDERS: [&str; 3] = ["dev", "proc", "sys"];

/// The machine's devices that a host has too.
const DEVICES: [&str; 7] = ["fuse", "full", "null", "random", "tty", "urandom", "zero"];

/// Links that programs expect in /dev.
const DEVICE_LINKS: [(&str, &str); 5] = [
    ("fd", "/proc/self/fd"),
    ("ptmx", "pts/ptmx"),
    ("stderr", "/proc/self/fd/2"),
    ("stdin", "/proc/self/fd/0"),
    ("stdout", "/proc/self/fd/1"),
];

/// Make the root of this mount namespace the host's. Nothing of it reaches
/// other namespaces, and it goes when the last process of this one does.
///
/// # Errors
/// A file system or file cannot be put in its place.
pub(super) fn enter(spec: &HostSpec) -> Result<(), LabError> {
    // First of all, or every mount below would show on the machine.
    let private = MountPropagationFlags::PRIVATE | MountPropagationFlags::REC;
    mount_change("/", private).tried(|| "make the mounts private".to_owned())?;
    let root = spec.root.as_path();
    mount_bind_recursive("/", root).tried(|| format!("show / at {}", root.display()))?;
    make_read_only(root)?;
    for (folder, options) in OWN_FOLDERS {
        mount_folder(spec, folder, options)?;
    }
    mount_kernel_folders(spec)?;
    fill_dev(spec)?;
    fill_run(spec)?;
    change_root(root)
}

/// Make every mount below `root` read-only, and take those away that folders
/// of the host's own are going to hide.
fn make_read_only(root: &Path) -> Result<(), LabError> {
    let hidden: Vec<_> = OWN_FOLDERS
        .iter()
        .map(|(folder, _)| *folder)
        .chain(KERNEL_FOLDERS)
        .map(|folder| root.join(folder))
        .collect();
    for mount in processes::own_mounts()? {
        let point = unescaped(&mount.mount_point);
        if !point.starts_with(root) {
            continue;
        }
        let done = if hidden.iter().any(|folder| point.starts_with(folder)) {
            unmount(&point, UnmountFlags::DETACH)
        } else {
            let flags = flags_of(&mount) | MountFlags::BIND | MountFlags::RDONLY;
            mount_remount(&point, flags, c"")
        };
        match done {
            // Went with the mount it is on, or another one is on top of it.
            Err(Errno::INVAL | Errno::NOENT) if point != root => (),
            other => other.tried(|| format!("make {} read-only", point.display()))?,
        }
    }
    Ok(())
}

/// The flags of a mount that a remount has to repeat, or it loses them.
fn flags_of(mount: &MountInfo) -> MountFlags {
    let known = [
        ("nosuid", MountFlags::NOSUID),
        ("nodev", MountFlags::NODEV),
        ("noexec", MountFlags::NOEXEC),
        ("noatime", MountFlags::NOATIME),
        ("nodiratime", MountFlags::NODIRATIME),
        ("relatime", MountFlags::RELATIME),
    ];
    known
        .into_iter()
        .filter(|(name, _)| mount.mount_options.contains_key(*name))
        .fold(MountFlags::empty(), |flags, (_, flag)| flags | flag)
}

/// A path as it is; mountinfo writes blanks and the like as `\ooo`
/// (proc_pid_mountinfo(5)).
fn unescaped(path: &Path) -> PathBuf {
    let mut bytes = Vec::new();
    let mut rest = path.as_os_str().as_bytes();
    while let Some((&first, after)) = rest.split_first() {
        let code = (first == b'\\')
            .then(|| after.get(..3))
            .flatten()
            .and_then(|digits| std::str::from_utf8(digits).ok())
            .and_then(|digits| u8::from_str_radix(digits, 8).ok());
        bytes.push(code.unwrap_or(first));
        rest = if code.is_some() { &after[3..] } else { after };
    }
    PathBuf::from(OsString::from_vec(bytes))
}

/// Mount an empty folder of the host's own, unless the machine has none there
/// or it is a link to another one (as /var/run usually is).
fn mount_folder(spec: &HostSpec, folder: &str, options: &str) -> Result<(), LabError> {
    let target = spec.root.join(folder);
    if !fs::symlink_metadata(&target).is_ok_and(|meta| meta.is_dir()) {
        return Ok(());
    }
    let flags = MountFlags::NOSUID | MountFlags::NODEV;
    mount_own(spec, "tmpfs", &target, flags, options)
}

fn mount_kernel_folders(spec: &HostSpec) -> Result<(), LabError> {
    let at = |folder| spec.root.join(folder);
    let plain = MountFlags::NOSUID | MountFlags::NOEXEC;
    mount_own(spec, "proc", &at("proc"), plain | MountFlags::NODEV, "")?;
    mount_own(spec, "sysfs", &at("sys"), plain | MountFlags::RDONLY, "")?;
    mount_own(spec, "tmpfs", &at("dev"), plain, "mode=0755,size=1m")
}

fn mount_own(
    spec: &HostSpec,
    kind: &str,
    target: &Path,
    flags: MountFlags,
    options: &str,
) -> Result<(), LabError> {
    CString::new(options)
        .map_err(io::Error::from)
        .and_then(|options| {
            let options = options.as_c_str();
            Ok(mount(&spec.mount_source, target, kind, flags, options)?)
        })
        .tried(|| format!("mount a {kind} on {}", target.display()))
}

fn fill_dev(spec: &HostSpec) -> Result<(), LabError> {
    let dev = spec.root.join("dev");
    for name in DEVICES {
        let (source, target) = (Path::new("/dev").join(name), dev.join(name));
        File::create(&target)
            .and_then(|_| Ok(mount_bind(&source, &target)?))
            .tried(|| format!("give the host {}", source.display()))?;
    }
    for (name, target) in DEVICE_LINKS {
        let link = dev.join(name);
        symlink(target, &link).tried(|| format!("make the link {}", link.display()))?;
    }
    let quiet = MountFlags::NOSUID | MountFlags::NOEXEC;
    make_folder(&dev.join("pts"), 0o755)?;
    mount_own(
        spec,
        "devpts",
        &dev.join("pts"),
        quiet,
        "newinstance,ptmxmode=0666,mode=0620,gid=5",
    )?;
    make_folder(&dev.join("shm"), 0o755)?;
    let shared = quiet | MountFlags::NODEV;
    mount_own(
        spec,
        "tmpfs",
        &dev.join("shm"),
        shared,
        "mode=1777,size=64m",
    )
}

/// Put into the host's /run what its services need, and over the machine's
/// /etc what would not fit the host.
fn fill_run(spec: &HostSpec) -> Result<(), LabError> {
    let run = spec.root.join("run");
    // sshd's unprivileged part is locked up there.
    make_folder(&run.join("sshd"), 0o755)?;
    make_folder(&run.join("lock"), 0o755)?;
    let inside = spec.root.join(INSIDE.trim_start_matches('/'));
    make_folder(&inside, 0o755)?;
    for name in [SSHD_CONFIG, HOST_KEY, AUTHORIZED_KEYS] {
        copy(&spec.dir.join(name), &inside.join(name))?;
    }
    // A copy, so that the next build does not change a host that runs.
    copy(&spec.tcpstatsd, &inside.join("tcpstatsd"))?;

    // Without PAM, sshd lets nobody in whose password is locked with a `!`,
    // as root's is where it was never set; `*` is no password either.
    replace(spec, &inside, "shadow", "root:*:::::::\n")?;
    let names = format!(
        "127.0.0.1\tlocalhost\n::1\tlocalhost\n{}\t{}\n",
        spec.address, spec.name
    );
    replace(spec, &inside, "hosts", &names)
}

/// Put a file of the host's own in the place of one of the machine's in /etc.
fn replace(spec: &HostSpec, inside: &Path, name: &str, text: &str) -> Result<(), LabError> {
    let (own, target) = (inside.join(name), spec.root.join("etc").join(name));
    if !target.exists() {
        return Ok(());
    }
    fs::write(&own, text)
        .and_then(|()| Ok(mount_bind(&own, &target)?))
        .tried(|| format!("replace {}", target.display()))
}

fn make_folder(path: &Path, mode: u32) -> Result<(), LabError> {
    DirBuilder::new()
        .mode(mode)
        .create(path)
        .tried(|| format!("make the folder {}", path.display()))
}

fn copy(from: &Path, to: &Path) -> Result<(), LabError> {
    fs::copy(from, to)
        .map(drop)
        .tried(|| format!("copy {} to {}", from.display(), to.display()))
}

fn change_root(root: &Path) -> Result<(), LabError> {
    let change = || {
        chdir(root)?;
        // The old root lands on top of the new one, and is taken off it.
        pivot_root(".", ".")?;
        unmount(".", UnmountFlags::DETACH)?;
        chdir("/")
    };
    change().tried(|| format!("make {} the root", root.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blanks_and_backslashes_of_mountinfo() {
        let read = |text: &str| unescaped(Path::new(text));
        assert_eq!(read("/mnt/usb"), Path::new("/mnt/usb"));
        assert_eq!(read(r"/mnt/a\040b\134c"), Path::new(r"/mnt/a b\c"));
        assert_eq!(read(r"/mnt/a\04"), Path::new(r"/mnt/a\04"));
        assert_eq!(read(r"/mnt/\999"), Path::new(r"/mnt/\999"));
    }
}
