// SPDX-License-Identifier: BSD-2-Clause
//! The commands that show what was, as a person runs them.

use std::fs;
use std::path::Path;
use std::process::Command;

use orchestrator::event::{Body, ConsoleKind, Stage, VmOutcome};

use crate::events::{Story, bring_up, failed, good_run, run_of_members, troubled_run};
use crate::folder::Folder;

const FIRST: &str = "20261123T094900000Z-aaaaaa";
const SECOND: &str = "20261124T094900000Z-bbbbbb";
const THIRD: &str = "20261125T094900000Z-cccccc";

/// What the program printed, what it said beside, and its exit status.
#[derive(Debug, PartialEq)]
struct Said {
    out: String,
    notes: String,
    status: i32,
}

/// Makes the folder `$1` one that can't be written.
const READ_ONLY: &str = "mount --bind -o ro \"$1\" \"$1\"";
/// Makes it one with hardly any room.
const FULL: &str = "cp -R \"$1\" \"$1.copy\" && mount -t tmpfs -o size=100k none \"$1\" \
                    && mv \"$1.copy\"/* \"$1\" && rmdir \"$1.copy\"";

/// Run the program on the runs in `folder`, in a namespace of its own where the
/// folder was made `worse`.
fn run_worse(worse: &str, folder: &Path, args: &[&str]) -> Said {
    let script = format!("{worse} && shift && exec \"$@\"");
    let mut command = Command::new("unshare");
    command.args(["--mount", "sh", "-c", &script, "sh"]);
    command.arg(folder).arg(env!("CARGO_BIN_EXE_orchestrator"));
    said(command, folder, args)
}

/// What `command` says with the arguments of the program.
fn said(mut command: Command, folder: &Path, args: &[&str]) -> Said {
    let output = command
        .args(args)
        .arg("--runs-dir")
        .arg(folder)
        .output()
        .unwrap();
    Said {
        out: String::from_utf8(output.stdout).unwrap(),
        notes: String::from_utf8(output.stderr).unwrap(),
        status: output.status.code().unwrap(),
    }
}

fn run(folder: &Path, args: &[&str]) -> Said {
    let command = Command::new(env!("CARGO_BIN_EXE_orchestrator"));
    said(command, folder, args)
}

fn orchestrator(folder: &Folder, args: &[&str]) -> Said {
    run(folder.path(), args)
}

/// What is printed where nothing went wrong.
fn printed(folder: &Folder, args: &[&str]) -> String {
    let said = orchestrator(folder, args);
    assert_eq!((said.notes.as_str(), said.status), ("", 0), "{}", said.out);
    said.out
}

fn three_runs() -> Folder {
    let mut cut = Story::of(&["freebsd150"]);
    bring_up(&mut cut, "freebsd150").target_started("freebsd150", Some(10));
    Folder::of(&[
        (FIRST, &troubled_run()),
        (SECOND, &good_run()),
        (THIRD, &cut),
    ])
}

#[test]
fn runs_are_a_table_newest_first() {
    let folder = three_runs();
    insta::assert_snapshot!(printed(&folder, &["runs"]));
    let failed = printed(&folder, &["runs", "--failed", "--limit", "1"]);
    assert!(failed.contains(THIRD), "{failed}");
    assert_eq!(failed.matches("Z-").count(), 1, "{failed}");
    let of_vm = printed(&folder, &["runs", "--vm", "freebsd143"]);
    assert!(of_vm.contains(FIRST) && !of_vm.contains(SECOND), "{of_vm}");
    let none = printed(&folder, &["runs", "--target", "nothing"]);
    assert_eq!(
        none,
        format!("no such run in {}\n", folder.path().display())
    );
}

#[test]
fn runs_as_json_are_all_fields() {
    let folder = three_runs();
    let runs = printed(&folder, &["runs", "--json", "--limit", "0"]);
    let runs: serde_json::Value = serde_json::from_str(&runs).unwrap();
    assert_eq!(runs.as_array().unwrap().len(), 3);
    assert_eq!(runs[0]["run"], THIRD);
    assert_eq!(runs[0]["duration_s"], serde_json::Value::Null);
    assert_eq!(runs[2]["vms"][2]["outcome"], "lost");
    assert_eq!(printed(&folder, &["runs", "--json", "--vm", "b"]), "[]\n");
}

#[test]
fn a_run_is_shown_in_full() {
    let mut story = Story::of(&["freebsd150", "freebsd144"]);
    story.fail("freebsd144", Stage::Connect, 1, true);
    for vm in ["freebsd150", "freebsd144"] {
        bring_up(&mut story, vm)
            .target_started(vm, Some(1))
            .test(vm, failed("D07", 1))
            .target_finished(vm, [0, 1, 0])
            .target_started(vm, Some(1))
            .pass(vm, 1, 1)
            .target_finished(vm, [1, 0, 0])
            .end(vm, Stage::Test, 2.5)
            .finish(vm, VmOutcome::Flaky, None);
    }
    story.close();
    let folder = Folder::of(&[(FIRST, &story), (SECOND, &run_of_members())]);
    fs::create_dir(folder.path().join(THIRD)).unwrap();
    insta::assert_snapshot!(printed(&folder, &["show", FIRST]));

    // A run that waits is no run yet.
    let latest = printed(&folder, &["show", "latest", "--json"]);
    assert_eq!(latest, printed(&folder, &["show", SECOND, "--json"]));
    let latest: serde_json::Value = serde_json::from_str(&latest).unwrap();
    assert_eq!(latest["result"]["vms"][2]["outcome"], "lost");
    assert_eq!(latest["attempts"][0]["fingerprint"]["cpus"], 2);
    let bench = &latest["attempts"][2]["targets"][1];
    assert_eq!(bench["target"], "bench");
    assert_eq!(bench["outcome"], serde_json::Value::Null);
}

#[test]
fn what_a_vm_left_is_listed_and_printed() {
    let mut story = Story::of(&["a", "b"]);
    bring_up(&mut story, "a")
        .output("a", "oh\u{1b}[31m no")
        .output("b", "of another")
        .tell(Body::Console {
            vm: "a".into(),
            kind: ConsoleKind::Panic,
            lines: vec!["panic: page fault".into(), "cpuid = 1".into()],
        });
    let folder = Folder::of(&[(FIRST, &story)]);
    let left = folder.path().join(FIRST).join("vms/a");
    fs::create_dir_all(left.join("live/inner")).unwrap();
    fs::write(left.join("live/inner/log"), b"\x1b[1mraw\n").unwrap();
    fs::write(left.join("dmesg"), "").unwrap();
    std::os::unix::fs::symlink("/etc/passwd", left.join("link")).unwrap();

    assert_eq!(
        printed(&folder, &["logs", "latest", "a"]),
        "        1 line  output\n       3 lines  console\n       0 bytes  dmesg\n       \
         8 bytes  live/inner/log\n"
    );
    let list = printed(&folder, &["logs", FIRST, "a", "--json"]);
    let list: serde_json::Value = serde_json::from_str(&list).unwrap();
    assert_eq!(list[3]["name"], "live/inner/log");
    assert_eq!(list[3]["bytes"], 8);
    assert_eq!(
        printed(&folder, &["logs", FIRST, "a", "output"]),
        "2026-11-23T09:49:00Z test: oh\\u{1b}[31m no\n"
    );
    assert_eq!(
        printed(&folder, &["logs", FIRST, "a", "console"]),
        "2026-11-23T09:49:01Z panic:\npanic: page fault\ncpuid = 1\n"
    );
    let raw = printed(&folder, &["logs", FIRST, "a", "live/inner/log"]);
    assert_eq!(raw, "\u{1b}[1mraw\n");
    for name in ["link", "live", "../../events.ndjson", "live/../dmesg"] {
        let said = orchestrator(&folder, &["logs", FIRST, "a", name]);
        assert_eq!((said.out.as_str(), said.status), ("", 2), "{name}");
    }
    let said = orchestrator(&folder, &["logs", FIRST, "c"]);
    assert_eq!(said.notes, "error: the run had no VM c; it had a, b\n");
    assert_eq!(said.status, 2);
}

#[test]
fn a_folder_that_cannot_be_written_is_read() {
    let folder = three_runs();
    let plain = printed(&folder, &["runs"]);
    let said = run_worse(READ_ONLY, folder.path(), &["runs"]);
    assert_eq!(
        (said.out, said.status),
        (plain.clone(), 0),
        "{}",
        said.notes
    );
    // Now without a database, and with one that lacks a run.
    fs::remove_file(folder.database()).unwrap();
    for _ in 0..2 {
        let said = run_worse(READ_ONLY, folder.path(), &["runs"]);
        assert_eq!((said.out, said.status), (plain.clone(), 0));
        let advice = "see that its folder can be written; the logs are read instead\n";
        assert!(said.notes.ends_with(advice), "{}", said.notes);
        printed(&folder, &["runs"]);
        folder.keep(SECOND, &(good_run().lines() + "garbage\n"));
    }
}

#[test]
fn a_full_disk_keeps_nobody_from_an_answer() {
    let folder = three_runs();
    let said = run_worse(FULL, folder.path(), &["runs"]);
    let advice = "make room on its disk; the logs are read instead\n";
    assert!(said.notes.ends_with(advice), "{}", said.notes);
    assert_eq!((said.out, said.status), (printed(&folder, &["runs"]), 0));
}

#[test]
fn a_rebuild_mends_a_damaged_database() {
    let folder = three_runs();
    let table = printed(&folder, &["runs"]);
    fs::write(folder.database(), "nonsense".repeat(1000)).unwrap();
    let said = orchestrator(&folder, &["runs"]);
    assert_eq!((said.out, said.status), (table.clone(), 0));
    assert!(said.notes.contains("orchestrator history rebuild"));
    let rebuilt = printed(&folder, &["history", "rebuild"]);
    let path = folder.database();
    assert_eq!(rebuilt, format!("3 runs in {}\n", path.display()));
    assert_eq!(printed(&folder, &["runs"]), table);
}

#[test]
fn processes_that_begin_at_once_make_one_database() {
    for _ in 0..5 {
        let folder = three_runs();
        let all: Vec<_> = (0..4)
            .map(|number| {
                let path = folder.path().to_owned();
                let args: &[&str] = match number {
                    0 => &["history", "rebuild"],
                    _ => &["runs", "--json"],
                };
                std::thread::spawn(move || run(&path, args))
            })
            .collect();
        let all: Vec<Said> = all.into_iter().map(|one| one.join().unwrap()).collect();
        let path = folder.database();
        assert_eq!(all[0].out, format!("3 runs in {}\n", path.display()));
        let expected = printed(&folder, &["runs", "--json"]);
        for said in &all[1..] {
            assert_eq!((said.notes.as_str(), said.status), ("", 0));
            assert_eq!(said.out, expected);
        }
    }
}

#[test]
fn an_end_of_its_name_is_enough_for_a_run() {
    let folder = three_runs();
    let whole = printed(&folder, &["show", SECOND]);
    for short in ["bbbbbb", "20261124", "latest"] {
        let shown = printed(&folder, &["show", short]);
        assert_eq!(shown == whole, short != "latest", "{short}");
    }
    let said = orchestrator(&folder, &["show", "2026112"]);
    let expected = format!("error: 2026112 stands for 3 runs: {THIRD}, {SECOND}, {FIRST}\n");
    assert_eq!((said.notes, said.status), (expected, 2));
}

#[test]
fn where_no_run_was_that_is_said() {
    let folder = Folder::of(&[]);
    let path = folder.path().display();
    assert_eq!(printed(&folder, &["runs"]), format!("no run in {path}\n"));
    for run in ["latest", "20261124"] {
        let said = orchestrator(&folder, &["show", run]);
        let expected = format!("error: there is no run in {path} yet\n");
        assert_eq!((said.notes, said.status), (expected, 2));
    }
    let said = orchestrator(&folder, &["show", "no/folder"]);
    assert!(
        said.notes.starts_with("error: there is no no/folder; give"),
        "{}",
        said.notes
    );
    let said = orchestrator(&folder, &["trend", "x"]);
    let expected = format!("error: no run in {path} has measured x, or anything else\n");
    assert_eq!((said.notes, said.status), (expected, 2));
}

#[test]
fn a_run_compared_with_itself_is_told() {
    let folder = three_runs();
    let said = orchestrator(&folder, &["compare", "latest", THIRD]);
    let note = "note: both are the same run, which differs from itself in nothing\n";
    assert_eq!((said.notes.as_str(), said.status), (note, 0));
}

#[test]
fn mistakes_are_told() {
    let folder = three_runs();
    let said = orchestrator(&folder, &["show", "nobody"]);
    assert_eq!(
        said.notes,
        format!(
            "error: {} has no run nobody; `orchestrator runs` lists what there is\n",
            folder.path().display()
        )
    );
    assert_eq!(said.status, 2);
    let log = folder.keep("empty", "");
    let said = orchestrator(&folder, &["show", log.to_str().unwrap()]);
    assert_eq!(
        said.notes,
        format!("error: {} holds no event of a run\n", log.display())
    );
}
