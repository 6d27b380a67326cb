// SPDX-License-Identifier: BSD-2-Clause
//! What holds for every record, whichever socket it is of: its header, and the
//! bytes that must be zero.

use tcpstats::record::{
    FLAG_IPV6, FLAG_LISTEN, FLAG_SYNCACHE, Field, FieldUsage, PROTOCOL_VERSION, RECORD_SIZE, Record,
};
use zerocopy::IntoBytes;

use crate::filter::model::Filter;

/// What no record may have, whichever socket it is of.
pub(super) fn faults<'a>(
    filter: &'a Filter,
    record: &'a Record,
) -> impl Iterator<Item = String> + 'a {
    let bytes = record.as_bytes();
    let not_zero = |field: &&Field| {
        let mut bytes = bytes[field.offset..][..field.size].iter();
        bytes.any(|byte| *byte != 0)
    };
    let left_out = Record::FIELDS
        .iter()
        .filter(not_zero)
        .filter_map(|field| match field.usage {
            FieldUsage::Group(group) if !filter.fills(group) => Some(format!(
                "{}, of group {}, is not zero and was not asked for",
                field.name,
                group.name()
            )),
            FieldUsage::Unused => Some(format!("{} is not zero", field.name)),
            FieldUsage::Group(_) | FieldUsage::Header => None,
        });
    header_faults(record).into_iter().chain(left_out)
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
    use tcpstats::record::FieldGroup;
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
        for field in Record::FIELDS {
            let FieldUsage::Group(group) = field.usage else {
                continue;
            };
            for at in field.offset..field.offset + field.size {
                let poke = |record: &mut Record| record.as_mut_bytes()[at] = 1;
                let wanted = (group != FieldGroup::Identity).then(|| {
                    let (field, group) = (field.name, group.name());
                    format!("{field}, of group {group}, is not zero and was not asked for")
                });
                let foreign = |told: &String| told.contains("of group");
                let told_of = |filter| told(filter, poke).into_iter().find(foreign);
                assert_eq!(told_of(&identity), wanted, "byte {at}");
                assert_eq!(told_of(&Filter::new().fields([group])), None, "byte {at}");
            }
        }
    }

    #[test]
    fn padding_and_header_are_looked_at() {
        let told = |change: fn(&mut Record)| told(&Filter::new(), change);
        assert_eq!(told(|_| ()), [""; 0]);
        assert_eq!(told(|r| r.pad0 = 1), ["pad0 is not zero"]);
        assert_eq!(told(|r| r.pad1[2] = 1), ["pad1 is not zero"]);
        assert_eq!(told(|r| r.pad2 = 1), ["pad2 is not zero"]);
        assert_eq!(
            told(|r| r.spare = [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1]),
            ["spare is not zero"]
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

    /// The bytes of each group, as the device's page has them.
    #[test]
    fn every_group_has_its_bytes() {
        let bytes = |group| -> usize {
            let of_group = |field: &&Field| field.usage == FieldUsage::Group(group);
            Record::FIELDS
                .iter()
                .filter(of_group)
                .map(|field| field.size)
                .sum()
        };
        let sizes = FieldGroup::ALL.map(|group| (group.name(), bytes(group)));
        assert_eq!(
            sizes,
            [
                ("identity", 57),
                ("state", 8),
                ("congestion", 20),
                ("rtt", 16),
                ("sequences", 23),
                ("counters", 20),
                ("timers", 24),
                ("buffers", 16),
                ("ecn", 32),
                ("names", 32),
            ]
        );
    }
}
