// SPDX-License-Identifier: BSD-2-Clause
//! Completions and manual pages, from the table of commands.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::Command;

use assert_cmd::Command as Program;

fn orchestrator(args: &[&str]) -> Program {
    let mut command = Program::new(env!("CARGO_BIN_EXE_orchestrator"));
    command.args(args);
    command
}

/// The subcommands that the program itself names.
fn subcommands() -> BTreeSet<String> {
    let help = orchestrator(&["--help"]).output().unwrap();
    let help = String::from_utf8(help.stdout).unwrap();
    let (_, list) = help.split_once("Commands:\n").unwrap();
    let names = list.lines().take_while(|line| !line.is_empty());
    let names = names.filter_map(|line| line.split_whitespace().next());
    names
        .filter(|name| *name != "help")
        .map(str::to_owned)
        .collect()
}

#[test]
fn every_command_has_a_page_and_mandoc_has_no_complaint() {
    let dir = tempfile::tempdir().unwrap();
    let man1 = dir.path().join("share/man/man1");
    orchestrator(&["man", man1.to_str().unwrap()])
        .assert()
        .success()
        .stdout("");
    for name in subcommands() {
        assert!(
            man1.join(format!("orchestrator-{name}.1")).is_file(),
            "{name}"
        );
    }
    let pages: Vec<_> = fs::read_dir(&man1)
        .unwrap()
        .map(|page| page.unwrap().path())
        .collect();
    assert!(pages.len() > subcommands().len(), "{pages:?}");
    let lint = Command::new("mandoc")
        .args(["-T", "lint", "-W", "warning"])
        .args(&pages)
        .output();
    let lint = lint.expect("mandoc is needed (Debian package mandoc)");
    assert_eq!(String::from_utf8_lossy(&lint.stdout), "");
    assert!(lint.status.success());
    let read = |page: &Path| fs::read_to_string(page).unwrap();
    let page = read(&man1.join("orchestrator.1"));
    assert!(page.contains(".SH \"EXIT STATUS\"\n0 all passed"), "{page}");
    for page in &pages {
        assert!(!read(page).contains("EXTRA"), "{}", page.display());
    }
    let page = read(&man1.join("orchestrator-run.1"));
    for flag in ["\\-\\-all\\-vms", "\\-\\-resume", "\\-\\-junit"] {
        assert!(page.contains(flag), "no {flag} in {page}");
    }
}

#[test]
fn the_reference_of_metrics_is_that_of_the_table() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/orchestrator-metrics.md");
    let printed = orchestrator(&["serve", "--print-metrics"])
        .output()
        .unwrap();
    let printed = String::from_utf8(printed.stdout).unwrap();
    if std::env::var_os("UPDATE_REFERENCE").is_some() {
        fs::write(&path, &printed).unwrap();
    }
    assert!(
        fs::read_to_string(&path).unwrap_or_default() == printed,
        "{} is not what the program prints; run this with UPDATE_REFERENCE=1",
        path.display()
    );
}

#[test]
fn bash_and_zsh_take_the_completions() {
    for (shell, check) in [
        ("bash", ["-n"].as_slice()),
        ("zsh", &["-n"]),
        ("fish", &["--no-execute"]),
    ] {
        let script = orchestrator(&["completions", shell]).output().unwrap();
        assert!(script.status.success());
        let text = String::from_utf8(script.stdout).unwrap();
        for name in subcommands() {
            assert!(text.contains(&name), "{shell} does not know {name}");
        }
        let file = tempfile::NamedTempFile::new().unwrap();
        fs::write(file.path(), &text).unwrap();
        match Command::new(shell).args(check).arg(file.path()).status() {
            Ok(status) => assert!(status.success(), "{shell} refuses it"),
            Err(error) if shell != "bash" => eprintln!("not tried by {shell}: {error}"),
            Err(error) => panic!("bash is needed: {error}"),
        }
    }
}

#[test]
fn a_folder_that_cannot_be_is_named() {
    let file = tempfile::NamedTempFile::new().unwrap();
    let dir = file.path().join("man1");
    let assert = orchestrator(&["man", dir.to_str().unwrap()])
        .assert()
        .code(2);
    let said = String::from_utf8_lossy(&assert.get_output().stderr).into_owned();
    assert!(
        said.starts_with(&format!("error: failed to write to {}: ", dir.display())),
        "{said}"
    );
}
