// SPDX-License-Identifier: BSD-2-Clause
//! Stages `deploy`, `build` and `setup`: the programs and C sources that a run
//! uses.
//!
//! - `dist`: what was built here.
//! - `cross`: bring it there, no more of it than is not there yet.
//! - `build`: bring the source tree there, and build it there.
//!
//! Whichever way, they end up in a new folder of the run, which becomes
//! `current` only when it is complete: no program of another build can run in
//! its place.

mod build;
mod cross;
mod dist;

pub(crate) use build::is_source_tree;
pub use dist::Dist;

use super::connect::Machine;
use super::place::{Place, Programs};
use super::{Failure, Pipeline, sftp};
use crate::event::{Facts, Stage};
use crate::inventory::Deploy;
use crate::ssh::{Connection, Exit};

/// All programs that a build leaves; which of them must be there is the
/// test binary's to say, which itself must.
const PROGRAMS: [&str; 6] = [
    "kmod-integration",
    "tcp-echo",
    "tcpstats",
    "tcpstatsd",
    "tcpstats-exporter",
    "read_tcpstats",
];
/// The module, among a deployment's programs.
pub(super) const MODULE: &str = "tcpstats.ko";

impl Pipeline {
    /// The stages that bring the programs there.
    pub(super) async fn deployed(
        &self,
        machine: &Machine,
        facts: &Facts,
    ) -> Result<Programs, Failure> {
        let mode = self.deploy_mode(machine, facts);
        let work = self.local_work().await?;
        let connection = &machine.connection;
        let deployed = self
            .stage(machine, Stage::Deploy, async {
                match mode {
                    Deploy::Cross => self.upload(machine, facts).await.map(Some),
                    Deploy::None => self.find_programs(connection).await.map(Some),
                    Deploy::Build => self.bring_tree(machine).await.map(|()| None),
                }
            })
            .await?;
        drop(work);
        if let Some(programs) = deployed {
            return Ok(programs);
        }
        self.building(machine, Stage::Build, self.build(machine))
            .await?;
        self.building(machine, Stage::Setup, self.set_up(machine))
            .await
    }

    /// The inventory's, else `cross` where it can serve. Where neither way can
    /// serve, `cross` is the one that says what is missing.
    fn deploy_mode(&self, machine: &Machine, facts: &Facts) -> Deploy {
        let shared = &self.shared;
        self.vm.deploy.unwrap_or_else(|| {
            let is_cross =
                shared.dist.serves(machine.system, facts) || !is_source_tree(&shared.source);
            if is_cross {
                Deploy::Cross
            } else {
                Deploy::Build
            }
        })
    }

    /// Programs that an earlier run, or a build on the VM, has left there.
    async fn find_programs(&self, connection: &Connection) -> Result<Programs, Failure> {
        for programs in [Place::deployed(&self.place.current()), self.place.built()] {
            if is_there(connection, &programs.path("kmod-integration")).await? {
                return self.take_over(connection, &programs).await;
            }
        }
        Err(Failure::infrastructure(
            "there is no test binary",
            format!("look for it below {}", self.place.dir()),
            "bring it there with --deploy cross",
        ))
    }

    /// Copy `programs` into this run's own folder. What a run starts is found
    /// again by that folder, and a build meanwhile does not change it.
    async fn take_over(
        &self,
        connection: &Connection,
        programs: &Programs,
    ) -> Result<Programs, Failure> {
        let partial = self.place.partial_deployment();
        let (bin, kmod) = (format!("{partial}/bin"), format!("{partial}/kmod"));
        connection.succeed(&["rm", "-rf", "--", &partial]).await?;
        connection
            .succeed(&["mkdir", "-p", "--", &bin, &kmod])
            .await?;
        let mut files: Vec<String> = PROGRAMS.map(|name| programs.path(name)).into();
        files.push(programs.path(MODULE));
        files.push(format!("{}/{MODULE}", programs.kmod_src));
        for file in files {
            if is_there(connection, &file).await? {
                connection.succeed(&["cp", "-p", "--", &file, &bin]).await?;
            }
        }
        connection
            .succeed(&["cp", "-R", "-p", "--", &programs.kmod_src, &kmod])
            .await?;
        self.complete(connection).await
    }

    /// What is in the run's folder is whole: use it, and nothing else.
    async fn complete(&self, connection: &Connection) -> Result<Programs, Failure> {
        let (partial, root) = (self.place.partial_deployment(), self.place.deployment());
        connection.succeed(&["rm", "-rf", "--", &root]).await?;
        connection.succeed(&["mv", "--", &partial, &root]).await?;
        self.make_current(connection, &root).await?;
        self.remove_others(connection, &self.place.deployments())
            .await?;
        Ok(Place::deployed(&root))
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
        sftp.close().await;
        Ok(())
    }
}

/// Whether `path` is a file there.
async fn is_there(connection: &Connection, path: &str) -> Result<bool, Failure> {
    let said = connection.run(&["test", "-f", path]).await?;
    Ok(said.exit == Exit::Status(0))
}
