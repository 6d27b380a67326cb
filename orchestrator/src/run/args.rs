// SPDX-License-Identifier: BSD-2-Clause
//! The arguments of `orchestrator run`, and what they mean for the plan.

use std::env;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::event::Live;
use crate::http::Listening;
use crate::inventory::Deploy;
use crate::outputs;
use crate::plan::{Overrides, Selection};
use crate::regressions::{Judging, NoBaseline};
use crate::run::job::Settings;
use crate::runs::{self, NoRunsDir, RunsDir};

/// What to run, where, and how.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(flatten)]
    pub(super) which: Which,
    /// What to run on each VM, in this order [env: INTEGRATION_TARGET] [default: the inventory's]
    #[arg(long, value_delimiter = ',', value_name = "TARGET[,TARGET…]")]
    target: Option<Vec<String>>,
    /// Which categories of tests, as in A,B,D [default: all]
    #[arg(long, value_name = "LETTERS")]
    category: Option<String>,
    #[command(flatten)]
    pub(super) driving: Driving,
    /// End the whole run as soon as a target failed or a VM was lost
    #[arg(long)]
    pub(super) fail_fast: bool,
    /// What the benchmarks are compared with besides their history: a run's name, folder or log
    #[arg(long, value_name = "auto|RUN", default_value = "auto")]
    baseline: PathBuf,
    /// Return 4 where a benchmark got worse: by the baseline, or by its history with auto
    #[arg(long)]
    fail_on_regression: bool,
    #[command(flatten)]
    pub(super) listening: Listening,
    /// Go on serving /metrics for so long after the run
    #[arg(long, value_name = "TIME", value_parser = humantime::parse_duration)]
    pub(super) linger: Option<Duration>,
    /// Print what would be done, and do nothing
    #[arg(long)]
    pub(super) dry_run: bool,
    #[command(flatten)]
    pub(super) outputs: outputs::Outputs,
}

/// How VMs are driven, whichever run it is.
#[derive(Debug, clap::Args)]
pub(crate) struct Driving {
    /// How many connections the live targets open; live_bench takes several, as in 1000,100000
    /// [default: theirs]
    #[arg(long, value_name = "N[,N…]", value_delimiter = ',',
          value_parser = clap::value_parser!(u32).range(1..))]
    connections: Vec<u32>,
    /// How long live_soak goes on, as in 90s or 2h [default: 1h, and 1m as a part of live_all]
    #[arg(long, value_name = "TIME", value_parser = some_time)]
    duration: Option<Duration>,
    /// How the programs come to the VMs [default: the inventory's]
    #[arg(long)]
    deploy: Option<Deploy>,
    /// How many VMs may be connected to or moving files at once
    #[arg(long, value_name = "N", default_value_t = 16, value_parser = at_least_one)]
    jobs: usize,
    /// The longest that a whole run may take, as in 90s or 1h 30m
    #[arg(long, value_name = "TIME", value_parser = some_time)]
    timeout: Option<Duration>,
    /// How often trouble of the link is tried again: connecting, and all before the tests
    #[arg(long, value_name = "N", default_value_t = 2)]
    retries: usize,
    /// How often a target is run again in which tests failed; those that pass then are flaky
    #[arg(long, value_name = "N", default_value_t = 0)]
    retry_tests: u32,
    /// Reset a VM that is lost or has panicked, and run the targets that are left
    #[arg(long)]
    recover: bool,
    /// File that names the VMs [env: TCPSTATS_INVENTORY] [default: ./vms.toml, else the user's, else built in]
    #[arg(long, value_name = "FILE")]
    inventory: Option<PathBuf>,
    #[command(flatten)]
    runs_dir: RunsDir,
    /// Folder of what is uploaded, as `make dist` leaves it [env: TCPSTATS_DIST] [default: dist]
    #[arg(long, value_name = "DIR")]
    dist: Option<PathBuf>,
    /// Folder of the source tree, for VMs that build it
    #[arg(long, value_name = "DIR", default_value = ".")]
    source: PathBuf,
}

/// Which VMs: exactly one of the three ways to say so.
#[derive(Debug, clap::Args)]
#[group(required = true, multiple = false)]
pub(super) struct Which {
    /// Run on every VM of the inventory
    #[arg(long)]
    all_vms: bool,
    /// Go on with a run that was cut off: its name, `latest`, its folder or its log
    #[arg(long, value_name = "RUN", conflicts_with_all = ["target", "category"])]
    resume: Option<PathBuf>,
    /// Run on the VMs that have this label; given several times, all of them
    #[arg(long, value_name = "KEY=VALUE", value_parser = label)]
    label: Vec<(String, String)>,
    /// Run on the VMs of these names
    #[arg(value_name = "VM")]
    names: Vec<String>,
}

impl Args {
    pub(super) fn selection(&self) -> Selection {
        let Which {
            all_vms,
            label,
            names,
            resume: _,
        } = &self.which;
        if *all_vms {
            Selection::All
        } else if names.is_empty() {
            Selection::Labels(label.clone())
        } else {
            Selection::Names(names.clone())
        }
    }

    pub(super) fn resumed(&self) -> Option<&Path> {
        self.which.resume.as_deref()
    }

    /// # Errors
    /// Where the baseline can't be read, or found.
    pub(super) fn judging(&self) -> Result<Judging, NoBaseline> {
        let baseline = match self.baseline.to_str() {
            Some("auto") => None,
            _ => Some(runs::find(&self.baseline, &self.driving.runs_dir()?)?),
        };
        Judging::new(baseline, self.fail_on_regression)
    }

    pub(super) fn overrides(&self) -> Overrides {
        let of_environment = || {
            let list = variable("INTEGRATION_TARGET")?;
            Some(list.split(',').map(str::to_owned).collect())
        };
        Overrides {
            targets: self.target.clone().or_else(of_environment),
            category: self.category.clone(),
            ..self.driving.overrides()
        }
    }
}

impl Driving {
    /// # Errors
    /// Where none is named and the user has no home.
    pub(crate) fn runs_dir(&self) -> Result<PathBuf, NoRunsDir> {
        self.runs_dir.path()
    }

    /// With `fail_fast`, a failure anywhere ends the run.
    pub(crate) fn settings(&self, fail_fast: bool) -> Settings {
        Settings {
            dist: self.dist(),
            source: self.source.clone(),
            live: self.live(),
            retries: self.retries,
            retry_tests: self.retry_tests,
            recover: self.recover,
            fail_fast,
            jobs: self.jobs,
            timeout: self.timeout,
        }
    }

    pub(crate) fn inventory(&self) -> Option<PathBuf> {
        inventory_path(self.inventory.as_deref())
    }

    fn dist(&self) -> PathBuf {
        dist_path(self.dist.as_deref())
    }

    fn live(&self) -> Live {
        Live {
            connections: self.connections.clone(),
            duration_s: self.duration.map(|duration| duration.as_secs_f64()),
        }
    }

    /// What stands over the inventory, whatever is run.
    pub(crate) fn overrides(&self) -> Overrides {
        overrides_of_place(self.deploy)
    }
}

/// The inventory that is `named`, else the environment's.
pub(crate) fn inventory_path(named: Option<&Path>) -> Option<PathBuf> {
    let of_environment = || variable("TCPSTATS_INVENTORY").map(PathBuf::from);
    named.map(Path::to_owned).or_else(of_environment)
}

/// The folder of uploads that is `named`, else the environment's, else `dist`.
pub(crate) fn dist_path(named: Option<&Path>) -> PathBuf {
    let of_environment = || variable("TCPSTATS_DIST").map(PathBuf::from);
    let named = named.map(Path::to_owned).or_else(of_environment);
    named.unwrap_or_else(|| PathBuf::from("dist"))
}

/// What the environment says of where VMs are, and how programs come there.
pub(crate) fn overrides_of_place(deploy: Option<Deploy>) -> Overrides {
    Overrides {
        host: variable("FREEBSD_HOST"),
        dir: variable("FREEBSD_DIR"),
        deploy,
        ..Overrides::default()
    }
}

/// The variable `name` of the environment. An empty one counts as absent.
fn variable(name: &str) -> Option<String> {
    env::var(name).ok().filter(|value| !value.is_empty())
}

fn some_time(text: &str) -> Result<Duration, String> {
    match humantime::parse_duration(text) {
        Ok(Duration::ZERO) => Err("a run of no time would end at once".into()),
        Ok(time) => Ok(time),
        Err(error) => Err(error.to_string()),
    }
}

fn label(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((key, value)) if !key.is_empty() => Ok((key.to_owned(), value.to_owned())),
        _ => Err("a label looks like key=value".into()),
    }
}

pub(crate) fn at_least_one(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(0) => Err("at least one VM must be allowed".into()),
        Ok(number) => Ok(number),
        Err(error) => Err(format!("{error}")),
    }
}
