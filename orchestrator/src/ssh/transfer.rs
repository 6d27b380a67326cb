// SPDX-License-Identifier: BSD-2-Clause
//! File transfer over an SFTP session of a connection.

use std::ops::Deref;
use std::sync::Arc;

use openssh::{Child, Session, Stdio};
use openssh_sftp_client::{Error as SftpError, Sftp, SftpOptions};

/// An SFTP session. Dropping it ends it, too.
///
/// The subsystem is started here and not by [`Sftp::from_clonable_session`]:
/// what that gives can panic when it is closed, as it expects its tasks to have
/// let go of the session by then.
#[derive(Debug)]
pub(crate) struct Transfer {
    sftp: Sftp,
    subsystem: Child<Arc<Session>>,
}

impl Transfer {
    /// # Errors
    /// When there is no such subsystem, or the connection is lost.
    pub(super) async fn open(session: Arc<Session>) -> Result<Self, SftpError> {
        let mut subsystem = Session::to_subsystem(session, "sftp")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .await?;
        let streams = subsystem.stdin().take().zip(subsystem.stdout().take());
        let (stdin, stdout) = streams.ok_or_else(|| std::io::Error::other("no streams"))?;
        let sftp = Sftp::new(stdin, stdout, SftpOptions::new()).await?;
        Ok(Self { sftp, subsystem })
    }

    /// End it, and wait for its end.
    pub(crate) async fn close(self) {
        // What was written was answered for before; nothing depends on this.
        let _ = self.sftp.close().await;
        let _ = self.subsystem.wait().await;
    }
}

impl Deref for Transfer {
    type Target = Sftp;

    fn deref(&self) -> &Sftp {
        &self.sftp
    }
}
