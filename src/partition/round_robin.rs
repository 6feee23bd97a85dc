//! [`RoundRobin`]: each partition in turn.

use std::{
    num::NonZeroU32,
    sync::atomic::{AtomicU32, Ordering},
};

/// The counter of Java's `RoundRobinPartitioner`, one for each topic. Each record goes to the next available partition, whatever its key.
///
/// ```
/// use ottla::partition::RoundRobin;
/// use std::num::NonZeroU32;
///
/// let three = NonZeroU32::new(3).ok_or("no partitions")?;
/// let orders = RoundRobin::new();
/// let chosen = [(); 4].map(|()| orders.next(three, |partition| partition != 1));
/// assert_eq!(chosen, [0, 2, 0, 2]);
/// # Ok::<(), &str>(())
/// ```
#[derive(Debug, Default)]
pub struct RoundRobin(AtomicU32);

impl RoundRobin {
    /// A counter that starts with the first partition.
    pub const fn new() -> Self {
        Self(AtomicU32::new(0))
    }

    /// The next partition of a topic with `partitions` partitions: an `available` one (it has a leader), or any if none is available.
    ///
    /// `available` is called twice for each partition, from 0 on. It should give the same answer both times.
    pub fn next(&self, partitions: NonZeroU32, available: impl Fn(i32) -> bool) -> i32 {
        // Java's int counter wraps, and its sign bit is cleared.
        let turn = self.0.fetch_add(1, Ordering::Relaxed) & i32::MAX.unsigned_abs();
        let all = 0..i32::try_from(partitions.get()).unwrap_or(i32::MAX);
        let count = all.clone().filter(|&partition| available(partition)).count();
        let of_available = u32::try_from(count)
            .ok()
            .and_then(NonZeroU32::new)
            .and_then(|count| all.filter(|&partition| available(partition)).nth((turn % count) as usize));
        // Not greater than `turn`, so it fits.
        of_available.unwrap_or((turn % partitions) as i32)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::Value;
    use std::collections::BTreeMap;

    fn count(sends: u64, mut next: impl FnMut() -> i32) -> BTreeMap<String, u64> {
        (0..sends).fold(BTreeMap::new(), |mut counts, _| {
            *counts.entry(next().to_string()).or_default() += 1;
            counts
        })
    }

    #[test]
    fn unavailable_partitions_are_skipped_as_in_java() {
        let vectors: Value = serde_json::from_str(include_str!("../../tests/data/partitioner.json")).unwrap();
        let vector = &vectors["round_robin"];
        let unavailable: Vec<i32> = serde_json::from_value(vector["unavailable"].clone()).unwrap();
        let available: Vec<i32> = serde_json::from_value(vector["available"].clone()).unwrap();
        let partitions = u32::try_from(available.len() + unavailable.len()).unwrap().try_into().unwrap();
        let counter = RoundRobin::new();
        let counts = count(vector["sends"].as_u64().unwrap(), || counter.next(partitions, |p| !unavailable.contains(&p)));
        assert_eq!(serde_json::to_value(counts).unwrap(), vector["counts"]);
    }

    #[test]
    fn topics_have_separate_counters() {
        let three = NonZeroU32::new(3).unwrap();
        let (this, other) = (RoundRobin::new(), RoundRobin::new());
        let counts = count(30, || {
            other.next(three, |_| true);
            this.next(three, |_| true)
        });
        assert_eq!(counts.into_values().collect::<Vec<_>>(), [10, 10, 10]);
    }

    #[test]
    fn any_partition_is_used_if_none_is_available() {
        let counter = RoundRobin::new();
        assert_eq!([(); 4].map(|()| counter.next(NonZeroU32::new(3).unwrap(), |_| false)), [0, 1, 2, 0]);
    }

    #[test]
    fn counter_wraps_as_in_java() {
        let counter = RoundRobin(AtomicU32::new(i32::MAX.unsigned_abs()));
        let ten = NonZeroU32::new(10).unwrap();
        assert_eq!([(); 3].map(|()| counter.next(ten, |_| true)), [7, 0, 1]);
        let counter = RoundRobin(AtomicU32::new(u32::MAX));
        assert_eq!([(); 2].map(|()| counter.next(ten, |_| true)), [7, 0]);
    }
}
