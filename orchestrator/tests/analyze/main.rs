// SPDX-License-Identifier: BSD-2-Clause
//! `orchestrator analyze` on files, on standard input, and on what is no series.

#![expect(clippy::unwrap_used, reason = "whatever fails in here fails its test")]

use assert_cmd::Command;
use assert_cmd::cargo::cargo_bin_cmd;

fn analyze(arguments: &[&str], input: &str) -> (Option<i32>, String, String) {
    let mut command: Command = cargo_bin_cmd!("orchestrator");
    let output = command
        .arg("analyze")
        .args(arguments)
        .write_stdin(input)
        .output()
        .unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    (
        output.status.code(),
        text(output.stdout),
        text(output.stderr),
    )
}

/// Twenty days at 100 and ten at 90, about 1 up and down.
fn better() -> String {
    let mut text = "time,value\n".to_owned();
    for day in 1..=30 {
        let level = if day <= 20 { 100 } else { 90 };
        text += &format!("2026-05-{day:02},{}\n", level + day % 3 - 1);
    }
    text
}

#[test]
fn a_change_is_told_with_its_point_size_and_neighbours() {
    let (status, stdout, stderr) = analyze(&["-"], &better());
    assert_eq!((status, stderr.as_str()), (Some(0), ""));
    assert_eq!(
        stdout,
        "1 change in 30 points
  at 2026-05-21: -10.1 %, 100.0 ± 0.8256 over 20 points, then 89.90 ± 0.8756 over 10 (p 2.9e-23)
"
    );
}

#[test]
fn a_program_is_told_the_same_as_json() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("series.csv");
    std::fs::write(&file, better() + "2026-05-31,120\n").unwrap();
    let (status, stdout, _) = analyze(&["--json", file.to_str().unwrap()], "");
    assert_eq!(status, Some(0));
    let verdict: serde_json::Value = serde_json::from_str(&stdout).unwrap();
    assert_eq!(verdict["points"], 31);
    assert_eq!(verdict["changes"].as_array().unwrap().len(), 1);
    let change = &verdict["changes"][0];
    assert_eq!(
        (&change["index"], &change["time"]),
        (&20.into(), &"2026-05-21".into())
    );
    assert_eq!(change["before"]["points"], 20);
    assert_eq!(verdict["suspect"]["time"], "2026-05-31");
    assert_eq!(verdict["suspect"]["actual"], 120.0);
}

#[test]
fn the_published_method_takes_its_settings() {
    let step = "value\n1\n1\n1\n2\n2\n2\n";
    let (_, stdout, _) = analyze(&["-", "--method", "hunter"], step);
    assert!(
        stdout.starts_with("1 change in 6 points\n  at 3: +100.0 %"),
        "{stdout}"
    );
    let (_, stdout, _) = analyze(&["-"], step);
    assert_eq!(stdout, "no change in 6 points\n");
    let (_, stdout, _) = analyze(&["-", "--method", "hunter", "--min-magnitude", "1"], step);
    assert_eq!(stdout, "no change in 6 points\n");
}

#[test]
fn a_change_from_nothing_has_no_ratio() {
    let step = "value\n".to_owned() + &"0\n".repeat(10) + &"5\n".repeat(10);
    let (_, stdout, _) = analyze(&["-"], &step);
    assert!(
        stdout.contains("  at 10: from 0, 0 ± 0 over 10 points, then 5.000 ± 0 over 10"),
        "{stdout}"
    );
    let (_, stdout, _) = analyze(&["-", "--json"], &step);
    let verdict: serde_json::Value = serde_json::from_str(&stdout).unwrap();
    assert_eq!(verdict["changes"][0]["ratio"], serde_json::Value::Null);
}

#[test]
fn what_is_no_series_is_said_with_its_place() {
    for (arguments, input, says) in [
        (
            &["-"][..],
            "value\n1\ntwo\n",
            "the standard input, line 3: `two` is no finite number",
        ),
        (&["-"], "when,what\n1,2\n", "the columns are `when,what`"),
        (
            &["/nowhere/x.csv"],
            "",
            "failed to open /nowhere/x.csv: No such file or directory (os error 2)\n",
        ),
        (
            &["-", "--max-p", "1"],
            "",
            "a number between 0 and 1 is wanted",
        ),
        (&["-", "--window", "3"], "", "a window has 4 to 1000 points"),
        (
            &["-", "--min-magnitude=-1"],
            "",
            "a number from 0 up is wanted",
        ),
    ] {
        let (status, stdout, stderr) = analyze(arguments, input);
        assert_eq!((status, stdout.as_str()), (Some(2), ""), "{arguments:?}");
        assert!(stderr.contains(says), "{arguments:?}: {stderr}");
    }
}
