// SPDX-License-Identifier: BSD-2-Clause
//! `run --all-vms` over lab hosts with the real test binary and the real
//! device: the whole system, end to end.

use std::collections::BTreeMap;
use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};

use orchestrator::event::{Body, Event, VmOutcome};
use orchestrator::runs;
use protocol::Outcome;

use crate::bed::{Host, ORCHESTRATOR, TestLab, built, code, stderr, stdout, wait_until};
use crate::signal;

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
    scratch: tempfile::TempDir,
}

impl Whole {
    fn up() -> Self {
        Self::of(3)
    }

    /// A new lab of `count` hosts.
    pub(crate) fn of(count: usize) -> Self {
        let lab = TestLab::new();
        let hosts = lab.up(count);
        Self::over(lab, hosts)
    }

    /// Over a lab that is up.
    fn over(lab: TestLab, hosts: Vec<Host>) -> Self {
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

    fn run(&self) -> Output {
        self.command(&[]).output().unwrap()
    }

    /// The only run's folder.
    pub(crate) fn folder(&self) -> PathBuf {
        self.log().with_file_name("")
    }

    /// The only run's log; empty while there is none.
    fn log(&self) -> PathBuf {
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
    fn tests(&self) -> BTreeMap<(String, Outcome), Vec<String>> {
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

/// The page at `url`, given as `http://ADDRESS/PATH`.
fn get(url: &str) -> String {
    let (address, path) = url.trim_start_matches("http://").split_once('/').unwrap();
    let mut stream = TcpStream::connect(address).unwrap();
    let request = format!("GET /{path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n");
    std::io::Write::write_all(&mut stream, request.as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

/// The sum of the samples whose line begins so.
fn sum(page: &str, name: &str, label: &str) -> f64 {
    page.lines()
        .filter(|line| line.starts_with(name) && line.contains(label))
        .map(|line| line.rsplit(' ').next().unwrap().parse::<f64>().unwrap())
        .sum()
}

/// The address that a run says it serves its metrics at.
fn metrics_url(run: &mut Child) -> String {
    let mut lines = BufReader::new(run.stderr.take().unwrap()).lines();
    let url = lines.by_ref().find_map(|line| {
        let line = line.unwrap();
        line.strip_prefix("metrics at ").map(str::to_owned)
    });
    // The pipe has to be read on, or the run stops at it.
    std::thread::spawn(move || lines.for_each(drop));
    url.unwrap()
}

#[test]
fn three_hosts_pass_every_test_and_are_left_as_they_were() {
    let whole = Whole::up();
    for _ in 0..2 {
        let run = whole.run();
        assert_eq!(code(&run), 0, "{}{}", stdout(&run), stderr(&run));
        for host in &whole.hosts {
            whole.assert_all_passed(host);
            whole.assert_nothing_left_on(host, &["sshd", "tcpstatsd"]);
        }
        let log = whole.log();
        let replay = Command::new(ORCHESTRATOR)
            .arg("replay")
            .arg(&log)
            .output()
            .unwrap();
        assert_eq!(
            stdout(&replay),
            stdout(&run),
            "replay shows another summary"
        );
        assert_eq!(code(&replay), 0);
        fs::remove_dir_all(whole.runs_dir()).unwrap();
    }
}

#[test]
fn the_live_targets_pass_and_leave_each_host_its_daemon() {
    let lab = TestLab::new();
    let hosts = lab.up(2);
    let whole = Whole::over(lab, hosts);
    let daemon = |host: &Host| {
        let ps = ["ps", "-C", "tcpstatsd", "-o", "ppid=,args="];
        stdout(&whole.lab.exec(host, &ps)).trim().to_owned()
    };
    let before: Vec<String> = whole.hosts.iter().map(daemon).collect();
    let small = ["--connections", "80", "--duration", "2s", "--category", "A"];
    let run = whole
        .command(&["--target", "live_all"])
        .args(small)
        .output()
        .unwrap();
    assert_eq!(code(&run), 0, "{}{}", stdout(&run), stderr(&run));
    for (host, before) in whole.hosts.iter().zip(before) {
        assert_eq!(whole.tests_of(&host.name, Outcome::Failed), [""; 0]);
        whole.assert_nothing_left_on(host, &["sshd", "tcpstatsd"]);
        // The host's own process 1 has taken the one that was started anew.
        assert_eq!(daemon(host), before);
    }
    // Of each host: an exporter, and what its connections were measured with.
    let events = whole.events();
    let told = |wanted: fn(&protocol::Body) -> bool| {
        let is_wanted =
            |body: &&Body| matches!(body, Body::Harness { event, .. } if wanted(&event.body));
        events.iter().filter(is_wanted).count()
    };
    let exporters = told(|body| matches!(body, protocol::Body::Exporter { .. }));
    assert_eq!(exporters, whole.hosts.len());
    let opened = told(|body| {
        matches!(body, protocol::Body::Benchmark(one)
            if one.name == "connections_stand" && one.connections == 80)
    });
    // In live_bench, live_dos and live_soak.
    assert_eq!(opened, 3 * whole.hosts.len());
    let status = whole.lab.lab(&["status"]);
    assert_eq!(code(&status), 0, "{}", stdout(&status));
}

#[test]
fn metrics_tell_of_the_run_and_of_the_devices() {
    let whole = Whole::up();
    let mut command = whole.command(&["--linger", "1h", "--category", "A,B"]);
    let mut run = command
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let url = metrics_url(&mut run);
    wait_until("the run is over", || {
        get(&url).contains("\norchestrator_runs_total{result=\"passed\"} 1\n")
    });
    let page = get(&url);
    signal(run.id().cast_signed(), rustix::process::Signal::INT);
    run.wait().unwrap();

    let ended = whole.tests();
    for (outcome, label) in [
        (Outcome::Passed, "outcome=\"passed\""),
        (Outcome::Skipped, "outcome=\"skipped\""),
        (Outcome::Failed, "outcome=\"failed\""),
    ] {
        let of_it = ended.iter().filter(|((_, of), _)| *of == outcome);
        let count: usize = of_it.map(|(_, tests)| tests.len()).sum();
        let shown = sum(&page, "orchestrator_tests{", label);
        assert!(
            (shown - count as f64).abs() < 0.5,
            "{label}: {shown} {count}"
        );
    }
    for host in &whole.hosts {
        let vm = format!("vm=\"{}\"", host.name);
        let visited = sum(&page, "kmod_sockets_visited_total{", &vm);
        let emitted = sum(&page, "kmod_records_emitted_total{", &vm);
        let skipped = sum(&page, "kmod_sockets_skipped", &vm);
        assert!(emitted > 0.0 && skipped > 0.0, "{page}");
        assert!((visited - emitted - skipped).abs() < 0.5, "{page}");
    }
}

#[test]
fn a_host_whose_sshd_dies_is_lost_and_the_others_pass() {
    let whole = Whole::up();
    let victim = &whole.hosts[1];
    let mut command = whole.command(&[]);
    let run = command
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    wait_until("the host has passed its first test", || {
        !whole.tests_of(&victim.name, Outcome::Passed).is_empty()
    });
    assert_eq!(
        code(&whole.lab.exec(victim, &["pkill", "-KILL", "sshd"])),
        0
    );
    let run = run.wait_with_output().unwrap();

    assert_eq!(code(&run), 3, "{}{}", stdout(&run), stderr(&run));
    let (outcome, cause) = &whole.ends()[&victim.name];
    assert_eq!(*outcome, VmOutcome::Lost);
    assert!(cause.contains("the connection was lost"), "{cause}");
    assert!(stdout(&run).contains(cause.split(" (").next().unwrap()));
    wait_until("the test binary has ended on its own", || {
        let found = whole
            .lab
            .exec(victim, &["pgrep", "-f", "kmod-integration|tcp-echo"]);
        code(&found) == 1
    });
    whole.assert_nothing_left_on(victim, &["tcpstatsd"]);
    for other in [&whole.hosts[0], &whole.hosts[2]] {
        whole.assert_all_passed(other);
        whole.assert_nothing_left_on(other, &["sshd", "tcpstatsd"]);
    }
}

#[test]
fn without_a_device_no_test_passes() {
    let whole = Whole::up();
    let programs = fs::read_dir(whole.scratch.path().join("dist"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .find(|path| path.join("tcpstatsd").exists())
        .unwrap();
    fs::write(programs.join("tcpstatsd"), "#!/bin/sh\nexit 3\n").unwrap();
    for host in &whole.hosts {
        assert_eq!(
            code(&whole.lab.exec(host, &["pkill", "-TERM", "tcpstatsd"])),
            0
        );
        wait_until("the device is gone", || {
            code(&whole.lab.exec(host, &["test", "-e", "/dev/tcpstats"])) == 1
        });
    }
    let run = whole.run();

    assert_eq!(code(&run), 3, "{}{}", stdout(&run), stderr(&run));
    assert_eq!(whole.tests(), BTreeMap::new());
    for host in &whole.hosts {
        let (outcome, cause) = &whole.ends()[&host.name];
        assert_eq!(*outcome, VmOutcome::Infrastructure);
        assert!(cause.contains("tcpstatsd"), "{cause}");
    }
}

#[test]
fn targets_that_compile_find_their_sources_on_the_host() {
    let lab = TestLab::new();
    let hosts = lab.up(1);
    let whole = Whole::over(lab, hosts);
    let sources = repository().join("kmod/tcpstats");
    let copied = Command::new("cp")
        .arg("-R")
        .args(["core", "tools", "tcpstats_layout.h"].map(|name| sources.join(name)))
        .arg(whole.scratch.path().join("dist/kmod/tcpstats"))
        .status();
    assert!(copied.unwrap().success());
    let run = whole
        .command(&["--target", "gen_conn,pkg_setup"])
        .output()
        .unwrap();

    assert_eq!(code(&run), 0, "{}{}", stdout(&run), stderr(&run));
    let host = &whole.hosts[0];
    assert_eq!(
        whole.tests_of(&host.name, Outcome::Passed),
        ["compile", "run", "cc", "libc", "make", "valgrind", "perl"]
    );
    assert_eq!(whole.tests().len(), 1);
    whole.assert_nothing_left_on(host, &["sshd", "tcpstatsd"]);
}

/// Build the daemon from a copy of the sources in which one line of the
/// matcher is another.
fn broken_daemon(scratch: &Path) -> PathBuf {
    let copy = scratch.join("copy");
    fs::create_dir(&copy).unwrap();
    let copied = Command::new("cp")
        .arg("-R")
        .args(
            [
                "Cargo.toml",
                "Cargo.lock",
                "kmod",
                "vm-bin",
                "orchestrator",
                "metric-table",
                "regression",
            ]
            .map(|part| repository().join(part)),
        )
        .arg(&copy)
        .status()
        .unwrap();
    assert!(copied.success());

    let matcher = copy.join("kmod/tcpstats/core/tcpstats_match.h");
    let right = fs::read_to_string(&matcher).unwrap();
    let wrong = right.replace("TCPSTATS_SKIP_STATE);", "TCPSTATS_MATCH);");
    assert_ne!(right, wrong, "the line to break is not there any more");
    fs::write(&matcher, wrong).unwrap();

    // Beside the build of the tests, so that a second time is quick.
    let target = Path::new(&built()).join("broken-matcher");
    let built = Command::new(env!("CARGO"))
        .args(["build", "--quiet", "--locked", "-p", "tcpstatsd"])
        .arg("--target-dir")
        .arg(&target)
        .current_dir(&copy)
        .status()
        .unwrap();
    assert!(built.success());
    target.join("debug")
}

#[test]
fn a_broken_matcher_fails_the_same_named_tests_on_every_host() {
    let lab = TestLab::new();
    let scratch = tempfile::tempdir().unwrap();
    let daemon = broken_daemon(scratch.path());
    let up = lab.lab(&["up", "-n", "3", "--bin-dir", daemon.to_str().unwrap()]);
    assert_eq!(code(&up), 0, "{}", stderr(&up));
    let hosts = lab.hosts();
    let whole = Whole::over(lab, hosts);
    let run = whole.run();

    assert_eq!(code(&run), 1, "{}{}", stdout(&run), stderr(&run));
    let failed = whole.tests_of(&whole.hosts[0].name, Outcome::Failed);
    assert!(failed.contains(&"B01".to_owned()), "{failed:?}");
    assert!(!failed.contains(&"A01".to_owned()), "{failed:?}");
    for host in &whole.hosts {
        assert_eq!(whole.tests_of(&host.name, Outcome::Failed), failed);
        assert_eq!(whole.ends()[&host.name].0, VmOutcome::Failed);
    }
    assert!(stdout(&run).contains("B01"), "{}", stdout(&run));
}
