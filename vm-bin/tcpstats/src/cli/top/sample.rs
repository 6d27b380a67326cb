// SPDX-License-Identifier: BSD-2-Clause
//! One look at the device: every connection, and what happened on it since the look before.

use std::cmp::Reverse;
use std::collections::HashMap;
use std::net::SocketAddr;
use std::ops::ControlFlow;
use std::path::PathBuf;
use std::time::Instant;

use clap::ValueEnum;
use tcpstats::device::{Device, DeviceError};
use tcpstats::filter::Filter;
use tcpstats::record::{Record, State};

use crate::cli::device::buffer_records;

/// By what connections are put in order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum SortKey {
    /// Segments sent again, since the connection stands
    Retransmits,
    /// Segments sent again since the look before
    NewRetransmits,
    /// Smoothed round trip time
    Rtt,
    /// Bytes received and not yet read by the program
    RecvQueue,
    /// Bytes written by the program and not yet acknowledged
    SendQueue,
    /// Congestion window
    Cwnd,
    /// Time since the last packet came
    Idle,
    /// Bytes sent and acknowledged a second
    Out,
    /// Bytes received a second
    In,
}

impl SortKey {
    /// The key `step` places to the right, around the end.
    pub(super) fn neighbour(self, step: isize) -> Self {
        let keys = Self::value_variants();
        let at = keys.iter().position(|&key| key == self).unwrap_or(0);
        let length = keys.len() as isize;
        keys[(at as isize + step).rem_euclid(length) as usize]
    }
}

/// A connection, and what changed.
#[derive(Debug, Clone)]
pub(super) struct Row {
    pub(super) record: Record,
    /// Segments sent again since the look before; `None` in the first one.
    pub(super) new_retransmits: Option<u32>,
    /// Bytes acknowledged and received a second; `None` in the first look, and where the system
    /// does not tell sequence numbers.
    pub(super) out_rate: Option<f64>,
    pub(super) in_rate: Option<f64>,
}

impl Row {
    /// What the connection is put in order by; what is unknown is least.
    fn value(&self, key: SortKey) -> f64 {
        let record = &self.record;
        match key {
            SortKey::Retransmits => record.snd_rexmitpack.into(),
            SortKey::NewRetransmits => self.new_retransmits.map_or(-1.0, f64::from),
            SortKey::Rtt => record.rtt.into(),
            SortKey::RecvQueue => record.rcv_buf_cc.into(),
            SortKey::SendQueue => record.snd_buf_cc.into(),
            SortKey::Cwnd => record.snd_cwnd.into(),
            SortKey::Idle => record.rcvtime.into(),
            SortKey::Out => self.out_rate.unwrap_or(-1.0),
            SortKey::In => self.in_rate.unwrap_or(-1.0),
        }
    }
}

/// What is remembered of a connection until the next look.
#[derive(Debug, Clone, Copy)]
struct Before {
    retransmits: u32,
    acknowledged: u32,
    received: u32,
}

/// A generation number alone is no connection: half-open ones have none.
type Identity = (u64, SocketAddr, SocketAddr);

/// Everything seen in one look.
#[derive(Debug, Default)]
pub(super) struct Sample {
    pub(super) rows: Vec<Row>,
}

impl Sample {
    /// The first `count` in order; of equal ones the lower addresses first, so that they stay where
    /// they are.
    pub(super) fn sorted(&mut self, key: SortKey, reverse: bool, count: usize) -> &[Row] {
        let order = |a: &Row, b: &Row| {
            let by_value = a.value(key).total_cmp(&b.value(key));
            let by_value = if reverse {
                by_value
            } else {
                by_value.reverse()
            };
            let place = |row: &Row| (row.record.local(), row.record.remote());
            by_value.then_with(|| place(a).cmp(&place(b)))
        };
        let count = count.min(self.rows.len());
        if count < self.rows.len() {
            self.rows.select_nth_unstable_by(count, order);
        }
        self.rows[..count].sort_unstable_by(order);
        &self.rows[..count]
    }

    /// Connections by state, the most frequent first.
    pub(super) fn states(&self) -> Vec<(State, usize)> {
        let mut counts: Vec<(State, usize)> = State::ALL
            .into_iter()
            .map(|state| {
                let is = |row: &&Row| row.record.state() == Some(state);
                (state, self.rows.iter().filter(is).count())
            })
            .filter(|&(_, count)| count > 0)
            .collect();
        counts.sort_by_key(|&(_, count)| Reverse(count));
        counts
    }
}

/// Takes looks and compares each with the one before.
pub(super) struct Sampler {
    path: PathBuf,
    filter: Filter,
    /// `None` after a failure: it is opened again, since a device that was gone may have come back.
    device: Option<Device>,
    before: HashMap<Identity, Before>,
    taken: Option<Instant>,
}

impl Sampler {
    pub(super) fn new(device: Device, filter: Filter) -> Self {
        Self {
            path: device.path().to_owned(),
            filter,
            device: Some(device),
            before: HashMap::new(),
            taken: None,
        }
    }

    /// # Errors
    /// Those of [`Device::open`], [`Device::set_filter`] and [`Device::for_each`].
    pub(super) fn take(&mut self) -> Result<Sample, DeviceError> {
        let device = match self.device.take() {
            Some(device) => device,
            None => Device::open(&self.path)?,
        };
        // This starts a new snapshot, too.
        device.set_filter(&self.filter)?;
        let now = Instant::now();
        let elapsed_s = self.taken.map(|taken| (now - taken).as_secs_f64());
        let mut sample = Sample::default();
        let mut seen = HashMap::new();
        device.for_each(buffer_records(&device)?, |record| {
            let identity = (record.inp_gencnt, record.local(), record.remote());
            let before = self.before.get(&identity);
            sample.rows.push(row(record, before, elapsed_s));
            seen.insert(identity, Before::of(record));
            ControlFlow::Continue(())
        })?;
        self.device = Some(device);
        self.before = seen;
        self.taken = Some(now);
        Ok(sample)
    }
}

impl Before {
    fn of(record: &Record) -> Self {
        Self {
            retransmits: record.snd_rexmitpack,
            acknowledged: record.snd_una,
            received: record.rcv_nxt,
        }
    }
}

/// A connection beside what it was `elapsed_s` ago. Sequence numbers wrap around.
fn row(record: &Record, before: Option<&Before>, elapsed_s: Option<f64>) -> Row {
    let now = Before::of(record);
    let known = before.zip(elapsed_s);
    let rate = |of: fn(&Before) -> u32| {
        let (before, elapsed_s) = known.filter(|_| of(&now) != 0)?;
        Some(f64::from(of(&now).wrapping_sub(of(before))) / elapsed_s)
    };
    Row {
        record: *record,
        new_retransmits: known.map(|(before, _)| now.retransmits.wrapping_sub(before.retransmits)),
        out_rate: rate(|it| it.acknowledged),
        in_rate: rate(|it| it.received),
    }
}

#[cfg(test)]
pub(super) mod tests {
    use zerocopy::FromZeros as _;

    use super::*;

    /// An established IPv4 connection from 127.0.0.1:`port`.
    pub(in crate::cli::top) fn record(port: u16) -> Record {
        let mut record = Record::new_zeroed();
        record.local_addr[..4].copy_from_slice(&[127, 0, 0, 1]);
        record.remote_addr[..4].copy_from_slice(&[127, 0, 0, 2]);
        record.local_port = port;
        record.remote_port = 443;
        record.state = State::Established as i32;
        record
    }

    fn first_look(records: &[Record]) -> Sample {
        Sample {
            rows: records.iter().map(|it| row(it, None, None)).collect(),
        }
    }

    fn ports(rows: &[Row]) -> Vec<u16> {
        rows.iter().map(|row| row.record.local_port).collect()
    }

    #[test]
    fn the_largest_stand_first_and_equal_ones_by_address() {
        let mut records = [4, 3, 2, 1].map(record);
        records[1].snd_rexmitpack = 7;
        records[1].rtt = 1;
        records[2].rtt = 900;
        let mut sample = first_look(&records);
        assert_eq!(
            ports(sample.sorted(SortKey::Retransmits, false, 9)),
            [3, 1, 2, 4]
        );
        assert_eq!(ports(sample.sorted(SortKey::Rtt, false, 2)), [2, 3]);
        assert_eq!(ports(sample.sorted(SortKey::Rtt, true, 9)), [1, 4, 3, 2]);
    }

    #[test]
    fn rates_are_differences_by_time() {
        let mut then = record(1);
        (then.snd_una, then.rcv_nxt, then.snd_rexmitpack) = (u32::MAX - 99, 1_000, 5);
        let mut now = then;
        (now.snd_una, now.rcv_nxt, now.snd_rexmitpack) = (100, 1_500, 8);
        let row = row(&now, Some(&Before::of(&then)), Some(2.0));
        assert_eq!(row.new_retransmits, Some(3));
        assert_eq!(row.out_rate, Some(100.0), "across the end of the numbers");
        assert_eq!(row.in_rate, Some(250.0));
    }

    #[test]
    fn what_the_system_does_not_tell_is_no_rate() {
        let row = row(&record(1), Some(&Before::of(&record(1))), Some(2.0));
        assert_eq!(row.new_retransmits, Some(0));
        assert_eq!((row.out_rate, row.in_rate), (None, None));
    }

    #[test]
    fn states_are_counted() {
        let mut records = [1, 2, 3].map(record);
        records[2].state = State::Listen as i32;
        assert_eq!(
            first_look(&records).states(),
            [(State::Established, 2), (State::Listen, 1)]
        );
    }

    #[test]
    fn the_keys_go_around() {
        assert_eq!(SortKey::Retransmits.neighbour(-1), SortKey::In);
        assert_eq!(SortKey::In.neighbour(1), SortKey::Retransmits);
        assert_eq!(SortKey::Rtt.neighbour(1), SortKey::RecvQueue);
    }
}
