// SPDX-License-Identifier: BSD-2-Clause
//! Programs that print without end: memory and files stay bounded.

use std::fs;
use std::time::Duration;

use orchestrator::event::{Stage, VmOutcome};

use crate::fixture::{Lab, PATIENCE, Ran, Started};

/// The most memory that the orchestrator may have had, KiB.
const MEMORY_KIB_MAX: u64 = 96 << 10;
/// The most that an event log may hold of one endless target, bytes.
const LOG_BYTES_MAX: u64 = 96 << 20;

/// The largest that the process was, KiB, as long as it can be asked.
fn largest(pid: u32) -> Option<u64> {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let line = status.lines().find(|line| line.starts_with("VmHWM:"))?;
    line.split_whitespace().nth(1)?.parse().ok()
}

fn watched(run: Started) -> (Ran, u64) {
    watched_for(run, PATIENCE)
}

fn watched_for(run: Started, patience: Duration) -> (Ran, u64) {
    let pid = run.pid();
    let mut most = 0;
    let ran = run.wait_while(patience, || most = most.max(largest(pid).unwrap_or(0)));
    (ran, most)
}

#[test]
fn an_endless_stream_of_good_events_is_ended() {
    let lab = Lab::new(&["a"]);
    // All of it is logged, and read again for the history.
    let (ran, memory) = watched_for(lab.start(&["--target", "verbose"]), 4 * PATIENCE);
    assert_eq!(ran.code(), 3);
    assert_eq!(
        ran.failure("a"),
        (
            VmOutcome::Lost,
            "the test binary said more than 67108864 bytes of events".into()
        )
    );
    assert!((1..MEMORY_KIB_MAX).contains(&memory), "{memory} KiB");
    let log = fs::metadata(ran.folder().join("events.ndjson")).unwrap();
    assert!(log.len() < LOG_BYTES_MAX, "{} bytes", log.len());
    assert_eq!(lab.processes(), []);
}

#[test]
fn endless_noise_is_counted_and_ends_with_the_targets_time() {
    let mut lab = Lab::new(&[]);
    lab.vm("a", "limits = { test = \"3s\" }");
    let (ran, memory) = watched(lab.start(&["--target", "noisy"]));
    assert_eq!(ran.code(), 3);
    assert_eq!(
        ran.failure("a"),
        (VmOutcome::TimedOut, "it took longer than 3s".into())
    );
    assert!((1..MEMORY_KIB_MAX).contains(&memory), "{memory} KiB");
    let log = fs::metadata(ran.folder().join("events.ndjson")).unwrap();
    assert!(log.len() < 1 << 20, "{} bytes", log.len());
    assert_eq!(lab.processes(), []);
}

/// How long a torrent is, bytes; `OUTPUT_BYTES` in the environment is for more.
fn torrent_bytes() -> u64 {
    std::env::var("OUTPUT_BYTES").map_or(1_000_000_000, |bytes| bytes.parse().unwrap())
}

#[test]
fn gigabytes_in_lines_and_in_one_line_are_read_to_their_end() {
    let mut lab = Lab::new(&[]);
    let half = torrent_bytes() / 2;
    lab.vm("a", &format!("env = {{ BYTES = \"{half}\" }}"));
    // As long as the slowest machine that such a test makes sense on needs.
    let patience = PATIENCE + Duration::from_secs(half >> 23);
    let (ran, memory) = watched_for(lab.start(&["--target", "torrent"]), patience);
    assert_eq!(ran.code(), 0, "{ran:#?}");
    assert_eq!(ran.harness("a").len(), 5);
    let told = ran.output_in("a", Stage::Test);
    assert_eq!(told.len(), 1001, "1,000 lines, and that there were more");
    assert!(told[1000].contains("are left out"), "{}", told[1000]);
    assert!((1..MEMORY_KIB_MAX).contains(&memory), "{memory} KiB");
    let log = fs::metadata(ran.folder().join("events.ndjson")).unwrap();
    assert!(log.len() < 1 << 20, "{} bytes", log.len());
    assert_eq!(lab.processes(), []);
    println!("{} bytes, at most {memory} KiB", 2 * half);
}
