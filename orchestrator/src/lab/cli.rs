// SPDX-License-Identifier: BSD-2-Clause
//! `orchestrator lab …`: its arguments, what it prints, what it returns.
//!
//! Exit status: 0 done; 2 wrong use, or the machine lacks something, and
//! nothing was touched; 3 it failed; 130 interrupted, after cleaning up.
//! `lab status` returns 1 where something is dead or left over. `lab exec`
//! returns what its command does, and 125 where it cannot enter the host.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Subcommand;

use super::error::{LabError, Tried};
use super::name::{self, LabName};
use super::network::MOST_HOSTS;
use super::prerequisites::check_root;
use super::state::{State, StateDir};
use super::status::Status;
use super::up::{Request, Up};
use super::{Lab, down, exec, find, init, remains, up};
use crate::tell;

/// `lab exec` could not enter the host; as env(1) and chroot(1) have it.
const CANNOT_ENTER: u8 = 125;

/// `lab status` found something dead or left over.
const NOT_WELL: u8 = 1;

/// Three or more real SSH hosts on this machine, in namespaces.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Name of the lab, 1 to 6 lower-case letters; its hosts are NAME1, NAME2 …
    /// [default: lab; where there is one of another name only, that one, but for `up`]
    #[arg(long, global = true)]
    name: Option<LabName>,

    /// Folder of the lab's files [default: /run/tcpstats-NAME]
    #[arg(
        long,
        global = true,
        value_name = "DIR",
        env = "TCPSTATS_LAB_DIR",
        hide_env_values = true
    )]
    dir: Option<PathBuf>,

    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Bring the lab up: all of it, or nothing
    Up {
        /// How many hosts
        #[arg(short = 'n', long, value_name = "N", default_value_t = 3,
              value_parser = clap::value_parser!(u8).range(1..=i64::from(MOST_HOSTS)))]
        hosts: u8,

        /// Folder of tcpstatsd [default: that of this program]
        #[arg(long, value_name = "DIR")]
        bin_dir: Option<PathBuf>,
    },
    /// Take the lab down, whatever state it is in
    Down,
    /// Show how the lab is, or that nothing of it is left
    Status {
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Run a command inside a host, as root
    Exec {
        /// Name of the host
        host: String,
        /// The command and its arguments
        #[arg(last = true, required = true)]
        command: Vec<OsString>,
    },
    /// Be the first process of a host
    #[command(hide = true)]
    Init {
        /// Name of the lab
        lab: LabName,
        /// Name of the host
        host: String,
    },
}

/// Do what the arguments say.
#[must_use]
pub fn main(args: Args) -> ExitCode {
    let failure = match args.command {
        Command::Exec { .. } => Some(CANNOT_ENTER),
        _ => None,
    };
    dispatch(args).unwrap_or_else(|error| {
        tell::note(format_args!("error: {error}"));
        failure.map_or_else(|| error.status().into(), ExitCode::from)
    })
}

fn dispatch(args: Args) -> Result<ExitCode, LabError> {
    let name = match (args.name, &args.dir, &args.command) {
        (Some(name), ..) => name,
        (None, None, Command::Down | Command::Status { .. } | Command::Exec { .. }) => {
            find::the_only(Path::new(name::FOLDERS))?
        }
        _ => LabName::default(),
    };
    let dir = args.dir.unwrap_or_else(|| name.default_dir());
    let dir = std::path::absolute(&dir).tried(|| format!("find {}", dir.display()))?;
    let lab = Lab {
        name,
        dir: StateDir::new(dir),
    };
    // One thread is plenty: the lab waits most of its time.
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .tried(|| "start the runtime".to_owned())?;
    runtime.block_on(perform(&lab, args.command))
}

async fn perform(lab: &Lab, command: Command) -> Result<ExitCode, LabError> {
    match command {
        Command::Up { hosts, bin_dir } => {
            let bin_dir = bin_dir.map_or_else(own_folder, Ok)?;
            match up::up(lab, &Request { hosts, bin_dir }).await? {
                Up::New(state) => print_up(lab, &state, "up"),
                Up::Already(state) => print_up(lab, &state, "already up"),
            }
        }
        Command::Down => {
            check_root()?;
            down::down(lab)?;
            tell::out(format_args!("lab {} is down: {}", lab.name, remains::NONE));
        }
        Command::Status { json } => {
            check_root()?;
            return print_status(&Status::of(lab).await?, json);
        }
        Command::Exec { host, command } => {
            check_root()?;
            return exec::exec(lab, &host, &command).await.map(ExitCode::from);
        }
        // Its arguments are there for the lab's other commands to see.
        Command::Init { .. } => init::run().await?,
    }
    Ok(ExitCode::SUCCESS)
}

fn own_folder() -> Result<PathBuf, LabError> {
    std::env::current_exe()
        .map(|mut program| {
            program.pop();
            program
        })
        .tried(|| "find this program's own folder".to_owned())
}

fn print_up(lab: &Lab, state: &State, how: &str) {
    tell::out(format_args!(
        "lab {} is {how} on {}:",
        lab.name, state.subnet
    ));
    for host in &state.hosts {
        tell::out(format_args!("  {:<10} root@{}", host.name, host.address));
    }
    tell::out(format_args!("inventory: {}", lab.dir.inventory().display()));
}

fn print_status(status: &Status, json: bool) -> Result<ExitCode, LabError> {
    if json {
        let text = serde_json::to_string_pretty(status)
            .map_err(std::io::Error::from)
            .tried(|| "write the status as JSON".to_owned())?;
        tell::out(text);
    } else {
        tell::out(status.to_string().trim_end());
    }
    Ok(if status.is_good() {
        ExitCode::SUCCESS
    } else {
        ExitCode::from(NOT_WELL)
    })
}
