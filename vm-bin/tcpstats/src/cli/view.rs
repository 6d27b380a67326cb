// SPDX-License-Identifier: BSD-2-Clause
//! A record as people and as programs see it: the table's columns and the JSON object's fields.

use serde_json::{Map, Value, json};
use tcpstats::filter::Filter;
use tcpstats::record::{FieldGroup, Record, State};

use super::table::Heading;

/// A column of the table.
pub(super) struct Column {
    pub(super) heading: Heading,
    pub(super) group: FieldGroup,
    pub(super) text: fn(&Record) -> String,
}

const fn text(title: &'static str, group: FieldGroup, text: fn(&Record) -> String) -> Column {
    Column {
        heading: Heading::text(title),
        group,
        text,
    }
}

const fn number(title: &'static str, group: FieldGroup, text: fn(&Record) -> String) -> Column {
    Column {
        heading: Heading::number(title),
        group,
        text,
    }
}

const LOCAL: Column = text("local", FieldGroup::Identity, |r| r.local().to_string());
const REMOTE: Column = text("remote", FieldGroup::Identity, |r| r.remote().to_string());
const STATE: Column = text("state", FieldGroup::State, state);
const RECV_QUEUE: Column = number("recv_q_B", FieldGroup::Buffers, |r| {
    r.rcv_buf_cc.to_string()
});
const SEND_QUEUE: Column = number("send_q_B", FieldGroup::Buffers, |r| {
    r.snd_buf_cc.to_string()
});
const RTT: Column = number("rtt_us", FieldGroup::Rtt, |r| r.rtt.to_string());
const CWND: Column = number("cwnd_B", FieldGroup::Congestion, |r| r.snd_cwnd.to_string());

/// The table's columns.
pub(super) const NARROW: &[Column] = &[LOCAL, REMOTE, STATE, RECV_QUEUE, SEND_QUEUE, RTT, CWND];

/// The columns with `--wide`.
pub(super) const WIDE: &[Column] = &[
    LOCAL,
    REMOTE,
    STATE,
    RECV_QUEUE,
    SEND_QUEUE,
    RTT,
    CWND,
    number("rto_us", FieldGroup::Rtt, |r| r.rto.to_string()),
    number("mss_B", FieldGroup::Congestion, |r| r.maxseg.to_string()),
    number("snd_wnd_B", FieldGroup::Congestion, |r| {
        r.snd_wnd.to_string()
    }),
    number("rcv_wnd_B", FieldGroup::Congestion, |r| {
        r.rcv_wnd.to_string()
    }),
    number("rexmit", FieldGroup::Counters, |r| {
        r.snd_rexmitpack.to_string()
    }),
    text("cc", FieldGroup::Names, Record::cc_name),
    number("uid", FieldGroup::Identity, |r| r.uid.to_string()),
];

/// The state's name; half-open connections that have no socket say so.
pub(super) fn state(record: &Record) -> String {
    let name = record
        .state()
        .map_or_else(|| record.state.to_string(), |s| s.to_string());
    if record.is_syncache() {
        name + " (syncache)"
    } else {
        name
    }
}

type Field = (&'static str, fn(&Record) -> Value);

/// The JSON object's fields by group: names and units are the record's.
const FIELDS: [(FieldGroup, &[Field]); 10] = [
    (
        FieldGroup::Identity,
        &[
            ("ip_version", |r| json!(if r.is_ipv6() { 6 } else { 4 })),
            ("local_addr", |r| json!(r.local().ip())),
            ("local_port", |r| json!(r.local_port)),
            ("remote_addr", |r| json!(r.remote().ip())),
            ("remote_port", |r| json!(r.remote_port)),
            ("listen", |r| json!(r.is_listen())),
            ("syncache", |r| json!(r.is_syncache())),
            ("so_addr", |r| Value::from(r.so_addr)),
            ("uid", |r| json!(r.uid)),
            ("inp_gencnt", |r| Value::from(r.inp_gencnt)),
        ],
    ),
    (
        FieldGroup::State,
        &[
            ("state", |r| json!(r.state().map(State::name))),
            ("flags_tcp", |r| json!(r.flags_tcp)),
        ],
    ),
    (
        FieldGroup::Congestion,
        &[
            ("snd_cwnd", |r| json!(r.snd_cwnd)),
            ("snd_ssthresh", |r| json!(r.snd_ssthresh)),
            ("snd_wnd", |r| json!(r.snd_wnd)),
            ("rcv_wnd", |r| json!(r.rcv_wnd)),
            ("maxseg", |r| json!(r.maxseg)),
        ],
    ),
    (
        FieldGroup::Rtt,
        &[
            ("rtt", |r| json!(r.rtt)),
            ("rttvar", |r| json!(r.rttvar)),
            ("rto", |r| json!(r.rto)),
            ("rttmin", |r| json!(r.rttmin)),
        ],
    ),
    (
        FieldGroup::Sequences,
        &[
            ("snd_wscale", |r| json!(r.snd_wscale)),
            ("rcv_wscale", |r| json!(r.rcv_wscale)),
            ("options", |r| json!(r.options)),
            ("snd_nxt", |r| json!(r.snd_nxt)),
            ("snd_una", |r| json!(r.snd_una)),
            ("snd_max", |r| json!(r.snd_max)),
            ("rcv_nxt", |r| json!(r.rcv_nxt)),
            ("rcv_adv", |r| json!(r.rcv_adv)),
        ],
    ),
    (
        FieldGroup::Counters,
        &[
            ("snd_rexmitpack", |r| json!(r.snd_rexmitpack)),
            ("rcv_ooopack", |r| json!(r.rcv_ooopack)),
            ("snd_zerowin", |r| json!(r.snd_zerowin)),
            ("dupacks", |r| json!(r.dupacks)),
            ("rcv_numsacks", |r| json!(r.rcv_numsacks)),
        ],
    ),
    (
        FieldGroup::Timers,
        &[
            ("tt_rexmt", |r| json!(r.tt_rexmt)),
            ("tt_persist", |r| json!(r.tt_persist)),
            ("tt_keep", |r| json!(r.tt_keep)),
            ("tt_2msl", |r| json!(r.tt_2msl)),
            ("tt_delack", |r| json!(r.tt_delack)),
            ("rcvtime", |r| json!(r.rcvtime)),
        ],
    ),
    (
        FieldGroup::Buffers,
        &[
            ("snd_buf_cc", |r| json!(r.snd_buf_cc)),
            ("snd_buf_hiwat", |r| json!(r.snd_buf_hiwat)),
            ("rcv_buf_cc", |r| json!(r.rcv_buf_cc)),
            ("rcv_buf_hiwat", |r| json!(r.rcv_buf_hiwat)),
        ],
    ),
    (
        FieldGroup::Ecn,
        &[
            ("ecn", |r| json!(r.ecn)),
            ("delivered_ce", |r| json!(r.delivered_ce)),
            ("received_ce", |r| json!(r.received_ce)),
            ("dsack_bytes", |r| json!(r.dsack_bytes)),
            ("dsack_pack", |r| json!(r.dsack_pack)),
            ("total_tlp", |r| json!(r.total_tlp)),
            ("total_tlp_bytes", |r| Value::from(r.total_tlp_bytes)),
        ],
    ),
    (
        FieldGroup::Names,
        &[
            ("cc", |r| json!(r.cc_name())),
            ("stack", |r| json!(r.stack_name())),
        ],
    ),
];

/// The record with the groups that the filter selects; identity is always there.
pub(super) fn json(record: &Record, filter: &Filter) -> Map<String, Value> {
    FIELDS
        .iter()
        .filter(|(group, _)| *group == FieldGroup::Identity || filter.selects(*group))
        .flat_map(|(_, fields)| fields.iter())
        .map(|(name, value)| ((*name).to_owned(), value(record)))
        .collect()
}
