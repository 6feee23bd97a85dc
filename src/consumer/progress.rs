//! [`Progress`]: how far each partition has come.

use std::{collections::HashMap, sync::Arc};

use super::TopicPartition;
use crate::Offsets;

/// What has been taken of the partitions that a consumer has or had.
///
/// A record is *taken* when the program gets it, and *settled* when the program asks for the next one: Java, too, commits automatically
/// what the polls before have returned, and not what the last one did.
#[derive(Debug, Default)]
pub(super) struct Progress {
    partitions: Vec<Partition>,
    numbers: HashMap<Arc<str>, HashMap<i32, usize>>,
    /// The partitions of which something is taken and not settled.
    unsettled: Vec<usize>,
    /// The partitions of which something is settled and not yet told librdkafka.
    unstored: Vec<usize>,
}

/// One partition. The offsets are those of the next record.
#[derive(Debug)]
struct Partition {
    name: TopicPartition,
    is_assigned: bool,
    is_paused: bool,
    taken: Option<i64>,
    settled: Option<i64>,
    is_unstored: bool,
}

impl Progress {
    /// The number by which a partition is known here.
    pub(super) fn number_of(&mut self, topic: &str, partition: i32) -> usize {
        if let Some(number) = self.find(topic, partition) {
            return number;
        }
        let number = self.partitions.len();
        let topic: Arc<str> = topic.into();
        self.numbers.entry(Arc::clone(&topic)).or_default().insert(partition, number);
        self.partitions.push(Partition {
            name: TopicPartition::new(topic, partition),
            is_assigned: false,
            is_paused: false,
            taken: None,
            settled: None,
            is_unstored: false,
        });
        number
    }

    /// A record has gone to the program.
    pub(super) fn take(&mut self, number: usize, offset: i64) {
        if let Some(partition) = self.partitions.get_mut(number) {
            partition.taken = Some(offset.saturating_add(1));
            if self.unsettled.last() != Some(&number) {
                self.unsettled.push(number);
            }
        }
    }

    /// The program asks for more: it is done with what it has.
    pub(super) fn settle(&mut self) {
        for number in self.unsettled.drain(..) {
            let Some(partition) = self.partitions.get_mut(number) else { continue };
            partition.settled = partition.taken;
            if !partition.is_unstored {
                partition.is_unstored = true;
                self.unstored.push(number);
            }
        }
    }

    pub(super) fn is_settled(&self) -> bool {
        self.unsettled.is_empty()
    }

    /// What is settled since this was last asked, of partitions that are assigned.
    pub(super) fn take_unstored(&mut self) -> Offsets {
        let mut offsets = Offsets::new();
        for number in self.unstored.drain(..) {
            let Some(partition) = self.partitions.get_mut(number) else { continue };
            partition.is_unstored = false;
            if let (true, Some(next)) = (partition.is_assigned, partition.settled) {
                offsets.set_next(partition.name.topic(), partition.name.partition(), next);
            }
        }
        offsets
    }

    /// What is taken of the partitions that are assigned.
    pub(super) fn taken(&self) -> Offsets {
        let mut offsets = Offsets::new();
        for partition in self.partitions.iter().filter(|partition| partition.is_assigned) {
            if let Some(next) = partition.taken {
                offsets.set_next(partition.name.topic(), partition.name.partition(), next);
            }
        }
        offsets
    }

    pub(super) fn position(&self, partition: &TopicPartition) -> Option<i64> {
        let number = self.find(partition.topic(), partition.partition())?;
        self.partitions.get(number).filter(|partition| partition.is_assigned).and_then(|partition| partition.taken)
    }

    /// The partitions that are assigned, in order.
    pub(super) fn assignment(&self) -> Vec<TopicPartition> {
        self.names(|partition| partition.is_assigned)
    }

    /// Those of them that are paused.
    pub(super) fn paused(&self) -> Vec<TopicPartition> {
        self.names(|partition| partition.is_assigned && partition.is_paused)
    }

    pub(super) fn is_assigned(&self, partition: &TopicPartition) -> bool {
        self.find(partition.topic(), partition.partition())
            .and_then(|number| self.partitions.get(number))
            .is_some_and(|partition| partition.is_assigned)
    }

    /// A partition comes or goes; what was known of it is forgotten.
    pub(super) fn set_assigned(&mut self, partition: &TopicPartition, is_assigned: bool) {
        let number = self.number_of(partition.topic(), partition.partition());
        self.unsettled.retain(|unsettled| *unsettled != number);
        if let Some(partition) = self.partitions.get_mut(number) {
            (partition.is_assigned, partition.is_paused) = (is_assigned, false);
            (partition.taken, partition.settled) = (None, None);
        }
    }

    pub(super) fn set_paused(&mut self, partition: &TopicPartition, is_paused: bool) {
        let number = self.number_of(partition.topic(), partition.partition());
        if let Some(partition) = self.partitions.get_mut(number) {
            partition.is_paused = is_paused;
        }
    }

    /// The next record is to be this one, as in Java also for commits; `None` where nobody knows its offset yet.
    pub(super) fn seek(&mut self, partition: &TopicPartition, next: Option<i64>) {
        let number = self.number_of(partition.topic(), partition.partition());
        self.unsettled.retain(|unsettled| *unsettled != number);
        if let Some(partition) = self.partitions.get_mut(number) {
            (partition.taken, partition.settled) = (next, next);
            if !partition.is_unstored {
                partition.is_unstored = true;
                self.unstored.push(number);
            }
        }
    }

    fn find(&self, topic: &str, partition: i32) -> Option<usize> {
        self.numbers.get(topic).and_then(|numbers| numbers.get(&partition)).copied()
    }

    fn names(&self, wanted: impl Fn(&Partition) -> bool) -> Vec<TopicPartition> {
        let mut names: Vec<_> =
            self.partitions.iter().filter(|partition| wanted(partition)).map(|partition| partition.name.clone()).collect();
        names.sort();
        names
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with_one() -> (Progress, TopicPartition, usize) {
        let mut progress = Progress::default();
        let partition = TopicPartition::new("t", 0);
        progress.set_assigned(&partition, true);
        let number = progress.number_of("t", 0);
        (progress, partition, number)
    }

    #[test]
    fn a_record_is_settled_when_the_next_one_is_asked_for() {
        let (mut progress, partition, number) = with_one();
        progress.take(number, 4);
        assert_eq!((progress.position(&partition), progress.is_settled()), (Some(5), false));
        assert!(progress.take_unstored().is_empty());
        progress.settle();
        progress.take(number, 5);
        assert_eq!(progress.taken().next("t", 0), Some(6));
        assert_eq!(progress.take_unstored().next("t", 0), Some(5));
        assert!(progress.take_unstored().is_empty());
    }

    #[test]
    fn a_partition_that_goes_takes_its_progress_along() {
        let (mut progress, partition, number) = with_one();
        progress.take(number, 4);
        progress.settle();
        progress.take(number, 5);
        progress.set_assigned(&partition, false);
        assert!(progress.is_settled() && progress.taken().is_empty() && progress.take_unstored().is_empty());
        assert_eq!((progress.position(&partition), progress.assignment()), (None, vec![]));
        progress.set_assigned(&partition, true);
        assert_eq!((progress.position(&partition), progress.assignment()), (None, vec![partition]));
    }

    #[test]
    fn what_is_sought_is_what_is_committed() {
        let (mut progress, partition, number) = with_one();
        progress.take(number, 40);
        progress.seek(&partition, Some(7));
        assert_eq!((progress.taken().next("t", 0), progress.take_unstored().next("t", 0)), (Some(7), Some(7)));
        progress.seek(&partition, None);
        assert!(progress.taken().is_empty() && progress.take_unstored().is_empty());
    }
}
