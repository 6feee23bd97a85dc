//! [`UniformSticky`]: Java's `UniformStickyPartitioner`.

use std::{num::NonZeroU32, sync::Mutex, time::Duration};

use super::{Placing, Queues};
use crate::lock::lock;

/// Java's `UniformStickyPartitioner` (KIP-480, removed in Kafka 4.0), for one topic: records stay on one partition, whatever their keys,
/// until its batch is complete. Then another partition with a leader is drawn.
///
/// A batch is complete when the next record does not fit into `batch_bytes`, or when the batch has been sent. Java sends it after
/// `linger.ms`, when the sender is ready. Here it counts as sent when all its records have been reported.
#[derive(Debug)]
pub(crate) struct UniformSticky {
    batch_bytes: usize,
    queues: Queues,
    batch: Mutex<Option<StickyBatch>>,
}

/// The current batch and the size of its keys, values and headers, in bytes.
#[derive(Debug, Clone, Copy)]
struct StickyBatch {
    partition: i32,
    size: usize,
}

impl UniformSticky {
    /// `batch_bytes` is `batch.size`.
    pub(crate) fn new(batch_bytes: usize) -> Self {
        Self { batch_bytes, queues: Queues::new(Duration::ZERO), batch: Mutex::default() }
    }

    /// The queues. Every record is counted in them.
    pub(crate) fn queues(&self) -> &Queues {
        &self.queues
    }

    /// The partition of a record.
    pub(crate) fn place(&self, record: &Placing<'_>, available: impl Fn(i32) -> bool) -> i32 {
        let mut batch = lock(&self.batch);
        self.queues.grow(record.partitions);
        let open = batch.filter(|batch| {
            let fits = batch.size.saturating_add(record.size) <= self.batch_bytes;
            fits && self.queues.bytes(batch.partition) > 0 && available(batch.partition)
        });
        let last = batch.map(|batch| batch.partition);
        let mut next = open.unwrap_or_else(|| StickyBatch { partition: another(last, record.partitions, available), size: 0 });
        next.size = next.size.saturating_add(record.size);
        self.queues.add(next.partition, record.queued_size);
        *batch = Some(next);
        next.partition
    }
}

/// An available partition other than `last`; or `last` if no other is available; or any if none is.
fn another(last: Option<i32>, partitions: NonZeroU32, available: impl Fn(i32) -> bool) -> i32 {
    let all = 0..i32::try_from(partitions.get()).unwrap_or(i32::MAX);
    let usable: Vec<i32> = all.clone().filter(|&partition| available(partition)).collect();
    let others = usable.iter().copied().filter(|&partition| Some(partition) != last);
    let drawn = fastrand::choice(others.collect::<Vec<_>>()).or_else(|| usable.first().copied());
    drawn.unwrap_or_else(|| fastrand::i32(all))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    fn record(size: usize, partitions: u32) -> Placing<'static> {
        Placing { key: Some(b"a key"), size, queued_size: size, partitions: NonZeroU32::new(partitions).unwrap() }
    }

    #[test]
    fn partition_changes_when_the_batch_is_full() {
        let partitioner = UniformSticky::new(10);
        let mut before = -1;
        for _ in 0..100 {
            let chosen = [3, 3, 3].map(|size| partitioner.place(&record(size, 3), |_| true));
            assert_eq!(chosen, [chosen[0]; 3], "9 bytes fit, whatever the key");
            assert_ne!(chosen[0], before, "12 bytes do not fit");
            before = chosen[0];
        }
        let large = partitioner.place(&record(11, 3), |_| true);
        assert_ne!(partitioner.place(&record(1, 3), |_| true), large, "a record larger than a batch has its own");
    }

    #[test]
    fn partition_changes_when_the_batch_has_been_sent() {
        let partitioner = UniformSticky::new(1000);
        let first = partitioner.place(&record(1, 6), |_| true);
        assert_eq!(partitioner.place(&record(1, 6), |_| true), first);
        partitioner.queues().remove(first, 1, true);
        assert_eq!(partitioner.place(&record(1, 6), |_| true), first, "one record of it is still outstanding");
        partitioner.queues().remove(first, 2, true);
        assert_ne!(partitioner.place(&record(1, 6), |_| true), first);
    }

    #[test]
    fn partitions_without_a_leader_are_avoided() {
        let partitioner = UniformSticky::new(1);
        let place = |available: &dyn Fn(i32) -> bool| partitioner.place(&record(1, 6), available);
        let drawn: BTreeSet<_> = (0..200).map(|_| place(&|partition| partition % 2 == 0)).collect();
        assert_eq!(drawn.into_iter().collect::<Vec<_>>(), [0, 2, 4]);
        assert_eq!([(); 3].map(|()| place(&|partition| partition == 5)), [5; 3]);
        let drawn: BTreeSet<_> = (0..500).map(|_| place(&|_| false)).collect();
        assert_eq!(drawn.len(), 6);
        assert_eq!(partitioner.place(&record(1, 1), |_| true), 0);
    }
}
