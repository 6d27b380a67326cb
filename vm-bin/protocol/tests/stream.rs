// SPDX-License-Identifier: BSD-2-Clause
//! The stream as both sides see it.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::BTreeMap;

use jiff::Timestamp;
use proptest::prelude::*;
use protocol::event::{Hello, Level, TestFinished};
use protocol::{Body, Decoded, Decoder, Outcome, StreamError, Writer};

fn hello() -> Body {
    Body::Hello(Hello {
        harness: "0.1.0".into(),
        protocol: 1,
        os: "Linux".into(),
        os_release: "6.1.0".into(),
        osreldate: 0,
        arch: "x86_64".into(),
        cpus: 2,
        memory_bytes: 1 << 30,
        hostname: "vm".into(),
        device: None,
    })
}

fn test_finished(id: &str) -> Body {
    Body::TestFinished(TestFinished {
        target: "live_integration".into(),
        category: Some("A".into()),
        id: id.into(),
        name: "one local port".into(),
        outcome: Outcome::Passed,
        duration_s: 0.5,
        filter: Some("local_port=443".into()),
        expected: Some(2),
        actual: Some(2),
        message: None,
    })
}

fn print(bodies: Vec<Body>) -> Vec<u8> {
    let mut out = Vec::new();
    let mut writer = Writer::new(&mut out);
    for body in bodies {
        writer.write_at(Timestamp::UNIX_EPOCH, body).unwrap();
    }
    out
}

fn decode(bytes: &[u8]) -> (Decoder, Vec<Result<Decoded, StreamError>>) {
    let mut decoder = Decoder::new();
    let results = bytes
        .split(|byte| *byte == b'\n')
        .filter(|line| !line.is_empty())
        .map(|line| decoder.line(line))
        .collect();
    (decoder, results)
}

#[test]
fn an_event_is_this_line() {
    let out = print(vec![hello(), test_finished("A01")]);
    let text = String::from_utf8(out).unwrap();
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(
        lines[1],
        r#"{"v":1,"seq":1,"time":"1970-01-01T00:00:00.000000Z","type":"test_finished","target":"live_integration","category":"A","id":"A01","name":"one local port","outcome":"passed","duration_s":0.5,"filter":"local_port=443","expected":2,"actual":2}"#
    );
}

#[test]
fn what_is_written_is_read() {
    let bodies = vec![
        hello(),
        Body::TargetStarted {
            target: "unit".into(),
            tests: Some(78),
        },
        test_finished("A01"),
        Body::Counters {
            target: "unit".into(),
            phase: "before".into(),
            values: BTreeMap::from([("opens_total".to_owned(), u64::MAX)]),
        },
        Body::Log {
            level: Level::Warn,
            message: "a \"quoted\"\nline".into(),
        },
        Body::Bye {
            outcome: Outcome::Failed,
        },
    ];
    let (decoder, results) = decode(&print(bodies.clone()));
    let read: Vec<Body> = results
        .into_iter()
        .map(|result| match result {
            Ok(Decoded::Event(event)) => event.body,
            other => panic!("not an event: {other:?}"),
        })
        .collect();
    assert_eq!(read, bodies);
    assert_eq!(decoder.finish(), Ok(Outcome::Failed));
}

#[test]
fn fields_and_types_of_a_later_version_are_passed_over_and_told_once() {
    let mut out = print(vec![hello()]);
    out.extend_from_slice(
        br#"{"v":1,"seq":1,"time":"2026-11-23T00:00:00Z","type":"weather","sky":"blue"}
{"v":1,"seq":2,"time":"2026-11-23T00:00:00Z","type":"weather","sky":[1]}
{"v":1,"seq":3,"time":"2026-11-23T00:00:00Z","type":"exporter","address":"a:1","tls":{"x":1}}
{"v":1,"seq":4,"time":"2026-11-23T00:00:00Z","type":"exporter","address":"a:1","tls":null}
{"v":1,"seq":5,"time":"2026-11-23T00:00:00Z","type":"exporter","address":"a:1","tls":2,"via":3}
{"v":1,"seq":6,"time":"2026-11-23T00:00:00Z","type":"bye","outcome":"passed","mood":"good"}
"#,
    );
    let mut decoder = Decoder::new();
    let mut told = Vec::new();
    let mut results = Vec::new();
    for line in out.split(|byte| *byte == b'\n').filter(|l| !l.is_empty()) {
        results.push(decoder.line(line));
        told.push(decoder.new_fields());
    }
    assert_eq!(
        results[1],
        Ok(Decoded::FirstOfUnknownType("weather".into()))
    );
    assert_eq!(results[2], Ok(Decoded::UnknownType));
    let none: [&str; 0] = [];
    assert_eq!(told[0], none);
    assert_eq!(told[1], none);
    assert_eq!(told[2], none);
    assert_eq!(told[3], ["exporter.tls"]);
    assert_eq!(told[4], none);
    assert_eq!(told[5], ["exporter.via"]);
    assert_eq!(told[6], ["bye.mood"]);
    assert_eq!(decoder.finish(), Ok(Outcome::Passed));
}

#[test]
fn the_number_of_tests_may_be_left_out() {
    let mut out = print(vec![
        hello(),
        Body::TargetStarted {
            target: "kmod".into(),
            tests: None,
        },
    ]);
    assert!(!String::from_utf8_lossy(&out).contains("tests"));
    out.extend_from_slice(
        br#"{"v":1,"seq":2,"time":"2026-11-23T00:00:00Z","type":"target_started","target":"unit","tests":78}
"#,
    );
    let (_, results) = decode(&out);
    let tests: Vec<Option<u32>> = results
        .into_iter()
        .filter_map(|result| match result {
            Ok(Decoded::Event(event)) => match event.body {
                Body::TargetStarted { tests, .. } => Some(tests),
                _ => None,
            },
            other => panic!("not an event: {other:?}"),
        })
        .collect();
    assert_eq!(tests, [None, Some(78)]);
}

#[test]
fn a_cut_stream_has_no_outcome() {
    let (decoder, _) = decode(&print(vec![hello(), test_finished("A01")]));
    assert_eq!(decoder.finish(), Err(StreamError::NoBye { events: 2 }));
}

#[test]
fn a_gap_is_named_with_its_place() {
    let whole = print(vec![hello(), test_finished("A01"), test_finished("A02")]);
    let mut lines: Vec<&[u8]> = whole.split(|byte| *byte == b'\n').collect();
    lines.remove(1);
    let (_, results) = decode(&lines.join(&b'\n'));
    assert_eq!(
        results[1],
        Err(StreamError::Gap {
            line: 2,
            expected: 1,
            found: 2
        })
    );
}

#[test]
fn another_version_is_refused() {
    let text = String::from_utf8(print(vec![hello()])).unwrap();
    let (_, results) = decode(text.replace(r#""v":1"#, r#""v":2"#).as_bytes());
    assert_eq!(results[0], Err(StreamError::Version { line: 1, found: 2 }));
}

#[test]
fn a_stream_begins_with_hello_and_ends_with_bye() {
    let (_, results) = decode(&print(vec![test_finished("A01")]));
    assert_eq!(results[0], Err(StreamError::NoHello));

    let bye = Body::Bye {
        outcome: Outcome::Passed,
    };
    let (_, results) = decode(&print(vec![hello(), bye, test_finished("A01")]));
    assert_eq!(results[2], Err(StreamError::AfterBye { line: 3 }));
}

#[test]
fn garbage_is_quoted_within_bounds() {
    let mut decoder = Decoder::new();
    let error = decoder.line(&[0xff; 10_000]).unwrap_err();
    let StreamError::Garbage { line, quote, .. } = error else {
        panic!("not garbage: {error:?}");
    };
    assert_eq!(line, 1);
    assert_eq!(quote.chars().count(), 81);
}

proptest! {
    #[test]
    fn no_bytes_make_the_reader_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        let mut decoder = Decoder::new();
        prop_assert!(decoder.line(&bytes).is_err());
    }
}
