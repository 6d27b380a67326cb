// SPDX-License-Identifier: BSD-2-Clause
//! A shorter way for the ends of tests, which nearly all events are: read
//! without the buffers that a type with a tag inside costs, and written as the
//! test binary wrote them instead of being printed again.
//!
//! Invariant: both ways write the same event, and read the same of a line.

use jiff::Timestamp;
use protocol::TestEvent;
use serde::{Deserialize, Serialize};

use crate::event::{Body, Event};

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Type {
    Harness,
}

/// The event of `line`, if it is the end of a test and holds nothing else; what
/// this does not take is left to the general way.
pub(super) fn read(line: &[u8]) -> Option<Event> {
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Harness {
        v: u32,
        seq: u64,
        #[serde(with = "protocol::event::rfc3339_micros")]
        time: Timestamp,
        #[serde(rename = "type")]
        _type: Type,
        vm: String,
        target: String,
        event: TestEvent,
    }

    // Checked as a whole, its strings need not be checked one by one.
    let line = str::from_utf8(line).ok()?;
    let Harness {
        v,
        seq,
        time,
        _type,
        vm,
        target,
        event: TestEvent(event),
    } = serde_json::from_str(line).ok()?;
    Some(Event {
        v,
        seq,
        time,
        body: Body::Harness { vm, target, event },
    })
}

/// Add `event` to `out`, of which a test binary said what is its own on
/// `line`, and nothing else there.
pub(super) fn write(out: &mut Vec<u8>, event: &Event, line: &[u8]) -> serde_json::Result<()> {
    #[derive(Serialize)]
    struct Head<'a> {
        v: u32,
        seq: u64,
        #[serde(with = "protocol::event::rfc3339_micros")]
        time: Timestamp,
        r#type: Type,
        vm: &'a str,
        target: &'a str,
    }

    let Body::Harness { vm, target, .. } = &event.body else {
        return serde_json::to_writer(out, event);
    };
    let head = Head {
        v: event.v,
        seq: event.seq,
        time: event.time,
        r#type: Type::Harness,
        vm,
        target,
    };
    serde_json::to_writer(&mut *out, &head)?;
    // Its closing brace comes after the last field.
    out.pop();
    out.extend_from_slice(b",\"event\":");
    out.extend_from_slice(line.trim_ascii());
    out.push(b'}');
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    const BYE: &str =
        r#"{"v":1,"seq":3,"time":"2026-11-23T09:49:00Z","type":"bye","outcome":"passed"}"#;
    const TEST: &str = r#"{"v":1,"seq":3,"time":"2026-11-23T09:49:00.000000Z","type":"test_finished","target":"t","id":"D07","name":"p","outcome":"passed","duration_s":1.0}"#;
    const NEWS: &str =
        r#"{"v":1,"seq":3,"time":"2026-11-23T09:49:00Z","type":"weather","sky":"blue"}"#;

    fn logged(said: &str) -> String {
        format!(
            r#"{{"v":1,"seq":0,"time":"2026-11-23T09:49:00.000000Z","type":"harness","vm":"a \"b\"","target":"t","event":{said}}}"#
        )
    }

    #[test]
    fn only_the_end_of_a_test_is_read_and_as_in_the_general_way() {
        let line = logged(TEST);
        let general: Event = serde_json::from_str(&line).unwrap();
        assert_eq!(read(line.as_bytes()), Some(general));
        let more = line.replace("\"vm\"", "\"mood\":\"good\",\"vm\"");
        for left in [&logged(BYE), &logged(NEWS), &more, ""] {
            assert_eq!(read(left.as_bytes()), None, "{left}");
        }
    }

    #[test]
    fn both_ways_write_the_same() {
        let general = logged(TEST);
        let event: Event = serde_json::from_str(&general).unwrap();
        assert_eq!(serde_json::to_string(&event).unwrap(), general);
        for said in [TEST, &format!(" {TEST}\r")] {
            let mut line = Vec::new();
            write(&mut line, &event, said.as_bytes()).unwrap();
            assert_eq!(String::from_utf8(line).unwrap(), general);
        }
    }
}
