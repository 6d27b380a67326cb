// SPDX-License-Identifier: BSD-2-Clause
//! The command line, and what a run says where nothing can be run.

use std::io::Write;

use protocol::event::Level;
use protocol::{Body, Outcome};

use crate::support::{binary, bye, run};

#[test]
fn wrong_use_is_one_line_with_the_way_out_and_status_2() {
    for (arguments, line) in [
        (
            vec!["no_such_target"],
            "kmod-integration: unknown target 'no_such_target', there are: unit, \
             memcheck, asan, ubsan, bench, callgrind, kmod, bench_read, gen_conn, all, live_smoke, \
             live_bench, live_stats, live_dtrace, live_dos, live_integration, live_soak, live_all, \
             pkg_setup",
        ),
        (
            vec!["live_integration", "--category", "A,Q"],
            "error: invalid value 'A,Q' for '--category <CAT>': unknown category 'Q', there are A \
             to I, several as A,B,D, and all",
        ),
        (
            vec!["unit", "--format", "xml"],
            "error: invalid value 'xml' for '--format <FORMAT>'",
        ),
        (
            vec![],
            "error: the following required arguments were not provided:",
        ),
    ] {
        let ran = run(binary().args(&arguments));
        assert_eq!(ran.status, Some(2), "{arguments:?}");
        assert_eq!(ran.stderr.lines().next(), Some(line), "{arguments:?}");
        assert_eq!(ran.stdout, "", "{arguments:?}");
    }
}

#[test]
fn every_flag_of_the_status_page_is_taken() {
    let ran = run(binary().args([
        "live_integration",
        "--tcp-echo=a",
        "--read-tcpstats=b",
        "--kmod-src=c",
        "--cc=d",
        "--exporter=e",
        "--category=A,B,D",
    ]));
    // It goes wrong for want of a device alone.
    assert_eq!(ran.status, Some(3), "{ran:?}");
}

#[test]
fn the_list_names_each_target_and_test() {
    let ran = run(binary().arg("--list"));
    assert_eq!(ran.status, Some(0));
    let (tests, targets): (Vec<&str>, Vec<&str>) =
        ran.stdout.lines().partition(|line| line.starts_with(' '));
    let names: Vec<&str> = targets
        .iter()
        .filter_map(|line| line.split_whitespace().next())
        .collect();
    assert_eq!(
        names,
        [
            "unit",
            "memcheck",
            "asan",
            "ubsan",
            "bench",
            "callgrind",
            "kmod",
            "bench_read",
            "gen_conn",
            "all",
            "live_smoke",
            "live_bench",
            "live_stats",
            "live_dtrace",
            "live_dos",
            "live_integration",
            "live_soak",
            "live_all",
            "pkg_setup"
        ]
    );
    assert_eq!(tests[0], "  A01  A ports              one local port");
    let of_category = |letter: &str| {
        let wanted = format!(" {letter} ");
        tests
            .iter()
            .filter(|line| line[6..].starts_with(&wanted))
            .count()
    };
    let counts = ["A", "B", "C", "D", "E", "F", "G", "H", "I"].map(of_category);
    assert_eq!(counts, [12, 30, 8, 22, 8, 13, 2, 3, 116]);
    assert_eq!(counts.iter().sum::<usize>(), tests.len());
}

#[test]
fn without_a_device_no_test_passes_and_the_status_is_3() {
    let said = "failed to open /nonexistent/dev/tcpstats: ";
    let ran = run(binary().arg("live_integration"));
    assert_eq!(ran.status, Some(3));
    assert_eq!(ran.stderr.lines().count(), 1, "{}", ran.stderr);
    assert!(ran.stderr.contains(said), "{}", ran.stderr);
    assert!(!ran.stdout.contains("passed"), "{}", ran.stdout);

    let ran = run(binary().args(["live_integration", "--format", "json"]));
    assert_eq!(ran.status, Some(3));
    let events = ran.events();
    let [
        Body::Hello(hello),
        Body::Log { level, message },
        Body::Bye { outcome },
    ] = &events[..]
    else {
        panic!("{events:?}");
    };
    assert_eq!(hello.device, None);
    assert_eq!((*level, *outcome), (Level::Error, Outcome::Failed));
    assert!(message.starts_with(said), "{message}");
}

#[test]
fn what_is_no_device_is_not_taken_for_one() {
    let mount = tempfile::tempdir().unwrap();
    std::fs::create_dir(mount.path().join("dev")).unwrap();
    let mut file = std::fs::File::create(mount.path().join("dev/tcpstats")).unwrap();
    file.write_all(&[0; 640]).unwrap();
    let ran = run(binary().env("TCPSTATS_MOUNT", mount.path()).args([
        "live_integration",
        "--format",
        "json",
    ]));
    assert_eq!(ran.status, Some(3));
    assert_eq!(bye(&ran.events()), Some(Outcome::Failed));
    assert!(
        ran.stdout.contains("not a tcpstats device"),
        "{}",
        ran.stdout
    );
}

#[test]
fn an_output_folder_that_cannot_be_is_named() {
    let ran = run(binary().args(["unit", "--output-dir", "/proc/nothing/here"]));
    assert_eq!(ran.status, Some(2));
    assert!(
        ran.stderr
            .starts_with("kmod-integration: failed to write /proc/nothing/here: "),
        "{}",
        ran.stderr
    );
}
