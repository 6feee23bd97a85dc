//! [`push_places`]: where a byte is in a line.

/// Appends the places of a byte in a line. For bytes that are as frequent as delimiters this costs less than a search for each one.
pub(super) fn push_places(byte: u8, line: &[u8], places: &mut Vec<usize>) {
    let mut start = 0;
    for block in line.chunks(64) {
        let mut found = 0;
        for (index, bytes) in block.chunks(8).enumerate() {
            let word = bytes.first_chunk().copied().unwrap_or_else(|| {
                // Another byte fills the last word.
                let mut word = [!byte; 8];
                word[..bytes.len()].copy_from_slice(bytes);
                word
            });
            found |= in_word(byte, word) << (8 * index);
        }
        while found != 0 {
            places.push(start + found.trailing_zeros() as usize);
            found &= found - 1;
        }
        start += block.len();
    }
}

/// A bit for each byte of a word: whether it is this byte.
fn in_word(byte: u8, word: [u8; 8]) -> u64 {
    const LOWEST: u64 = u64::from_le_bytes([1; 8]);
    const LOW: u64 = u64::from_le_bytes([0x7f; 8]);
    let differences = u64::from_le_bytes(word) ^ u64::from_le_bytes([byte; 8]);
    // The highest bit of each byte: set unless the byte is 0.
    let differ = ((differences & LOW) + LOW) | differences;
    let equal = !(differ >> 7) & LOWEST;
    // Moves bit 8 * n to bit 56 + n.
    equal.wrapping_mul(0x0102_0408_1020_4080) >> 56
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_those_of_a_search_for_each() {
        let mut random = fastrand::Rng::with_seed(1);
        for length in 0..200 {
            for byte in [0, b',', 0x7f, 0x80, 0xff] {
                // Also bytes that differ from it in one bit.
                let line: Vec<u8> =
                    (0..length).map(|_| if random.bool() { byte } else { byte ^ (1 << random.u32(0..8)) }).collect();
                let mut places = vec![7];
                push_places(byte, &line, &mut places);
                assert!(places.iter().copied().eq(std::iter::once(7).chain(memchr::memchr_iter(byte, &line))), "{line:?}");
            }
        }
    }
}
