// SPDX-License-Identifier: BSD-2-Clause
//! Stage `collect`: fetch what the targets have left, within bounds and without
//! trust: a VM under test may hold anything under any name.

use std::path::{Path, PathBuf};
use std::pin::pin;

use openssh_sftp_client::Sftp;
use openssh_sftp_client::file::TokioCompatFile;
use openssh_sftp_client::metadata::MetaData;
use tokio::fs;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio_stream::StreamExt;

use super::{Failure, Pipeline, sftp};
use crate::event::Stage;
use crate::ssh::{Connection, RemoteError};

/// The most that is fetched of a VM, bytes.
const BYTES_MAX: u64 = 64 << 20;
/// The most files and folders that are looked at.
const ENTRIES_MAX: usize = 10_000;
/// Folders below the output folder that are looked into.
const DEPTH_MAX: usize = 8;

/// A folder that is still to be looked into.
struct Folder {
    there: String,
    here: PathBuf,
    depth: usize,
}

/// What may still be fetched.
struct Budget {
    bytes: u64,
    entries: usize,
}

impl Pipeline {
    pub(super) async fn collect(&self, connection: &Connection) -> Result<(), Failure> {
        let sftp = sftp(connection).await?;
        let mut budget = Budget {
            bytes: BYTES_MAX,
            entries: ENTRIES_MAX,
        };
        let mut folders = vec![Folder {
            there: self.place.output(),
            here: self.folder(),
            depth: 0,
        }];
        while let Some(folder) = folders.pop() {
            let inner = self
                .collect_folder(connection, &sftp, &folder, &mut budget)
                .await?;
            folders.extend(inner);
        }
        // All is fetched; a server that dislikes the good-bye takes nothing back.
        sftp.close().await;
        Ok(())
    }

    /// Fetch the files of `folder`: the folders in it.
    async fn collect_folder(
        &self,
        connection: &Connection,
        sftp: &Sftp,
        folder: &Folder,
        budget: &mut Budget,
    ) -> Result<Vec<Folder>, Failure> {
        let tried = format!("read {}", folder.there);
        let entries = match list(sftp, &folder.there, &mut budget.entries).await {
            Ok(entries) => entries,
            Err(error) => return Err(connection.sftp_error(tried, error).await.into()),
        };
        let mut folders = Vec::new();
        for (name, metadata) in entries {
            let there = format!("{}/{name}", folder.there);
            let here = folder.here.join(&name);
            let kind = metadata.file_type();
            if kind.is_some_and(|kind| kind.is_dir()) && folder.depth < DEPTH_MAX {
                folders.push(Folder {
                    there,
                    here,
                    depth: folder.depth + 1,
                });
            } else if kind.is_some_and(|kind| kind.is_file()) {
                self.collect_file(connection, sftp, &there, &here, budget)
                    .await?;
            } else {
                self.output(
                    Stage::Collect,
                    format!("{there} is no file; it is left there"),
                )
                .await;
            }
        }
        Ok(folders)
    }

    async fn collect_file(
        &self,
        connection: &Connection,
        sftp: &Sftp,
        there: &str,
        here: &Path,
        budget: &mut Budget,
    ) -> Result<(), Failure> {
        let tried = format!("fetch {there}");
        let from = match sftp.open(there).await {
            Ok(file) => Box::pin(TokioCompatFile::new(file)),
            Err(error) => return Err(connection.sftp_error(tried, error).await.into()),
        };
        let written = async {
            fs::create_dir_all(here.parent().unwrap_or(here)).await?;
            let mut to = fs::File::create(here).await?;
            let copied = tokio::io::copy(&mut from.take(budget.bytes), &mut to).await?;
            to.flush().await?;
            Ok(copied)
        };
        let copied = written
            .await
            .map_err(|source| RemoteError::Io { tried, source })?;
        budget.bytes -= copied;
        if budget.bytes == 0 {
            return Err(Failure::infrastructure(
                format!("the VM has more than {BYTES_MAX} bytes of output; the rest is left there"),
                format!("fetch {there}"),
                "",
            ));
        }
        Ok(())
    }
}

/// The entries of the folder `path` whose names can be names of files here, as
/// many as `entries` still allows.
async fn list(
    sftp: &Sftp,
    path: &str,
    entries: &mut usize,
) -> Result<Vec<(String, MetaData)>, openssh_sftp_client::Error> {
    let mut names = Vec::new();
    let mut listed = pin!(sftp.fs().open_dir(path).await?.read_dir());
    while let Some(entry) = listed.next().await {
        let entry = entry?;
        if *entries == 0 {
            break;
        }
        *entries -= 1;
        if let Some(name) = entry.filename().to_str().filter(|name| is_plain(name)) {
            names.push((name.to_owned(), entry.metadata()));
        }
    }
    Ok(names)
}

/// Whether `name` stays in its folder.
fn is_plain(name: &str) -> bool {
    !matches!(name, "" | "." | "..") && !name.contains(['/', '\0'])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_name_leads_out_of_its_folder() {
        assert!(is_plain("A01.log"));
        for name in ["", ".", "..", "../x", "/etc/passwd", "a/b", "a\0"] {
            assert!(!is_plain(name), "{name:?}");
        }
    }
}
