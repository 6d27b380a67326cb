// SPDX-License-Identifier: BSD-2-Clause
//! `orchestrator doctor`: whether VMs are fit for a run, and the command that
//! mends each that is not. Nothing is changed on them.

mod table;

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, Instant};

use miette::Report;
use serde::Serialize;
use tokio::runtime::Runtime;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio::time::timeout;

use crate::event::{Facts, Stage};
use crate::exit::ExitStatus;
use crate::inventory::{self, Deploy, HostKeys, Vm};
use crate::pipeline::{
    Check, Dist, Finding, Grade, Machine, Unreached, examine, is_source_tree, learn,
};
use crate::plan::{self, Selection};
use crate::projection::summary::Look;
use crate::projection::text::ColorChoice;
use crate::run::{at_least_one, dist_path, inventory_path, overrides_of_place};
use crate::ssh::{ControlDir, Trouble};
use crate::tell;

/// Which VMs to examine, and how to show it.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The VMs of these names [default: every VM of the inventory]
    #[arg(value_name = "VM")]
    names: Vec<String>,
    /// How programs are to come to the VMs [default: the inventory's]
    #[arg(long)]
    deploy: Option<Deploy>,
    /// How many VMs may be examined at once
    #[arg(long, value_name = "N", default_value_t = 16, value_parser = at_least_one)]
    jobs: usize,
    /// Print one JSON array instead of a table
    #[arg(long)]
    json: bool,
    /// File that names the VMs [env: TCPSTATS_INVENTORY] [default: ./vms.toml, else the user's, else built in]
    #[arg(long, value_name = "FILE")]
    inventory: Option<PathBuf>,
    /// Folder of what a run uploads [env: TCPSTATS_DIST] [default: dist]
    #[arg(long, value_name = "DIR")]
    dist: Option<PathBuf>,
    /// Folder of the source tree, for VMs that build it
    #[arg(long, value_name = "DIR", default_value = ".")]
    source: PathBuf,
    /// When to use colours
    #[arg(long, value_enum, default_value_t)]
    color: ColorChoice,
}

/// What is here for VMs.
#[derive(Debug)]
struct Here {
    control: ControlDir,
    dist: Dist,
    source: PathBuf,
}

/// What was found on one VM.
#[derive(Debug, Serialize)]
struct Examined {
    vm: String,
    address: String,
    /// Whether a run would begin with it.
    fit: bool,
    findings: Vec<Finding>,
}

/// Examine the VMs and print what was found. Returns 0 where all are fit, 3
/// where one is not, 2 for wrong use.
#[must_use]
pub fn main(args: &Args) -> ExitCode {
    let vms = match selected(args) {
        Ok(vms) => vms,
        Err(report) => {
            tell::note(format_args!("{report:?}"));
            return ExitStatus::Usage.into();
        }
    };
    let here = ControlDir::new().map(|control| Here {
        control,
        dist: Dist::new(dist_path(args.dist.as_deref())),
        source: args.source.clone(),
    });
    let examined = match here.and_then(|here| examined(vms, here, args.jobs)) {
        Ok(examined) => examined,
        Err(error) => {
            tell::note(format_args!("error: failed to begin: {error}"));
            return ExitStatus::NotDriven.into();
        }
    };
    let all_fit = examined.iter().all(|vm| vm.fit);
    if args.json {
        match serde_json::to_string_pretty(&examined) {
            Ok(json) => tell::out(json),
            Err(error) => tell::note(format_args!("error: failed to print: {error}")),
        }
    } else {
        tell::out(table::render(&examined, Look::of_stdout(args.color)));
    }
    if all_fit {
        ExitStatus::Success.into()
    } else {
        ExitStatus::NotDriven.into()
    }
}

fn selected(args: &Args) -> Result<Vec<Vm>, Report> {
    let inventory = inventory::load(inventory_path(args.inventory.as_deref()).as_deref())?;
    let selection = match &args.names[..] {
        [] => Selection::All,
        names => Selection::Names(names.to_vec()),
    };
    let overrides = overrides_of_place(args.deploy);
    Ok(plan::plan(&inventory, &selection, &overrides)?.vms)
}

/// In the order of `vms`.
fn examined(vms: Vec<Vm>, here: Here, jobs: usize) -> std::io::Result<Vec<Examined>> {
    let here = Arc::new(here);
    let jobs = Arc::new(Semaphore::new(jobs));
    Runtime::new()?.block_on(async {
        let mut tasks = JoinSet::new();
        for (at, vm) in vms.into_iter().enumerate() {
            let (here, jobs) = (Arc::clone(&here), Arc::clone(&jobs));
            tasks.spawn(async move {
                // Nobody closes it.
                let _permit = jobs.acquire().await;
                (at, examine_vm(&vm, &here).await)
            });
        }
        let mut all = tasks.join_all().await;
        all.sort_by_key(|(at, _)| *at);
        Ok(all.into_iter().map(|(_, examined)| examined).collect())
    })
}

async fn examine_vm(vm: &Vm, here: &Here) -> Examined {
    let findings = findings(vm, here).await;
    Examined {
        vm: vm.name.clone(),
        address: vm.address(),
        fit: findings.iter().all(|finding| finding.grade != Grade::Bad),
        findings,
    }
}

async fn findings(vm: &Vm, here: &Here) -> Vec<Finding> {
    let began = Instant::now();
    let machine = match Machine::open(vm, &here.control).await {
        Ok(machine) => machine,
        Err(unreached) => return vec![why_unreached(vm, unreached)],
    };
    let mut findings = vec![
        Finding::good(Check::Reach, reached(began.elapsed())),
        Finding::good(
            Check::HostKey,
            match vm.host_keys {
                HostKeys::Strict => "the known one",
                HostKeys::AcceptNew => "the known one, or accepted now",
            },
        ),
    ];
    let examining = async {
        let facts = learn(&machine).await?;
        let mut found = examine(&machine, vm, &facts).await?;
        found.extend(programs(vm, here, &machine, &facts));
        Ok(found)
    };
    let limit = vm.limits.stage(Stage::Health);
    match timeout(limit, examining).await {
        Ok(Ok(found)) => findings.extend(found),
        Ok(Err(failure)) => {
            let failure: crate::pipeline::Failure = failure;
            findings.push(Finding::bad(
                Check::System,
                failure.cause.what,
                failure.cause.advice,
            ));
        }
        Err(_) => findings.push(Finding::bad(
            Check::System,
            format!("no answer within {}", humantime::format_duration(limit)),
            "see what hangs there",
        )),
    }
    machine.connection.close().await;
    findings
}

/// Whether a run has something to bring there; `None` where it brings nothing.
fn programs(vm: &Vm, here: &Here, machine: &Machine, facts: &Facts) -> Option<Finding> {
    if matches!(vm.deploy, Some(Deploy::Build | Deploy::None)) {
        return None;
    }
    Some(match here.dist.lacks(machine.system, facts) {
        None => Finding::good(Check::Programs, "a run uploads them"),
        Some(lack) if vm.deploy.is_none() && is_source_tree(&here.source) => {
            let found = format!("{}; a run builds them there", lack.what);
            Finding::warning(Check::Programs, found, lack.advice)
        }
        Some(lack) => Finding::bad(Check::Programs, lack.what, lack.advice),
    })
}

fn reached(took: Duration) -> String {
    format!("a command runs there after {} ms", took.as_millis())
}

fn why_unreached(vm: &Vm, unreached: Unreached) -> Finding {
    let cause = unreached.failure.cause;
    let (check, mend) = match unreached.trouble {
        Some(Trouble::HostKeyChanged) => (Check::HostKey, forget_key(vm)),
        Some(Trouble::HostKeyUnknown) => (Check::HostKey, format!("ssh {}", ssh_words(vm))),
        Some(Trouble::Refused) => (Check::Reach, format!("ssh-copy-id {}", ssh_words(vm))),
        _ => (Check::Reach, cause.advice),
    };
    Finding::bad(check, cause.what, mend)
}

/// What stands after `ssh` to reach `vm` by hand.
fn ssh_words(vm: &Vm) -> String {
    let mut words = Vec::new();
    if let Some(identity) = &vm.identity {
        words.push(format!("-i {}", identity.display()));
    }
    if let Some(known_hosts) = &vm.known_hosts {
        words.push(format!("-o UserKnownHostsFile={}", known_hosts.display()));
    }
    if let Some(port) = vm.port {
        words.push(format!("-p {port}"));
    }
    let user = vm.user.as_ref().map(|user| format!("{user}@"));
    words.push(format!("{}{}", user.unwrap_or_default(), vm.host));
    words.join(" ")
}

fn forget_key(vm: &Vm) -> String {
    let file = vm.known_hosts.as_ref();
    let file = file.map_or(String::new(), |file| format!("-f {} ", file.display()));
    let host = match vm.port {
        None | Some(22) => vm.host.clone(),
        Some(port) => format!("'[{}]:{port}'", vm.host),
    };
    format!("if it was installed anew: ssh-keygen {file}-R {host}")
}
