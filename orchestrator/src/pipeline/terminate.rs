// SPDX-License-Identifier: BSD-2-Clause
//! Ending what a run has started on a VM. Closing its SSH channel is not
//! enough: sshd leaves programs without a terminal alone.

use std::time::Duration;

use tokio::time::{Instant, sleep};

use super::Failure;
use super::place::Pattern;
use crate::ssh::{Connection, Exit, RemoteError};

/// How long a program may take to clean up after SIGTERM.
pub(super) const GRACE: Duration = Duration::from_secs(10);
/// How often it is looked for meanwhile.
const POLL: Duration = Duration::from_millis(200);

/// Ask what `pattern` finds to end, and kill what has not ended within
/// [`GRACE`]. Returns whether there was anything.
///
/// # Errors
/// When the VM can't be asked.
pub(super) async fn terminate(connection: &Connection, pattern: &Pattern) -> Result<bool, Failure> {
    if !found(connection, &["pgrep", "-f", &pattern.gone]).await? {
        return Ok(false);
    }
    found(connection, &["pkill", "-TERM", "-f", &pattern.asked]).await?;
    let deadline = Instant::now() + GRACE;
    while Instant::now() < deadline {
        if !found(connection, &["pgrep", "-f", &pattern.gone]).await? {
            return Ok(true);
        }
        sleep(POLL).await;
    }
    found(connection, &["pkill", "-KILL", "-f", &pattern.gone]).await?;
    Ok(true)
}

/// Whether the pgrep or pkill in `argv` found a process.
async fn found(connection: &Connection, argv: &[&str]) -> Result<bool, Failure> {
    let said = connection.run(argv).await?;
    match said.exit {
        Exit::Status(0) => Ok(true),
        Exit::Status(1) => Ok(false),
        exit => {
            let failure = Failure::from(RemoteError::Failed {
                tried: argv.join(" "),
                exit,
                stderr: said.stderr.trim().to_owned(),
            });
            Err(failure.advise("install pgrep and pkill there (package procps on Linux)"))
        }
    }
}
