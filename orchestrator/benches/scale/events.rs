// SPDX-License-Identifier: BSD-2-Clause
//! A million events of ten VMs' test binaries: decoded as they come over SSH,
//! logged with every sync, folded into a run's state and its metrics.

use std::io::Write as _;
use std::time::Instant;

use jiff::Timestamp;
use orchestrator::event::{Body, Event, Live, Plan, PlannedTarget, PlannedVm};
use orchestrator::event_log::{FILE_NAME, Reader, Writer};
use orchestrator::projection::metrics::Metrics;
use orchestrator::projection::{Fold, Projection, StateHandle};
use protocol::event::{TargetFinished, TestFinished};
use protocol::{Decoded, Decoder, Outcome};
use tokio::task::JoinSet;

use crate::line;

const VMS: u64 = 10;
const EVENTS_A_VM: u64 = 100_000;
pub(crate) const TARGET: &str = "live_integration";

pub(crate) fn measure() {
    let stream = stream();
    let events = (VMS * EVENTS_A_VM) as f64;
    let rate = |seconds: f64| format!("{:.0}/s", events / seconds);

    let started = Instant::now();
    for _ in 0..VMS {
        decode(&stream, |_| {});
    }
    let seconds = started.elapsed().as_secs_f64();
    line("a million events decoded, one thread", &rate(seconds), "");

    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join(FILE_NAME);
    let state = StateHandle::default();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let started = Instant::now();
    runtime.block_on(drive(&path, &stream, state.clone()));
    let seconds = started.elapsed().as_secs_f64();
    line(
        "  decoded, logged with syncs and projected",
        &rate(seconds),
        "500000/s",
    );
    let tests = state.read(|state| u64::from(state.tally().passed));
    assert_eq!(tests, VMS * (EVENTS_A_VM - 4));

    let started = Instant::now();
    let mut fold = fold(StateHandle::default());
    let read = Reader::open(&path)
        .unwrap()
        .map(|event| fold.apply(&event.unwrap()))
        .count();
    let seconds = started.elapsed().as_secs_f64();
    assert_eq!(read as u64, VMS * EVENTS_A_VM + 1);
    line(
        "  read again from the log and projected",
        &rate(seconds),
        "500000/s",
    );
}

fn fold(state: StateHandle) -> Fold {
    let metrics = Metrics::new(state.clone()).unwrap();
    Fold::new(state, vec![metrics.view()])
}

async fn drive(path: &std::path::Path, stream: &[u8], state: StateHandle) {
    let projections: Vec<Box<dyn Projection>> = vec![Box::new(fold(state))];
    let (recorder, writer) = Writer::start(path, projections, Timestamp::now, || {
        panic!("the log failed")
    })
    .unwrap();
    recorder.record(begin(VMS)).await;
    let mut streams = JoinSet::new();
    for number in 0..VMS {
        let (recorder, stream) = (recorder.clone(), stream.to_vec());
        streams.spawn(async move {
            let vm = name(number);
            let mut decoder = Decoder::new();
            for line in stream
                .split(|byte| *byte == b'\n')
                .filter(|line| !line.is_empty())
            {
                let Ok(Decoded::Event(event)) = decoder.line(line) else {
                    panic!("no event");
                };
                let body = Body::Harness {
                    vm: vm.clone(),
                    target: TARGET.to_owned(),
                    event: *event,
                };
                recorder.record(body).await;
            }
        });
    }
    drop(recorder);
    while let Some(ended) = streams.join_next().await {
        ended.unwrap();
    }
    writer.finish().await.unwrap();
}

fn decode(stream: &[u8], mut take: impl FnMut(Event)) {
    let mut decoder = Decoder::new();
    for line in stream
        .split(|byte| *byte == b'\n')
        .filter(|line| !line.is_empty())
    {
        let Ok(Decoded::Event(event)) = decoder.line(line) else {
            panic!("no event");
        };
        let body = Body::Harness {
            vm: String::new(),
            target: String::new(),
            event: *event,
        };
        take(Event {
            v: 1,
            seq: 0,
            time: Timestamp::UNIX_EPOCH,
            body,
        });
    }
}

pub(crate) fn name(number: u64) -> String {
    format!("freebsd{number}")
}

/// The beginning of a run on so many VMs.
pub(crate) fn begin(vms: u64) -> Body {
    let vms = (0..vms).map(|number| PlannedVm {
        name: name(number),
        address: format!("root@192.0.2.{number}"),
        os: String::new(),
        arch: String::new(),
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

/// What one test binary prints.
fn stream() -> Vec<u8> {
    let mut out = Vec::new();
    let mut writer = protocol::Writer::new(&mut out);
    let mut say = |body| writer.write(body).unwrap();
    let hello = r#"{"type":"hello","harness":"0.1.0","protocol":1,"os":"FreeBSD","os_release":"14.3-RELEASE","osreldate":1403000,"arch":"amd64","cpus":2,"memory_bytes":4294967296,"hostname":"vm"}"#;
    say(serde_json::from_str(hello).unwrap());
    say(protocol::Body::TargetStarted {
        target: TARGET.into(),
        tests: Some(178),
    });
    for number in 0..EVENTS_A_VM - 4 {
        say(protocol::Body::TestFinished(TestFinished {
            id: format!("D{:02}", number % 100),
            ..test()
        }));
    }
    say(protocol::Body::TargetFinished(TargetFinished {
        target: TARGET.into(),
        outcome: Outcome::Passed,
        duration_s: 12.5,
        passed: 178,
        failed: 0,
        skipped: 0,
    }));
    say(protocol::Body::Bye {
        outcome: Outcome::Passed,
    });
    out.flush().unwrap();
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
