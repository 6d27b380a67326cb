// SPDX-License-Identifier: BSD-2-Clause
//! Which test machines there are, and how each is reached and used.
//!
//! - [`find`]: where the inventory comes from.
//! - `raw`: the keys of its file.
//! - [`mod@parse`]: TOML to plain data, every mistake shown with its line.
//! - [`check`]: what names, hosts and paths may look like.
//!
//! `builtin.toml` is the documentation of the format.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::time::Duration;

use serde::Deserialize;

use crate::event::Stage;

pub mod check;
pub mod find;
pub mod parse;
mod raw;

pub use find::{FindError, load};
pub use parse::{Mistake, parse};

const MINUTE_S: u64 = 60;

/// All machines, and what is run on them where nobody says otherwise.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Inventory {
    /// Targets of the test binary.
    pub targets: Vec<String>,
    /// Targets that only the programs of the machines know, of another version or
    /// somebody's own: they may be asked for, too.
    pub other_targets: Vec<String>,
    /// The machines, in the file's order.
    pub vms: Vec<Vm>,
}

/// One machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Vm {
    /// Unique; also a folder's name in the run's folder.
    pub name: String,
    /// Name or address, or a `Host` of ssh's configuration.
    pub host: String,
    /// TCP port; ssh's own choice where absent.
    pub port: Option<u16>,
    /// Login name; ssh's own choice where absent.
    pub user: Option<String>,
    /// The only private key file to be tried; ssh's own choice where absent.
    pub identity: Option<PathBuf>,
    /// As for ssh's `ProxyJump`.
    pub jump: Option<String>,
    /// File of known host keys; ssh's own choice where absent.
    pub known_hosts: Option<PathBuf>,
    /// What is done about a host key that is not known.
    pub host_keys: HostKeys,
    /// Absolute path of the folder there that the orchestrator owns.
    pub dir: String,
    /// The user's word for the system; may be empty.
    pub os: String,
    /// The user's word for the processor; may be empty.
    pub arch: String,
    /// What `--label` selects by.
    pub labels: BTreeMap<String, String>,
    /// Variables for the test binary.
    pub env: BTreeMap<String, String>,
    /// `host:port` of an exporter there that is to be scraped during a run;
    /// where absent, the one that the test binary starts.
    pub exporter: Option<String>,
    /// Time from one scrape to the next.
    pub scrape_interval: Duration,
    /// How the programs come there; [`Deploy::Cross`] where it can serve and
    /// else [`Deploy::Build`], where absent.
    pub deploy: Option<Deploy>,
    /// Tests that are known to fail there, as `TARGET/ID`.
    pub expected_failures: BTreeSet<String>,
    /// Where the VM's console is followed.
    pub console: Option<Console>,
    /// Program and arguments that reset the VM.
    pub reset: Option<Vec<String>>,
    /// Time limits.
    pub limits: Limits,
}

impl Vm {
    /// `user@host:port`, without the parts that ssh's configuration decides.
    #[must_use]
    pub fn address(&self) -> String {
        let user = self.user.as_ref().map(|user| format!("{user}@"));
        let host = if self.host.contains(':') && self.port.is_some() {
            format!("[{}]", self.host)
        } else {
            self.host.clone()
        };
        let port = self.port.map(|port| format!(":{port}"));
        format!(
            "{}{host}{}",
            user.unwrap_or_default(),
            port.unwrap_or_default()
        )
    }
}

/// Where a VM's console is.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Console {
    /// A program and its arguments, whose output it is.
    Command(Vec<String>),
    /// A Unix socket that it can be read from.
    Socket(PathBuf),
    /// A file that it is written to.
    File(PathBuf),
}

/// What is done about a host key that is not known. There is no way to have a
/// changed key accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum HostKeys {
    /// Refuse.
    #[default]
    Strict,
    /// Remember it, if the host was never seen before.
    AcceptNew,
}

/// How the programs come to the machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub enum Deploy {
    /// Bring the source tree there, and build it there.
    Build,
    /// Upload what was built here for its system and processor.
    Cross,
    /// Use what is there.
    None,
}

/// The longest that each part of a pipeline may take.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// Where the inventory differs from the defaults.
    pub stages: BTreeMap<Stage, Duration>,
    /// The longest silence of the test binary.
    pub idle: Duration,
}

impl Limits {
    /// Time from one scrape to the next, unless the inventory says so.
    pub const SCRAPE_INTERVAL: Duration = Duration::from_secs(5);
    /// The longest silence of the test binary, unless the inventory says so.
    pub const IDLE: Duration = Duration::from_secs(5 * MINUTE_S);

    /// The longest that `stage` may take; of [`Stage::Test`], each target.
    #[must_use]
    pub fn stage(&self, stage: Stage) -> Duration {
        self.stages
            .get(&stage)
            .copied()
            .unwrap_or_else(|| Self::default_of(stage))
    }

    fn default_of(stage: Stage) -> Duration {
        match stage {
            Stage::Lock | Stage::Facts | Stage::Unlock => Duration::from_secs(15),
            Stage::Connect | Stage::Health => Duration::from_secs(30),
            Stage::Prepare | Stage::Load | Stage::Unload => Duration::from_secs(MINUTE_S),
            Stage::Collect | Stage::Recover => Duration::from_secs(5 * MINUTE_S),
            Stage::Deploy | Stage::Setup => Duration::from_secs(10 * MINUTE_S),
            Stage::Build => Duration::from_secs(30 * MINUTE_S),
            Stage::Test => Duration::from_secs(60 * MINUTE_S),
        }
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            stages: BTreeMap::new(),
            idle: Self::IDLE,
        }
    }
}
