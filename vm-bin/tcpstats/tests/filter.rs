// SPDX-License-Identifier: BSD-2-Clause
//! Filters as any program may send them.

use proptest::prelude::*;
use tcpstats::filter::{FILTER_SIZE, Filter};
use zerocopy::FromBytes;

/// A word that the language knows, or almost.
fn directive() -> impl Strategy<Value = String> {
    prop_oneof![
        (1u32..70_000).prop_map(|port| format!("local_port={port}")),
        (1u32..70_000, 1u32..9).prop_map(|(p, q)| format!("remote_port={p},{q}")),
        any::<(u32, u8)>().prop_map(|(a, n)| {
            let bits = u32::from(n % 33);
            let mask = u32::MAX.checked_shl(32 - bits).unwrap_or(0);
            format!("local_addr={}/{bits}", std::net::Ipv4Addr::from(a & mask))
        }),
        any::<(u128, u8)>().prop_map(|(a, n)| {
            let bits = u32::from(n % 129);
            let mask = u128::MAX.checked_shl(128 - bits).unwrap_or(0);
            format!("remote_addr={}/{bits}", std::net::Ipv6Addr::from(a & mask))
        }),
        prop::sample::select(vec![
            "ipv4_only",
            "ipv6_only",
            "format=full",
            "format=compact"
        ])
        .prop_map(str::to_owned),
        prop::sample::subsequence(vec!["listen", "established", "time_wait", "closed"], 1..4)
            .prop_map(|states| format!("exclude={}", states.join(","))),
        prop::sample::subsequence(vec!["identity", "rtt", "names", "all", "default"], 1..3)
            .prop_map(|groups| format!("fields={}", groups.join(","))),
        "[ -~]{0,12}",
    ]
}

proptest! {
    #[test]
    fn what_is_accepted_has_a_text_that_says_the_same(
        directives in prop::collection::vec(directive(), 0..5)
    ) {
        let text = directives.join(" ");
        match Filter::parse(&text) {
            Ok(filter) => {
                prop_assert_eq!(filter.validate(), Ok(()));
                prop_assert_eq!(Filter::parse(&filter.to_string()), Ok(filter));
            }
            Err(error) => {
                prop_assert!(error.offset + error.length <= text.len(), "{:?}: {:?}", text, error);
                prop_assert!(!error.message.is_empty());
            }
        }
    }

    #[test]
    fn any_bytes_are_judged_and_a_valid_filter_has_a_text(
        bytes in prop::array::uniform32(any::<u8>()),
        at in 0..FILTER_SIZE,
        directives in prop::collection::vec(directive(), 0..3)
    ) {
        let filter = Filter::parse(&directives.join(" ")).unwrap_or_default();
        let mut raw: [u8; FILTER_SIZE] = zerocopy::transmute!(filter);
        // A few bytes of it are anything: mostly what was valid stays so.
        let end = (at + usize::from(bytes[0] % 4)).min(FILTER_SIZE);
        raw[at..end].copy_from_slice(&bytes[..end - at]);
        let filter = Filter::read_from_bytes(&raw).unwrap();
        if filter.validate().is_ok() {
            let again = Filter::parse(&filter.to_string()).unwrap();
            prop_assert_eq!(again.to_string(), filter.to_string());
        }
    }
}
