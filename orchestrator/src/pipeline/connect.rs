// SPDX-License-Identifier: BSD-2-Clause
//! Stage `connect`: an SSH connection over which a command was seen to run, to
//! a system that is known here. It is tried again for trouble of the link.

use tokio::time::timeout;

use super::again::pauses;
use super::{Failure, Pipeline};
use crate::event::Stage;
use crate::inventory::Vm;
use crate::ssh::{Connection, ControlDir, Trouble};

/// A VM that answers.
#[derive(Debug)]
pub(crate) struct Machine {
    pub(crate) connection: Connection,
    pub(crate) system: System,
}

/// A system that the test binary exists for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum System {
    Linux,
    FreeBsd,
}

impl System {
    /// As `uname -s` says.
    fn parse(name: &str) -> Option<Self> {
        match name {
            "Linux" => Some(Self::Linux),
            "FreeBSD" => Some(Self::FreeBsd),
            _ => None,
        }
    }
}

impl Pipeline {
    pub(super) async fn connect(&self) -> Result<Machine, Failure> {
        let mut pauses = pauses(self.shared.retries);
        loop {
            let work = self.local_work().await?;
            let begun = self.stage_started(Stage::Connect).await;
            let opened = self.shared.stop.unless(self.open()).await;
            drop(work);
            let failure = opened.as_ref().err();
            let pause = failure.filter(|f| f.can_pass).and_then(|_| pauses.next());
            self.stage_finished(begun, failure, pause.is_some()).await;
            let Some(pause) = pause else {
                // It was tried again as often as it may.
                return opened.map_err(Failure::lasting);
            };
            self.paused(pause).await?;
        }
    }

    async fn open(&self) -> Result<Machine, Failure> {
        let opened = Machine::open(&self.vm, &self.shared.control).await;
        opened.map_err(|unreached| unreached.failure)
    }
}

/// Why a VM could not be reached.
#[derive(Debug)]
pub(crate) struct Unreached {
    /// As the end of a VM's pipeline.
    pub(crate) failure: Failure,
    /// What ssh's messages mean, where it was ssh that gave up.
    pub(crate) trouble: Option<Trouble>,
}

impl From<Failure> for Unreached {
    fn from(failure: Failure) -> Self {
        Self {
            failure,
            trouble: None,
        }
    }
}

impl Machine {
    /// Connect to `vm` within its limit, and see that it is a system that the
    /// tests run on.
    pub(crate) async fn open(vm: &Vm, control: &ControlDir) -> Result<Self, Unreached> {
        let limit = vm.limits.stage(Stage::Connect);
        let address = vm.address();
        let opening = async {
            let opened = Connection::open(vm, control, limit).await;
            let connection = opened.map_err(|error| Unreached {
                trouble: Some(error.trouble),
                failure: Failure::connect(error, &address),
            })?;
            let system = system(&connection).await?;
            Ok(Self { connection, system })
        };
        match timeout(limit, opening).await {
            Ok(opened) => opened,
            // An sshd that accepts and then stays silent is not the VM's
            // testing taking too long: the VM was never reached.
            Err(_) => Err(Unreached::from(Failure {
                can_pass: true,
                ..Failure::infrastructure(
                    format!("no answer within {}", humantime::format_duration(limit)),
                    format!("connect to {address}"),
                    "see whether the VM or its sshd hangs, and whether its link is up",
                )
            })),
        }
    }
}

async fn system(connection: &Connection) -> Result<System, Failure> {
    let name = connection.succeed(&["uname", "-s"]).await?;
    System::parse(name.trim()).ok_or_else(|| {
        Failure::infrastructure(
            format!("this is no test machine: its system is {:?}", name.trim()),
            "uname -s",
            "the tests run on FreeBSD and Linux; correct `host` in the inventory",
        )
    })
}
