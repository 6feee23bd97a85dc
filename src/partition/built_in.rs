//! [`BuiltIn`]: Java's built-in partitioner.

use std::{
    num::NonZeroU32,
    sync::{Mutex, PoisonError},
};

use super::{Placing, Queues, load::Load, partition_for};

/// So many batches a queue must have more than the shortest one for it to count.
const UNIT_BATCHES: usize = 3;

/// The choice that the Java client makes when `partitioner.class` is not set (KIP-794), for one topic.
///
/// A record with a key goes where its hash says. Records without one stay on one partition until `sticky_bytes` of key, value and headers
/// have gone there or it loses its leader; then the next one is drawn. (Java switches at some point between that and twice as much,
/// when no batch of the partition is part full. librdkafka cuts its batches when it sends them, so that none ever is.)
///
/// The next partition is drawn from those that have a leader and are not stuck, the rather the shorter its queue: what this producer
/// has accepted for it and has not had reported. Java counts batches. Here three batches are the unit, each of `batch_bytes`: a request
/// of librdkafka's carries one partition, so that queues differ by a batch or two where all partitions are equally fast.
///
/// librdkafka takes a moment to connect a topic's partitions with their brokers. What was sent before it knew the topic is placed in that
/// moment, when the partitions that are connected already are the only ones that seem to have a leader.
#[derive(Debug)]
pub(crate) struct BuiltIn {
    sticky_bytes: usize,
    batch_bytes: usize,
    ignore_keys: bool,
    queues: Option<Queues>,
    sticky: Mutex<Sticky>,
}

/// The partition of records without a key.
#[derive(Debug, Default)]
struct Sticky {
    /// `None` before the first of them.
    partition: Option<i32>,
    /// What went there since it was drawn, in bytes of key, value and headers.
    produced: usize,
    /// What of it stands in no queue yet: it is added when the next partition is drawn, since nobody looks
    /// at the queues before, unless it is of interest when they cease to be empty.
    uncounted: usize,
    load: Load,
}

impl BuiltIn {
    /// `sticky_bytes` is `batch.size` as Java has it, `batch_bytes` as librdkafka has it, both at least 1; `ignore_keys` is `partitioner.ignore.keys`; no queues are for
    /// `partitioner.adaptive.partitioning.enable=false`.
    pub(crate) fn new(sticky_bytes: usize, batch_bytes: usize, ignore_keys: bool, queues: Option<Queues>) -> Self {
        let (sticky_bytes, batch_bytes) = (sticky_bytes.max(1), batch_bytes.max(1));
        Self { sticky_bytes, batch_bytes, ignore_keys, queues, sticky: Mutex::default() }
    }

    /// The queues, unless partitions are drawn without regard to them.
    pub(crate) fn queues(&self) -> Option<&Queues> {
        self.queues.as_ref()
    }

    /// The partition of a record, and whether it counts in its queue.
    pub(crate) fn place(&self, record: &Placing<'_>, available: impl Fn(i32) -> bool) -> (i32, bool) {
        match record.key {
            Some(key) if !self.ignore_keys => {
                let partition = partition_for(key, record.partitions);
                (partition, self.count(partition, record.queued_size))
            }
            _ => (self.stick(record, available), self.queues.is_some()),
        }
    }

    /// Counts a record in the queue of its partition, once there are records without a key: nobody needs to know before.
    pub(crate) fn count(&self, partition: i32, bytes: usize) -> bool {
        self.queues.as_ref().is_some_and(|queues| queues.add(partition, bytes))
    }

    fn stick(&self, record: &Placing<'_>, available: impl Fn(i32) -> bool) -> i32 {
        let mut sticky = self.sticky.lock().unwrap_or_else(PoisonError::into_inner);
        let stays = sticky.partition.filter(|&partition| sticky.produced < self.sticky_bytes && available(partition));
        let partition = stays.unwrap_or_else(|| {
            self.settle(&mut sticky);
            let drawn = self.draw(&mut sticky.load, record.partitions, available);
            (sticky.partition, sticky.produced) = (Some(drawn), 0);
            drawn
        });
        sticky.produced = sticky.produced.saturating_add(record.size);
        sticky.uncounted = sticky.uncounted.saturating_add(record.queued_size);
        if self.queues.as_ref().is_some_and(Queues::is_timed) {
            self.settle(&mut sticky);
        }
        partition
    }

    /// Brings the queue of the sticky partition up to date.
    fn settle(&self, sticky: &mut Sticky) {
        if let (Some(queues), Some(partition)) = (&self.queues, sticky.partition) {
            queues.add(partition, sticky.uncounted);
            sticky.uncounted = 0;
        }
    }

    fn draw(&self, load: &mut Load, partitions: NonZeroU32, available: impl Fn(i32) -> bool) -> i32 {
        let all = 0..i32::try_from(partitions.get()).unwrap_or(i32::MAX);
        match &self.queues {
            Some(queues) => {
                queues.grow(partitions);
                let usable = all.clone().filter(|&partition| available(partition) && !queues.is_stuck(partition));
                let unit = self.batch_bytes.saturating_mul(UNIT_BATCHES) as u64;
                load.weigh(usable.map(|partition| (partition, queues.bytes(partition) as u64)), unit);
            }
            None => load.clear(),
        }
        let mut weigh_alike = |partitions: &mut dyn Iterator<Item = i32>| {
            if load.is_empty() {
                load.weigh(partitions.map(|partition| (partition, 0)), 1);
            }
        };
        weigh_alike(&mut all.clone().filter(|&partition| available(partition)));
        weigh_alike(&mut all.clone());
        load.draw().unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    use std::{collections::BTreeMap, time::Duration};

    use serde_json::Value;

    use super::*;

    fn keyless(size: usize, partitions: u32) -> Placing<'static> {
        Placing { key: None, size, queued_size: size, partitions: NonZeroU32::new(partitions).unwrap() }
    }

    /// Without a look at queues.
    fn plain(sticky_bytes: usize, ignore_keys: bool) -> BuiltIn {
        BuiltIn::new(sticky_bytes, sticky_bytes, ignore_keys, None)
    }

    fn adaptive(sticky_bytes: usize) -> BuiltIn {
        BuiltIn::new(sticky_bytes, sticky_bytes, false, Some(Queues::new(Duration::ZERO)))
    }

    fn vector(name: &str) -> Value {
        let vectors: Value = serde_json::from_str(include_str!("../../tests/data/partitioner.json")).unwrap();
        vectors[name].clone()
    }

    #[test]
    fn keyless_records_stay_until_the_sticky_bytes_are_full() {
        let vector = vector("sticky");
        let sticky_bytes = usize::try_from(vector["sticky_bytes"].as_u64().unwrap()).unwrap();
        let appends: Vec<usize> = serde_json::from_value(vector["appends"].clone()).unwrap();
        for partitioner in [plain(sticky_bytes, false), adaptive(sticky_bytes)] {
            let mut switches = 0;
            let mut before = -1;
            for _ in 0..200 {
                let chosen: Vec<_> = appends.iter().map(|&size| partitioner.place(&keyless(size, 50), |_| true).0).collect();
                assert!(chosen.iter().all(|&partition| partition == chosen[0]), "{chosen:?}");
                switches += usize::from(chosen[0] != before);
                before = chosen[0];
            }
            assert!(switches > 150, "a full partition is left, but for the odd draw of the same one: {switches}");
        }
    }

    #[test]
    fn a_partition_without_a_leader_is_not_drawn_and_is_left() {
        let vector = vector("availability");
        let partitions = u32::try_from(vector["partitions"].as_array().unwrap().len()).unwrap();
        let without: Vec<i32> = serde_json::from_value(vector["without_leader"].clone()).unwrap();
        for partitioner in [plain(1, false), adaptive(1)] {
            for _ in 0..1000 {
                let (drawn, _) = partitioner.place(&keyless(1, partitions), |partition| !without.contains(&partition));
                assert!((0..3).contains(&drawn) && !without.contains(&drawn));
            }
        }
        for sticky in [plain(usize::MAX, false), adaptive(usize::MAX)] {
            let (first, _) = sticky.place(&keyless(1, 3), |_| true);
            assert_ne!(sticky.place(&keyless(1, 3), |partition| partition != first).0, first);
            assert!((0..3).contains(&sticky.place(&keyless(1, 3), |_| false).0), "with none available any may be drawn");
        }
    }

    #[test]
    fn keys_count_unless_they_are_ignored() {
        let keyed = Placing { key: Some(b"foobar"), ..keyless(1, 100) };
        assert_eq!(plain(1, false).place(&keyed, |_| false), (66, false));
        let first = plain(1000, true).place(&keyed, |partition| partition != 66).0;
        assert_ne!(first, 66);
    }

    /// Where records without a key go, each of them ten bytes; those of some partitions are reported at once.
    fn shares(partitioner: &BuiltIn, partitions: u32, records: usize, is_reported: impl Fn(i32) -> bool) -> BTreeMap<i32, usize> {
        (0..records).fold(BTreeMap::new(), |mut shares, _| {
            let (partition, counted) = partitioner.place(&keyless(10, partitions), |_| true);
            assert_eq!(counted, partitioner.queues().is_some());
            *shares.entry(partition).or_default() += 1;
            if let Some(queues) = partitioner.queues().filter(|_| is_reported(partition)) {
                queues.remove(partition, 10, true);
            }
            shares
        })
    }

    #[test]
    fn a_partition_whose_queue_grows_is_drawn_less_if_queues_matter() {
        let shares_of = |partitioner| shares(&partitioner, 6, 6000, |partition| partition != 3);
        let (even, adapted) = (shares_of(plain(10, false)), shares_of(adaptive(10)));
        assert!(even[&3] > 800, "{even:?}");
        assert!(adapted[&3] < 200 && adapted.values().filter(|&&share| share > 1000).count() == 5, "{adapted:?}");
    }

    #[test]
    fn what_fits_into_three_batches_makes_no_queue_longer_than_another() {
        let partitioner = BuiltIn::new(10, 3_334, false, Some(Queues::new(Duration::ZERO)));
        let shares = shares(&partitioner, 6, 6000, |partition| partition == 0);
        assert_eq!(shares.into_values().collect::<Vec<_>>(), [1000; 6]);
    }

    #[test]
    fn keyed_and_explicit_records_count_once_there_are_keyless_ones() {
        let partitioner = adaptive(10);
        let keyed = Placing { key: Some(b"foobar"), ..keyless(10_000, 6) };
        assert!(!partitioner.place(&keyed, |_| true).1 && !partitioner.count(4, 1));
        assert!(partitioner.place(&keyless(1, 6), |_| true).1);
        let (partition, counted) = partitioner.place(&keyed, |_| true);
        assert!(counted && partitioner.count(partition, 10_000));
        let drawn = shares(&partitioner, 6, 300, |_| true);
        assert!(drawn.get(&partition).is_none_or(|&share| share <= 2), "{drawn:?} in spite of the queue of {partition}");
        partitioner.queues().unwrap().remove(partition, 20_000, true);
        assert!(shares(&partitioner, 6, 300, |_| true)[&partition] > 10);
    }

    #[test]
    fn a_stuck_partition_is_left_out_unless_all_are() {
        let patience = Duration::from_nanos(1);
        let partitioner = BuiltIn::new(1, 1, false, Some(Queues::new(patience)));
        let mut seen: Vec<i32> = (0..6).map(|_| partitioner.place(&keyless(1, 6), |_| true).0).collect();
        seen.sort_unstable();
        assert_eq!(seen, [0, 1, 2, 3, 4, 5], "each is stuck as soon as it has a record");
        assert!((0..6).contains(&partitioner.place(&keyless(1, 6), |_| true).0));
        partitioner.queues().unwrap().remove(4, 10, true);
        assert_eq!(partitioner.place(&keyless(1, 6), |_| true).0, 4);
    }

    #[test]
    fn partitions_that_are_added_are_drawn_too() {
        for partitioner in [plain(1, false), adaptive(1)] {
            for partitions in [1, 2, 6, 100] {
                let drawn = shares(&partitioner, partitions, 3000, |_| true);
                assert_eq!(drawn.len(), usize::try_from(partitions).unwrap());
            }
        }
    }
}
