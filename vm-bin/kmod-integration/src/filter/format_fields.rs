// SPDX-License-Identifier: BSD-2-Clause
//! Category F: `fields` and `format`. What was not asked for is zero in every
//! record (each test checks that); what was asked for is what the kernel says of
//! the same socket elsewhere, or at least there.

use std::io;
use std::time::Duration;

use socket2::{Socket, TcpKeepalive};
use tcpstats::device::Device;
use tcpstats::record::{FieldGroup, Record};

use super::model::{Filter, Format};
use super::{Case, Ending, Lab, TestResult};
use crate::framework::check;
use crate::framework::fixture::{Connection, Fixture, FixtureError};
use crate::framework::loopback::{V4_A, V4_B, V6_A, V6_B};

/// Bytes that the server has and has not read.
const UNREAD: usize = 1000;

pub(super) fn cases() -> Vec<Case> {
    let themes = [
        (
            "fields=identity,state",
            Filter::new().fields([FieldGroup::Identity, FieldGroup::State]),
        ),
        (
            "format=compact is the default groups",
            Filter::new().format(Format::Compact),
        ),
        (
            "format=full is all groups",
            Filter::new().format(Format::Full),
        ),
    ];
    let themes = themes.map(|(name, filter)| (name.to_owned(), filter));
    let alone = FieldGroup::ALL.map(|group| {
        (
            format!("the group {} alone", group.name()),
            Filter::new().fields([group]),
        )
    });
    themes
        .into_iter()
        .chain(alone)
        .map(|(name, filter)| Case::new(name, move |lab| groups(lab, &filter)))
        .collect()
}

fn groups(lab: &Lab, filter: &Filter) -> TestResult {
    let (fixture, connections) = busy(lab)?;
    let device = Device::open_default()?;
    let records = check::read_filtered(&device, filter, lab.buffer_records)?;
    let seen = check::compare(filter, &fixture.sockets(), &records)?;
    let mut faults = Vec::new();
    for connection in connections {
        // Found, as the comparison has seen each record of the fixture.
        for record in records
            .iter()
            .filter(|r| r.local() == connection.far && r.remote() == connection.near)
        {
            let told = fixture
                .on_server(&connection, |socket| wrong_values(filter, record, socket))
                .map_err(FixtureError::at("ask the kernel about a server's end"))?;
            faults.extend(
                told.into_iter()
                    .map(|fault| format!("{}: {fault}", connection.far)),
            );
        }
    }
    if faults.is_empty() {
        Ok(seen)
    } else {
        Err(Ending::Failed {
            seen: Some(seen),
            message: faults.join("\n"),
        })
    }
}

/// A connection of each IP version whose server end has something in every group
/// that the kernel can be made to fill.
fn busy(lab: &Lab) -> Result<(Fixture, [Connection; 2]), FixtureError> {
    let mut fixture = lab.fixture();
    let v4 = fixture.listen(V4_A)?;
    let v6 = fixture.listen(V6_A)?;
    let connections = [fixture.connect(V4_B, v4)?, fixture.connect(V6_B, v6)?];
    for connection in &connections {
        fixture.send(connection, &[7; UNREAD])?;
        fixture
            .on_server(connection, |socket| {
                let keepalive = TcpKeepalive::new().with_time(Duration::from_secs(600));
                socket.set_tcp_keepalive(&keepalive)
            })
            .map_err(FixtureError::at("start a server's keep-alive timer"))?;
    }
    Ok((fixture, connections))
}

/// Fields of the chosen groups that are not what the kernel says of the socket.
fn wrong_values(filter: &Filter, record: &Record, socket: &Socket) -> io::Result<Vec<String>> {
    let mut faults = Vec::new();
    let mut demand = |group, holds: bool, fault: String| {
        if filter.fills(group) && !holds {
            faults.push(fault);
        }
    };
    use FieldGroup::{Buffers, Congestion, Names, Rtt, Sequences, Timers};

    for (field, value) in [
        ("snd_cwnd", record.snd_cwnd),
        ("snd_wnd", record.snd_wnd),
        ("rcv_wnd", record.rcv_wnd),
    ] {
        demand(Congestion, value > 0, format!("{field} is 0"));
    }
    let (maxseg, mss) = (record.maxseg, socket.tcp_mss()?);
    demand(
        Congestion,
        maxseg == mss,
        format!("maxseg is {maxseg}, the socket has {mss}"),
    );
    for (field, value) in [("rtt", record.rtt), ("rto", record.rto)] {
        demand(Rtt, value > 0, format!("{field} is 0"));
    }
    demand(Sequences, record.options > 0, "options is 0".to_owned());
    let keep = record.tt_keep;
    demand(
        Timers,
        (1..=600_000).contains(&keep),
        format!("tt_keep is {keep} ms, the timer was set to 600000"),
    );
    for (field, value, wanted) in [
        ("rcv_buf_cc", record.rcv_buf_cc, UNREAD),
        (
            "rcv_buf_hiwat",
            record.rcv_buf_hiwat,
            socket.recv_buffer_size()?,
        ),
        ("snd_buf_cc", record.snd_buf_cc, 0),
        (
            "snd_buf_hiwat",
            record.snd_buf_hiwat,
            socket.send_buffer_size()?,
        ),
    ] {
        demand(
            Buffers,
            value as usize == wanted,
            format!("{field} is {value}, the socket has {wanted}"),
        );
    }
    let cc = rustix::net::sockopt::tcp_congestion(socket)?;
    demand(
        Names,
        record.cc_name() == cc,
        format!("cc is '{}', the socket has '{cc}'", record.cc_name()),
    );
    Ok(faults)
}
