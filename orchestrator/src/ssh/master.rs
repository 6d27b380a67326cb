// SPDX-License-Identifier: BSD-2-Clause
//! The ssh process that holds a VM's connection, and its control socket.
//!
//! The process is our own child instead of the daemon that
//! `openssh::SessionBuilder` starts, for three reasons: it is killed with the
//! task that waits for it, even while it is still connecting; its end is noticed
//! at once, with its last words; and its main session is a `cat` that ends with
//! our end of a pipe, so that a killed orchestrator leaves no connection behind,
//! nor a lock that depends on one.

use std::collections::VecDeque;
use std::fs::{self, Permissions};
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use openssh::Session;
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::process::{Child, ChildStderr, ChildStdin, ChildStdout, Command};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use super::trouble::{ConnectError, Trouble};
use crate::inventory::{HostKeys, Vm};

/// A Unix socket's path has 108 bytes, of which ssh takes 17 for a temporary
/// suffix and we take some for our own names.
const SOCKET_DIR_BYTES_MAX: usize = 70;
/// The last of ssh's messages that are kept.
const MESSAGES_MAX: usize = 30;
/// What a shell's start-up files may print before our command runs, bytes.
const NOISE_BYTES_MAX: u64 = 64 << 10;
/// Longest time for ssh to end once it was asked to.
const CLOSE: Duration = Duration::from_secs(2);
/// Silence of the VM after which ssh asks whether it is there, seconds.
const ALIVE_INTERVAL_S: u32 = 5;
/// Unanswered questions after which ssh gives the connection up.
const ALIVE_COUNT: u32 = 3;
/// In so long ssh has given a silent connection up, with time for a slow
/// machine.
pub(super) const GIVEN_UP: Duration =
    Duration::from_secs((ALIVE_INTERVAL_S * (ALIVE_COUNT + 2)) as u64);

/// A short-named folder for control sockets, readable by its owner only and
/// removed with this value.
#[derive(Debug)]
pub struct ControlDir {
    dir: TempDir,
    next: AtomicU64,
}

impl ControlDir {
    /// In the user's run-time folder, else in the folder for temporary files,
    /// else in `/tmp`: the first whose path is short enough for a socket.
    ///
    /// # Errors
    /// What making the folder in the last of them gives.
    pub fn new() -> io::Result<Self> {
        let runtime = std::env::var_os("XDG_RUNTIME_DIR").map(PathBuf::from);
        let dir = runtime
            .into_iter()
            .chain([std::env::temp_dir()])
            .filter(|base| base.is_absolute())
            .filter(|base| base.as_os_str().len() <= SOCKET_DIR_BYTES_MAX)
            .find_map(|base| private_dir(&base).ok());
        let dir = match dir {
            Some(dir) => dir,
            None => private_dir(Path::new("/tmp"))?,
        };
        Ok(Self {
            dir,
            next: AtomicU64::new(0),
        })
    }

    pub(super) fn unused(&self) -> PathBuf {
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        self.dir.path().join(number.to_string())
    }
}

fn private_dir(base: &Path) -> io::Result<TempDir> {
    tempfile::Builder::new()
        .prefix("tcpst-")
        .permissions(Permissions::from_mode(0o700))
        .tempdir_in(base)
}

/// An open connection. Dropping it kills its ssh process; [`Connection::close`]
/// lets it say good-bye.
#[derive(Debug)]
pub struct Connection {
    pub(super) session: Arc<Session>,
    address: String,
    socket: PathBuf,
    /// Ssh's last words, once it has ended.
    lost: watch::Receiver<Option<String>>,
    closing: CancellationToken,
    keeper: JoinHandle<()>,
}

impl Connection {
    /// Connect to `vm` and see that a command runs there, with half of `limit`
    /// for the network alone. The caller bounds the whole by dropping this.
    ///
    /// # Errors
    /// Whatever kept the connection from coming up.
    pub async fn open(
        vm: &Vm,
        control: &ControlDir,
        limit: Duration,
    ) -> Result<Self, ConnectError> {
        let local = |error: io::Error| ConnectError {
            trouble: Trouble::Configuration,
            what: format!("ssh could not be started: {error}"),
        };
        let socket = control.unused();
        let config = socket.with_extension("conf");
        fs::write(&config, configuration(vm, limit)).map_err(local)?;
        let mut child = command(vm, &socket, &config).spawn().map_err(local)?;
        let (Some(stdin), Some(stdout), Some(stderr)) =
            (child.stdin.take(), child.stdout.take(), child.stderr.take())
        else {
            return Err(local(io::Error::other("its standard streams are missing")));
        };

        let messages = tokio::spawn(last_lines(stderr));
        let Proven { stdin, silence } = match prove(stdin, stdout).await {
            Ok(proven) => proven,
            Err(noise) => return Err(explain(child, messages, noise).await),
        };
        let (tell, lost) = watch::channel(None);
        let closing = CancellationToken::new();
        let master = Master {
            child,
            messages,
            stdin,
            _silence: silence,
        };
        Ok(Self {
            session: Arc::new(Session::resume_mux(socket.clone().into(), None)),
            socket,
            address: vm.address(),
            lost,
            closing: closing.clone(),
            keeper: tokio::spawn(master.keep(tell, closing)),
        })
    }

    /// `user@host:port`, for messages.
    #[must_use]
    pub fn address(&self) -> &str {
        &self.address
    }

    /// The ssh command that goes over this connection and no other, as a
    /// program takes it that is told its remote shell, such as rsync(1).
    #[must_use]
    pub fn rsh(&self) -> String {
        let socket = self.socket.display();
        let config = self.socket.with_extension("conf");
        let config = config.display();
        format!("ssh -F '{config}' -S '{socket}' -o ControlMaster=no -o ProxyCommand=false")
    }

    /// Wait until the connection is gone: ssh's last words.
    pub async fn lost(&self) -> String {
        let mut lost = self.lost.clone();
        match lost.wait_for(Option::is_some).await {
            Ok(words) => words.clone().unwrap_or_default(),
            Err(_) => "ssh is gone".into(),
        }
    }

    /// Whether the connection is still there, as far as is known.
    #[must_use]
    pub fn is_lost(&self) -> bool {
        self.lost.borrow().is_some()
    }

    /// End the connection in order.
    pub async fn close(mut self) {
        self.closing.cancel();
        // The keeper bounds its own end, and only panics could make it fail.
        let _ = (&mut self.keeper).await;
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.keeper.abort();
    }
}

/// The ssh process and what keeps it going.
struct Master {
    child: Child,
    messages: JoinHandle<Vec<String>>,
    stdin: ChildStdin,
    _silence: ChildStdout,
}

impl Master {
    async fn keep(mut self, tell: watch::Sender<Option<String>>, closing: CancellationToken) {
        tokio::select! {
            _ = self.child.wait() => {}
            () = closing.cancelled() => {
                drop(self.stdin);
                if timeout(CLOSE, self.child.wait()).await.is_err() {
                    // Other sessions are still open; nobody waits for them.
                    let _ = self.child.kill().await;
                }
            }
        }
        let messages = self.messages.await.unwrap_or_default();
        tell.send_replace(Some(ConnectError::from_messages(&messages).what));
    }
}

fn command(vm: &Vm, socket: &Path, config: &Path) -> Command {
    let mut command = Command::new("ssh");
    command
        .args(["-M", "-T", "-S"])
        .arg(socket)
        .arg("-F")
        .arg(config);
    if let Some(port) = vm.port {
        command.arg("-p").arg(port.to_string());
    }
    if let Some(user) = &vm.user {
        command.arg("-l").arg(user);
    }
    if let Some(jump) = &vm.jump {
        command.arg("-J").arg(jump);
    }
    if let Some(identity) = &vm.identity {
        command.args(["-o", "IdentitiesOnly=yes", "-o"]);
        command.arg(format!("IdentityFile={}", quoted(identity)));
    }
    if let Some(known_hosts) = &vm.known_hosts {
        command.arg("-o");
        command.arg(format!("UserKnownHostsFile={}", quoted(known_hosts)));
    }
    command
        .arg("--")
        .arg(&vm.host)
        .arg("cat")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        // A Ctrl-C at the terminal is ours to handle: the connection must
        // outlive it for the clean-up.
        .process_group(0)
        .kill_on_drop(true);
    command
}

/// For a value of ssh's configuration, where `%` begins a token.
fn quoted(path: &Path) -> String {
    format!("\"{}\"", path.display().to_string().replace('%', "%%"))
}

/// A configuration file instead of `-o` options, since ssh hands the file, but
/// not the options, to the ssh processes of jump hosts, which must not ask for
/// passwords either. The first value of an option counts, so the user's own
/// configuration, included last, fills in only what is left open.
fn configuration(vm: &Vm, limit: Duration) -> String {
    let host_keys = match vm.host_keys {
        HostKeys::Strict => "yes",
        HostKeys::AcceptNew => "accept-new",
    };
    let connect_s = (limit / 2).as_secs().max(1);
    format!(
        "Host *\n\
         BatchMode yes\n\
         StrictHostKeyChecking {host_keys}\n\
         ConnectTimeout {connect_s}\n\
         ConnectionAttempts 1\n\
         ServerAliveInterval {ALIVE_INTERVAL_S}\n\
         ServerAliveCountMax {ALIVE_COUNT}\n\
         ControlPersist no\n\
         ClearAllForwardings yes\n\
         ForwardAgent no\n\
         ForwardX11 no\n\
         PermitLocalCommand no\n\
         RemoteCommand none\n\
         RequestTTY no\n\
         LogLevel INFO\n\
         Match all\n\
         Include ~/.ssh/config\n\
         Include /etc/ssh/ssh_config\n"
    )
}

/// A connection over which a command was seen to run.
struct Proven {
    stdin: ChildStdin,
    silence: ChildStdout,
}

/// Send a word through the remote `cat` and wait for it. What else came is the
/// error.
async fn prove(mut stdin: ChildStdin, stdout: ChildStdout) -> Result<Proven, String> {
    const WORD: &[u8] = b"tcpstats-orchestrator\n";
    let mut noise = String::new();
    let mut bounded = BufReader::new(stdout.take(NOISE_BYTES_MAX));
    if stdin.write_all(WORD).await.is_err() {
        return Err(noise);
    }
    loop {
        let mut line = Vec::new();
        match bounded.read_until(b'\n', &mut line).await {
            Ok(1..) if line.ends_with(WORD) => {
                return Ok(Proven {
                    stdin,
                    silence: bounded.into_inner().into_inner(),
                });
            }
            Ok(1..) => noise = String::from_utf8_lossy(&line).trim().to_owned(),
            Ok(0) | Err(_) => return Err(noise),
        }
    }
}

/// Why ssh ended, or is to end, before the word came back.
async fn explain(
    mut child: Child,
    messages: JoinHandle<Vec<String>>,
    noise: String,
) -> ConnectError {
    let ended = timeout(CLOSE, child.wait()).await;
    let _ = child.kill().await;
    let messages = messages.await.unwrap_or_default();
    // 255 is ssh's own; anything else is the status of the remote shell.
    let by_shell = matches!(ended, Ok(Ok(status)) if status.code() != Some(255));
    if by_shell || ended.is_err() {
        let last = Some(noise)
            .filter(|line| !line.is_empty())
            .or(messages.last().cloned());
        return ConnectError {
            trouble: Trouble::Shell,
            what: match last {
                None => "the remote shell ran no command".into(),
                Some(line) => format!("the remote shell ran no command but said: {line}"),
            },
        };
    }
    ConnectError::from_messages(&messages)
}

async fn last_lines(stderr: ChildStderr) -> Vec<String> {
    let mut lines = VecDeque::new();
    let mut bytes = Vec::new();
    // It is kept as long as the connection, and ssh says little.
    let mut stderr = BufReader::with_capacity(512, stderr);
    loop {
        bytes.clear();
        match (&mut stderr).take(4096).read_until(b'\n', &mut bytes).await {
            Ok(1..) => {
                if lines.len() == MESSAGES_MAX {
                    lines.pop_front();
                }
                lines.push_back(String::from_utf8_lossy(&bytes).trim().to_owned());
            }
            Ok(0) | Err(_) => return lines.into_iter().filter(|line| !line.is_empty()).collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_control_sockets_path_is_short_and_private() {
        let control = ControlDir::new().unwrap();
        let mode = fs::metadata(control.dir.path())
            .unwrap()
            .permissions()
            .mode();
        assert_eq!(mode & 0o777, 0o700);
        for _ in 0..1000 {
            control.unused();
        }
        assert!(control.unused().as_os_str().len() + 17 < 108);
    }
}
