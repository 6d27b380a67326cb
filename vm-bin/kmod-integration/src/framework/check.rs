// SPDX-License-Identifier: BSD-2-Clause
//! What the device gave, held against the model: the fixture's sockets exactly,
//! the machine's other sockets as far as a record tells what they are, and the
//! layout of every record.

use std::collections::{HashMap, HashSet};
use std::net::SocketAddr;
use std::ops::ControlFlow;

use tcpstats::device::{Device, DeviceError};
use tcpstats::filter::Filter as DeviceFilter;
use tcpstats::record::{FLAG_LISTEN, FLAG_SYNCACHE, FieldGroup, Record, State};

use super::layout;
use crate::filter::model::{Filter, Socket};

/// Differences that a message tells one by one; the rest is counted.
const TOLD: usize = 20;

/// What a test that ran to its end has seen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Seen {
    /// The filter's text.
    pub(crate) filter: String,
    /// Records of the fixture that the model demands.
    pub(crate) expected: usize,
    /// Records of the fixture that the device gave.
    pub(crate) actual: usize,
}

impl Seen {
    /// Before anything was read.
    pub(crate) fn nothing(filter: String) -> Self {
        Self {
            filter,
            expected: 0,
            actual: 0,
        }
    }

    /// Count what another read-through has seen too.
    pub(crate) fn add(&mut self, other: &Self) {
        self.expected += other.expected;
        self.actual += other.actual;
    }
}

/// What is wrong with the records of one read-through.
#[derive(Debug)]
pub(crate) struct Mismatch {
    pub(crate) seen: Seen,
    /// One line for each difference.
    pub(crate) differences: Vec<String>,
}

impl Mismatch {
    /// The differences as a message of bounded length, one a line.
    pub(crate) fn message(&self) -> String {
        let mut lines: Vec<&str> = self
            .differences
            .iter()
            .take(TOLD)
            .map(String::as_str)
            .collect();
        let rest = self.differences.len().saturating_sub(TOLD);
        let more = format!("and {rest} more");
        if rest > 0 {
            lines.push(&more);
        }
        lines.join("\n")
    }
}

/// Set `filter` by ioctl, which also starts a new snapshot, and read it all.
///
/// # Errors
/// The device's; a text that it refuses, as a line.
pub(crate) fn read_filtered(
    device: &Device,
    filter: &Filter,
    buffer_records: usize,
) -> Result<Vec<Record>, ReadError> {
    let text = filter.to_string();
    let parsed = DeviceFilter::parse(&text).map_err(|error| ReadError::Refused {
        offset: error.offset,
        text,
        message: error.message,
    })?;
    device.set_filter(&parsed)?;
    Ok(read_all(device, buffer_records)?)
}

/// Read to the end of the snapshot.
///
/// # Errors
/// The device's.
pub(crate) fn read_all(device: &Device, buffer_records: usize) -> Result<Vec<Record>, DeviceError> {
    let mut records = Vec::new();
    device.for_each(buffer_records, |record| {
        records.push(*record);
        ControlFlow::Continue(())
    })?;
    Ok(records)
}

/// The device could not be read through a filter.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ReadError {
    /// The parser does not take a text that the language has.
    #[error("the filter '{text}' is refused at byte {offset}: {message}")]
    Refused {
        text: String,
        offset: usize,
        message: String,
    },
    /// The device refused.
    #[error(transparent)]
    Device(#[from] DeviceError),
}

/// Hold `records`, read through `filter`, against the model.
///
/// # Errors
/// Every difference.
pub(crate) fn compare(
    filter: &Filter,
    fixture: &[Socket],
    records: &[Record],
) -> Result<Seen, Box<Mismatch>> {
    let mut differences = Vec::new();
    let mut own: HashMap<(SocketAddr, SocketAddr), (&Socket, usize)> = fixture
        .iter()
        .map(|socket| ((socket.local, socket.remote), (socket, 0)))
        .collect();
    let mut generations = HashSet::new();
    let mut actual = 0;

    for record in records {
        let ends = (record.local(), record.remote());
        let place = format!("{} -> {}", ends.0, ends.1);
        let mut differ = |what: String| differences.push(format!("{place}: {what}"));
        layout::faults(filter, record).for_each(&mut differ);
        if !record.is_syncache() && !generations.insert(record.inp_gencnt) {
            differ(format!("a second record of gencnt {}", {
                record.inp_gencnt
            }));
        }
        match own.get_mut(&ends) {
            Some((socket, count)) => {
                actual += 1;
                *count += 1;
                if *count > 1 {
                    differ("given more than once".to_owned());
                } else if !filter.admits(socket) {
                    differ(format!("unexpected, it is in {}", socket.state));
                }
                wrong_state(filter, socket, record).for_each(&mut differ);
            }
            None => contradiction(filter, record).into_iter().for_each(differ),
        }
    }

    let mut expected = 0;
    for socket in fixture {
        let given = own.get(&(socket.local, socket.remote)).map_or(0, |o| o.1);
        if filter.admits(socket) {
            expected += 1;
            if given == 0 {
                differences.push(format!("{socket}: missing"));
            }
        }
    }
    let seen = Seen {
        filter: filter.to_string(),
        expected,
        actual,
    };
    if differences.is_empty() {
        Ok(seen)
    } else {
        Err(Box::new(Mismatch { seen, differences }))
    }
}

/// What is wrong with the state of a record of `socket`.
fn wrong_state(
    filter: &Filter,
    socket: &Socket,
    record: &Record,
) -> impl Iterator<Item = String> + use<> {
    let state = socket.state;
    let given = record.state;
    let number = filter
        .fills(FieldGroup::State)
        .then(|| State::from_number(given))
        .filter(|given| *given != Some(state))
        .map(|_| format!("state {given} instead of {} ({state})", state as i32));
    let flags = [
        (FLAG_LISTEN, state == State::Listen, "LISTEN"),
        (FLAG_SYNCACHE, socket.is_request, "SYNCACHE"),
    ];
    let record_flags = record.flags;
    let flags = flags
        .into_iter()
        .filter(move |(flag, is_due, _)| (record_flags & flag != 0) != *is_due)
        .map(move |(_, _, name)| format!("flag {name} is wrong for a socket in {state}"));
    number.into_iter().chain(flags)
}

/// Why a socket that is none of the fixture's should not have been reported, as
/// far as its record tells what it is.
fn contradiction(filter: &Filter, record: &Record) -> Option<String> {
    if !filter.admits_ends(record.local(), record.remote()) {
        return Some("not of this test, and it contradicts the filter".to_owned());
    }
    let state = if filter.fills(FieldGroup::State) {
        match record.state() {
            Some(state) => state,
            None => {
                return Some(format!("not of this test, unknown state {}", {
                    record.state
                }));
            }
        }
    } else if record.is_listen() {
        State::Listen
    } else if record.is_syncache() {
        State::SynReceived
    } else {
        return None;
    };
    (!filter.admits_state(state))
        .then(|| format!("not of this test, and its state {state} contradicts the filter"))
}

#[cfg(test)]
mod tests {
    use zerocopy::FromZeros;

    use super::*;

    fn socket(local: &str, remote: &str, state: State) -> Socket {
        Socket {
            local: local.parse().unwrap(),
            remote: remote.parse().unwrap(),
            state,
            is_request: false,
        }
    }

    fn fixture() -> Vec<Socket> {
        vec![
            socket("127.0.0.2:80", "0.0.0.0:0", State::Listen),
            socket("127.0.0.2:80", "127.0.0.3:4000", State::Established),
            socket("127.0.0.3:4000", "127.0.0.2:80", State::Established),
        ]
    }

    /// The record that the device has to give of `socket`.
    fn record(socket: &Socket, gencnt: u64) -> Record {
        let mut record = Record::new_zeroed();
        record.version = 1;
        record.len = 320;
        record.af = libc::AF_INET as u8;
        if socket.state == State::Listen {
            record.flags = FLAG_LISTEN;
        }
        record.local_port = socket.local.port();
        record.remote_port = socket.remote.port();
        for (addr, end) in [
            (&mut record.local_addr, socket.local),
            (&mut record.remote_addr, socket.remote),
        ] {
            if let SocketAddr::V4(v4) = end {
                addr[..4].copy_from_slice(&v4.ip().octets());
            }
        }
        record.state = socket.state as i32;
        record.inp_gencnt = gencnt;
        record
    }

    fn records() -> Vec<Record> {
        (1..).zip(fixture()).map(|(n, s)| record(&s, n)).collect()
    }

    fn differences(filter: &Filter, records: &[Record]) -> Vec<String> {
        compare(filter, &fixture(), records)
            .err()
            .map(|mismatch| mismatch.differences)
            .unwrap_or_default()
    }

    #[test]
    fn the_right_records_pass_with_their_number() {
        let seen = compare(&Filter::new(), &fixture(), &records()).unwrap();
        assert_eq!((seen.expected, seen.actual), (3, 3));
        let filter = Filter::new().remote_ports([80]);
        let seen = compare(&filter, &fixture(), &records()[2..]).unwrap();
        assert_eq!((seen.expected, seen.actual), (1, 1));
        assert_eq!(seen.filter, "remote_port=80");
    }

    #[test]
    fn missing_unexpected_and_repeated_records_are_told() {
        let all = records();
        assert_eq!(
            differences(&Filter::new(), &all[..2]),
            ["127.0.0.3:4000 -> 127.0.0.2:80 established: missing"]
        );
        assert_eq!(
            differences(&Filter::new().remote_ports([80]), &all[1..]),
            ["127.0.0.2:80 -> 127.0.0.3:4000: unexpected, it is in established"]
        );
        let mut repeated = all.clone();
        repeated.push(record(&fixture()[2], 9));
        assert_eq!(
            differences(&Filter::new(), &repeated),
            ["127.0.0.3:4000 -> 127.0.0.2:80: given more than once"]
        );
        let mut same = all;
        same[1].inp_gencnt = 1;
        assert_eq!(
            differences(&Filter::new(), &same),
            ["127.0.0.2:80 -> 127.0.0.3:4000: a second record of gencnt 1"]
        );
    }

    #[test]
    fn a_record_of_another_socket_must_agree_with_the_filter() {
        let foreign = socket("127.0.0.1:22", "127.0.0.1:50000", State::Established);
        let filter = Filter::new().local_ports([22]);
        assert_eq!(differences(&filter, &[record(&foreign, 9)]), [""; 0]);
        let told = |filter: Filter| differences(&filter, &[record(&foreign, 9)]);
        assert_eq!(
            told(Filter::new().local_ports([23])),
            ["127.0.0.1:22 -> 127.0.0.1:50000: not of this test, and it contradicts the filter"]
        );
        assert_eq!(
            told(
                Filter::new()
                    .local_ports([22])
                    .exclude([State::Established])
            ),
            [
                "127.0.0.1:22 -> 127.0.0.1:50000: not of this test, and its state established \
              contradicts the filter"
            ]
        );
    }

    #[test]
    fn a_wrong_state_or_flag_is_told() {
        let mut all = records();
        all[2].state = State::SynSent as i32;
        all[1].flags = FLAG_LISTEN;
        assert_eq!(
            differences(&Filter::new(), &all),
            [
                "127.0.0.2:80 -> 127.0.0.3:4000: flag LISTEN is wrong for a socket in established",
                "127.0.0.3:4000 -> 127.0.0.2:80: state 2 instead of 4 (established)",
            ]
        );
    }

    #[test]
    fn of_two_half_open_ends_the_one_without_a_socket_has_the_flag() {
        let half_open = socket("127.0.0.2:80", "127.0.0.3:4000", State::SynReceived);
        let request = Socket {
            is_request: true,
            ..half_open
        };
        let plain = record(&half_open, 1);
        let mut flagged = plain;
        flagged.flags = FLAG_SYNCACHE;
        let told = |socket, record| compare(&Filter::new(), &[socket], &[record]).is_err();
        assert!(!told(half_open, plain) && !told(request, flagged));
        assert!(told(half_open, flagged) && told(request, plain));
    }

    #[test]
    fn a_long_message_is_cut() {
        let mismatch = Mismatch {
            seen: Seen::nothing(String::new()),
            differences: vec!["a: missing".to_owned(); 22],
        };
        let message = mismatch.message();
        assert_eq!(message.lines().count(), 21);
        assert!(message.ends_with("\nand 2 more"));
    }
}
