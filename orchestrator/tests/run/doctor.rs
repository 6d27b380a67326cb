// SPDX-License-Identifier: BSD-2-Clause
//! `orchestrator doctor`, and the same checks before a run.

use std::fs;
use std::os::unix::fs::symlink;

use orchestrator::event::{Stage, VmOutcome};
use serde_json::Value;

use crate::build::source_tree;
use crate::fixture::Lab;

/// The findings about the VM at `at` in the order of the inventory.
struct Found(Vec<Value>);

impl Found {
    fn by_doctor(lab: &Lab, code: i32) -> Vec<Self> {
        let output = lab.doctor(&["--json"]);
        assert_eq!(output.status.code(), Some(code), "{output:?}");
        let all: Vec<Value> = serde_json::from_slice(&output.stdout).unwrap();
        let findings = |vm: &Value| vm["findings"].as_array().unwrap().clone();
        all.iter().map(|vm| Self(findings(vm))).collect()
    }

    /// What was found by `check`: grade, words, mending.
    fn of(&self, check: &str) -> (&str, &str, &str) {
        let finding = self.0.iter().find(|finding| finding["check"] == check);
        let finding = finding.unwrap_or_else(|| panic!("no {check} in {:?}", self.0));
        let word = |key: &str| finding[key].as_str().unwrap();
        (word("grade"), word("found"), word("mend"))
    }
}

#[test]
fn a_vm_that_is_fit_is_shown_as_such_and_nothing_is_made_there() {
    let lab = Lab::new(&["a", "b"]);
    let all = Found::by_doctor(&lab, 0);
    assert_eq!(all.len(), 2);
    for found in &all {
        let checks: Vec<&str> = found
            .0
            .iter()
            .map(|f| f["check"].as_str().unwrap())
            .collect();
        assert_eq!(
            checks,
            [
                "reach", "host_key", "system", "user", "tools", "disk", "device", "clock",
                "programs"
            ]
        );
        for check in [
            "reach", "host_key", "system", "tools", "disk", "clock", "programs",
        ] {
            assert_eq!(found.of(check).0, "good", "{:?}", found.of(check));
        }
    }
    assert!(!lab.vm_dir("a").exists());
    assert_eq!(lab.processes(), []);

    let table = lab.doctor(&["a"]);
    let text = String::from_utf8(table.stdout).unwrap();
    assert!(text.ends_with("1 VM, all fit for a run\n"), "{text}");
    assert!(text.contains("host key"), "{text}");
}

#[test]
fn what_is_wrong_with_a_connection_comes_with_the_command_that_mends_it() {
    let mut lab = Lab::new(&[]);
    let stranger = lab.sshd.key("stranger");
    lab.vm("a", &format!("identity = {stranger:?}\nuser = \"root\""));
    lab.vm_at("b", "127.0.0.1", 1, "");
    let all = Found::by_doctor(&lab, 3);
    let (grade, _, mend) = all[0].of("reach");
    assert_eq!(grade, "bad");
    assert!(mend.starts_with("ssh-copy-id -i "), "{mend}");
    assert!(mend.ends_with(" root@127.0.0.1"), "{mend}");
    let (grade, found, _) = all[1].of("reach");
    assert_eq!(grade, "bad");
    assert!(found.ends_with("Connection refused"), "{found}");

    let mut lab = Lab::new(&["a"]);
    lab.sshd.trust("stranger");
    let all = Found::by_doctor(&lab, 3);
    let (grade, _, mend) = all[0].of("host_key");
    let port = lab.sshd.address().port();
    assert_eq!(grade, "bad");
    assert!(
        mend.ends_with(&format!("-R '[127.0.0.1]:{port}'")),
        "{mend}"
    );
    fs::write(lab.sshd.known_hosts(), "").unwrap();
    let all = Found::by_doctor(&lab, 3);
    let (_, _, mend) = all[0].of("host_key");
    assert!(mend.starts_with("ssh -i "), "{mend}");

    lab.vm("odd", "os = \"FreeBSD 15.0\"");
    lab.sshd.trust("host");
    let all = Found::by_doctor(&lab, 0);
    let (grade, found, mend) = all[1].of("system");
    assert_eq!(
        (grade, mend),
        ("warning", "correct `os` in the inventory"),
        "{found}"
    );
}

#[test]
fn programs_that_are_missing_here_come_with_what_makes_them() {
    let mut lab = Lab::new(&[]);
    lab.vm("a", "");
    lab.vm("b", "deploy = \"none\"");
    fs::remove_file(lab.program_path("tcp-echo")).unwrap();
    let all = Found::by_doctor(&lab, 3);
    let (grade, found, mend) = all[0].of("programs");
    assert_eq!(grade, "bad");
    assert!(
        found.starts_with("there is no tcp-echo for linux-"),
        "{found}"
    );
    assert!(mend.contains("make dist"), "{mend}");
    assert!(
        all[1]
            .0
            .iter()
            .all(|finding| finding["check"] != "programs")
    );

    // It could be built there instead.
    let source = source_tree(&lab, "").display().to_string();
    let output = lab.doctor(&["--json", "--source", &source]);
    let all: Vec<Value> = serde_json::from_slice(&output.stdout).unwrap();
    let found = Found(all[0]["findings"].as_array().unwrap().clone());
    let (grade, found, _) = found.of("programs");
    assert_eq!(grade, "warning");
    assert!(found.ends_with("; a run builds them there"), "{found}");
}

#[test]
fn a_wrong_clock_is_a_warning_and_the_run_goes_on() {
    let lab = Lab::new(&["a"]);
    lab.tool("date", "exec /bin/date -u -d '2 hours ago' +%s");
    let all = Found::by_doctor(&lab, 0);
    let (grade, found, mend) = all[0].of("clock");
    assert_eq!((grade, mend), ("warning", "timedatectl set-ntp true"));
    assert!(found.ends_with(" s behind this machine's"), "{found}");

    let ran = lab.run(&["--target", "good"]);
    assert_eq!(ran.code(), 0, "{ran:#?}");
    let told = ran
        .output("a")
        .iter()
        .any(|line| line.starts_with("clock: 7"));
    assert!(told, "{ran:#?}");
}

#[test]
fn a_bad_vm_is_taken_out_with_its_reason_and_the_others_pass() {
    let lab = Lab::new(&["good", "full"]);
    // As of a full disk, for that folder only.
    lab.tool(
        "df",
        "case \"$*\" in */vm/full*) echo head; echo tmpfs 1024 1000 24 98% /x ;; \
         *) exec /bin/df \"$@\" ;; esac",
    );
    let all = Found::by_doctor(&lab, 3);
    let (grade, found, _) = all[1].of("disk");
    assert_eq!(grade, "bad", "{found}");

    let ran = lab.run(&["--target", "good"]);
    assert_eq!(ran.code(), 3, "{ran:#?}");
    assert_eq!(ran.end("good").0, VmOutcome::Passed);
    let (outcome, cause) = ran.end("full");
    let cause = cause.unwrap();
    assert_eq!(outcome, VmOutcome::Infrastructure);
    assert_eq!(
        cause.what,
        format!(
            "0 MiB of 1 MiB free for {}, 128 MiB are needed",
            lab.vm_dir("full").display()
        )
    );
    assert!(cause.advice.starts_with("make room"), "{cause}");
    assert_eq!(
        ran.stages("full"),
        [
            Stage::Connect,
            Stage::Lock,
            Stage::Facts,
            Stage::Health,
            Stage::Unlock
        ]
    );
}

#[test]
fn missing_tools_are_named_with_their_packages() {
    let mut lab = Lab::new(&[]);
    // A variable of the inventory holds for what is looked for, too.
    let bin = lab.scratch("bin");
    symlink("/bin/sh", bin.join("sh")).unwrap();
    let path = format!("deploy = \"build\"\nenv = {{ PATH = {bin:?} }}");
    lab.vm("a", &path);
    let found = &Found::by_doctor(&lab, 3)[0];
    let (grade, missing, mend) = found.of("tools");
    assert_eq!(grade, "bad");
    assert!(
        missing.starts_with("missing: df, env, find, flock"),
        "{missing}"
    );
    assert_eq!(
        mend,
        "apt-get install -y build-essential cargo coreutils findutils procps rsync util-linux"
    );
}
