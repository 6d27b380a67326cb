// SPDX-License-Identifier: BSD-2-Clause
//! A lab with the real test binary to be brought there, runs over it, and what
//! they leave.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use orchestrator::event::{Body, Event, VmOutcome};
use orchestrator::runs;
use protocol::Outcome;

use crate::bed::{Host, ORCHESTRATOR, TestLab, built, stdout};

/// What a Linux host gets.
pub(crate) const PROGRAMS: [&str; 5] = [
    "kmod-integration",
    "tcp-echo",
    "tcpstats",
    "tcpstats-exporter",
    "tcpstatsd",
];

/// The tests of `live_integration`.
const TESTS: usize = 214;

/// Those that a Linux before 6.8 can't show, as it does not tell of sockets
/// that are only bound.
const MAY_SKIP: [&str; 2] = ["B09", "B20"];

pub(crate) fn repository() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap()
}

/// Where `dist` has them.
fn programs(dist: &Path) -> PathBuf {
    let arch = match std::env::consts::ARCH {
        "x86_64" => "amd64",
        "aarch64" => "arm64",
        other => other,
    };
    dist.join(format!("linux-{arch}"))
}

/// Make `dist` as `make dist` leaves it, of the programs that were built with
/// this test.
pub(crate) fn make_dist(dist: &Path) {
    let programs = programs(dist);
    let sources = dist.join("kmod/tcpstats");
    fs::create_dir_all(&programs).unwrap();
    fs::create_dir_all(&sources).unwrap();
    for program in PROGRAMS {
        fs::copy(Path::new(&built()).join(program), programs.join(program)).unwrap();
    }
    fs::copy(
        repository().join("kmod/tcpstats/tcpstats.h"),
        sources.join("tcpstats.h"),
    )
    .unwrap();
}

/// A lab, and a place for what runs over it need and leave.
pub(crate) struct Whole {
    pub(crate) lab: TestLab,
    pub(crate) hosts: Vec<Host>,
    pub(crate) scratch: tempfile::TempDir,
}

impl Whole {
    pub(crate) fn up() -> Self {
        Self::of(3)
    }

    /// A new lab of `count` hosts.
    pub(crate) fn of(count: usize) -> Self {
        let lab = TestLab::new();
        let hosts = lab.up(count);
        Self::over(lab, hosts)
    }

    /// Over a lab that is up.
    pub(crate) fn over(lab: TestLab, hosts: Vec<Host>) -> Self {
        let scratch = tempfile::tempdir().unwrap();
        make_dist(&scratch.path().join("dist"));
        Self {
            lab,
            hosts,
            scratch,
        }
    }

    /// The folder of what a Linux host gets.
    pub(crate) fn programs(&self) -> PathBuf {
        programs(&self.scratch.path().join("dist"))
    }

    pub(crate) fn runs_dir(&self) -> PathBuf {
        self.scratch.path().join("runs")
    }

    /// `run --all-vms ARGUMENTS`, not started yet.
    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(ORCHESTRATOR);
        command
            .args(["run", "--all-vms", "--listen", "127.0.0.1:0"])
            .arg("--inventory")
            .arg(self.lab.dir().join("vms.toml"))
            .arg("--dist")
            .arg(self.scratch.path().join("dist"))
            .arg("--runs-dir")
            .arg(self.runs_dir())
            .args(arguments)
            .stdin(Stdio::null());
        command
    }

    pub(crate) fn run(&self) -> Output {
        self.command(&[]).output().unwrap()
    }

    /// The only run's folder.
    pub(crate) fn folder(&self) -> PathBuf {
        self.log().with_file_name("")
    }

    /// The only run's log; empty while there is none.
    pub(crate) fn log(&self) -> PathBuf {
        runs::find(Path::new(runs::LATEST), &self.runs_dir()).unwrap_or_default()
    }

    /// The only run's events so far.
    pub(crate) fn events(&self) -> Vec<Body> {
        let text = fs::read_to_string(self.log()).unwrap_or_default();
        let whole = text.rfind('\n').map_or("", |end| &text[..=end]);
        whole
            .lines()
            .map(|line| serde_json::from_str::<Event>(line).unwrap().body)
            .collect()
    }

    /// Whether a test has ended on `vm`, found out quicker than by
    /// [`Self::tests`].
    pub(crate) fn has_ended_a_test(&self, vm: &str) -> bool {
        let text = fs::read_to_string(self.log()).unwrap_or_default();
        let vm = format!("\"vm\":{vm:?}");
        let mut lines = text.lines();
        lines.any(|line| line.contains(&vm) && line.contains("\"test_finished\""))
    }

    /// The test binary's events on `vm` so far.
    pub(crate) fn harness_events(&self, vm: &str) -> Vec<protocol::Event> {
        let events = self.events().into_iter().filter_map(|body| match body {
            Body::Harness {
                vm: found, event, ..
            } if found == vm => Some(event),
            _ => None,
        });
        events.collect()
    }

    /// By VM and outcome, the ids of the tests that ended so.
    pub(crate) fn tests(&self) -> BTreeMap<(String, Outcome), Vec<String>> {
        let mut tests: BTreeMap<_, Vec<String>> = BTreeMap::new();
        for body in self.events() {
            if let Body::Harness { vm, event, .. } = body
                && let protocol::Body::TestFinished(test) = event.body
            {
                tests.entry((vm, test.outcome)).or_default().push(test.id);
            }
        }
        tests
    }

    pub(crate) fn tests_of(&self, vm: &str, outcome: Outcome) -> Vec<String> {
        let mut tests = self.tests();
        tests.remove(&(vm.to_owned(), outcome)).unwrap_or_default()
    }

    /// How each VM ended, with its cause in words.
    pub(crate) fn ends(&self) -> BTreeMap<String, (VmOutcome, String)> {
        let events = self.events().into_iter();
        events
            .filter_map(|body| match body {
                Body::VmFinished {
                    vm, outcome, cause, ..
                } => Some((
                    vm,
                    (outcome, cause.map(|c| c.to_string()).unwrap_or_default()),
                )),
                _ => None,
            })
            .collect()
    }

    pub(crate) fn assert_all_passed(&self, host: &Host) {
        assert_eq!(
            self.tests_of(&host.name, Outcome::Failed),
            Vec::<String>::new()
        );
        let skipped = self.tests_of(&host.name, Outcome::Skipped);
        assert!(
            skipped.iter().all(|id| MAY_SKIP.contains(&id.as_str())),
            "{skipped:?}"
        );
        let passed = self.tests_of(&host.name, Outcome::Passed).len();
        assert_eq!(passed + skipped.len(), TESTS);
        assert_eq!(self.ends()[&host.name], (VmOutcome::Passed, String::new()));
    }

    /// Demand that a host runs nothing but what the lab gave it.
    pub(crate) fn assert_nothing_left_on(&self, host: &Host, daemons: &[&str]) {
        let ps = self.lab.exec(host, &["ps", "-eo", "comm="]);
        let mut running: Vec<_> = stdout(&ps).lines().map(str::to_owned).collect();
        running.sort();
        let mut wanted = vec!["orchestrator", "ps"];
        wanted.extend(daemons);
        wanted.sort_unstable();
        assert_eq!(running, wanted);
    }
}
