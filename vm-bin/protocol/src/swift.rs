// SPDX-License-Identifier: BSD-2-Clause
//! A shorter way for the ends of tests, which nearly all lines are: one pass
//! without the buffers that a type with a tag inside costs.
//!
//! Invariant: it takes only lines that hold nothing but what this version
//! knows, and gives for them what the general way gives. All others are left to
//! that one, which knows what to say of them.

use jiff::Timestamp;
use serde::Deserialize;

use crate::event::TestFinished;
use crate::{Body, Event, Outcome};

/// An event that is the end of a test and holds nothing else; no other event is
/// read as one.
#[derive(Debug, Deserialize)]
#[serde(from = "Line")]
pub struct TestEvent(pub Event);

/// A line as it is written, flat.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Line {
    v: u32,
    seq: u64,
    #[serde(with = "crate::event::rfc3339_micros")]
    time: Timestamp,
    #[serde(rename = "type")]
    _type: Type,
    target: String,
    category: Option<String>,
    id: String,
    name: String,
    outcome: Outcome,
    duration_s: f64,
    filter: Option<String>,
    expected: Option<u64>,
    actual: Option<u64>,
    message: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum Type {
    TestFinished,
}

impl From<Line> for TestEvent {
    fn from(line: Line) -> Self {
        let test = TestFinished {
            target: line.target,
            category: line.category,
            id: line.id,
            name: line.name,
            outcome: line.outcome,
            duration_s: line.duration_s,
            filter: line.filter,
            expected: line.expected,
            actual: line.actual,
            message: line.message,
        };
        Self(Event {
            v: line.v,
            seq: line.seq,
            time: line.time,
            body: Body::TestFinished(test),
        })
    }
}

/// The end of a test that `line` holds, if it holds one and nothing else.
pub(crate) fn test_finished(line: &[u8]) -> Option<Event> {
    // Checked as a whole, its strings need not be checked one by one.
    let line = str::from_utf8(line).ok()?;
    let TestEvent(event) = serde_json::from_str(line).ok()?;
    Some(event)
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: &str = r#"{"v":1,"seq":7,"time":"2026-11-23T09:49:00.123456Z","type":"test_finished","target":"live_integration","category":"D","id":"D07","name":"prefix","outcome":"failed","duration_s":0.5,"filter":"local_port=1","expected":2,"actual":3,"message":"a \"quoted\" one\nand more"}"#;
    const FEW: &str = r#"{"type":"test_finished","seq":7,"v":1,"time":"2026-11-23T09:49:00Z","outcome":"passed","target":"t","id":"D07","name":"prefix","duration_s":1}"#;

    #[test]
    fn both_ways_give_the_same() {
        for line in [ALL, FEW] {
            let general: Event = serde_json::from_str(line).unwrap();
            assert_eq!(test_finished(line.as_bytes()), Some(general));
        }
    }

    #[test]
    fn a_line_with_more_or_of_another_type_is_left_to_the_general_way() {
        let more = ALL.replace("\"id\":", "\"mood\":\"good\",\"id\":");
        let other = ALL.replace("\"test_finished\"", "\"target_finished\"");
        let twice = ALL.replace("\"id\":", "\"name\":\"x\",\"id\":");
        let cut = &ALL[..ALL.len() - 1];
        for line in [&more, &other, &twice, cut, ""] {
            assert_eq!(test_finished(line.as_bytes()), None, "{line}");
        }
    }
}
