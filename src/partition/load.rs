//! [`Load`]: partitions to draw from, by the lengths of their queues (KIP-794).

/// The partitions from which the next one is drawn, each as likely as its weight says.
///
/// A partition weighs one more than what its queue lacks of the longest, so that the longest weighs 1; with equal queues all weigh the same.
#[derive(Debug, Default)]
pub(super) struct Load {
    partitions: Vec<i32>,
    /// Java's cumulative frequency table: each partition's weight, and those before it.
    sums: Vec<u64>,
}

impl Load {
    /// Weighs these partitions, each with the length of its queue, in place of those before.
    pub(super) fn weigh(&mut self, queues: impl Iterator<Item = (i32, u64)>) {
        self.partitions.clear();
        self.sums.clear();
        for (partition, queue) in queues {
            self.partitions.push(partition);
            self.sums.push(queue);
        }
        let longest = self.sums.iter().copied().max().unwrap_or(0);
        let mut sum = 0;
        for queue in &mut self.sums {
            sum += longest + 1 - *queue;
            *queue = sum;
        }
    }

    /// The sum of all weights; zero without partitions.
    pub(super) fn total(&self) -> u64 {
        self.sums.last().copied().unwrap_or(0)
    }

    /// The partition at a point below the [total](Self::total): the first whose sum is greater.
    pub(super) fn at(&self, point: u64) -> Option<i32> {
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
        load.weigh((0..).zip(queues.iter().copied()));
        load
    }

    #[test]
    fn partitions_weigh_what_they_weigh_in_java() {
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
    fn equal_queues_make_no_difference() {
        assert_eq!(load(&[7, 7, 7]).sums, load(&[0, 0, 0]).sums);
        assert_eq!(load(&[7]).at(0), Some(0));
        let none = load(&[]);
        assert_eq!((none.total(), none.at(0)), (0, None));
    }
}
