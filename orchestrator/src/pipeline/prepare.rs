// SPDX-License-Identifier: BSD-2-Clause
//! Stage `prepare`: a clean place to work in. The lock is held, so whatever
//! other runs have left there belongs to nobody any more.

use super::terminate::terminate;
use super::{Failure, Pipeline};
use crate::event::Stage;
use crate::ssh::Connection;

impl Pipeline {
    pub(super) async fn prepare(&self, connection: &Connection) -> Result<(), Failure> {
        let place = &self.place;
        for pattern in [place.any_harness(), place.any_daemon(), place.builder()] {
            if terminate(connection, &pattern).await? {
                self.output(
                    Stage::Prepare,
                    "ended programs that an earlier run left behind",
                )
                .await;
            }
        }
        self.remove_others(connection, &self.place.runs()).await?;
        if self.resumed.is_some() {
            self.remove_own(connection).await?;
        }
        connection
            .succeed(&["mkdir", "-p", "--", &self.place.output()])
            .await?;
        Ok(())
    }

    /// Remove what this run has left there when it was cut off, but for the
    /// output of targets that are done.
    async fn remove_own(&self, connection: &Connection) -> Result<(), Failure> {
        let output = self.place.output();
        let outputs = self.targets().iter();
        let outputs = outputs.map(|target| format!("{output}/{}", target.target));
        let own: Vec<String> = [self.place.deployment()]
            .into_iter()
            .chain(outputs)
            .collect();
        let mut argv = vec!["rm", "-rf", "--"];
        argv.extend(own.iter().map(String::as_str));
        connection.succeed(&argv).await?;
        Ok(())
    }

    /// Remove all folders in `parent` but this run's.
    pub(super) async fn remove_others(
        &self,
        connection: &Connection,
        parent: &str,
    ) -> Result<(), Failure> {
        connection.succeed(&["mkdir", "-p", "--", parent]).await?;
        connection
            .succeed(&[
                "find",
                parent,
                "-mindepth",
                "1",
                "-maxdepth",
                "1",
                "!",
                "-name",
                &self.shared.run,
                "-exec",
                "rm",
                "-rf",
                "--",
                "{}",
                "+",
            ])
            .await?;
        Ok(())
    }
}
