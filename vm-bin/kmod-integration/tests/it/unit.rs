// SPDX-License-Identifier: BSD-2-Clause
//! The target `unit`: the C tests' outcome becomes the run's.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::Instant;

use nix::sys::signal::{Signal, kill};
use protocol::{Body, Outcome};
use tempfile::TempDir;

use crate::support::{DEADLINE, Followed, Ran, binary, bye, run};

/// A source tree whose `make unit` runs this script.
pub(crate) fn tree(script: &str) -> TempDir {
    let tree = tempfile::tempdir().unwrap();
    let tests = tree.path().join("test");
    fs::create_dir(&tests).unwrap();
    fs::write(tests.join("script"), script).unwrap();
    let makefile = "unit:\n\t@test -d $(OBJDIR) && CC=$(CC) OBJDIR=$(OBJDIR) sh script\n";
    fs::write(tests.join("Makefile"), makefile).unwrap();
    tree
}

fn unit(kmod_src: &Path) -> Command {
    let mut command = binary();
    command.args(["unit", "--format", "json", "--kmod-src"]);
    command.arg(kmod_src);
    command
}

fn outcomes(ran: &Ran) -> Vec<(String, Outcome)> {
    ran.tests()
        .into_iter()
        .map(|test| (test.id, test.outcome))
        .collect()
}

#[test]
fn the_c_tests_of_this_tree_pass() {
    let sources = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../kmod/tcpstats");
    let ran = run(&mut unit(&sources));
    assert_eq!(ran.status, Some(0), "{ran:?}");
    let tests = ran.tests();
    let parser = tests
        .iter()
        .filter(|test| test.id.starts_with("test_filter_parse"))
        .count();
    assert!(parser >= 78, "{parser} tests of the filter's parser");
    assert_eq!(bye(&ran.events()), Some(Outcome::Passed));
}

#[test]
fn a_failing_c_test_fails_the_run_with_its_diagnostics() {
    let tree = tree(
        "echo '# test_a'; echo 'ok 1 - one'; echo 'not ok 2 - two'; echo '# got 7'; echo 1..2; exit 1",
    );
    let ran = run(&mut unit(tree.path()));
    assert_eq!(ran.status, Some(1));
    assert_eq!(
        outcomes(&ran),
        [
            ("test_a:1".to_owned(), Outcome::Passed),
            ("test_a:2".to_owned(), Outcome::Failed),
        ]
    );
    assert_eq!(ran.tests()[1].message.as_deref(), Some("got 7"));
    assert_eq!(bye(&ran.events()), Some(Outcome::Failed));
}

#[test]
fn a_c_program_that_dies_half_way_fails_the_run() {
    let ran = run(&mut unit(tree("echo '# test_a'; echo 'ok 1 - one'").path()));
    assert_eq!(ran.status, Some(1));
    assert_eq!(
        outcomes(&ran),
        [
            ("test_a:1".to_owned(), Outcome::Passed),
            ("test_a:plan".to_owned(), Outcome::Failed),
        ]
    );
}

#[test]
fn no_test_at_all_is_no_success() {
    let ran = run(&mut unit(tree("true").path()));
    assert_eq!(ran.status, Some(1));
    assert_eq!(bye(&ran.events()), Some(Outcome::Failed));
}

#[test]
fn what_the_compiler_says_is_told() {
    let ran = run(&mut unit(tree("echo 'a.c:1: wrong' >&2; exit 1").path()));
    assert_eq!(ran.status, Some(1));
    assert!(ran.stdout.contains("a.c:1: wrong"), "{}", ran.stdout);
}

#[test]
fn missing_sources_and_compilers_are_named_with_status_3() {
    let sources = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../kmod/tcpstats");
    for (flag, value, said) in [
        (
            "--kmod-src",
            "/nonexistent",
            "no Makefile in /nonexistent/test: name the module's folder with --kmod-src",
        ),
        (
            "--cc",
            "/nonexistent/cc",
            "failed to start /nonexistent/cc: ",
        ),
    ] {
        // Of two values the later counts.
        let ran = run(unit(&sources).args([flag, value]));
        assert_eq!(ran.status, Some(3), "{ran:?}");
        assert!(ran.stdout.contains(said), "{}", ran.stdout);
    }
}

#[test]
fn a_signal_ends_the_compiler_and_what_it_made() {
    let tree = tree("echo \"# test_a\"; echo \"ok 1 - $OBJDIR $$\"; echo 'ok 2 - two'; sleep 1000");
    let mut followed = Followed::start(&mut unit(tree.path()));
    followed.read_until("test_a:1", 1);
    kill(followed.pid(), Signal::SIGTERM).unwrap();
    let ran = followed.end();
    assert_eq!(ran.status, Some(1));
    assert_eq!(bye(&ran.events()), Some(Outcome::Failed));
    let name = &ran.tests()[0].name;
    let (objects, pid) = name.split_once(' ').unwrap();
    assert!(!Path::new(objects).exists(), "{objects} is still there");
    let deadline = Instant::now() + DEADLINE;
    while is_running(pid) {
        assert!(Instant::now() < deadline, "process {pid} still runs");
        std::thread::yield_now();
    }
    let finished = ran
        .events()
        .into_iter()
        .any(|body| matches!(body, Body::TargetFinished(target) if target.failed == 1));
    assert!(finished, "{}", ran.stdout);
}

/// Does it run? A zombie, which only lacks somebody to reap it, does not.
pub(crate) fn is_running(pid: &str) -> bool {
    fs::read_to_string(format!("/proc/{pid}/stat")).is_ok_and(|stat| !stat.contains(") Z "))
}
