// SPDX-License-Identifier: BSD-2-Clause
//! Stage `deploy`: the programs and C sources that a run uses.
//!
//! What is uploaded is the folder that `make dist` and `make freebsd` fill:
//!
//! ```text
//! DIST/linux-amd64/kmod-integration   programs for one system and processor
//! DIST/freebsd-14-arm64/tcpstats.ko   and, with a module, for one major release
//! DIST/kmod/tcpstats/...              C sources, for all
//! ```
//!
//! It goes into a new folder of the run, which becomes `current` only when it
//! is complete: no program of another build can run in its place.

use std::path::{Path, PathBuf};

use openssh_sftp_client::Sftp;
use openssh_sftp_client::file::TokioCompatFile;
use openssh_sftp_client::metadata::Permissions;
use tokio::io::AsyncWriteExt;

use super::connect::{Machine, System};
use super::place::{Place, Programs};
use super::{Failure, Pipeline, sftp};
use crate::event::Facts;
use crate::ssh::{Connection, Exit, RemoteError};

/// Folders below a source folder that are looked into.
const DEPTH_MAX: usize = 8;

/// A file here and its path below the deployment there.
#[derive(Debug, PartialEq, Eq)]
struct Upload {
    from: PathBuf,
    to: String,
    executable: bool,
}

impl Pipeline {
    pub(super) async fn upload(
        &self,
        machine: &Machine,
        facts: &Facts,
    ) -> Result<Programs, Failure> {
        let connection = &machine.connection;
        let uploads = self.uploads(machine.system, facts)?;
        let root = self.place.deployment();
        let partial = format!("{root}.partial");
        self.make_folders(connection, &partial, &uploads).await?;

        let sftp = sftp(connection).await?;
        for upload in &uploads {
            self.upload_file(connection, &sftp, upload, &partial)
                .await?;
        }
        // All is written and closed; a server that dislikes the good-bye does
        // not change that.
        let _ = sftp.close().await;

        connection.succeed(&["mv", "--", &partial, &root]).await?;
        self.make_current(connection, &root).await?;
        self.remove_others(connection, &self.place.deployments())
            .await?;
        Ok(Place::deployed(&root))
    }

    /// Programs that an earlier run, or a build on the VM, has left there.
    pub(super) async fn find_programs(&self, connection: &Connection) -> Result<Programs, Failure> {
        for programs in [Place::deployed(&self.place.current()), self.place.built()] {
            let harness = programs.path("kmod-integration");
            if connection.run(&["test", "-x", &harness]).await?.exit == Exit::Status(0) {
                return Ok(programs);
            }
        }
        Err(Failure::infrastructure(
            "there is no test binary",
            format!("look for it below {}", self.place.dir()),
            "bring it there with --deploy cross",
        ))
    }

    fn uploads(&self, system: System, facts: &Facts) -> Result<Vec<Upload>, Failure> {
        let dist = &self.shared.dist;
        let kind = kind(system, facts)?;
        let bin = dist.join(&kind);
        let required: &[&str] = match system {
            System::Linux => &["kmod-integration", "tcp-echo", "tcpstats", "tcpstatsd"],
            System::FreeBsd => &["kmod-integration", "tcp-echo", "tcpstats", "tcpstats.ko"],
        };
        let advice = match system {
            System::Linux => "build them with `make dist`, or name their folder with --dist",
            System::FreeBsd => "build them with `make freebsd`, or name their folder with --dist",
        };
        if let Some(missing) = required.iter().find(|name| !bin.join(name).is_file()) {
            return Err(Failure::infrastructure(
                format!("there is no {missing} for {kind} in {}", bin.display()),
                "collect what is to be uploaded",
                advice,
            ));
        }
        let mut uploads = Vec::new();
        for (folder, to) in [
            (bin, "bin".to_owned()),
            (dist.join("kmod/tcpstats"), "kmod/tcpstats".to_owned()),
        ] {
            files_in(&folder, &to, DEPTH_MAX, &mut uploads).map_err(|error| {
                Failure::infrastructure(
                    format!("{} could not be read: {error}", folder.display()),
                    "collect what is to be uploaded",
                    advice,
                )
            })?;
        }
        Ok(uploads)
    }

    async fn make_folders(
        &self,
        connection: &Connection,
        root: &str,
        uploads: &[Upload],
    ) -> Result<(), Failure> {
        let mut folders: Vec<String> = uploads
            .iter()
            .filter_map(|upload| upload.to.rsplit_once('/'))
            .map(|(folder, _)| format!("{root}/{folder}"))
            .collect();
        folders.sort_unstable();
        folders.dedup();
        let mut argv = vec!["mkdir", "-p", "--"];
        argv.extend(folders.iter().map(String::as_str));
        connection.succeed(&argv).await?;
        Ok(())
    }

    async fn upload_file(
        &self,
        connection: &Connection,
        sftp: &Sftp,
        upload: &Upload,
        root: &str,
    ) -> Result<(), Failure> {
        let to = format!("{root}/{}", upload.to);
        let tried = format!("upload {}", upload.from.display());
        let io_error = |source| RemoteError::Io {
            tried: tried.clone(),
            source,
        };
        let mut from = tokio::fs::File::open(&upload.from)
            .await
            .map_err(io_error)?;
        let written = async {
            let mut file = sftp.create(&to).await?;
            let mode: u16 = if upload.executable { 0o755 } else { 0o644 };
            file.set_permissions(Permissions::from(mode)).await?;
            let mut file = Box::pin(TokioCompatFile::new(file));
            let copied = tokio::io::copy(&mut from, &mut file).await;
            copied.map_err(openssh_sftp_client::Error::IOError)?;
            file.flush()
                .await
                .map_err(openssh_sftp_client::Error::IOError)?;
            Ok::<_, openssh_sftp_client::Error>(())
        };
        match written.await {
            Ok(()) => Ok(()),
            Err(error) => {
                let failure = Failure::from(connection.sftp_error(tried, error).await);
                Err(self.explain_full_disk(connection, failure).await)
            }
        }
    }

    /// SFTP has no word for a full disk; df(1) has.
    async fn explain_full_disk(&self, connection: &Connection, failure: Failure) -> Failure {
        let free = connection
            .succeed(&["df", "-P", "-k", self.place.dir()])
            .await;
        let Some(free_kib) = free.ok().as_deref().and_then(free_kib) else {
            return failure;
        };
        let dir = self.place.dir();
        failure.advise(&format!(
            "{free_kib} KiB are free in {dir}; if that is too little, make room"
        ))
    }

    async fn make_current(&self, connection: &Connection, root: &str) -> Result<(), Failure> {
        let current = self.place.current();
        let new = format!("{current}.new");
        connection
            .succeed(&["ln", "-sfn", "--", root, &new])
            .await?;
        // Of the two systems' ways to replace a link to a folder instead of
        // moving into it, -h is FreeBSD's; rename(2) by sftp is both's.
        let sftp = sftp(connection).await?;
        if let Err(error) = sftp.fs().rename(&new, &current).await {
            let tried = format!("rename {new} to {current}");
            return Err(connection.sftp_error(tried, error).await.into());
        }
        let _ = sftp.close().await;
        Ok(())
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

/// The regular files in `folder`, with links followed, as `to/...`.
fn files_in(
    folder: &Path,
    to: &str,
    depth: usize,
    uploads: &mut Vec<Upload>,
) -> std::io::Result<()> {
    use std::os::unix::fs::PermissionsExt;

    if depth == 0 {
        return Err(std::io::Error::other("its folders are nested too deeply"));
    }
    for entry in std::fs::read_dir(folder)? {
        let entry = entry?;
        let from = entry.path();
        let name = entry.file_name().into_string().map_err(|name| {
            std::io::Error::other(format!("{} is not UTF-8", Path::new(&name).display()))
        })?;
        let to = format!("{to}/{name}");
        let metadata = std::fs::metadata(&from)?;
        if metadata.is_dir() {
            files_in(&from, &to, depth - 1, uploads)?;
        } else if metadata.is_file() {
            let executable = metadata.permissions().mode() & 0o100 != 0;
            uploads.push(Upload {
                from,
                to,
                executable,
            });
        }
    }
    Ok(())
}

/// The fourth column of the last line of `df -P -k`.
fn free_kib(df: &str) -> Option<u64> {
    df.lines().last()?.split_whitespace().nth(3)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_is_uploaded_with_its_folders_and_modes() {
        use std::os::unix::fs::PermissionsExt;

        let dir = tempfile::tempdir().unwrap();
        std::fs::create_dir(dir.path().join("core")).unwrap();
        std::fs::write(dir.path().join("core/a.c"), "").unwrap();
        std::fs::write(dir.path().join("run"), "").unwrap();
        std::fs::set_permissions(
            dir.path().join("run"),
            std::fs::Permissions::from_mode(0o755),
        )
        .unwrap();
        let mut uploads = Vec::new();
        files_in(dir.path(), "bin", 2, &mut uploads).unwrap();
        uploads.sort_by(|a, b| a.to.cmp(&b.to));
        let seen: Vec<(&str, bool)> = uploads
            .iter()
            .map(|upload| (upload.to.as_str(), upload.executable))
            .collect();
        assert_eq!(seen, [("bin/core/a.c", false), ("bin/run", true)]);
        assert!(files_in(dir.path(), "bin", 1, &mut Vec::new()).is_err());
    }

    fn kind_of(system: System, os_release: &str, arch: &str) -> Result<String, Failure> {
        let facts = Facts {
            os: String::new(),
            os_release: os_release.to_owned(),
            arch: arch.to_owned(),
            hostname: String::new(),
            boot_id: String::new(),
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

    #[test]
    fn the_free_space_is_in_the_fourth_column() {
        let df = "Filesystem 1024-blocks Used Available Capacity Mounted on\n\
                  tmpfs          524288   96     524192       1% /root\n";
        assert_eq!(free_kib(df), Some(524_192));
        assert_eq!(free_kib("df: no such file"), None);
    }
}
