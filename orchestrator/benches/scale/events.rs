// SPDX-License-Identifier: BSD-2-Clause
//! A million events of ten VMs' test binaries: read as they come over SSH,
//! logged with every sync, folded into a run's state and its metrics.

use std::collections::BTreeSet;
use std::io::Cursor;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use orchestrator::event::{Body, Live, Plan, PlannedTarget, PlannedVm};
use orchestrator::event_log::{FILE_NAME, Reader, Recorder, Writer};
use orchestrator::pipeline::lines::{self, Line};
use orchestrator::projection::metrics::Metrics;
use orchestrator::projection::{Fold, Projection, StateHandle};
use protocol::event::{TargetFinished, TestFinished};
use protocol::{Decoded, Decoder, Outcome};
use tokio::task::JoinSet;
use tokio_stream::{Stream, StreamExt as _};

use crate::{TURNS, line, middle};

const VMS: u32 = 10;
const EVENTS_A_VM: u32 = 100_000;
pub(crate) const TARGET: &str = "live_integration";
/// Events of a test binary that are not about one test.
pub(crate) const FRAME: u32 = 4;

pub(crate) fn measure() {
    let stream: Arc<[u8]> = said(EVENTS_A_VM - FRAME).into();
    let events = f64::from(VMS * EVENTS_A_VM);
    let rate = |time: Duration| format!("{:.0}/s", events / time.as_secs_f64());
    let mut decoded = Vec::new();
    let mut logged = Vec::new();
    let mut again = Vec::new();
    for _ in 0..TURNS {
        let started = Instant::now();
        for _ in 0..VMS {
            decode(&stream);
        }
        decoded.push(started.elapsed());

        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join(FILE_NAME);
        let state = StateHandle::default();
        let runtime = tokio::runtime::Runtime::new().unwrap();
        let started = Instant::now();
        runtime.block_on(drive(&path, &stream, state.clone()));
        logged.push(started.elapsed());
        assert_eq!(tests(&state), VMS * (EVENTS_A_VM - FRAME));

        let mut fold = fold(StateHandle::default());
        let started = Instant::now();
        let read = Reader::open(&path)
            .unwrap()
            .map(|event| fold.apply(&event.unwrap()))
            .count();
        again.push(started.elapsed());
        assert_eq!(read, (VMS * EVENTS_A_VM) as usize + 1);
    }
    for (what, times, goal) in [
        ("a million events decoded, one thread", decoded, ""),
        (
            "  read, decoded, logged with syncs and projected",
            logged,
            ">= 500000/s",
        ),
        ("  read again from the log and projected", again, ""),
    ] {
        line(what, &rate(middle(times)), goal);
    }
}

/// Tests that passed.
pub(crate) fn tests(state: &StateHandle) -> u32 {
    state.read(|state| state.tally().passed)
}

fn fold(state: StateHandle) -> Fold {
    let metrics = Metrics::new(state.clone()).unwrap();
    Fold::new(state, vec![metrics.view()])
}

/// A log at `path` of a run on the VMs `names`, shown to `state`.
pub(crate) async fn log(
    path: &Path,
    names: impl IntoIterator<Item = String>,
    state: StateHandle,
) -> (Recorder, Writer) {
    let projections: Vec<Box<dyn Projection>> = vec![Box::new(fold(state))];
    let (recorder, writer) = Writer::start(path, projections, Timestamp::now, || {
        panic!("the log failed")
    })
    .unwrap();
    recorder.record(begin(names)).await;
    (recorder, writer)
}

async fn drive(path: &Path, stream: &Arc<[u8]>, state: StateHandle) {
    let names: Vec<String> = names(VMS).collect();
    let (recorder, writer) = log(path, names.iter().cloned(), state).await;
    let mut streams = JoinSet::new();
    for vm in names {
        let (recorder, stream) = (recorder.clone(), Cursor::new(Arc::clone(stream)));
        streams.spawn(async move {
            let mut lines = Box::pin(lines::of(stream, tokio::io::empty(), usize::MAX));
            follow(&vm, &mut lines, &recorder).await;
        });
    }
    drop(recorder);
    while let Some(ended) = streams.join_next().await {
        ended.unwrap();
    }
    writer.finish().await.unwrap();
}

/// Record what a test binary says, up to its bye.
pub(crate) async fn follow(
    vm: &str,
    lines: &mut (impl Stream<Item = Line> + Unpin),
    recorder: &Recorder,
) {
    let mut decoder = Decoder::new();
    while decoder.finish().is_err() {
        let Some(Line::Event(line)) = lines.next().await else {
            panic!("the stream is cut");
        };
        let Ok(Decoded::Event(event)) = decoder.line(&line) else {
            panic!("no event");
        };
        let body = Body::Harness {
            vm: vm.to_owned(),
            target: TARGET.to_owned(),
            event: *event,
        };
        if decoder.is_plain_test() {
            recorder.record_line(body, line).await;
        } else {
            recorder.record(body).await;
        }
    }
}

fn decode(stream: &[u8]) {
    let mut decoder = Decoder::new();
    for line in stream.split_inclusive(|byte| *byte == b'\n') {
        assert!(matches!(decoder.line(line), Ok(Decoded::Event(_))));
    }
}

/// Names of so many VMs.
pub(crate) fn names(vms: u32) -> impl Iterator<Item = String> {
    (0..vms).map(|number| format!("freebsd{number}"))
}

/// The beginning of a run on the VMs `names`.
pub(crate) fn begin(names: impl IntoIterator<Item = String>) -> Body {
    let vms = names.into_iter().map(|name| PlannedVm {
        address: format!("root@{name}"),
        name,
        os: String::new(),
        arch: String::new(),
        expected_failures: BTreeSet::new(),
    });
    Body::RunStarted {
        run: "20261123T094900Z-bench1".into(),
        orchestrator: "0.1.0".into(),
        plan: Plan {
            vms: vms.collect(),
            targets: vec![PlannedTarget {
                target: TARGET.into(),
                category: "all".into(),
            }],
        },
        live: Live::default(),
    }
}

/// What a test binary prints that runs so many tests.
pub(crate) fn said(tests: u32) -> Vec<u8> {
    let mut out = Vec::new();
    let mut writer = protocol::Writer::new(&mut out);
    let mut say = |body| writer.write(body).unwrap();
    let hello = r#"{"type":"hello","harness":"0.1.0","protocol":1,"os":"FreeBSD","os_release":"14.3-RELEASE","osreldate":1403000,"arch":"amd64","cpus":2,"memory_bytes":4294967296,"hostname":"vm"}"#;
    say(serde_json::from_str(hello).unwrap());
    say(protocol::Body::TargetStarted {
        target: TARGET.into(),
        tests: Some(tests),
    });
    for number in 0..tests {
        say(protocol::Body::TestFinished(TestFinished {
            id: format!("D{:02}", number % 100),
            ..test()
        }));
    }
    say(protocol::Body::TargetFinished(TargetFinished {
        target: TARGET.into(),
        outcome: Outcome::Passed,
        duration_s: 12.5,
        passed: tests,
        failed: 0,
        skipped: 0,
    }));
    say(protocol::Body::Bye {
        outcome: Outcome::Passed,
    });
    out
}

/// A test that passed.
pub(crate) fn test() -> TestFinished {
    TestFinished {
        target: TARGET.into(),
        category: Some("D".into()),
        id: "D00".into(),
        name: "local address, prefix of 16".into(),
        outcome: Outcome::Passed,
        duration_s: 0.0123,
        filter: Some("local_addr=127.0.0.0/16 exclude=listen".into()),
        expected: Some(12),
        actual: Some(12),
        message: None,
    }
}
