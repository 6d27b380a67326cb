// SPDX-License-Identifier: BSD-2-Clause
//! `pkg_setup` with a package manager that only notes what it is asked.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::Command;

use nix::unistd::geteuid;
use protocol::event::Level;
use protocol::{Body, Outcome};
use tempfile::TempDir;

use crate::support::{Ran, binary, bye, copy_for_anybody, run};

/// A folder of programs, all that the run finds.
struct Programs(TempDir);

impl Programs {
    fn new(apt_get: &str) -> Self {
        let programs = Self(tempfile::tempdir().unwrap());
        fs::set_permissions(programs.0.path(), fs::Permissions::from_mode(0o755)).unwrap();
        for name in ["cc", "make", "perl"] {
            programs.add(name, "");
        }
        programs.add("apt-get", apt_get);
        programs
    }

    fn add(&self, name: &str, script: &str) {
        let path = self.path(name);
        fs::write(&path, format!("#!/bin/sh\n{script}\n")).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn pkg_setup(&self) -> Command {
        let mut command = binary();
        command.args(["pkg_setup", "--format", "json"]);
        command.env("PATH", self.0.path());
        command
    }
}

fn logged(ran: &Ran, wanted: Level) -> Vec<String> {
    let events = ran.events().into_iter();
    events
        .filter_map(|body| match body {
            Body::Log { level, message } if level == wanted => Some(message.trim().to_owned()),
            _ => None,
        })
        .collect()
}

fn needs_root() {
    assert!(
        geteuid().is_root(),
        "needs root: pkg_setup installs as root"
    );
}

#[test]
fn what_is_missing_is_installed_once() {
    needs_root();
    let programs = Programs::new(
        "dir=${0%/*}; echo \"$DEBIAN_FRONTEND $*\" >>$dir/asked\n\
         case $1 in install) /bin/cp $dir/cc $dir/valgrind;; esac",
    );
    let ran = run(&mut programs.pkg_setup());
    assert_eq!(ran.status, Some(0), "{ran:?}");
    let asked = fs::read_to_string(programs.path("asked")).unwrap();
    assert_eq!(
        asked,
        "noninteractive update\nnoninteractive install -y valgrind\n"
    );
    assert_eq!(
        logged(&ran, Level::Info),
        [
            "there: cc, libc, make, perl",
            "running apt-get update",
            "running apt-get install -y valgrind",
            "installed: valgrind",
        ]
    );
    assert_eq!(ran.tests().len(), 5);
    assert_eq!(bye(&ran.events()), Some(Outcome::Passed));

    let again = run(&mut programs.pkg_setup());
    assert_eq!(again.status, Some(0), "{again:?}");
    assert_eq!(
        logged(&again, Level::Info),
        ["there: cc, libc, make, valgrind, perl"]
    );
    assert_eq!(fs::read_to_string(programs.path("asked")).unwrap(), asked);
}

#[test]
fn the_package_managers_own_words_are_told() {
    needs_root();
    let programs = Programs::new(
        "echo 'Err:1 Temporary failure resolving the name' >&2; echo 'E: no list' >&2; exit 100",
    );
    let ran = run(&mut programs.pkg_setup());
    assert_eq!(ran.status, Some(3), "{ran:?}");
    assert_eq!(
        logged(&ran, Level::Error),
        [
            "failed to run `apt-get update`: it ended with exit status: 100: Err:1 Temporary \
             failure resolving the name | E: no list"
        ]
    );
}

#[test]
fn a_manager_that_installs_nothing_is_no_success() {
    needs_root();
    let ran = run(&mut Programs::new("exit 0").pkg_setup());
    assert_eq!(ran.status, Some(1), "{ran:?}");
    let failed: Vec<_> = ran
        .tests()
        .into_iter()
        .filter(|test| test.outcome == Outcome::Failed)
        .map(|test| (test.id, test.message))
        .collect();
    assert_eq!(
        failed,
        [(
            "valgrind".to_owned(),
            Some("it is still not there".to_owned())
        )]
    );
}

#[test]
fn without_root_it_says_so_and_runs_nothing() {
    needs_root();
    let programs = Programs::new("/bin/touch ${0%/*}/asked");
    let (_folder, binary) = copy_for_anybody();
    let ran = run(Command::new(binary)
        .args(["pkg_setup", "--format", "json"])
        .env("PATH", programs.0.path())
        .uid(65534)
        .gid(65534));
    assert_eq!(ran.status, Some(3), "{ran:?}");
    assert_eq!(
        logged(&ran, Level::Error),
        ["root is needed to install valgrind: run it as root, beginning with `apt-get update`"]
    );
    assert!(!programs.path("asked").exists());
}

#[test]
fn without_a_known_manager_it_says_what_is_needed() {
    let programs = Programs::new("");
    fs::remove_file(programs.path("apt-get")).unwrap();
    let ran = run(&mut programs.pkg_setup());
    assert_eq!(ran.status, Some(3), "{ran:?}");
    let errors = logged(&ran, Level::Error);
    assert!(
        errors[0].starts_with("no apt-get here: install a C compiler, make, valgrind and perl"),
        "{errors:?}"
    );
}
