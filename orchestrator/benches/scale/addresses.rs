// SPDX-License-Identifier: BSD-2-Clause
//! Many addresses of this machine where sshd serves this user, and what others
//! take to run a command on all of them. Whoever is compared does the same work
//! there: the same user, key, configuration and remote shell.

use std::fs;
use std::io::Write as _;
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use orchestrator::inventory::{self, Vm};

/// Sockets that one sshd listens on at most.
const SOCKETS: usize = 16;

/// Sshds on all the addresses; dropping it ends them.
pub(crate) struct Addresses {
    dir: PathBuf,
    port: u16,
    all: Vec<String>,
    servers: Vec<Child>,
}

impl Addresses {
    /// Serve `number` addresses with files in `dir`.
    pub(crate) fn serve(dir: &Path, number: usize) -> Self {
        for key in ["host", "client"] {
            let made = Command::new("ssh-keygen")
                .args(["-q", "-t", "ed25519", "-N", "", "-f"])
                .arg(dir.join(key))
                .status();
            assert!(made.expect("ssh-keygen (openssh-client)").success());
        }
        // Sshd refuses to start without it, even where it is not used.
        let _ = fs::create_dir_all("/run/sshd");
        let any = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = any.local_addr().unwrap().port();
        drop(any);
        let mut addresses = Self {
            dir: dir.to_owned(),
            port,
            all: (1..=number).map(|host| format!("127.0.0.{host}")).collect(),
            servers: Vec::new(),
        };
        addresses.configure();
        for some in addresses.all.chunks(SOCKETS) {
            let server = addresses.server(some);
            addresses.servers.push(server);
        }
        addresses.wait();
        addresses
    }

    fn configure(&self) {
        let Self { dir, port, .. } = self;
        let dir = dir.display();
        // Another HOME keeps out what the user's shell does when it starts.
        let server = format!(
            "HostKey {dir}/host\n\
             AuthorizedKeysFile {dir}/client.pub\n\
             PidFile none\n\
             StrictModes no\n\
             UsePAM no\n\
             KbdInteractiveAuthentication no\n\
             MaxStartups 1000\n\
             SetEnv HOME={dir}\n"
        );
        // Ours reads the user's and the system's configuration too.
        let client = format!(
            "Port {port}\n\
             UserKnownHostsFile {dir}/known_hosts\n\
             IdentityFile {dir}/client\n\
             IdentitiesOnly yes\n\
             BatchMode yes\n\
             Include ~/.ssh/config\n\
             Include /etc/ssh/ssh_config\n"
        );
        let host = fs::read_to_string(self.path("host.pub")).unwrap();
        for (name, text) in [
            ("sshd_config", server),
            ("ssh_config", client),
            ("known_hosts", format!("[127.0.0.*]:{port} {host}")),
            ("addresses", self.list()),
        ] {
            fs::write(self.path(name), text).unwrap();
        }
    }

    fn server(&self, addresses: &[String]) -> Child {
        let mut sshd = Command::new("/usr/sbin/sshd");
        sshd.args(["-D", "-f"]).arg(self.path("sshd_config"));
        sshd.arg("-E").arg(self.path("sshd.log"));
        for address in addresses {
            sshd.arg("-o")
                .arg(format!("ListenAddress={address}:{}", self.port));
        }
        sshd.stdin(Stdio::null())
            .spawn()
            .expect("sshd (openssh-server)")
    }

    /// Until all of them are served.
    fn wait(&self) {
        let deadline = Instant::now() + Duration::from_secs(30);
        while let Some(silent) = self
            .all
            .iter()
            .find(|address| TcpStream::connect((address.as_str(), self.port)).is_err())
        {
            let log = fs::read_to_string(self.path("sshd.log")).unwrap_or_default();
            assert!(
                Instant::now() < deadline,
                "nobody serves {silent}, sshd says: {log}"
            );
            thread::sleep(Duration::from_millis(20));
        }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.dir.join(name)
    }

    /// The first `number` of them, as an inventory has them.
    pub(crate) fn vms(&self, number: usize) -> Vec<Vm> {
        let mut text = format!(
            "[defaults]\nport = {}\nidentity = {:?}\nknown_hosts = {:?}\n",
            self.port,
            self.path("client"),
            self.path("known_hosts")
        );
        for address in &self.all[..number] {
            text += &format!("[[vm]]\nname = \"{address}\"\nhost = \"{address}\"\n");
        }
        inventory::parse("bench", &text, &self.dir).unwrap().vms
    }

    /// `command`, a line for the shell there, on all of them by ssh under
    /// xargs.
    pub(crate) fn plain_ssh(&self, command: &str) -> Duration {
        let mut xargs = Command::new("xargs");
        xargs.args(["-P", &self.all.len().to_string(), "-I{}", "ssh", "-n", "-F"]);
        xargs.arg(self.path("ssh_config")).args(["{}", command]);
        timed(xargs, &self.list()).expect("xargs (findutils)")
    }

    /// The same by pssh; `None` where it is not installed.
    pub(crate) fn pssh(&self, command: &str) -> Option<Duration> {
        let mut pssh = Command::new("parallel-ssh");
        pssh.args(["-p", &self.all.len().to_string(), "-h"])
            .arg(self.path("addresses"))
            .arg("-x")
            .arg(format!("-F {}", self.path("ssh_config").display()))
            .arg(command);
        timed(pssh, "")
    }

    /// The same by Ansible, which needs no Python there for it; `None` where it
    /// is not installed.
    pub(crate) fn ansible(&self, command: &str) -> Option<Duration> {
        let config = self.path("ssh_config");
        let mut ansible = Command::new("ansible");
        ansible
            .args(["all", "-f", &self.all.len().to_string(), "-i"])
            .arg(self.path("addresses"))
            .args(["-m", "raw", "-a", command])
            // Instead of its own, which leave connections open for the next.
            .env("ANSIBLE_SSH_ARGS", format!("-F {}", config.display()))
            .env("ANSIBLE_HOME", self.path("ansible"));
        timed(ansible, "")
    }

    fn list(&self) -> String {
        self.all.join("\n") + "\n"
    }
}

impl Drop for Addresses {
    fn drop(&mut self) {
        // Sessions have processes of their own, which end with their clients.
        for server in &mut self.servers {
            let _ = server.kill();
            let _ = server.wait();
        }
    }
}

/// How long `command` takes with `input`; `None` where it is not installed.
fn timed(mut command: Command, input: &str) -> Option<Duration> {
    let started = Instant::now();
    let spawned = command
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn();
    let mut child = spawned.ok()?;
    let mut stdin = child.stdin.take().unwrap();
    stdin.write_all(input.as_bytes()).unwrap();
    drop(stdin);
    let output = child.wait_with_output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command:?}: {said}");
    Some(started.elapsed())
}
