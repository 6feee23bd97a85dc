//! [`murmur2`] and [`partition_for`]: the partition of a record with a key.

use std::num::NonZeroU32;

/// Java's hash of a serialized key (`org.apache.kafka.common.utils.Utils.murmur2`): 32-bit MurmurHash2 with Kafka's seed.
///
/// ```
/// assert_eq!(ottla::partition::murmur2(b"foobar"), -790332482);
/// ```
#[must_use]
pub fn murmur2(data: &[u8]) -> i32 {
    const SEED: u32 = 0x9747_b28c;
    const M: u32 = 0x5bd1_e995;
    const R: u32 = 24;

    #[expect(clippy::cast_possible_truncation, reason = "Java's length is an int; no key is near 4 GiB")]
    let length = data.len() as u32;
    let mut hash = SEED ^ length;
    let words = data.chunks_exact(4);
    let rest = words.remainder();
    for word in words {
        let mut k = u32::from_le_bytes([word[0], word[1], word[2], word[3]]).wrapping_mul(M);
        k = (k ^ (k >> R)).wrapping_mul(M);
        hash = hash.wrapping_mul(M) ^ k;
    }
    if !rest.is_empty() {
        let tail = rest.iter().rev().fold(0, |tail, &byte| tail << 8 | u32::from(byte));
        hash = (hash ^ tail).wrapping_mul(M);
    }
    hash = (hash ^ (hash >> 13)).wrapping_mul(M);
    (hash ^ (hash >> 15)) as i32
}

/// The partition of a record with this serialized key, from 0, as the Java client computes it: `(murmur2(key) & 0x7fffffff) % partitions`.
///
/// It does not depend on whether the partition has a leader. An empty key counts as a key; a null key does not.
///
/// ```
/// use std::num::NonZeroU32;
///
/// let six = NonZeroU32::new(6).ok_or("no partitions")?;
/// assert_eq!(ottla::partition::partition_for(b"a-little-bit-long-string", six), 2);
/// # Ok::<(), &str>(())
/// ```
#[must_use]
pub fn partition_for(key: &[u8], partitions: NonZeroU32) -> i32 {
    let positive = (murmur2(key) & i32::MAX).unsigned_abs();
    // Not greater than `positive`, so it fits.
    (positive % partitions) as i32
}

#[cfg(test)]
mod tests {
    use super::super::java_keys::JavaKeys;
    use super::*;
    use proptest::prelude::*;
    use serde_json::Value;

    #[test]
    fn hashes_and_partitions_equal_java() {
        let vectors: Value = serde_json::from_str(include_str!("../../tests/data/murmur2.json")).unwrap();
        let vectors = vectors["vectors"].as_array().unwrap();
        assert!(vectors.len() >= 6);
        for vector in vectors {
            let key = vector["key"].as_str().unwrap().as_bytes();
            assert_eq!(i64::from(murmur2(key)), vector["murmur2"].as_i64().unwrap(), "{vector}");
            for (partitions, partition) in vector["partition_of"].as_object().unwrap() {
                let chosen = partition_for(key, partitions.parse().unwrap());
                assert_eq!(i64::from(chosen), partition.as_i64().unwrap(), "{vector}");
            }
        }
    }

    /// FNV-1a, as in tests/java/Partitions.java.
    struct Digest(u64);

    impl Digest {
        fn new() -> Self {
            Self(0xcbf2_9ce4_8422_2325)
        }

        fn add(&mut self, bytes: &[u8]) {
            self.0 = bytes.iter().fold(self.0, |hash, &byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3));
        }

        fn text(&self) -> String {
            format!("{:016x}", self.0)
        }
    }

    #[test]
    fn partitions_of_100000_keys_equal_java() {
        let vectors: Value = serde_json::from_str(include_str!("../../tests/data/java-partitions.json")).unwrap();
        let topics = [1, 6, 7, 32, 100_u32];
        let wanted = vectors["partitions"].as_object().unwrap();
        assert_eq!(wanted.len(), topics.len());
        let mut rows = vectors["rows"].as_array().unwrap().iter();
        let (mut keys, mut digests) = (Digest::new(), topics.map(|_| Digest::new()));
        let mut count = 0_u32;
        for (index, key) in JavaKeys::new().enumerate() {
            keys.add(&u32::try_from(key.len()).unwrap().to_le_bytes());
            keys.add(&key);
            let chosen = topics.map(|partitions| partition_for(&key, NonZeroU32::new(partitions).unwrap()));
            if index % 997 == 0 {
                let row = serde_json::to_value([&[i32::try_from(index).unwrap()], &chosen[..]].concat()).unwrap();
                assert_eq!(Some(&row), rows.next());
            }
            for (digest, partition) in digests.iter_mut().zip(chosen) {
                digest.add(&partition.to_le_bytes());
            }
            count += 1;
        }
        assert_eq!((count, rows.next()), (100_000, None));
        assert_eq!(vectors["keys"], keys.text(), "the keys differ from Java's");
        for (partitions, digest) in topics.iter().zip(digests) {
            assert_eq!(wanted[&partitions.to_string()], digest.text(), "{partitions} partitions");
        }
    }

    /// The hash with explicit indexes, as in Java's loop.
    fn by_index(data: &[u8]) -> i32 {
        let at = |index: usize| u32::from(data[index]);
        let mut hash = 0x9747_b28c ^ u32::try_from(data.len()).unwrap();
        for word in 0..data.len() / 4 {
            let first = word * 4;
            let mut k = at(first) + (at(first + 1) << 8) + (at(first + 2) << 16) + (at(first + 3) << 24);
            k = k.wrapping_mul(0x5bd1_e995);
            k ^= k >> 24;
            k = k.wrapping_mul(0x5bd1_e995);
            hash = hash.wrapping_mul(0x5bd1_e995);
            hash ^= k;
        }
        let end = data.len() & !3;
        if data.len() % 4 == 3 {
            hash ^= at(end + 2) << 16;
        }
        if data.len() % 4 >= 2 {
            hash ^= at(end + 1) << 8;
        }
        if data.len() % 4 >= 1 {
            hash ^= at(end);
            hash = hash.wrapping_mul(0x5bd1_e995);
        }
        hash ^= hash >> 13;
        hash = hash.wrapping_mul(0x5bd1_e995);
        hash ^= hash >> 15;
        hash as i32
    }

    proptest! {
        #[test]
        fn any_bytes_hash_as_in_java(data in proptest::collection::vec(any::<u8>(), 0..70), partitions in 1..=u32::MAX) {
            prop_assert_eq!(murmur2(&data), by_index(&data));
            let partition = partition_for(&data, partitions.try_into().unwrap());
            prop_assert!(u32::try_from(partition).unwrap() < partitions);
        }
    }
}
