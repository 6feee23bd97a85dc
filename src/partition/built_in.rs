//! [`BuiltIn`]: Java's built-in partitioner.

use std::{num::NonZeroU32, sync::Mutex};

use super::{Placing, Queues, RackLeaders, load::Load, partition_for};
use crate::lock::lock;

/// A queue counts as longer than the shortest one for every so many batches that it has more. A request of librdkafka's carries one
/// partition, so queues differ by a batch or two even where all partitions are equally fast.
const UNIT_BATCHES: usize = 3;

/// The leader of the partition of records without a key is looked up for one of this many records, because librdkafka locks the partition for it.
const LOOKUP_INTERVAL: u32 = 32;

/// The partitioner that the Java client uses if `partitioner.class` is not set (KIP-794), for one topic.
///
/// The hash of the key determines the partition of a record with a key. Records without a key stay on one partition until `sticky_bytes` of
/// key, value and headers have been sent to it, or it loses its leader, which is looked up for one of 32 records. Then the next partition is
/// drawn. (Java switches between `sticky_bytes` and twice as much, when the partition has no partially filled batch, and does not look up the
/// leader in between. librdkafka forms its batches when it sends them, so there are no partially filled batches.)
///
/// The next partition is drawn from those that have a leader and are not stuck. Shorter queues are preferred. A partition's queue is
/// what this producer has accepted for it and has not had reported. Java counts the batches of a queue. Here the unit is three batches
/// of the average size that brokers have taken lately, and `sticky_bytes` at least.
///
/// With a rack (KIP-1123), the next partition is drawn from those of them whose leader is in the rack, if there are any.
///
/// librdkafka needs a moment to connect a topic's partitions to their brokers. Records that were sent before the topic was known are placed
/// in this moment, when only the partitions that are already connected seem to have a leader. With a rack the leaders are known from the
/// metadata, and such a partition has one.
#[derive(Debug)]
pub(crate) struct BuiltIn {
    sticky_bytes: usize,
    ignore_keys: bool,
    queues: Option<Queues>,
    rack: Option<RackLeaders>,
    sticky: Mutex<Sticky>,
}

/// The partition of records without a key.
#[derive(Debug, Default)]
struct Sticky {
    /// `None` before the first record.
    partition: Option<i32>,
    /// The bytes of keys, values and headers sent to it since it was drawn.
    produced: usize,
    /// The part of these bytes that is not in its queue yet. It is added when the next partition is drawn, because queues are not read before.
    /// Exception: with a timeout for stuck partitions it is added at once, to start the clock of an empty queue.
    uncounted: usize,
    /// The number of records that may follow before its leader is looked up.
    unchecked: u32,
    load: Load,
}

impl Sticky {
    /// Whether the partition has a leader, as far as known.
    fn may_stay(&mut self, partition: i32, available: impl Fn(i32) -> bool) -> bool {
        if let Some(left) = self.unchecked.checked_sub(1) {
            self.unchecked = left;
            return true;
        }
        self.unchecked = LOOKUP_INTERVAL - 1;
        available(partition)
    }
}

impl BuiltIn {
    /// `sticky_bytes` is `batch.size` as Java has it, at least 1; `ignore_keys` is `partitioner.ignore.keys`; `queues` is `None` for
    /// `partitioner.adaptive.partitioning.enable=false`; `rack` is `None` for `partitioner.rack.aware=false`.
    pub(crate) fn new(sticky_bytes: usize, ignore_keys: bool, queues: Option<Queues>, rack: Option<RackLeaders>) -> Self {
        Self { sticky_bytes: sticky_bytes.max(1), ignore_keys, queues, rack, sticky: Mutex::default() }
    }

    /// The queues, `None` without adaptive partitioning.
    pub(crate) fn queues(&self) -> Option<&Queues> {
        self.queues.as_ref()
    }

    /// The leaders, `None` without rack-aware partitioning.
    pub(crate) fn leaders(&self) -> Option<&RackLeaders> {
        self.rack.as_ref()
    }

    /// Whether the hash of this key determines the partition.
    pub(crate) fn hashes(&self, key: Option<&[u8]>) -> bool {
        key.is_some() && !self.ignore_keys
    }

    /// The partition of a record, and whether the record is counted in its queue.
    pub(crate) fn place(&self, record: &Placing<'_>, available: impl Fn(i32) -> bool) -> (i32, bool) {
        match record.key {
            Some(key) if !self.ignore_keys => {
                let partition = partition_for(key, record.partitions);
                (partition, self.count(partition, record.queued_size))
            }
            // A report is also needed to learn which broker has written the record.
            _ => (self.stick(record, available), self.queues.is_some() || self.rack.is_some()),
        }
    }

    /// Counts a record in the queue of its partition, if the topic has had a record without a key: queues are not needed before that.
    pub(crate) fn count(&self, partition: i32, bytes: usize) -> bool {
        self.queues.as_ref().is_some_and(|queues| queues.add(partition, bytes))
    }

    fn stick(&self, record: &Placing<'_>, available: impl Fn(i32) -> bool) -> i32 {
        let mut sticky = lock(&self.sticky);
        let has_leader =
            |partition| available(partition) || self.rack.as_ref().is_some_and(|rack| rack.local().has_leader(partition));
        let stays =
            sticky.partition.filter(|&partition| sticky.produced < self.sticky_bytes && sticky.may_stay(partition, has_leader));
        let partition = stays.unwrap_or_else(|| {
            self.count_sticky(&mut sticky);
            let drawn = self.draw(&mut sticky.load, record.partitions, available);
            (sticky.partition, sticky.produced, sticky.unchecked) = (Some(drawn), 0, 0);
            drawn
        });
        sticky.produced = sticky.produced.saturating_add(record.size);
        sticky.uncounted = sticky.uncounted.saturating_add(record.queued_size);
        if self.queues.as_ref().is_some_and(Queues::is_timed) {
            self.count_sticky(&mut sticky);
        }
        partition
    }

    /// Adds the uncounted bytes to the queue of the sticky partition.
    fn count_sticky(&self, sticky: &mut Sticky) {
        if let (Some(queues), Some(partition)) = (&self.queues, sticky.partition) {
            queues.add(partition, sticky.uncounted);
            sticky.uncounted = 0;
        }
    }

    fn draw(&self, load: &mut Load, partitions: NonZeroU32, available: impl Fn(i32) -> bool) -> i32 {
        let all = 0..i32::try_from(partitions.get()).unwrap_or(i32::MAX);
        let rack = self.rack.as_ref().map(RackLeaders::local);
        let is_local = |partition: &i32| rack.as_ref().is_some_and(|local| local.contains(*partition));
        let available = |partition| available(partition) || rack.as_ref().is_some_and(|local| local.has_leader(partition));
        load.clear();
        // The first set that is not empty: in the rack and not stuck, not stuck, in the rack, available, all.
        if let Some(queues) = &self.queues {
            queues.grow(partitions);
            let unit = queues.batch_bytes().max(self.sticky_bytes).saturating_mul(UNIT_BATCHES) as u64;
            let usable = || all.clone().filter(|&partition| available(partition) && !queues.is_stuck(partition));
            let mut weigh = |partitions: &mut dyn Iterator<Item = i32>| {
                if load.is_empty() {
                    load.weigh(partitions.map(|partition| (partition, queues.bytes(partition) as u64)), unit);
                }
            };
            if rack.is_some() {
                weigh(&mut usable().filter(is_local));
            }
            weigh(&mut usable());
        }
        let mut weigh_alike = |partitions: &mut dyn Iterator<Item = i32>| {
            if load.is_empty() {
                load.weigh(partitions.map(|partition| (partition, 0)), 1);
            }
        };
        if rack.is_some() {
            weigh_alike(&mut all.clone().filter(is_local).filter(|&partition| available(partition)));
        }
        weigh_alike(&mut all.clone().filter(|&partition| available(partition)));
        weigh_alike(&mut all.clone());
        load.draw().unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    use std::{cell::Cell, collections::BTreeMap, time::Duration};

    use serde_json::Value;

    use super::*;

    fn keyless(size: usize, partitions: u32) -> Placing<'static> {
        Placing { key: None, size, queued_size: size, partitions: NonZeroU32::new(partitions).unwrap() }
    }

    /// Without adaptive partitioning.
    fn plain(sticky_bytes: usize, ignore_keys: bool) -> BuiltIn {
        BuiltIn::new(sticky_bytes, ignore_keys, None, None)
    }

    fn adaptive(sticky_bytes: usize) -> BuiltIn {
        BuiltIn::new(sticky_bytes, false, Some(Queues::new(Duration::ZERO)), None)
    }

    fn vector(name: &str) -> Value {
        let vectors: Value = serde_json::from_str(include_str!("../../tests/data/partitioner.json")).unwrap();
        vectors[name].clone()
    }

    #[test]
    fn keyless_records_switch_partition_after_sticky_bytes() {
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
            assert!(switches > 150, "too few switches (the same partition may be drawn again): {switches}");
        }
    }

    #[test]
    fn partitions_without_a_leader_are_avoided() {
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
            assert!((0..3).contains(&sticky.place(&keyless(1, 3), |_| false).0), "any partition, if none is available");
        }
    }

    #[test]
    fn the_leader_is_looked_up_for_some_records() {
        for sticky in [plain(usize::MAX, false), adaptive(usize::MAX)] {
            let lookups = Cell::new(0);
            let place = |leaderless: Option<i32>| {
                let available = |partition| {
                    lookups.set(lookups.get() + 1);
                    leaderless != Some(partition)
                };
                sticky.place(&keyless(1, 3), available).0
            };
            let first = place(None);
            lookups.set(0);
            assert!((0..1000).all(|_| place(None) == first));
            assert!((10..100).contains(&lookups.get()), "{} lookups", lookups.get());
            let after = (0..100).take_while(|_| place(Some(first)) == first).count();
            assert!(after < 50, "{after} records to a partition without a leader");
        }
    }

    #[test]
    fn ignore_keys_ignores_keys() {
        let keyed = Placing { key: Some(b"foobar"), ..keyless(1, 100) };
        assert_eq!(plain(1, false).place(&keyed, |_| false), (66, false));
        let first = plain(1000, true).place(&keyed, |partition| partition != 66).0;
        assert_ne!(first, 66);
    }

    /// Places records of ten bytes without a key and counts them by partition. Those of some partitions are reported at once.
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
    fn adaptive_partitioning_prefers_short_queues() {
        let shares_of = |partitioner| shares(&partitioner, 6, 6000, |partition| partition != 3);
        let (even, adapted) = (shares_of(plain(10, false)), shares_of(adaptive(10)));
        assert!(even[&3] > 800, "{even:?}");
        assert!(adapted[&3] < 200 && adapted.values().filter(|&&share| share > 1000).count() == 5, "{adapted:?}");
    }

    #[test]
    fn three_batches_as_brokers_take_them_make_a_queue_longer_than_another() {
        let partitioner = adaptive(10);
        partitioner.place(&keyless(10, 6), |_| true);
        // Brokers take batches of 3,334 bytes: 1,000 records of 10 bytes are less than three of them.
        let take = |batch| partitioner.queues().unwrap().remove(0, batch, true);
        take(3_334);
        let even = shares(&partitioner, 6, 6000, |_| false);
        assert!(even.values().all(|&share| (998..=1002).contains(&share)), "{even:?}");
        let uneven = shares(&partitioner, 6, 60_000, |partition| partition != 3);
        assert!(uneven[&3] < 5_000, "{uneven:?}");
    }

    #[test]
    fn other_records_are_counted_after_the_first_keyless_one() {
        let partitioner = adaptive(10);
        let keyed = Placing { key: Some(b"foobar"), ..keyless(10_000, 6) };
        assert!(!partitioner.place(&keyed, |_| true).1 && !partitioner.count(4, 1));
        assert!(partitioner.place(&keyless(1, 6), |_| true).1);
        let (partition, counted) = partitioner.place(&keyed, |_| true);
        assert!(counted && partitioner.count(partition, 10_000));
        let drawn = shares(&partitioner, 6, 300, |_| true);
        assert!(drawn.get(&partition).is_none_or(|&share| share <= 2), "{drawn:?} despite the queue of {partition}");
        partitioner.queues().unwrap().remove(partition, 20_000, true);
        assert!(shares(&partitioner, 6, 300, |_| true)[&partition] > 10);
    }

    #[test]
    fn stuck_partitions_are_avoided_unless_all_are_stuck() {
        let patience = Duration::from_nanos(1);
        let partitioner = BuiltIn::new(1, false, Some(Queues::new(patience)), None);
        let mut seen: Vec<i32> = (0..6).map(|_| partitioner.place(&keyless(1, 6), |_| true).0).collect();
        seen.sort_unstable();
        assert_eq!(seen, [0, 1, 2, 3, 4, 5], "each is stuck as soon as it has a record");
        assert!((0..6).contains(&partitioner.place(&keyless(1, 6), |_| true).0));
        partitioner.queues().unwrap().remove(4, 10, true);
        assert_eq!(partitioner.place(&keyless(1, 6), |_| true).0, 4);
    }

    #[test]
    fn added_partitions_are_drawn() {
        for partitioner in [plain(1, false), adaptive(1)] {
            for partitions in [1, 2, 6, 100] {
                let drawn = shares(&partitioner, partitions, 3000, |_| true);
                assert_eq!(drawn.len(), usize::try_from(partitions).unwrap());
            }
        }
    }
}
