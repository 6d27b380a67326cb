// SPDX-License-Identifier: BSD-2-Clause
//! A link that goes down in each stage, all in one run: each stage is held on a
//! host of its own. Unlike a connection that is cut, such a link is silent, at
//! both ends.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::thread;

use orchestrator::event::{Body, Stage, VmOutcome};
use protocol::Outcome;

use crate::bed::{Host, code, done, stderr, stdout, wait_until};
use crate::whole::{PROGRAMS, Whole};

/// Where a stage is held: as soon as a run of this program fulfils a condition
/// of sh(1).
struct Held {
    stage: Stage,
    program: &'static str,
    when: &'static str,
}

const fn held(stage: Stage, program: &'static str, when: &'static str) -> Held {
    Held {
        stage,
        program,
        when,
    }
}

/// By its place a host's, too.
const STAGES: [Held; 13] = [
    held(Stage::Connect, "uname", "[ $1 = -s ]"),
    held(Stage::Lock, "flock", "true"),
    held(Stage::Facts, "uname", "[ $1 = -snrm ]"),
    held(Stage::Health, "df", "true"),
    held(Stage::Prepare, "find", "expr $1 : '.*/runs$'"),
    held(Stage::Deploy, "rm", "expr $3 : '.*[.]partial$'"),
    held(Stage::Build, "cargo", "true"),
    held(Stage::Setup, "rm", "expr $3 : '.*[.]partial$'"),
    held(Stage::Load, "pgrep", "[ $1 = -x ]"),
    held(Stage::Test, "timeout", "true"),
    held(
        Stage::Collect,
        "sftp-server",
        "ls -d /root/tcpstats-reader/runs/*/output/live_integration",
    ),
    held(Stage::Unload, "pkill", "expr \"$3\" : '.*tcpstatsd$'"),
    held(Stage::Unlock, "rm", "expr $3 : '.*/lock.holder$'"),
];
/// A host whose link stays as it is.
const UNDISTURBED: usize = 13;
/// A host whose link is down before the run begins.
const ABSENT: usize = 14;

/// What a host finds before its own programs.
const TOOLS: &str = "/usr/local/sbin";
/// A host's file that is there once its stage is held.
const REACHED: &str = "/tmp/reached";
/// A host's file that holds it.
const HOLD: &str = "/tmp/hold";
/// The tests of category A.
const TESTS: usize = 12;
/// The test binary's events that come through before its stage is held.
const EVENTS_BEFORE: usize = 10;

/// The host's file `path`, as it is seen from here.
fn inside(host: &Host, path: &str) -> PathBuf {
    Path::new("/proc")
        .join(host.pid.to_string())
        .join("root")
        .join(path.trim_start_matches('/'))
}

fn write_program(host: &Host, name: &str, script: &str) {
    let path = inside(host, TOOLS).join(name);
    fs::write(&path, format!("#!/bin/sh\n{script}\n")).unwrap();
    fs::set_permissions(&path, Permissions::from_mode(0o755)).unwrap();
}

struct Scene(Whole);

impl Scene {
    /// `count` hosts, the first of which are held in a stage each, with these
    /// keys of the inventory's `[defaults]`.
    fn of(count: usize, defaults: &str) -> Self {
        let scene = Self(Whole::of(count));
        for (held, host) in STAGES.iter().zip(scene.hosts()) {
            scene.hold(held, host);
        }
        let inventory = scene.0.lab.dir().join("vms.toml");
        let mut text = fs::read_to_string(&inventory).unwrap();
        for (held, host) in STAGES.iter().zip(scene.hosts()) {
            if builds(held.stage) {
                let name = format!("name = {:?}\n", host.name);
                text = text.replace(&name, &format!("{name}deploy = \"build\"\n"));
            }
        }
        text = text.replace("[defaults]\n", &format!("[defaults]\n{defaults}\n"));
        fs::write(inventory, text).unwrap();
        scene.write_source_tree();
        scene
    }

    fn hosts(&self) -> &[Host] {
        &self.0.hosts
    }

    /// What a host's stand-in for cargo finds built already.
    fn source(&self) -> PathBuf {
        self.0.runs_dir().with_file_name("source")
    }

    fn write_source_tree(&self) {
        let kmod = self.source().join("kmod/tcpstats");
        fs::create_dir_all(&kmod).unwrap();
        fs::write(kmod.join("Makefile"), "clean all:\n").unwrap();
        fs::write(self.source().join("Cargo.toml"), "[workspace]\n").unwrap();
    }

    fn hold(&self, held: &Held, host: &Host) {
        let lab = &self.0.lab;
        done(lab, host, &["mount", "-t", "tmpfs", "tools", TOOLS]);
        fs::write(inside(host, HOLD), "").unwrap();
        let Held {
            stage,
            program,
            when,
        } = held;
        let real = format!("PATH=${{PATH#*:}} {program} \"$@\"");
        let hold = format!(": >{REACHED}; while [ -e {HOLD} ]; do sleep 0.05; done");
        let then = match stage {
            Stage::Build => BUILD.to_owned(),
            Stage::Collect => "exec /usr/lib/openssh/sftp-server".to_owned(),
            _ => format!("export PATH=${{PATH#*:}}; exec {program} \"$@\""),
        };
        let script = match stage {
            // Held when it has said something.
            Stage::Test => format!(
                "{real} | {{ n=0; while read -r line; do\nprintf '%s\\n' \"$line\"\n\
                 n=$((n + 1)); if [ $n = {EVENTS_BEFORE} ]; then {hold}; fi\ndone; }}"
            ),
            _ => {
                format!("if ! [ -e {REACHED} ] && {when} >/dev/null 2>&1; then\n{hold}\nfi\n{then}")
            }
        };
        write_program(host, program, &script);
        match stage {
            Stage::Build | Stage::Setup => self.have_build(host),
            Stage::Collect => have_sftp_server(&self.0, host),
            // It has a daemon of the run's to end there then.
            Stage::Unload => done(lab, host, &["pkill", "-x", "tcpstatsd"]),
            _ => {}
        }
    }

    /// Have what stands for a build there, and the room that one wants.
    fn have_build(&self, host: &Host) {
        let dir = "/root/tcpstats-reader";
        let roomy = format!("mkdir {dir} && mount -t tmpfs -o size=5g roomy {dir}");
        done(&self.0.lab, host, &["sh", "-c", &roomy]);
        let programs = inside(host, "/tmp/programs");
        fs::create_dir(&programs).unwrap();
        for name in PROGRAMS {
            fs::copy(self.0.programs().join(name), programs.join(name)).unwrap();
        }
        if !inside(host, TOOLS).join("cargo").exists() {
            write_program(host, "cargo", BUILD);
        }
    }

    /// Run on all hosts, and meanwhile have the links of those that are held do
    /// what `fault` does.
    fn run(&self, arguments: &[&str], fault: impl Fn(&Held, &Host) + Sync) -> Output {
        thread::scope(|scope| {
            for (held, host) in STAGES.iter().zip(self.hosts()) {
                let fault = &fault;
                scope.spawn(move || {
                    self.wait_until_held(held, host);
                    fault(held, host);
                    fs::remove_file(inside(host, HOLD)).unwrap();
                });
            }
            self.next_run(arguments)
        })
    }

    fn next_run(&self, arguments: &[&str]) -> Output {
        let mut command = self.0.command(&["--category", "A", "--source"]);
        command.arg(self.source()).args(arguments).output().unwrap()
    }

    fn wait_until_held(&self, held: &Held, host: &Host) {
        let name = format!("{} is held on {}", held.stage, host.name);
        wait_until(&name, || inside(host, REACHED).exists());
        if held.stage == Stage::Test {
            wait_until("what it said is here", || {
                self.0.harness_events(&host.name).len() == EVENTS_BEFORE
            });
        }
    }

    /// How many tests passed on `host`.
    fn passed(&self, host: &Host) -> usize {
        self.0.tests_of(&host.name, Outcome::Passed).len()
    }

    /// What was fetched of `host`.
    fn artifacts(&self, host: &Host) -> Vec<PathBuf> {
        let folder = self.0.folder().join("vms").join(&host.name);
        let entries = fs::read_dir(folder.join("live_integration"));
        let entries = entries.into_iter().flatten();
        entries.map(|entry| entry.unwrap().path()).collect()
    }

    /// Demand that `host`, which ended so, was lost in `stage`, and that
    /// nothing was lost with it that was known before.
    fn assert_lost(&self, stage: Stage, host: &Host, end: &(VmOutcome, String)) {
        let (outcome, cause) = end;
        let (wanted, words) = match stage {
            // It is not known yet whether it is a machine to test.
            Stage::Connect => (VmOutcome::Infrastructure, "no answer within 8s"),
            _ => (VmOutcome::Lost, "not responding"),
        };
        assert_eq!(*outcome, wanted, "{stage}: {cause}");
        assert!(cause.contains(words), "{stage}: {cause}");
        // What it has booted is known then, and it is tried to reach it.
        let was_known = !matches!(stage, Stage::Connect | Stage::Lock | Stage::Facts);
        let told = cause.contains("it could not be reached again (");
        assert_eq!(told, was_known, "{stage}: {cause}");
        assert_eq!(self.failed_stages(host), [stage], "{cause}");
        let is_after = matches!(stage, Stage::Collect | Stage::Unload | Stage::Unlock);
        match stage {
            Stage::Test => assert_eq!(self.0.harness_events(&host.name).len(), EVENTS_BEFORE),
            _ => assert_eq!(self.passed(host), if is_after { TESTS } else { 0 }),
        }
        let is_kept = is_after && stage != Stage::Collect;
        assert_eq!(!self.artifacts(host).is_empty(), is_kept, "{stage}");
    }

    /// Have the hosts as they are when nothing that could still come from the
    /// lost connections comes: the sessions stay, and their locks.
    fn let_minutes_pass(&self) {
        let holder = "/root/tcpstats-reader/lock.holder";
        let pass = format!(
            "pkill -STOP -f '^sshd: root@notty'; \
             if [ -e {holder} ]; then touch -d '5 minutes ago' {holder}; fi"
        );
        for host in self.hosts() {
            done(&self.0.lab, host, &["sh", "-c", &pass]);
        }
    }

    /// Demand that nothing runs on `host` that a run has started, but for an
    /// idle session whose end its sshd was not told.
    fn assert_nothing_left(&self, held: &Held, host: &Host) {
        let lab = &self.0.lab;
        let known = ["orchestrator", "sshd", "cat", "tcpstatsd", "ps"];
        wait_until(&format!("nothing is left of {}", held.stage), || {
            let ps = lab.exec(host, &["ps", "-eo", "comm=,args="]);
            let all = stdout(&ps);
            let of_run = |line: &str| !known.iter().any(|name| line.starts_with(name));
            !all.lines().any(of_run)
        });
        let daemon = lab.exec(host, &["pgrep", "-x", "tcpstatsd"]);
        let is_own = held.stage != Stage::Unload;
        assert_eq!(code(&daemon) == 0, is_own, "{}", held.stage);
    }

    /// The stages that did not end well on `host`.
    fn failed_stages(&self, host: &Host) -> Vec<Stage> {
        let events = self.0.events().into_iter();
        let failed = events.filter_map(|body| match body {
            Body::StageFinished {
                vm, stage, cause, ..
            } if vm == host.name => cause.map(|_| stage),
            _ => None,
        });
        failed.collect()
    }
}

/// What stands for cargo, which is told where to leave what it builds.
const BUILD: &str = "while [ $# -gt 0 ]; do case $1 in --target-dir) dir=$2 ;; esac; shift; done\n\
                     mkdir -p \"$dir/release\" && cp /tmp/programs/* \"$dir/release/\"";

fn builds(stage: Stage) -> bool {
    matches!(stage, Stage::Build | Stage::Setup)
}

/// Have sshd's file transfers be a program's that can be held.
fn have_sftp_server(whole: &Whole, host: &Host) {
    let config = inside(host, "/run/lab/sshd_config");
    let text = fs::read_to_string(&config).unwrap();
    let server = format!("{TOOLS}/sftp-server");
    fs::write(config, text.replace("internal-sftp", &server)).unwrap();
    done(&whole.lab, host, &["pkill", "-HUP", "-x", "sshd"]);
    let log = whole
        .lab
        .dir()
        .join("hosts")
        .join(&host.name)
        .join("sshd.log");
    wait_until("sshd listens again", || {
        let log = fs::read_to_string(&log).unwrap();
        log.matches("Server listening on 0.0.0.0").count() == 2
    });
}

/// Whether something that was sent to `host` had to be sent again and again.
fn is_unanswered(host: &Host) -> bool {
    let address = host.address.to_string();
    let ss = ["-Htino", "state", "established", "dst", &address];
    let output = Command::new("ss").args(ss).output().unwrap();
    assert_eq!(code(&output), 0, "{}", stderr(&output));
    stdout(&output).contains(" backoff:")
}

#[test]
fn a_link_that_comes_back_in_time_does_no_harm_in_any_stage() {
    let patient = STAGES.map(|held| format!("{} = \"10m\"", held.stage));
    let limits = format!("limits = {{ {} }}", patient.join(", "));
    let scene = Scene::of(STAGES.len(), &limits);
    let run = scene.run(&["--retries", "0"], |_, host| {
        host.set_link("down");
        wait_until("nothing gets there", || is_unanswered(host));
        host.set_link("up");
    });
    assert_eq!(code(&run), 0, "{}{}", stdout(&run), stderr(&run));
    for (held, host) in STAGES.iter().zip(scene.hosts()) {
        let stage = held.stage;
        assert_eq!(scene.failed_stages(host), [], "{stage}");
        assert_eq!(scene.passed(host), TESTS, "{stage}");
        assert!(!scene.artifacts(host).is_empty(), "{stage}");
        scene.assert_nothing_left(held, host);
    }
}

#[test]
fn a_link_that_stays_down_loses_its_host_in_any_stage_and_the_next_run_passes() {
    // Some limits are over before a link that is down is noticed: the silence of
    // a target, too.
    let defaults = "limits = { connect = \"8s\" }\nidle_limit = \"10s\"";
    let scene = Scene::of(ABSENT + 1, defaults);
    scene.hosts()[ABSENT].set_link("down");
    let run = scene.run(&["--retries", "0"], |_, host| host.set_link("down"));
    assert_eq!(code(&run), 3, "{}{}", stdout(&run), stderr(&run));
    let ends = scene.0.ends();
    for (held, host) in STAGES.iter().zip(scene.hosts()) {
        scene.assert_lost(held.stage, host, &ends[&host.name]);
    }
    let (outcome, cause) = &ends[&scene.hosts()[ABSENT].name];
    assert_eq!(*outcome, VmOutcome::Infrastructure);
    assert!(cause.contains("see that the VM is up"), "{cause}");
    let undisturbed = &scene.hosts()[UNDISTURBED];
    assert_eq!(ends[&undisturbed.name], (VmOutcome::Passed, String::new()));
    assert_eq!(scene.passed(undisturbed), TESTS);

    scene.let_minutes_pass();
    for host in scene.hosts() {
        host.set_link("up");
    }
    fs::remove_dir_all(scene.0.runs_dir()).unwrap();
    let next = scene.next_run(&[]);
    assert_eq!(code(&next), 0, "{}{}", stdout(&next), stderr(&next));
    for host in scene.hosts() {
        assert_eq!(scene.passed(host), TESTS, "{}", host.name);
        // What it had there is ended, so that it ends, too.
        scene.0.lab.exec(host, &["pkill", "-CONT", "-x", "sshd"]);
    }
    for (held, host) in STAGES.iter().zip(scene.hosts()) {
        scene.assert_nothing_left(held, host);
    }
}
