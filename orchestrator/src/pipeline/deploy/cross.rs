// SPDX-License-Identifier: BSD-2-Clause
//! Mode `cross`: upload what was built here.
//!
//! A file whose content an earlier deployment has already is linked instead of
//! sent. What counts is the content that is there now, hashed by the VM itself,
//! and in the end the whole new deployment is hashed there once more: nothing
//! of it is older, newer, cut or damaged, or it is not used.

use std::collections::HashMap;

use openssh_sftp_client::Sftp;
use openssh_sftp_client::file::TokioCompatFile;
use openssh_sftp_client::metadata::Permissions;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::dist::Upload;
use crate::event::{Facts, Stage};
use crate::pipeline::connect::{Machine, System};
use crate::pipeline::place::Programs;
use crate::pipeline::{Failure, Pipeline, sftp};
use crate::ssh::remote::Process;
use crate::ssh::{Connection, RemoteError};

/// What a list of hashes may be long, bytes.
const HASHES_BYTES_MAX: u64 = 4 << 20;

impl Pipeline {
    pub(super) async fn upload(
        &self,
        machine: &Machine,
        facts: &Facts,
    ) -> Result<Programs, Failure> {
        let connection = &machine.connection;
        let uploads = self.shared.dist.uploads(machine.system, facts).await?;
        let partial = self.place.partial_deployment();
        connection.succeed(&["rm", "-rf", "--", &partial]).await?;
        make_folders(connection, &partial, &uploads).await?;

        let deployments = self.place.deployments();
        let there: HashMap<String, String> = hashes(machine, &deployments)
            .await?
            .into_iter()
            .map(|(path, hash)| (hash, path))
            .collect();
        let sftp = sftp(connection).await?;
        let (mut files, mut bytes) = (0, 0);
        for upload in uploads.iter() {
            let to = format!("{partial}/{}", upload.to);
            let same = there.get(&upload.hash);
            if !linked(&sftp, same, &to, upload).await {
                self.send(connection, &sftp, upload, &to).await?;
                files += 1;
                bytes += upload.bytes;
            }
        }
        // All is written and closed; a server that dislikes the good-bye does
        // not change that.
        sftp.close().await;
        let all = uploads.len();
        self.output(
            Stage::Deploy,
            format!("{files} of {all} files were not there yet and were sent, {bytes} bytes"),
        )
        .await;
        verify(&uploads, &partial, &hashes(machine, &partial).await?)?;
        self.complete(connection).await
    }

    async fn send(
        &self,
        connection: &Connection,
        sftp: &Sftp,
        upload: &Upload,
        to: &str,
    ) -> Result<(), Failure> {
        let tried = format!("upload {}", upload.from.display());
        let opened = tokio::fs::File::open(&upload.from).await;
        let mut from = opened.map_err(|source| RemoteError::Io {
            tried: tried.clone(),
            source,
        })?;
        let written = async {
            let mut file = sftp.create(to).await?;
            file.set_permissions(mode(upload)).await?;
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
}

async fn make_folders(
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

/// Give the file `same` the second name `to`. Where that can't be, it is sent.
async fn linked(sftp: &Sftp, same: Option<&String>, to: &str, upload: &Upload) -> bool {
    let Some(same) = same else {
        return false;
    };
    let mut fs = sftp.fs();
    fs.hard_link(same, to).await.is_ok() && fs.set_permissions(to, mode(upload)).await.is_ok()
}

fn mode(upload: &Upload) -> Permissions {
    let mode: u16 = if upload.executable { 0o755 } else { 0o644 };
    Permissions::from(mode)
}

/// SHA-256 of every file in `folder` there, by its path.
async fn hashes(machine: &Machine, folder: &str) -> Result<HashMap<String, String>, Failure> {
    let hash: &[&str] = match machine.system {
        System::Linux => &["sha256sum"],
        System::FreeBsd => &["sha256", "-r"],
    };
    let argv = [&["find", folder, "-type", "f", "-exec"], hash, &["{}", "+"]].concat();
    let Process {
        stdin,
        stdout,
        stderr,
        handle,
    } = machine.connection.spawn(&argv).await?;
    drop((stdin, stderr));
    let mut printed = String::new();
    let mut bounded = stdout.take(HASHES_BYTES_MAX);
    // A broken stream shows in what is missing of it.
    let _ = bounded.read_to_string(&mut printed).await;
    drop(bounded);
    // Files that can't be read are as good as none.
    machine.connection.wait(handle).await?;
    Ok(parse(&printed))
}

/// Lines of `HASH PATH`; sha256sum puts a second character between them.
fn parse(printed: &str) -> HashMap<String, String> {
    let parsed = printed.lines().filter_map(|line| {
        let (hash, path) = line.split_once(' ')?;
        let path = path.strip_prefix([' ', '*']).unwrap_or(path);
        Some((path.to_owned(), hash.to_owned()))
    });
    parsed.collect()
}

/// That in `root` there is all that was to be sent, and nothing else.
fn verify(uploads: &[Upload], root: &str, found: &HashMap<String, String>) -> Result<(), Failure> {
    let wrong = uploads
        .iter()
        .find(|upload| found.get(&format!("{root}/{}", upload.to)) != Some(&upload.hash));
    match wrong {
        Some(upload) => Err(Failure::infrastructure(
            format!("{} is not there as it was here", upload.to),
            "compare the hashes of all that was uploaded",
            "if it was built anew meanwhile, run again; else see the VM's file system",
        )),
        None if found.len() != uploads.len() => Err(Failure::infrastructure(
            format!(
                "{} files are there instead of {}",
                found.len(),
                uploads.len()
            ),
            "compare the hashes of all that was uploaded",
            "see who else writes there",
        )),
        None => Ok(()),
    }
}

/// The fourth column of the last line of `df -P -k`.
fn free_kib(df: &str) -> Option<u64> {
    df.lines().last()?.split_whitespace().nth(3)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_free_space_is_in_the_fourth_column() {
        let df = "Filesystem 1024-blocks Used Available Capacity Mounted on\n\
                  tmpfs          524288   96     524192       1% /root\n";
        assert_eq!(free_kib(df), Some(524_192));
        assert_eq!(free_kib("df: no such file"), None);
    }

    #[test]
    fn both_systems_hashes_are_read() {
        for printed in ["0f  /a/b c\n", "0f */a/b c\n", "0f /a/b c\n"] {
            let read = parse(printed);
            assert_eq!(read.get("/a/b c").map(String::as_str), Some("0f"));
        }
    }

    #[test]
    fn only_the_very_same_files_are_good() {
        let upload = |to: &str, hash: &str| Upload {
            from: to.into(),
            to: to.to_owned(),
            executable: true,
            bytes: 0,
            hash: hash.to_owned(),
        };
        let uploads = [upload("bin/x", "1"), upload("bin/y", "2")];
        let found = |list: &[(&str, &str)]| {
            let pairs = list.iter().map(|(p, h)| ((*p).to_owned(), (*h).to_owned()));
            verify(&uploads, "/r", &pairs.collect()).map_err(|failure| failure.cause.what)
        };
        let both = [("/r/bin/x", "1"), ("/r/bin/y", "2")];
        assert_eq!(found(&both), Ok(()));
        for wrong in [&both[..1], &[both[0], ("/r/bin/y", "1")]] {
            let what = found(wrong).unwrap_err();
            assert_eq!(what, "bin/y is not there as it was here");
        }
        let more = [both[0], both[1], ("/r/bin/z", "3")];
        assert_eq!(found(&more).unwrap_err(), "3 files are there instead of 2");
    }
}
