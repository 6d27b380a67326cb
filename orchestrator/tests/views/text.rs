// SPDX-License-Identifier: BSD-2-Clause
//! Words.

use orchestrator::projection::text::{
    ColorChoice, Paint, Room, Tone, count, fold, key_line, printable, seconds, whole_seconds,
};

#[test]
fn durations_are_short() {
    let shown = [
        0.0, 0.04, 9.96, 59.94, 59.95, 62.4, 3599.4, 3600.0, 93_784.0,
    ]
    .map(seconds);
    assert_eq!(
        shown,
        [
            "0.0s", "0.0s", "10.0s", "59.9s", "1m00s", "1m02s", "59m59s", "1h00m", "26h03m"
        ]
    );
    assert_eq!(whole_seconds(59), "59s");
    assert_eq!(seconds(-1.0), "0s");
    assert_eq!(seconds(f64::NAN), "0s");
}

#[test]
fn numbers_agree_with_their_nouns() {
    let shown = [0, 1, 2].map(|number| count(number, "VM"));
    assert_eq!(shown, ["0 VMs", "1 VM", "2 VMs"]);
}

#[test]
fn control_characters_are_spelled_out() {
    assert_eq!(
        printable("a\u{1b}[2Jb\r\n\u{9b}é"),
        "a\\u{1b}[2Jb\\r\\n\\u{9b}é"
    );
    // Right to left from here on.
    assert_eq!(printable("a\u{202e}b"), "a\\u{202e}b");
    assert_eq!(printable("plain"), "plain");
}

#[test]
fn colours_are_on_only_where_wanted() {
    assert_eq!(Paint::PLAIN.text(Tone::Bad, "x"), "x");
    assert_eq!(Paint::COLORED.text(Tone::Bad, "x"), "\u{1b}[31mx\u{1b}[0m");
    assert!(ColorChoice::Always.stdout().is_on());
    assert!(!ColorChoice::Never.stderr().is_on());
    // The output of a test is no terminal.
    assert!(!ColorChoice::Auto.stdout().is_on());
}

#[test]
fn a_flood_of_failures_is_cut_and_said_once() {
    assert_eq!(Room::for_test(1), Room::Show);
    assert_eq!(Room::for_test(100), Room::Show);
    assert_eq!(Room::for_test(101), Room::SayFull);
    assert_eq!(Room::for_test(102), Room::CountOnly);
}

#[test]
fn lines_are_broken_between_words_and_paths_stay_whole() {
    let told = key_line(
        "cause",
        "the kernel panicked: page fault while in kernel mode",
    );
    let path = "see /a/very/long/path/that-is-to-be/copied/as/it/stands";
    let text = format!("short\n{told}\n{path}\n");
    assert_eq!(
        fold(&text, 40),
        "short\n    cause     the kernel panicked: page\n              fault while in kernel mode\n\
         see\n    /a/very/long/path/that-is-to-be/copied/as/it/stands\n"
    );
    assert_eq!(fold(&text, 70), text);
    // Colours take no room.
    let red = Paint::COLORED.text(Tone::Bad, "x".repeat(40));
    assert_eq!(fold(&red, 40), red);
}
