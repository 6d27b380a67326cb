// SPDX-License-Identifier: BSD-2-Clause
//! Wrong use and wrong configuration: exit status 2, and nothing was touched.

use std::fs;
use std::net::TcpListener;
use std::path::Path;

use assert_cmd::Command;
use tempfile::TempDir;

/// `orchestrator run` in an empty folder of its own.
fn run(dir: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_orchestrator"));
    command
        .arg("run")
        .args(arguments)
        .current_dir(dir)
        .env("HOME", dir)
        .env("XDG_CONFIG_HOME", dir.join("config"))
        .env("XDG_STATE_HOME", dir.join("state"))
        .env("NO_COLOR", "1");
    for variable in [
        "FREEBSD_HOST",
        "FREEBSD_DIR",
        "INTEGRATION_TARGET",
        "TCPSTATS_DIST",
        "TCPSTATS_INVENTORY",
    ] {
        command.env_remove(variable);
    }
    command
}

/// What is printed, where the use is wrong.
fn refused(command: &mut Command, dir: &TempDir) -> String {
    let assert = command.assert().code(2).stdout("");
    assert!(!dir.path().join("state").exists(), "something was touched");
    String::from_utf8_lossy(&assert.get_output().stderr).into_owned()
}

/// What `--dry-run` prints.
fn dry_run(command: &mut Command) -> String {
    let assert = command.arg("--dry-run").assert().success();
    String::from_utf8_lossy(&assert.get_output().stdout).into_owned()
}

fn empty() -> TempDir {
    tempfile::tempdir().unwrap()
}

#[test]
fn nothing_selected_shows_the_usage() {
    let dir = empty();
    for arguments in [&[][..], &["--all-vms", "freebsd150"]] {
        let stderr = refused(&mut run(dir.path(), arguments), &dir);
        assert!(stderr.contains("Usage: orchestrator run"), "{stderr}");
    }
}

#[test]
fn the_builtin_inventory_is_planned_and_nothing_is_touched() {
    let dir = empty();
    assert_eq!(
        dry_run(&mut run(dir.path(), &["--all-vms"])),
        "target live_integration (category all)\n\
         on freebsd150 at root@192.168.122.41 in /root/tcpstats-reader\n\
         on freebsd144 at root@192.168.122.85 in /root/tcpstats-reader\n\
         on freebsd143 at root@192.168.122.27 in /root/tcpstats-reader\n"
    );
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0);
}

#[test]
fn the_environment_overrides_the_inventory_and_flags_the_environment() {
    let dir = empty();
    let mut command = run(dir.path(), &["freebsd143"]);
    command
        .env("FREEBSD_HOST", "me@10.0.0.5")
        .env("FREEBSD_DIR", "/home/me/t")
        .env("INTEGRATION_TARGET", "unit,live_all");
    assert_eq!(
        dry_run(&mut command),
        "target unit (category all)\n\
         target live_all (category all)\n\
         on freebsd143 at me@10.0.0.5 in /home/me/t\n"
    );
    let mut command = run(
        dir.path(),
        &["freebsd143", "--target", "live_all", "--category", "b,A"],
    );
    command.env("INTEGRATION_TARGET", "unit");
    assert!(dry_run(&mut command).starts_with("target live_all (category A,B)\n"));

    let mut command = run(dir.path(), &["freebsd143", "freebsd150"]);
    command.env("FREEBSD_HOST", "10.0.0.5");
    let stderr = refused(&mut command, &dir);
    assert!(stderr.contains("FREEBSD_HOST names one host"), "{stderr}");
}

#[test]
fn an_empty_variable_is_none() {
    let dir = empty();
    let plan = dry_run(&mut run(dir.path(), &["--all-vms"]));
    let mut command = run(dir.path(), &["--all-vms"]);
    for variable in [
        "FREEBSD_HOST",
        "FREEBSD_DIR",
        "INTEGRATION_TARGET",
        "TCPSTATS_DIST",
        "TCPSTATS_INVENTORY",
    ] {
        command.env(variable, "");
    }
    assert_eq!(dry_run(&mut command), plan);
}

#[test]
fn a_run_of_no_time_is_refused() {
    let dir = empty();
    let arguments = ["freebsd150", "--timeout", "0s"];
    let stderr = refused(&mut run(dir.path(), &arguments), &dir);
    assert!(stderr.contains("would end at once"), "{stderr}");
}

#[test]
fn a_folder_of_runs_that_can_not_be_is_named() {
    let dir = empty();
    fs::write(dir.path().join("file"), "").unwrap();
    let arguments = [
        "freebsd150",
        "--runs-dir",
        "file/runs",
        "--listen",
        "127.0.0.1:0",
    ];
    let stderr = refused(&mut run(dir.path(), &arguments), &dir);
    assert!(stderr.contains("file/runs"), "{stderr}");
    assert!(stderr.contains("--runs-dir"), "{stderr}");
}

#[test]
fn the_inventory_is_found_where_it_may_be() {
    let dir = empty();
    let vm = |name: &str| format!("[[vm]]\nname = {name:?}\nhost = \"h\"\n");
    let planned = |command: &mut Command| {
        let plan = dry_run(command);
        plan.lines().nth(1).unwrap().to_owned()
    };
    let all = || run(dir.path(), &["--all-vms"]);
    let in_env = || {
        let mut command = all();
        command.env("TCPSTATS_INVENTORY", "env.toml");
        command
    };
    fs::create_dir_all(dir.path().join("config/tcpstats")).unwrap();
    fs::write(dir.path().join("config/tcpstats/vms.toml"), vm("config")).unwrap();
    assert!(planned(&mut all()).starts_with("on config "));
    fs::write(dir.path().join("vms.toml"), vm("here")).unwrap();
    assert!(planned(&mut all()).starts_with("on here "));
    fs::write(dir.path().join("env.toml"), vm("env")).unwrap();
    assert!(planned(&mut in_env()).starts_with("on env "));
    fs::write(dir.path().join("flag.toml"), vm("flag")).unwrap();
    let mut in_flag = in_env();
    in_flag.args(["--inventory", "flag.toml"]);
    assert!(planned(&mut in_flag).starts_with("on flag "));
}

#[test]
fn a_mistake_in_the_inventory_is_shown_with_its_line() {
    let dir = empty();
    let text = "[[vm]]\nname = \"a\"\nhost = \"h\"\nprot = 22\n";
    fs::write(dir.path().join("vms.toml"), text).unwrap();
    let stderr = refused(&mut run(dir.path(), &["--all-vms"]), &dir);
    assert!(stderr.contains("vms.toml:4:1"), "{stderr}");
    assert!(stderr.contains("unknown field `prot`"), "{stderr}");
}

#[test]
fn unknown_vms_and_labels_are_named() {
    let dir = empty();
    let stderr = refused(&mut run(dir.path(), &["freebsd151"]), &dir);
    assert!(stderr.contains("no VM \"freebsd151\""), "{stderr}");
    assert!(
        stderr.contains("freebsd143, freebsd144, freebsd150"),
        "{stderr}"
    );
    let stderr = refused(&mut run(dir.path(), &["--label", "rack=left"]), &dir);
    assert!(stderr.contains("has rack=left"), "{stderr}");
    let stderr = refused(&mut run(dir.path(), &["--label", "rack"]), &dir);
    assert!(stderr.contains("a label looks like key=value"), "{stderr}");
}

#[test]
fn unknown_targets_and_categories_are_told_with_what_there_is() {
    let dir = empty();
    let stderr = refused(
        &mut run(dir.path(), &["--all-vms", "--target", "unit,live_somke"]),
        &dir,
    );
    assert!(
        stderr.contains("did you mean live_smoke? there are: unit,"),
        "{stderr}"
    );
    let mut command = run(dir.path(), &["--all-vms"]);
    command.env("INTEGRATION_TARGET", "live_al");
    let stderr = refused(&mut command, &dir);
    assert!(stderr.contains("did you mean live_all?"), "{stderr}");
    let stderr = refused(
        &mut run(dir.path(), &["--all-vms", "--category", "A,Z"]),
        &dir,
    );
    assert!(stderr.contains("there are A to I"), "{stderr}");

    let text = "[defaults]\ntarget = \"bemch\"\n[[vm]]\nname = \"a\"\nhost = \"h\"\n";
    fs::write(dir.path().join("vms.toml"), text).unwrap();
    let output = run(dir.path(), &["--all-vms"]).output().unwrap();
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{stderr}");
    assert!(stderr.contains("vms.toml:2:10"), "{stderr}");
    assert!(stderr.contains("did you mean bench?"), "{stderr}");
}

#[test]
fn an_address_that_is_taken_is_told_before_anything_is_touched() {
    let dir = empty();
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let mut command = run(dir.path(), &["freebsd150", "--listen", &address]);
    let stderr = refused(&mut command, &dir);
    assert!(stderr.contains(&address), "{stderr}");
    assert!(stderr.contains("--listen"), "{stderr}");
}

#[test]
fn a_report_that_can_not_be_written_is_told_before_the_run() {
    let dir = tempfile::tempdir().unwrap();
    let stderr = refused(
        &mut run(dir.path(), &["--all-vms", "--junit=none/x.xml"]),
        &dir,
    );
    assert!(
        stderr.contains("failed to write none/x.xml; name another file with --junit"),
        "{stderr}"
    );
}
