// SPDX-License-Identifier: BSD-2-Clause
//! Ids of rows: the same for the same thing, whenever it is recorded.

use sha2::{Digest, Sha256};

/// The id of what `parts` name together: 63 bits of their hash, so that it is
/// positive in every database.
pub(super) fn of(parts: &[&str]) -> i64 {
    let mut hash = Sha256::new();
    for part in parts {
        // Its length keeps `ab, c` and `a, bc` apart.
        hash.update((part.len() as u64).to_le_bytes());
        hash.update(part);
    }
    let [a, b, c, d, e, f, g, h, ..]: [u8; 32] = hash.finalize().into();
    i64::from_be_bytes([a & 0x7f, b, c, d, e, f, g, h])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_positive_stable_and_tell_parts_apart() {
        assert_eq!(of(&["a", "b"]), 0x4f6a_b613_e394_2391);
        assert_ne!(of(&["ab", "c"]), of(&["a", "bc"]));
        assert!((0..100).all(|n: u32| of(&[&n.to_string()]) >= 0));
    }
}
