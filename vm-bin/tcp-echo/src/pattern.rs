// SPDX-License-Identifier: BSD-2-Clause
//! The bytes that connections send: known in advance, different for each, held once for all.

/// Length of the table: the largest prime below 2^16, so that no usual payload size divides it and
/// connections numbered within one table length start at different places.
const LENGTH: u64 = 65_521;

/// Distance in the table between the starts of neighbouring connections.
const STRIDE: u64 = 25_717;

/// A byte that came back wrong.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Difference {
    /// Position in the connection's stream, from 0.
    pub(crate) offset: u64,
    pub(crate) expected: u8,
    pub(crate) received: u8,
}

/// One table of pseudo-random bytes; a connection's stream is the table, repeated, from a start of
/// its own. Lost, doubled, swapped and foreign bytes all show as a difference.
#[derive(Debug)]
pub(crate) struct Pattern {
    table: Vec<u8>,
}

impl Pattern {
    pub(crate) fn new() -> Self {
        let mut state = 0;
        let table = (0..LENGTH).map(|_| split_mix(&mut state)).collect();
        Self { table }
    }

    /// The bytes of `connection`'s stream from `offset` on: at most `limit`, at least one unless
    /// `limit` is 0; fewer than `limit` where the table ends.
    pub(crate) fn bytes(&self, connection: u32, offset: u64, limit: u64) -> &[u8] {
        let start = (u64::from(connection) * STRIDE + offset % LENGTH) % LENGTH;
        let end = LENGTH.min(start.saturating_add(limit));
        &self.table[start as usize..end as usize]
    }

    /// The first of the `received` bytes that is not the stream's, which they continue at `offset`.
    pub(crate) fn difference(
        &self,
        connection: u32,
        mut offset: u64,
        mut received: &[u8],
    ) -> Option<Difference> {
        while !received.is_empty() {
            let expected = self.bytes(connection, offset, received.len() as u64);
            let (chunk, rest) = received.split_at(expected.len());
            if chunk != expected {
                let at = chunk
                    .iter()
                    .zip(expected)
                    .position(|(got, wanted)| got != wanted)?;
                return Some(Difference {
                    offset: offset + at as u64,
                    expected: expected[at],
                    received: chunk[at],
                });
            }
            offset += chunk.len() as u64;
            received = rest;
        }
        None
    }
}

/// One step of SplitMix64 (Steele, Lea and Flood, "Fast splittable pseudorandom number generators",
/// 2014), of which the uppermost byte is used.
fn split_mix(state: &mut u64) -> u8 {
    *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mut mixed = *state;
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    ((mixed ^ (mixed >> 31)) >> 56) as u8
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stream(pattern: &Pattern, connection: u32, offset: u64, length: usize) -> Vec<u8> {
        let mut bytes = Vec::new();
        while bytes.len() < length {
            let wanted = (length - bytes.len()) as u64;
            bytes.extend_from_slice(pattern.bytes(connection, offset + bytes.len() as u64, wanted));
        }
        bytes
    }

    #[test]
    fn generator_is_the_published_one() {
        // The first output for seed 0 is 0xe220a8397b1dcdaf, the second 0x6e789e6aa1b965f4.
        let mut state = 0;
        assert_eq!([split_mix(&mut state), split_mix(&mut state)], [0xe2, 0x6e]);
    }

    #[test]
    fn own_stream_has_no_difference_across_the_end_of_the_table() {
        let pattern = Pattern::new();
        let bytes = stream(&pattern, 7, LENGTH - 300, 200_000);
        assert_eq!(pattern.difference(7, LENGTH - 300, &bytes), None);
    }

    #[test]
    fn one_wrong_byte_is_found_where_it_is() {
        let pattern = Pattern::new();
        let mut bytes = stream(&pattern, 3, 1_000, 100_000);
        let expected = bytes[70_000];
        bytes[70_000] ^= 0x01;
        assert_eq!(
            pattern.difference(3, 1_000, &bytes),
            Some(Difference {
                offset: 71_000,
                expected,
                received: expected ^ 0x01
            })
        );
    }

    #[test]
    fn bytes_of_another_connection_or_place_differ() {
        let pattern = Pattern::new();
        let bytes = stream(&pattern, 3, 0, 16);
        assert_eq!(pattern.difference(3, 0, &bytes), None);
        for connection in [0, 1, 2, 4, 65_520] {
            assert!(
                pattern.difference(connection, 0, &bytes).is_some(),
                "{connection}"
            );
        }
        assert!(pattern.difference(3, 1, &bytes).is_some());
    }
}
