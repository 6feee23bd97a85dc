//! [`BuiltIn`]: Java's built-in partitioner.

use std::{
    num::NonZeroU32,
    sync::{Mutex, PoisonError},
};

use super::{Placing, partition_for};

/// The choice that the Java client makes when `partitioner.class` is not set (KIP-794), for one topic.
///
/// A record with a key goes where its hash says. Records without one stay on one partition, drawn at random from those that
/// have a leader, until `sticky_bytes` have gone there or it loses its leader; then another one is drawn.
#[derive(Debug)]
pub(crate) struct BuiltIn {
    sticky_bytes: usize,
    ignore_keys: bool,
    sticky: Mutex<Option<Sticky>>,
}

#[derive(Debug, Clone, Copy)]
struct Sticky {
    partition: i32,
    produced: usize,
}

impl BuiltIn {
    /// `sticky_bytes` is `batch.size`, at least 1; `ignore_keys` is `partitioner.ignore.keys`.
    pub(crate) fn new(sticky_bytes: usize, ignore_keys: bool) -> Self {
        Self { sticky_bytes: sticky_bytes.max(1), ignore_keys, sticky: Mutex::default() }
    }

    pub(crate) fn place(&self, record: &Placing<'_>, available: impl Fn(i32) -> bool) -> i32 {
        match record.key {
            Some(key) if !self.ignore_keys => partition_for(key, record.partitions),
            _ => self.stick(record, available),
        }
    }

    fn stick(&self, record: &Placing<'_>, available: impl Fn(i32) -> bool) -> i32 {
        let mut sticky = self.sticky.lock().unwrap_or_else(PoisonError::into_inner);
        let stays = sticky.filter(|sticky| sticky.produced < self.sticky_bytes && available(sticky.partition));
        let mut next = stays.unwrap_or_else(|| Sticky { partition: draw(record.partitions, available), produced: 0 });
        next.produced = next.produced.saturating_add(record.size);
        *sticky = Some(next);
        next.partition
    }
}

/// One of the available partitions, or of all if none is, each as likely as the others.
fn draw(partitions: NonZeroU32, available: impl Fn(i32) -> bool) -> i32 {
    let all = 0..i32::try_from(partitions.get()).unwrap_or(i32::MAX);
    let of_available = fastrand::choice(all.clone().filter(|&partition| available(partition)).collect::<Vec<_>>());
    of_available.unwrap_or_else(|| fastrand::i32(all))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keyless(size: usize) -> Placing<'static> {
        Placing { key: None, size, partitions: NonZeroU32::new(50).unwrap() }
    }

    #[test]
    fn keyless_records_stay_until_the_sticky_bytes_are_full() {
        let partitioner = BuiltIn::new(3, false);
        let mut switches = 0;
        for _ in 0..100 {
            let first = partitioner.place(&keyless(1), |_| true);
            assert_eq!(partitioner.place(&keyless(1), |_| true), first);
            assert_eq!(partitioner.place(&keyless(1), |_| true), first);
            switches += usize::from(partitioner.place(&keyless(3), |_| true) != first);
        }
        assert!(switches > 50, "a full partition is left, but for the odd draw of the same one: {switches}");
    }

    #[test]
    fn a_partition_without_a_leader_is_not_drawn_and_is_left() {
        let partitioner = BuiltIn::new(1, false);
        for _ in 0..1000 {
            assert_ne!(partitioner.place(&keyless(1), |partition| partition != 7), 7);
        }
        let sticky = BuiltIn::new(usize::MAX, false);
        let first = sticky.place(&keyless(1), |_| true);
        assert_ne!(sticky.place(&keyless(1), |partition| partition != first), first);
        assert!((0..50).contains(&BuiltIn::new(1, false).place(&keyless(1), |_| false)));
    }

    #[test]
    fn keys_count_unless_they_are_ignored() {
        let keyed = Placing { key: Some(b"foobar"), size: 1, partitions: NonZeroU32::new(100).unwrap() };
        assert_eq!(BuiltIn::new(1, false).place(&keyed, |_| false), 66);
        let ignoring = BuiltIn::new(1000, true);
        let first = ignoring.place(&keyed, |partition| partition != 66);
        assert_ne!(first, 66);
    }
}
