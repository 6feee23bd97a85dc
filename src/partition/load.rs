//! [`Load`]: a weighted draw of partitions by the lengths of their queues (KIP-794).

/// The partitions to draw from, with their weights.
///
/// A partition's weight is the difference of its queue to the longest one, plus 1. So the longest queue has the weight 1, and equal queues
/// have equal weights.
///
/// Each draw has Java's probabilities, but draws depend on each other. The table is divided into as many equal parts as there are
/// partitions, and a round draws once from each part, in random order. Independent draws would leave partitions more than 5 % apart after a
/// few thousand draws.
#[derive(Debug, Default)]
pub(super) struct Load {
    partitions: Vec<i32>,
    /// Java's cumulative frequency table: the weight of each partition plus those before it.
    sums: Vec<u64>,
    /// The parts of the table that remain in this round.
    parts: Vec<usize>,
    /// The number of parts in this round, and the partition that comes first in its tables, which changes so that neighbours change.
    count: usize,
    first: usize,
}

impl Load {
    /// Replaces the partitions, each with the length of its queue. The difference to the shortest queue counts in whole units, rounded down;
    /// `unit` must not be 0.
    pub(super) fn weigh(&mut self, queues: impl Iterator<Item = (i32, u64)>, unit: u64) {
        self.clear();
        for (partition, queue) in queues {
            self.partitions.push(partition);
            self.sums.push(queue);
        }
        let first = self.first.checked_rem(self.partitions.len()).unwrap_or(0);
        self.partitions.rotate_left(first);
        self.sums.rotate_left(first);
        let shortest = self.sums.iter().copied().min().unwrap_or(0);
        let longest = self.sums.iter().copied().max().unwrap_or(0);
        let units = |queue: u64| (queue - shortest) / unit;
        let mut sum = 0;
        for queue in &mut self.sums {
            sum += units(longest) + 1 - units(*queue);
            *queue = sum;
        }
    }

    /// Removes all partitions.
    pub(super) fn clear(&mut self) {
        self.partitions.clear();
        self.sums.clear();
    }

    /// Whether there are no partitions.
    pub(super) fn is_empty(&self) -> bool {
        self.partitions.is_empty()
    }

    /// The sum of all weights; 0 without partitions.
    fn total(&self) -> u64 {
        self.sums.last().copied().unwrap_or(0)
    }

    /// Draws a partition; `None` without partitions.
    pub(super) fn draw(&mut self) -> Option<i32> {
        if self.parts.is_empty() || self.count != self.partitions.len() {
            self.count = self.partitions.len();
            self.parts = (0..self.count).collect();
            fastrand::shuffle(&mut self.parts);
        }
        let part = self.parts.pop()? as u128;
        if self.parts.is_empty() {
            // For the next round, whose first table is built before its first draw.
            self.first = fastrand::usize(..);
        }
        // A random point in the part, in units of 2^-32 of its length.
        let point = (part << 32 | u128::from(fastrand::u32(..))) * u128::from(self.total()) / self.count as u128;
        self.at(u64::try_from(point >> 32).unwrap_or_default())
    }

    /// The partition at a point below the [total](Self::total): the first one with a greater sum.
    fn at(&self, point: u64) -> Option<i32> {
        let index = self.sums.partition_point(|&sum| sum <= point);
        self.partitions.get(index).copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::Value;

    fn load(queues: &[u64]) -> Load {
        let mut load = Load::default();
        load.weigh((0..).zip(queues.iter().copied()), 1);
        load
    }

    #[test]
    fn weights_equal_java() {
        let vectors: Value = serde_json::from_str(include_str!("../../tests/data/partitioner.json")).unwrap();
        let vectors = vectors["adaptive"].as_array().unwrap();
        assert_eq!(vectors.len(), 3);
        for vector in vectors {
            let queues: Vec<u64> = serde_json::from_value(vector["queue_sizes"].clone()).unwrap();
            let weights: Vec<u64> = serde_json::from_value(vector["inverted"].clone()).unwrap();
            let load = load(&queues);
            if let Ok(sums) = serde_json::from_value::<Vec<u64>>(vector["cumulative"].clone()) {
                assert_eq!(load.sums, sums, "{vector}");
            }
            assert_eq!(load.total(), vector["cumulative_end"].as_u64().unwrap_or(weights.iter().sum()), "{vector}");
            let mut drawn = vec![0; weights.len()];
            for point in 0..load.total() {
                drawn[usize::try_from(load.at(point).unwrap()).unwrap()] += 1;
            }
            assert_eq!(drawn, weights, "{vector}: each is drawn as often as it weighs");
        }
        let picks: Vec<_> = (0..8).map(|point| load(&[0, 3, 1]).at(point).unwrap()).collect();
        assert_eq!(picks, [0, 0, 0, 0, 1, 2, 2, 2], "0-3 -> p0, 4 -> p1, 5-7 -> p2");
    }

    #[test]
    fn draws_follow_weights_and_equal_weights_alternate() {
        let mut load = load(&[0, 3, 1]);
        let mut drawn = [0; 3];
        for _ in 0..8000 {
            load.weigh((0..).zip([0, 3, 1]), 1);
            drawn[usize::try_from(load.draw().unwrap()).unwrap()] += 1;
        }
        for (drawn, weight) in drawn.into_iter().zip([4000_i32, 1000, 3000]) {
            assert!((drawn - weight).abs() < 150, "{drawn}, not {weight} or so");
        }
        let mut equal = self::load(&[5; 7]);
        for _ in 0..20 {
            let mut round: Vec<_> = (0..7)
                .map(|queue| {
                    equal.weigh((0..7).map(|partition| (partition, queue)), 1);
                    equal.draw().unwrap()
                })
                .collect();
            round.sort_unstable();
            assert_eq!(round, [0, 1, 2, 3, 4, 5, 6]);
        }
        equal.weigh([(4, 1), (2, 1)].into_iter(), 1);
        assert!([2, 4].contains(&equal.draw().unwrap()));
    }

    #[test]
    fn differences_below_a_unit_do_not_count() {
        let mut load = Load::default();
        load.weigh((0..).zip([1000, 1009, 1010, 1029]), 10);
        assert_eq!(load.sums, [3, 6, 8, 9]);
    }

    #[test]
    fn equal_queues_have_equal_weights() {
        assert_eq!(load(&[7, 7, 7]).sums, load(&[0, 0, 0]).sums);
        assert_eq!(load(&[7]).at(0), Some(0));
        let mut none = load(&[]);
        assert_eq!((none.is_empty(), none.total(), none.draw()), (true, 0, None));
    }
}
