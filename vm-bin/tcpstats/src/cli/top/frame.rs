// SPDX-License-Identifier: BSD-2-Clause
//! A look as lines of text: summary, filter, titles, connections.

use std::time::Duration;

use super::sample::{Row, Sample, SortKey};
use crate::cli::table::{self, Heading};
use crate::cli::view;

const HELP: &str = "q quit   < > sort by   r reverse   space look now";

/// How looks are shown.
#[derive(Debug, Clone)]
pub(super) struct View {
    /// Canonical, empty for every connection.
    pub(super) filter: String,
    pub(super) sort: SortKey,
    pub(super) reverse: bool,
    pub(super) delay: Duration,
}

/// A column of numbers.
struct Column {
    key: SortKey,
    title: &'static str,
    text: fn(&Row) -> String,
}

const fn column(key: SortKey, title: &'static str, text: fn(&Row) -> String) -> Column {
    Column { key, title, text }
}

const COLUMNS: [Column; 9] = [
    column(SortKey::Retransmits, "rexmit", |row| {
        row.record.snd_rexmitpack.to_string()
    }),
    column(SortKey::NewRetransmits, "+rexmit", |row| {
        known(row.new_retransmits)
    }),
    column(SortKey::Rtt, "rtt_us", |row| row.record.rtt.to_string()),
    column(SortKey::RecvQueue, "recv_q_B", |row| {
        row.record.rcv_buf_cc.to_string()
    }),
    column(SortKey::SendQueue, "send_q_B", |row| {
        row.record.snd_buf_cc.to_string()
    }),
    column(SortKey::Cwnd, "cwnd_B", |row| {
        row.record.snd_cwnd.to_string()
    }),
    column(SortKey::Idle, "idle_ms", |row| {
        row.record.rcvtime.to_string()
    }),
    column(SortKey::Out, "out_B/s", |row| {
        known(row.out_rate.map(f64::round))
    }),
    column(SortKey::In, "in_B/s", |row| {
        known(row.in_rate.map(f64::round))
    }),
];

fn known(number: Option<impl ToString>) -> String {
    number.map_or_else(|| "-".to_owned(), |number| number.to_string())
}

impl View {
    /// Exactly what a screen holds.
    pub(super) fn screen(&self, sample: &mut Sample, width: usize, height: usize) -> Vec<String> {
        // Above and below the connections.
        let others = self.heading_line() + 2;
        let rows = height.saturating_sub(others);
        let mut lines = self.lines(sample, Some(width), rows);
        lines.resize(height.saturating_sub(1), String::new());
        lines.push(HELP.to_owned());
        for line in &mut lines {
            *line = line.chars().take(width).collect();
        }
        lines.truncate(height);
        lines
    }

    /// Summary, filter, titles, and at most `rows` connections.
    pub(super) fn lines(
        &self,
        sample: &mut Sample,
        width: Option<usize>,
        rows: usize,
    ) -> Vec<String> {
        let mut lines = vec![self.summary(sample)];
        if !self.filter.is_empty() {
            lines.push(format!("filter: {}", self.filter));
        }
        let columns = self.columns();
        let mut headings = ADDRESSES_AND_STATE.to_vec();
        headings.extend(columns.iter().map(|column| Heading::number(column.title)));
        let rows: Vec<Vec<String>> = sample
            .sorted(self.sort, self.reverse, rows)
            .iter()
            .map(|row| cells(row, &columns))
            .collect();
        let kept = ADDRESSES_AND_STATE.len() + 1;
        lines.extend(table::lines(&headings, &rows, width, kept));
        lines
    }

    /// The place of the titles among the lines.
    pub(super) fn heading_line(&self) -> usize {
        1 + usize::from(!self.filter.is_empty())
    }

    fn summary(&self, sample: &Sample) -> String {
        let states: Vec<String> = sample
            .states()
            .iter()
            .map(|(state, count)| format!("{count} {state}"))
            .collect();
        let direction = if self.reverse { ", smallest first" } else { "" };
        let title = self.columns()[0].title;
        format!(
            "{} connections, by {title}{direction}, every {} s: {}",
            sample.rows.len(),
            self.delay.as_secs_f64(),
            states.join(", ")
        )
    }

    /// The one that is sorted by first, since the last may not fit.
    fn columns(&self) -> Vec<&'static Column> {
        let (first, others): (Vec<_>, Vec<_>) =
            COLUMNS.iter().partition(|column| column.key == self.sort);
        first.into_iter().chain(others).collect()
    }
}

const ADDRESSES_AND_STATE: [Heading; 3] = [
    Heading::address("local"),
    Heading::address("remote"),
    Heading::text("state"),
];

fn cells(row: &Row, columns: &[&Column]) -> Vec<String> {
    let record = &row.record;
    let mut cells = vec![
        record.local().to_string(),
        record.remote().to_string(),
        view::state(record),
    ];
    cells.extend(columns.iter().map(|column| (column.text)(row)));
    cells
}

#[cfg(test)]
mod tests {
    use super::super::sample::tests::record;
    use super::*;

    fn view(sort: SortKey) -> View {
        View {
            filter: String::new(),
            sort,
            reverse: false,
            delay: Duration::from_secs(2),
        }
    }

    fn sample() -> Sample {
        let mut records = [50_000, 50_001, 50_002].map(record);
        records[0].rtt = 170;
        (records[1].snd_rexmitpack, records[1].snd_cwnd) = (12, 14_480);
        records[2].flags = tcpstats::record::FLAG_IPV6;
        let address = "2001:db8:aaaa:bbbb:cccc:dddd:eeee:ffff";
        let address: std::net::Ipv6Addr = address.parse().expect("an address");
        (records[2].local_addr, records[2].remote_addr) = (address.octets(), address.octets());
        Sample {
            rows: records
                .into_iter()
                .map(|record| Row {
                    record,
                    new_retransmits: Some(1),
                    out_rate: None,
                    in_rate: Some(1_234.4),
                })
                .collect(),
        }
    }

    #[test]
    fn eighty_columns_hold_whole_ipv4_addresses() {
        let mut sample = sample();
        sample.rows.pop();
        assert_eq!(
            view(SortKey::Retransmits).screen(&mut sample, 80, 6),
            [
                "2 connections, by rexmit, every 2 s: 2 established",
                "local            remote         state        rexmit  +rexmit  rtt_us  recv_q_B",
                "127.0.0.1:50001  127.0.0.2:443  established      12        1       0         0",
                "127.0.0.1:50000  127.0.0.2:443  established       0        1     170         0",
                "",
                "q quit   < > sort by   r reverse   space look now",
            ]
        );
    }

    #[test]
    fn long_addresses_leave_the_sorted_column_on_the_screen() {
        let lines = view(SortKey::Cwnd).screen(&mut sample(), 80, 6);
        assert_eq!(
            lines[1..5],
            [
                "local                          remote                        state        cwnd_B",
                "127.0.0.1:50001                127.0.0.2:443                 established   14480",
                "127.0.0.1:50000                127.0.0.2:443                 established       0",
                "[2001:db8:aaaa:bbbb:c…]:50002  [2001:db8:aaaa:bbbb:cc…]:443  established       0",
            ]
        );
    }

    #[test]
    fn two_hundred_columns_hold_everything() {
        let mut view = view(SortKey::In);
        view.filter = "include_state=established".to_owned();
        let lines = view.screen(&mut sample(), 200, 7);
        assert_eq!(lines[1], "filter: include_state=established");
        assert_eq!(
            lines[2].split_whitespace().collect::<Vec<_>>(),
            [
                "local", "remote", "state", "in_B/s", "rexmit", "+rexmit", "rtt_us", "recv_q_B",
                "send_q_B", "cwnd_B", "idle_ms", "out_B/s"
            ]
        );
        assert!(lines[5].starts_with("[2001:db8:aaaa:bbbb:cccc:dddd:eeee:ffff]:50002  ["));
        assert!(lines[5].ends_with("-"), "an unknown rate: {}", lines[5]);
        assert!(lines[5].contains("  1234  "), "{}", lines[5]);
    }

    #[test]
    fn every_screen_is_filled_exactly_and_never_overrun() {
        for width in [1, 20, 79, 300] {
            for height in [1, 2, 3, 4, 50] {
                let lines = view(SortKey::Rtt).screen(&mut sample(), width, height);
                assert_eq!(lines.len(), height);
                assert!(lines.iter().all(|line| line.chars().count() <= width));
            }
        }
    }
}
