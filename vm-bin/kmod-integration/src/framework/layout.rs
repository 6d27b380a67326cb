// SPDX-License-Identifier: BSD-2-Clause
//! What holds for every record, whichever socket it is of: its header, and the
//! bytes that must be zero.

use std::ops::Range;

use tcpstats::record::{
    FLAG_IPV6, FLAG_LISTEN, FLAG_SYNCACHE, FieldGroup, PROTOCOL_VERSION, RECORD_SIZE, Record,
};
use zerocopy::IntoBytes;

use crate::filter::model::Filter;

/// Which bytes of a record each group of fields fills, by the device's page.
const GROUP_BYTES: [(FieldGroup, Range<usize>); 13] = [
    (FieldGroup::Identity, 16..17),
    (FieldGroup::Identity, 20..56),
    (FieldGroup::State, 56..64),
    (FieldGroup::Congestion, 64..84),
    (FieldGroup::Names, 84..116),
    (FieldGroup::Rtt, 116..132),
    (FieldGroup::Sequences, 132..135),
    (FieldGroup::Sequences, 136..156),
    (FieldGroup::Counters, 156..176),
    (FieldGroup::Ecn, 176..208),
    (FieldGroup::Timers, 208..232),
    (FieldGroup::Buffers, 232..248),
    (FieldGroup::Identity, 248..268),
];
/// Padding and spare.
const UNUSED_BYTES: [Range<usize>; 4] = [12..16, 17..20, 135..136, 268..RECORD_SIZE];

/// What no record may have, whichever socket it is of.
pub(super) fn faults<'a>(
    filter: &'a Filter,
    record: &'a Record,
) -> impl Iterator<Item = String> + 'a {
    let bytes = record.as_bytes();
    let is_zero = |range: &Range<usize>| bytes[range.clone()].iter().all(|byte| *byte == 0);

    let unselected = GROUP_BYTES
        .iter()
        .filter(|(group, _)| !filter.fills(*group))
        .filter(move |(_, range)| !is_zero(range))
        .map(|(group, range)| {
            let group = group.name();
            format!("bytes {range:?}, of group {group}, are not zero and were not asked for")
        });
    let unused = UNUSED_BYTES
        .iter()
        .filter(move |range| !is_zero(range))
        .map(|range| format!("bytes {range:?} are not zero"));
    header_faults(record)
        .into_iter()
        .chain(unselected)
        .chain(unused)
}

fn header_faults(record: &Record) -> Vec<String> {
    let mut faults = Vec::new();
    let mut demand = |holds: bool, fault: String| {
        if !holds {
            faults.push(fault);
        }
    };
    let (version, len, flags) = (record.version, record.len, record.flags);
    demand(
        version == PROTOCOL_VERSION && len as usize == RECORD_SIZE,
        format!("version {version}, {len} bytes"),
    );
    demand(
        flags & !(FLAG_IPV6 | FLAG_LISTEN | FLAG_SYNCACHE) == 0,
        format!("unknown flags {flags:#x}"),
    );
    let family = if record.is_ipv6() {
        libc::AF_INET6
    } else {
        libc::AF_INET
    };
    demand(
        i32::from(record.af) == family,
        format!("address family {} with flags {flags:#x}", record.af),
    );
    let beyond_v4 =
        [record.local_addr, record.remote_addr].map(|addr| u128::from_be_bytes(addr) << 32);
    demand(
        record.is_ipv6() || beyond_v4 == [0, 0],
        "an IPv4 address of more than four bytes".to_owned(),
    );
    faults
}

#[cfg(test)]
mod tests {
    use zerocopy::FromZeros;

    use super::*;

    /// As little as a record may be.
    fn blank() -> Record {
        let mut record = Record::new_zeroed();
        record.version = 1;
        record.len = 320;
        record.af = libc::AF_INET as u8;
        record
    }

    fn told(filter: &Filter, change: impl FnOnce(&mut Record)) -> Vec<String> {
        let mut record = blank();
        change(&mut record);
        faults(filter, &record).collect()
    }

    #[test]
    fn each_group_that_was_not_asked_for_must_be_zero() {
        let identity = Filter::new().fields([FieldGroup::Identity]);
        for (group, range) in &GROUP_BYTES {
            for at in range.clone().filter(|_| *group != FieldGroup::Identity) {
                let poke = |record: &mut Record| record.as_mut_bytes()[at] = 1;
                let wanted = format!(
                    "bytes {range:?}, of group {}, are not zero and were not asked for",
                    group.name()
                );
                assert_eq!(told(&identity, poke), [wanted], "byte {at}");
                let asked = Filter::new().fields([*group]);
                assert_eq!(told(&asked, poke), [""; 0], "byte {at}");
            }
        }
    }

    #[test]
    fn padding_and_header_are_looked_at() {
        let told = |change: fn(&mut Record)| told(&Filter::new(), change);
        assert_eq!(told(|_| ()), [""; 0]);
        assert_eq!(told(|r| r.pad0 = 1), ["bytes 12..16 are not zero"]);
        assert_eq!(told(|r| r.pad1[2] = 1), ["bytes 17..20 are not zero"]);
        assert_eq!(told(|r| r.pad2 = 1), ["bytes 135..136 are not zero"]);
        assert_eq!(
            told(|r| r.spare = [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1]),
            ["bytes 268..320 are not zero"]
        );
        assert_eq!(told(|r| r.version = 2), ["version 2, 320 bytes"]);
        assert_eq!(told(|r| r.len = 312), ["version 1, 312 bytes"]);
        assert_eq!(told(|r| r.flags = 8), ["unknown flags 0x8"]);
        assert_eq!(
            told(|r| r.local_addr[4] = 1),
            ["an IPv4 address of more than four bytes"]
        );
        assert_eq!(
            told(|r| r.af = libc::AF_INET6 as u8),
            [format!("address family {} with flags 0x0", libc::AF_INET6)]
        );
    }

    #[test]
    fn the_groups_and_the_unused_bytes_cover_the_record_once() {
        let mut covered = [0_u8; RECORD_SIZE];
        let groups = GROUP_BYTES.iter().map(|(_, range)| range);
        for at in groups.chain(&UNUSED_BYTES).cloned().flatten() {
            covered[at] += 1;
        }
        assert_eq!(covered[..12], [0; 12], "the header");
        assert_eq!(covered[12..], [1; RECORD_SIZE - 12]);
    }
}
