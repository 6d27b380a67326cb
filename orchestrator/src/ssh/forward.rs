// SPDX-License-Identifier: BSD-2-Clause
//! A way from a socket here to an address on a VM, inside its SSH connection.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use openssh::{ForwardType, Session, Socket};
use tokio::time::timeout;

use super::{Connection, ControlDir};

/// Longest time for ssh to open or close one.
const LIMIT: Duration = Duration::from_secs(5);

/// What opens forwards of one connection; independent of its borrow.
#[derive(Debug, Clone)]
pub struct Forwarder {
    session: Arc<Session>,
    socket: PathBuf,
}

/// An open one. It ends with its connection, or with [`Forward::close`].
#[derive(Debug)]
pub struct Forward {
    session: Arc<Session>,
    socket: PathBuf,
    to: (String, u16),
}

impl Connection {
    /// What opens one forward, with its socket in `control`, where only this
    /// user comes.
    #[must_use]
    pub fn forwarder(&self, control: &ControlDir) -> Forwarder {
        Forwarder {
            session: Arc::clone(&self.session),
            socket: control.unused().with_extension("fwd"),
        }
    }
}

impl Forwarder {
    /// Whatever connects to the socket comes out at `host` and `port`, seen
    /// from the VM.
    ///
    /// # Errors
    /// Why ssh did not, in words.
    pub async fn open(self, host: &str, port: u16) -> Result<Forward, String> {
        let Self { session, socket } = self;
        let here = Socket::UnixSocket {
            path: socket.as_path().into(),
        };
        let there = Socket::TcpSocket {
            host: host.into(),
            port,
        };
        let opening = session.request_port_forward(ForwardType::Local, here, there);
        match timeout(LIMIT, opening).await {
            Ok(Ok(())) => Ok(Forward {
                to: (host.to_owned(), port),
                session,
                socket,
            }),
            Ok(Err(error)) => Err(error.to_string()),
            Err(_) => Err("ssh did not answer".into()),
        }
    }
}

impl Forward {
    /// Where to connect to.
    #[must_use]
    pub fn socket(&self) -> &Path {
        &self.socket
    }

    /// Take no more connections. Where that fails the end of the SSH connection
    /// does it.
    pub async fn close(self) {
        let here = Socket::UnixSocket {
            path: self.socket.as_path().into(),
        };
        let (host, port) = self.to;
        let there = Socket::TcpSocket {
            host: host.into(),
            port,
        };
        let closing = self
            .session
            .close_port_forward(ForwardType::Local, here, there);
        let _ = timeout(LIMIT, closing).await;
        // Ssh may have removed it.
        let _ = std::fs::remove_file(&self.socket);
    }
}
